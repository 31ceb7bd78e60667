"""The loop between a model and its tools: bounded, on record, and done once."""

from __future__ import annotations

import json

import pytest

from agent.chat import Answered, Asked, Returned, Worst
from agent.editing import budget
from agent.editing.budget import Limits
from agent.editing.called import Objection
from agent.editing.loop import converse
from agent.errors import BudgetSpent, ModelRefused
from agent.redaction import Redactor
from agent.testing import FakeModel, said
from tests.unit.editing import desks
from tests.unit.editing.desks import create, finish, read


def script(*replies):
    """Answer with these, one after the other."""
    left = iter(replies)
    return FakeModel(lambda request: next(left))


@pytest.fixture
def prepared(tmp_path, home):
    return desks.repository(tmp_path, home)


def events(home, prepared, kind):
    lines = (home / "runs" / prepared.run.run_id / "ledger.jsonl").read_text().splitlines()
    return [event for event in map(json.loads, lines) if event["event"] == kind]


def test_a_conversation_ends_with_the_form_and_the_change(prepared, home):
    model = script(said(read()), said(create()), said(finish("It is new.")))
    job = desks.job(prepared, home, model)
    ended = converse(desks.conversation(job), job)
    assert json.loads(ended.form) == {"summary": "It is new."}
    assert [(one.path, one.after) for one in ended.change.files] == [("shop/new.py", b"x = 1\n")]
    assert job.step._watcher.names == [
        "edit 1 1 reply", "edit 1 1 calls", "edit 1 2 reply", "edit 1 2 calls",
        "edit 1 3 reply", "edit 1 3 calls",
    ]  # fmt: skip
    assert (job.spent.calls, job.spent.tokens) == (3, 30)
    assert job.answered("editor") == "fake:one"


def test_a_model_that_was_passed_over_is_first_in_no_role_until_it_answers(prepared, home):
    model = FakeModel(lambda request: said())
    model.chain = lambda role, category="": {
        "planner": ("fake:one", "fake:two"),
        "editor": ("fake:one", "fake:three", "fake:two"),
        "reviewer": ("fake:one",),
    }.get(role, ())
    job = desks.job(prepared, home, model)
    assert job.first_in_line("editor") == "", "the first of the chain"
    over = ("fake:one: 503, server_error: away",)
    job.take("planner", said(model="fake:two").model_copy(update={"passed_over": over}))
    assert job.first_in_line("planner") == "fake:two"
    assert job.first_in_line("editor") == "fake:three"
    [told] = job.work("").passed_over
    assert "503, server_error: away" in told
    job.take("editor", said(model="fake:three"))
    assert job.first_in_line("reviewer") == "", "nobody else is set"
    job.take("reviewer", said(model="fake:one"))
    assert job.first_in_line("planner") == "fake:two", "who answered a role goes on with it"
    over = ("fake:three: 503, server_error",)
    job.take("planner", said(model="fake:two").model_copy(update={"passed_over": over}))
    assert job.first_in_line("editor") == "fake:one", "who answered last may be away by now"


def test_each_request_is_the_one_before_with_more_at_its_end(prepared, home):
    model = script(said(read()), said(create()), said(finish()))
    job = desks.job(prepared, home, model)
    converse(desks.conversation(job), job)
    first, second, third = model.requests
    assert [one.kind for one in third.messages] == [
        "asked", "answered", "returned", "answered", "returned",
    ]  # fmt: skip
    assert third.messages[:3] == second.messages
    assert second.messages[:1] == first.messages == (Asked(text="Mend it."),)
    assert {one.system for one in model.requests} == {first.system}
    assert all(one.tools == first.tools for one in model.requests)
    assert [one.model for one in model.requests] == ["", "fake:one", "fake:one"]
    assert first.must_call
    assert first.tools[-1].name == "finish"


def test_a_reply_that_was_cut_off_is_told_so(prepared, home):
    cut = {"finish": "length"}
    torn = said(create()).calls[0].model_copy(update={"arguments": '{"path": "shop/new.py", "te'})
    model = script(
        said(create()).model_copy(update={**cut, "calls": (torn,)}),
        said(text="First, I").model_copy(update=cut),
        said(finish()),
    )
    job = desks.job(prepared, home, model)
    assert converse(desks.conversation(job), job).form
    called, silent = (one.messages[-1] for one in model.requests[1:])
    assert "8,192" in called.text
    assert called.results[0].failed
    assert "8,192" in silent.text
    assert "`finish`" in silent.text


