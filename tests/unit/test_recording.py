"""A ledger is read as what a run said; models say it again, and only that."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from agent.editing import turns
from agent.editing.run_context import BudgetUsage, Limits
from agent.editing.turns import Turn
from agent.errors import LedgerUnusable
from agent.models.chat import Answered, Asked, ChatRequest, Returned, ToolResult
from agent.models.outcome import Outcome
from agent.models.run import Reason, Run
from agent.runs.replay import Differs, RecordedModels
from agent.steps import Steps
from agent.telemetry import run_recording
from agent.telemetry.ledger import Ledger
from agent.telemetry.run_log import RunLog
from agent.testing import FakeModel, make_reply
from agent.text.redaction import Redactor
from tests.unit.editing import desks

RUN = "20261120-101010-0123456789abcdef"
KEY = "ghp_" + "a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8"


class Wrote:
    """A ledger as a run writes it, through the steps and words of the real parts."""

    def __init__(self, folder) -> None:
        self.path = folder / RUN / "ledger.jsonl"
        self.path.parent.mkdir()
        self.ledger = Ledger(self.path, RUN)
        self._note = self.ledger.make_appender("model", within=True)
        self.redactor = Redactor()
        log = RunLog(folder / "run.log", self.redactor)
        self._step = Steps(self.ledger, log, desks.Watcher(), max_minutes=60)
        run = Run(run_id=RUN, repository="/shop", ticket="/t.md", started=0)
        facts = {"run_record": run.model_dump(mode="json"), "log": "/run.log", "version": "1"}
        self.ledger.begin(**facts)

    def ask(self, number, request, answer, conversation="plan"):
        """Ask as the loop does."""
        turn = Turn(conversation=conversation, number=number, sent=len(request.messages) - 1)
        svc = SimpleNamespace(
            record=self._note, redactor=self.redactor, stopped=None, hear=None, say=print
        )
        job = SimpleNamespace(
            models=FakeModel(lambda _: answer),
            svc=svc,
            step=SimpleNamespace(run_seconds_left=60.0),
            reserved_seconds=0.0,
            usage=BudgetUsage(),
            limits=Limits(),
        )

        def work() -> turns.Reply:
            return turns._ask_model(request, turn, job)

        return self._step(f"{conversation} {number} reply", work)

    def fail(self, step, problem):
        def work() -> None:
            raise problem

        with pytest.raises(type(problem)):
            self._step(step, work)

    def end(self):
        outcome = Outcome.for_stopped_run(RUN, Reason.UNCLEAR, "x").model_dump(
            mode="json", exclude={"checks", "pull_request_text"}
        )
        self.ledger.end(outcome=outcome, text="words")

    def models(self) -> RecordedModels:
        return RecordedModels(run_recording.read_recording(self.path))


@pytest.fixture
def wrote(tmp_path):
    return Wrote(tmp_path)


def first() -> ChatRequest:
    return ChatRequest(role="editor", system="You plan.", messages=(Asked(text="The ticket"),))


def then(reply, content="six lines") -> ChatRequest:
    results = (ToolResult(call_id="c0", name="read", content=content),)
    messages = (Asked(text="The ticket"), Answered(reply=reply), Returned(results=results))
    return ChatRequest(role="editor", system="You plan.", messages=messages)


def ask(models, number, request, conversation="plan"):
    models.at = f"{conversation} {number}"
    return models.reply(request)


def test_each_request_gets_its_reply(wrote):
    answer = make_reply(("read", {"path": "a.py"}), text="I read.")
    wrote.ask(1, first(), answer)
    wrote.ask(2, then(answer), make_reply(("submit_plan", {})))
    wrote.end()
    models = wrote.models()
    assert ask(models, 1, first()) == answer
    assert ask(models, 2, then(answer)).calls[0].name == "submit_plan"
    assert models.answered == 2
    assert models.list_chain("editor") == ("fake:one",)
    assert models.list_chain("reviewer") == ()
    recording = run_recording.read_recording(wrote.path)
    assert recording.problems == ()
    assert (recording.outcome.reason, recording.text) == (Reason.UNCLEAR, "words")


def test_what_was_taken_out_of_a_reply_ends_the_replay_there(wrote):
    wrote.ask(1, first(), make_reply(("create", {"path": "a.py", "text": KEY})))
    with pytest.raises(Differs, match="at plan 1: a secret was taken out of the reply"):
        ask(wrote.models(), 1, first())
    assert KEY not in wrote.path.read_text()


@pytest.mark.parametrize("content", ["", "no\n{}\n", '{"step": "run", "event": "begun"}\n', "\x80"])
def test_what_is_no_ledger_is_refused(tmp_path, content):
    path = tmp_path / "ledger.jsonl"
    path.write_bytes(content.encode("latin-1"))
    with pytest.raises(LedgerUnusable, match="is no ledger of a run"):
        run_recording.read_recording(path)


@pytest.mark.parametrize("run_id", ["/etc", "../../runs", f"{RUN}/.."])
def test_a_folder_is_never_named_by_a_ledger(tmp_path, run_id):
    path = tmp_path / "ledger.jsonl"
    run = Run(run_id=run_id, repository="/shop", ticket="/t.md", started=0)
    facts = {"run_record": run.model_dump(mode="json"), "log": "/run.log", "version": "1"}
    Ledger(path, run_id).begin(**facts)
    with pytest.raises(LedgerUnusable, match="is the ledger of another run"):
        run_recording.read_recording(path)
