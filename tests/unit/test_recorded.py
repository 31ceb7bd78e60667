"""A ledger is read as what a run said; models say it again, and only that."""

from __future__ import annotations

import json

import pytest

from agent import recorded
from agent.adapters.recorded_chat import Differs, RecordedModels, RecordEnds
from agent.chat import Answered, Asked, ChatRequest, Returned, ToolResult
from agent.domain import Outcome, Reason, Run
from agent.editing import asking
from agent.editing.asking import Turn
from agent.errors import BudgetSpent, LedgerUnusable
from agent.ledger import Ledger
from agent.redaction import Redactor
from agent.steps import Steps
from agent.telemetry import RunLog
from agent.testing import FakeModel, said

RUN = "20261120-101010-0123456789abcdef"
KEY = "ghp_" + "a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8"


class Silent:
    def started(self, step):
        """Nobody watches."""

    def ended(self, step, seconds, *, ok):
        """Nobody watches."""


class Wrote:
    """A ledger as a run writes it, through the steps and words of the real parts."""

    def __init__(self, folder) -> None:
        self.path = folder / "ledger.jsonl"
        self.ledger = Ledger(self.path, RUN)
        self._note = self.ledger.notes("model", within=True)
        self.redactor = Redactor()
        log = RunLog(folder / "run.log", self.redactor)
        self._step = Steps(self.ledger, log, Silent(), max_minutes=60)
        run = Run(run_id=RUN, repository="/shop", ticket="/t.md", started=0)
        facts = {"run_record": run.model_dump(mode="json"), "log": "/run.log", "version": "1"}
        self.ledger.append("run", 0, "begun", **facts)

    def ask(self, number, request, answer, conversation="plan"):
        """Ask as the loop does, past its budget."""
        model = FakeModel(lambda _: answer)
        told = len(request.messages) - 1
        prompts = {"plan.md": "1"}
        turn = Turn(conversation=conversation, number=number, prompts=prompts, told=told)

        class Svc:
            record = staticmethod(self._note)
            redactor = self.redactor

        def work() -> asking.Reply:
            asking._record_question(request, request.digest, turn, model, Svc)
            kept = self.redactor.inside(answer)
            facts = {"conversation": conversation, "turn": number, "digest": request.digest}
            redacted = {"redacted": True} if kept != answer else {}
            self._note(
                "model.answered", {**facts, **redacted, "reply": kept.model_dump(mode="json")}
            )
            return answer

        return self._step(f"{conversation} {number} reply", work)

    def fail(self, step, problem):
        def work() -> None:
            raise problem

        with pytest.raises(type(problem)):
            self._step(step, work)

    def end(self, **facts):
        outcome = Outcome.stopped(RUN, Reason.UNCLEAR, "x").model_dump(
            mode="json", exclude={"checks", "pull_request_text"}
        )
        self.ledger.append("run", 1, "ended", outcome=outcome, text="words", **facts)

    def models(self) -> RecordedModels:
        return RecordedModels(recorded.read(self.path), self.redactor)


@pytest.fixture
def wrote(tmp_path):
    return Wrote(tmp_path)


def first(text="The ticket", system="You plan.") -> ChatRequest:
    return ChatRequest(role="planner", system=system, messages=(Asked(text=text),))


def then(reply, content="six lines") -> ChatRequest:
    results = (ToolResult(call_id="c0", name="read", content=content),)
    messages = (Asked(text="The ticket"), Answered(reply=reply), Returned(results=results))
    return ChatRequest(role="planner", system="You plan.", messages=messages)


def ask(models, number, request, conversation="plan"):
    models.expect(conversation, number)
    return models.reply(request)