def test_a_form_that_is_not_accepted_goes_back_with_the_reason_and_not_for_ever(prepared, home):
    model = script(*(said(finish(f"{number}")) for number in range(9)))
    job = desks.job(prepared, home, model)
    about = desks.conversation(job, lambda found, change: Objection(text=f"no {found.summary}"))
    ended = converse(about, job)
    assert not ended.form
    assert ended.objection == Objection(text="no 2")
    assert len(model.requests) == 3
    answer = model.requests[1].messages[-1]
    assert isinstance(answer, Returned)
    assert [(one.content, one.failed) for one in answer.results] == [("no 0", True)]


@pytest.mark.parametrize("arguments", ["{", '{"summary": 3}', '{"sumary": "x"}'])
def test_a_malformed_form_gets_a_precise_answer(prepared, home, arguments):
    bad = said(finish())
    call = bad.calls[0].model_copy(update={"arguments": arguments})
    model = script(bad.model_copy(update={"calls": (call,)}), said(finish()))
    job = desks.job(prepared, home, model)
    assert converse(desks.conversation(job), job).form
    (result,) = model.requests[1].messages[-1].results
    assert result.failed
    assert len(result.content) > 10


def test_a_model_that_turns_in_circles_is_stopped(prepared, home):
    model = FakeModel(lambda request: said(read()))
    job = desks.job(prepared, home, model)
    ended = converse(desks.conversation(job), job)
    assert ended.why
    assert len(model.requests) == 3


def test_what_could_cost_more_than_is_left_is_not_asked(prepared, home, monkeypatch):
    monkeypatch.setattr(budget, "limits", lambda config, settings: Limits(tokens=35))
    model = FakeModel(
        lambda request: said(create(f"a{len(request.messages)}.py")),
        worst=Worst(tokens=20, usd=None),
    )
    job = desks.job(prepared, home, model)
    with pytest.raises(BudgetSpent) as raised, job.keeping():
        converse(desks.conversation(job), job)
    assert len(model.requests) == 2
    assert job.step.at == "edit 1 3 reply"
    assert "15 of 35 are left" in raised.value.message
    assert raised.value.change.paths == ("a1.py", "a3.py")


@pytest.mark.parametrize(
    "paid",
    [said(text="No.").model_copy(update={"finish": "refused"}), said(create(text="x" * 500_001))],
    ids=["refused", "without measure"],
)
def test_a_reply_that_is_not_taken_counts_in_what_the_run_has_spent(prepared, home, paid):
    records = desks.Records()
    for answers in ([paid], []):
        # The second one goes on where the first one was killed, and asks nobody.
        job = desks.job(prepared, home, script(*answers), records=records)
        with pytest.raises(ModelRefused):
            converse(desks.conversation(job), job)
        assert (job.spent.calls, job.spent.usd) == (1, 0.01)
        assert job.spent.tokens == paid.usage.tokens > 0
        assert job.step.cost_usd == 0.01
        assert [(one.model, one.calls, one.usd) for one in job.uses] == [("fake:one", 1, 0.01)]


def test_a_reply_without_measure_ends_the_run(prepared, home):
    job = desks.job(prepared, home, script(said(create(text="x" * 500_001))))
    with pytest.raises(ModelRefused, match=r"fake:one answered turn 1 of edit 1 with 500,0\d\d"):
        converse(desks.conversation(job), job)
    (answered,) = events(home, prepared, "model.answered")
    assert answered["reply"]["calls"][0]["name"] == "create"
    assert answered["reply"]["usage"]["output_tokens"] > 0


def test_a_reply_of_calls_without_number_ends_the_run(prepared, home):
    job = desks.job(prepared, home, script(said(*[read()] * 201)))
    with pytest.raises(ModelRefused, match="fake:one answered turn 1 of edit 1 with 201 calls"):
        converse(desks.conversation(job), job)


def test_nothing_is_done_after_the_form(prepared, home):
    judged = []

    def accept(found, change):
        judged.append((found.summary, [one.path for one in change.files]))

    late = said(create(), finish("First."), create("shop/b.py"), finish("Second."), read())
    job = desks.job(prepared, home, script(late))
    ended = converse(desks.conversation(job, accept), job)
    assert json.loads(ended.form) == {"summary": "First."}
    assert [one.path for one in ended.change.files] == ["shop/new.py"]
    assert judged == [("First.", ["shop/new.py"])]
    (event,) = events(home, prepared, "model.called")
    assert [one["failed"] for one in event["results"]] == [False, False, True, True, True]