def test_the_same_request_gets_the_same_reply(wrote):
    answer = said(("read", {"path": "a.py"}), text="I read.")
    wrote.ask(1, first(), answer)
    wrote.ask(2, then(answer), said(("submit_plan", {})))
    wrote.end()
    models = wrote.models()
    heard = []
    models.expect("plan", 1)
    assert models.reply(first(), hear=heard.append) == answer
    assert heard == ["\nI read.\n"]
    assert ask(models, 2, then(answer)).calls[0].name == "submit_plan"
    assert models.answered == 2
    assert models.chain("planner") == ("fake:one",)
    assert models.chain("judge") == ()
    recording = recorded.read(wrote.path)
    assert recording.problems == ()
    assert (recording.outcome.reason, recording.text) == (Reason.UNCLEAR, "words")


@pytest.mark.parametrize(
    ("request_", "what"),
    [
        (first("The ticKet"), "what is said to the model differs at character 8: 'The ticket'"),
        (first(system="You plan!"), "the fixed words differ, which are made of plan.md"),
    ],
)
def test_another_request_stops_it_with_what_differs(wrote, request_, what):
    wrote.ask(1, first(), said(("read", {"path": "a.py"})))
    with pytest.raises(Differs) as stopped:
        ask(wrote.models(), 1, request_)
    assert stopped.value.where == "turn 1 of plan"
    assert stopped.value.what.startswith(what)


def test_a_reply_that_was_changed_is_not_given(wrote):
    wrote.ask(1, first(), said(("read", {"path": "a.py"})))
    text = wrote.path.read_text()
    wrote.path.write_text(text.replace("a.py", "b.py", 1))
    with pytest.raises(Differs, match="the reply in the ledger is not the one that was given"):
        ask(wrote.models(), 1, first())


def test_what_was_taken_out_of_a_reply_ends_the_replay_there(wrote):
    wrote.ask(1, first(), said(("create", {"path": "a.py", "text": KEY})))
    with pytest.raises(Differs, match="turn 1 of plan: a secret was taken out of the reply"):
        ask(wrote.models(), 1, first())
    assert KEY not in wrote.path.read_text()


def test_an_error_is_raised_as_it_was_then(wrote):
    wrote.ask(1, first(), said(("read", {"path": "a.py"})))
    wrote.fail("review 1 1 reply", BudgetSpent(f"Nothing is left of {KEY}."))
    assert KEY not in wrote.path.read_text()
    with pytest.raises(BudgetSpent, match="Nothing is left"):
        ask(wrote.models(), 1, first(), "review 1")


def test_where_nothing_more_was_said_the_record_ends(wrote):
    wrote.ask(1, first(), said(("read", {"path": "a.py"})))
    with pytest.raises(RecordEnds, match="turn 1 of tests 1"):
        ask(wrote.models(), 1, first(), "tests 1")
    with pytest.raises(Differs, match="turn 2 of plan: the conversation was over"):
        ask(wrote.models(), 2, first())


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("", "does not say how the run began"),
        ("no\n{}\n", "line 1 is no event"),
        (
            json.dumps(
                {"run": "r", "step": "run", "event": "begun"}
                | {"run_record": {}, "log": "", "version": ""}
            )
            + "\n",
            "does not understand",
        ),
    ],
)
def test_what_is_no_ledger_is_refused(tmp_path, content, words):
    path = tmp_path / "ledger.jsonl"
    path.write_bytes(content.encode("latin-1"))
    with pytest.raises(LedgerUnusable, match=words):
        recorded.read(path)


@pytest.mark.parametrize("run_id", ["/etc", "../../runs", f"{RUN}/.."])
def test_a_folder_is_never_named_by_a_ledger(tmp_path, run_id):
    path = tmp_path / "ledger.jsonl"
    run = Run(run_id=run_id, repository="/shop", ticket="/t.md", started=0)
    facts = {"run_record": run.model_dump(mode="json"), "log": "/run.log", "version": "1"}
    Ledger(path, run_id).append("run", 0, "begun", **facts)
    with pytest.raises(LedgerUnusable, match="is no id of a run"):
        recorded.read(path)