def test_one_form_a_reply_is_judged_and_objections_are_bounded(prepared, home):
    judged = []

    def accept(found, change):
        judged.append(found.summary)
        return Objection(text="No. " * 10_000)

    job = desks.job(prepared, home, script(*[said(*[finish(str(n))] * 100) for n in range(3)]))
    ended = converse(desks.conversation(job, accept), job)
    assert not ended.form
    assert judged == ["0", "1", "2"]
    for event in events(home, prepared, "model.called"):
        assert sum(len(one["content"]) for one in event["results"]) < 15_000


def test_all_that_is_said_is_on_record_once(prepared, home):
    model = script(said(read()), said(create()), said(finish()))
    job = desks.job(prepared, home, model)
    converse(desks.conversation(job), job)
    asked = events(home, prepared, "model.asked")
    assert [(one["conversation"], one["turn"], one["role"]) for one in asked] == [
        ("edit 1", number, "editor") for number in (1, 2, 3)
    ]
    assert [[message["kind"] for message in one["messages"]] for one in asked] == [
        ["asked"], ["returned"], ["returned"],
    ]  # fmt: skip
    assert [one["digest"] for one in asked] == [one.digest for one in model.requests]
    assert asked[0]["model_chain"] == ["fake:one"]
    assert set(asked[0]["prompts"]) == {"contract.md", "edit.md"}
    assert asked[0]["system"] == model.requests[0].system
    answered = events(home, prepared, "model.answered")
    assert [one["reply"]["calls"][0]["name"] for one in answered] == ["read", "create", "finish"]
    assert [one["digest"] for one in answered] == [one["digest"] for one in asked]
    called = events(home, prepared, "model.called")
    assert len({one["change_digest"] for one in called}) == 2
    # The steps' own events tell it by its digest, so that it stands there once, and redacted.
    done = [one for one in events(home, prepared, "done") if one["step"].startswith("edit 1")]
    assert not any("result" in one for one in done)


def test_secrets_are_in_no_event(prepared, home):
    secret = "ghp_" + "a1B2c3D4e5F6" * 3
    model = script(
        said(create(text=f"key = '{secret}'\n")), said(read("shop/new.py")), said(finish(secret))
    )
    job = desks.job(prepared, home, model, redactor=Redactor([secret]))
    converse(desks.conversation(job), job)
    written = (home / "runs" / prepared.run.run_id / "ledger.jsonl").read_text()
    assert secret not in written
    answered = events(home, prepared, "model.answered")
    assert [one.get("redacted") for one in answered] == [True, None, True]
    log = (home / "runs" / prepared.run.run_id / "run.log").read_text()
    assert "| create {" in log
    assert secret not in log
    # What is sent is what the files hold, else no edit would match.
    assert any(secret in one.messages[-1].model_dump_json() for one in model.requests)


class Killed(BaseException):
    """The process is gone."""


class Mortal(desks.Records):
    """Ends the process at one step: before it is recorded, with its work done."""

    def __init__(self, at: int) -> None:
        super().__init__()
        self.at = at

    def __call__(self, name, attempt):
        if len(self.kept) == self.at:
            attempt()
            raise Killed
        return super().__call__(name, attempt)


def test_kill_each_turn_and_go_on(prepared, home):
    def answer(request):
        replies = [said(read()), said(create()), said(create("shop/more.py")), said(finish())]
        return replies[sum(isinstance(one, Answered) for one in request.messages)]

    model = FakeModel(answer)
    whole = desks.job(prepared, home, model)
    wanted = converse(desks.conversation(whole), whole)
    once = [one.digest for one in model.requests]
    for at in range(8):
        records, model = Mortal(at), FakeModel(answer)
        job = desks.job(prepared, home, model, records=records)
        with pytest.raises(Killed):
            converse(desks.conversation(job), job)
        recorded = [name for name in records.kept if name.endswith("reply")]
        before = len(model.requests)
        job = desks.job(prepared, home, model, records=desks.Records(records.kept))
        assert converse(desks.conversation(job), job) == wanted
        # What has a record is not asked for again, and what is asked for is the same.
        assert [one.digest for one in model.requests[before:]] == once[len(recorded) :]
        assert job.spent.calls == 4
