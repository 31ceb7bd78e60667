"""The loop between a model and its tools: bounded, on record, and done once."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from agent.chat import Answered, Asked, Returned, Worst
from agent.editing import budget
from agent.editing.budget import Limits
from agent.editing.called import Objection
from agent.editing.loop import converse
from agent.errors import BudgetSpent, ModelRefused, TimeSpent
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


def test_no_trial_is_begun_where_the_reply_has_used_the_minutes(prepared, home):
    def answer(request):
        if request.messages[-1].kind == "returned":
            return said(finish())
        job.step.seconds["waited"] = 60 * 60 - 4.0
        return said(("run_test", {"tests": ["tests/__init__.py"]}))

    model = FakeModel(answer)
    job = desks.job(prepared, home, model)
    with pytest.raises(TimeSpent, match="limits.minutes"):
        converse(desks.conversation(job), job)
    [called] = events(home, prepared, "model.called")
    [result] = called["results"]
    assert result["failed"]
    assert "the minutes of the run (limits.minutes) are used" in result["content"]


def test_a_model_that_is_not_set_any_more_is_not_asked_when_a_run_goes_on(prepared, home):
    """Whoever resumed it may have named another one, or taken that one out of the settings."""
    job = desks.job(prepared, home, FakeModel(lambda request: said(), name="fake:two"))
    job.take("editor", said(model="fake:one"))
    assert job.first_in_line("editor") == ""
    job.take("editor", said(model="fake:two"))
    assert job.first_in_line("editor") == "fake:two"


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
    assert told == "fake:one did not answer (503, server_error: away), so fake:two did."
    job.take("editor", said(model="fake:three"))
    assert job.first_in_line("reviewer") == "", "nobody else is set"
    job.take("reviewer", said(model="fake:one"))
    assert job.first_in_line("planner") == "fake:two", "who answered a role goes on with it"
    over = ("fake:three: 503, server_error",)
    job.take("planner", said(model="fake:two").model_copy(update={"passed_over": over}))
    assert job.first_in_line("editor") == "fake:one", "who answered last may be away by now"


def test_for_whom_a_model_stands_in_is_said_with_its_reply(prepared, home):
    over = ("fake:zero: 500, server_error",)
    answer = said(finish()).model_copy(update={"passed_over": over})
    job = desks.job(prepared, home, FakeModel(lambda request: answer))
    lines = []
    job.svc = replace(job.svc, say=lines.append)
    converse(desks.conversation(job), job)
    words = "; fake:zero did not answer (500, server_error), so fake:one did"
    assert [line.endswith(words) for line in lines] == [True]


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


def test_several_calls_in_one_reply_are_carried_out_in_order(prepared, home):
    model = script(said(create(), read("shop/new.py"), finish()))
    job = desks.job(prepared, home, model)
    ended = converse(desks.conversation(job), job)
    assert ended.form
    (event,) = events(home, prepared, "model.called")
    assert [one["name"] for one in event["results"]] == ["create", "read", "finish"]
    assert "x = 1" in event["results"][1]["content"]


def test_a_reply_without_a_call_is_asked_for_one(prepared, home):
    model = script(said(text="I think it is fine."), said(finish()))
    job = desks.job(prepared, home, model)
    assert converse(desks.conversation(job), job).form
    last = model.requests[1].messages[-1]
    assert last == Asked(text="Call a tool. When you are done, call `finish`.")


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
    why = "Your reply was cut off: it may have 8,192 tokens. Write less at a time."
    called, silent = (one.messages[-1] for one in model.requests[1:])
    assert called.text == why
    assert called.results[0].failed
    assert silent.text == f"{why} Call a tool. When you are done, call `finish`."


def test_a_model_without_calls_is_told_as_one_and_so_are_cut_replies(prepared, home):
    cut = said(text="Well, let me").model_copy(update={"finish": "length"})
    job = desks.job(prepared, home, script(cut, cut, said(text="Done.")))
    assert converse(desks.conversation(job), job).why == (
        "the model answered 3 times without calling a tool; another model may do; 2 replies were"
        " cut off at 8,192 tokens (finish_reason: length)"
    )


def test_the_log_has_what_a_model_said_and_called_cut_and_without_secrets(prepared, home):
    key = "ghp_" + "a1B2c3D4e5F6" * 3
    job = desks.job(
        prepared, home, script(said(create(text=f"{key}\n{'x' * 5000}")), said(finish()))
    )
    converse(desks.conversation(job), job)
    log = (home / "runs" / prepared.run.run_id / "run.log").read_text()
    block = log.partition("---- edit 1 1 reply, in the model's words\n")[2].partition("\n----")[0]
    assert block.startswith("| create {")
    assert block.endswith("…\n| (cut; all of it is in ledger.jsonl beside this log)")
    assert all(line.startswith("| ") for line in block.split("\n"))
    assert 2_000 < len(block) < 2_100
    assert key[:20] not in log
    assert '| finish {"summary"' in log


def test_a_form_that_is_not_accepted_goes_back_with_the_reason_and_not_for_ever(prepared, home):
    model = script(*(said(finish(f"{number}")) for number in range(9)))
    job = desks.job(prepared, home, model)
    about = desks.conversation(job, lambda found, change: Objection(text=f"no {found.summary}"))
    ended = converse(about, job)
    assert (ended.form, ended.why) == ("", "3 times it was not accepted")
    assert ended.objection == Objection(text="no 2")
    assert len(model.requests) == 3
    answer = model.requests[1].messages[-1]
    assert isinstance(answer, Returned)
    assert [(one.content, one.failed) for one in answer.results] == [("no 0", True)]


@pytest.mark.parametrize("arguments", ["{", "[]", '{"summary": 3}', '{"sumary": "x"}', ""])
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
    assert ended.why == "the same turn came 3 times in a row"
    assert len(model.requests) == 3
    assert "otherwise you are stopped" in model.requests[2].messages[-1].text


def test_a_model_that_goes_on_for_ever_has_its_turns(prepared, home):
    numbers = iter(range(100))
    model = FakeModel(
        lambda request: said(create(text=f"x = {next(numbers)}\n", path=f"a{next(numbers)}.py"))
    )
    job = desks.job(prepared, home, model)
    ended = converse(desks.conversation(job, most_turns=5), job)
    assert (ended.form, ended.why) == ("", "it had its 5 turns")
    assert len(ended.change.files) == 5


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


def test_of_a_run_without_records_it_says_so(prepared, home, monkeypatch):
    monkeypatch.setattr(budget, "limits", lambda config, settings: Limits(calls=0))
    job = desks.job(prepared, home, script())
    job.step.kept = False  # as of `run --issue`
    with pytest.raises(BudgetSpent, match="No steps of it are on record"):
        converse(desks.conversation(job), job)


def test_a_refusal_ends_the_run(prepared, home):
    model = FakeModel(lambda request: said(text="No.").model_copy(update={"finish": "refused"}))
    shown = []
    job = desks.job(prepared, home, model, say=shown.append)
    with pytest.raises(ModelRefused, match=r"fake:one refused to answer\. No\."):
        converse(desks.conversation(job), job)
    (answered,) = events(home, prepared, "model.answered")
    assert (answered["reply"]["text"], answered["reply"]["cost_usd"]) == ("No.", 0.01)
    assert shown[0].startswith("edit 1, turn 1: it refused to answer, 10 tokens, $0.0100, ")


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


def test_what_a_refusal_has_cost_is_not_left_to_what_comes_after_it(prepared, home, monkeypatch):
    monkeypatch.setattr(budget, "limits", lambda config, settings: Limits(calls=1))
    refused = said(text="No.").model_copy(update={"finish": "refused"})
    job = desks.job(prepared, home, script(refused))
    with pytest.raises(ModelRefused):
        converse(desks.conversation(job), job)
    with pytest.raises(BudgetSpent, match="has used its 1 replies"):
        converse(replace(desks.conversation(job), name="edit 2"), job)


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


def test_the_names_of_calls_count_as_words(prepared, home):
    job = desks.job(prepared, home, script(said(("x" * 500_001, {}))))
    with pytest.raises(ModelRefused, match="with 500,0"):
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
    assert event["results"][2]["content"] == (
        "not carried out: `finish` has to be the last call of a reply"
    )


def test_one_form_a_reply_is_judged_and_objections_are_bounded(prepared, home):
    judged = []

    def accept(found, change):
        judged.append(found.summary)
        return Objection(text="No. " * 10_000)

    job = desks.job(prepared, home, script(*[said(*[finish(str(n))] * 100) for n in range(3)]))
    ended = converse(desks.conversation(job, accept), job)
    assert ended.why == "3 times it was not accepted"
    assert judged == ["0", "1", "2"]
    for event in events(home, prepared, "model.called"):
        assert sum(len(one["content"]) for one in event["results"]) < 15_000


def test_calls_of_every_wrong_form_are_answered_and_come_to_an_end(prepared, home):
    wrong = ["{", "[1]", "3", '{"path": 7}', '{"path": "\\ud800"}', '{"path": "a\\u0000b"}', ""]
    names = ["read", "no such tool", "", "finish", "edit", "rm -rf /"]

    def answer(request):
        turn = len(request.messages)
        whole = said(*((name, {}) for name in names))
        calls = [
            call.model_copy(update={"arguments": wrong[(turn + place) % 7], "call_id": "same"})
            for place, call in enumerate(whole.calls)
        ]
        return whole.model_copy(update={"calls": tuple(calls)})

    model = FakeModel(answer)
    job = desks.job(prepared, home, model)
    ended = converse(desks.conversation(job), job)
    assert not ended.form
    assert ended.why
    assert len(model.requests) <= 10
    for event in events(home, prepared, "model.called"):
        assert len(event["results"]) == len(names)
        assert all(one["failed"] and one["content"] for one in event["results"])


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
    secret = "s3cr3t-0123456789abcdef-value"
    model = script(
        said(create(text=f"key = '{secret}'\n")), said(read("shop/new.py")), said(finish(secret))
    )
    job = desks.job(prepared, home, model, redactor=Redactor([secret]))
    converse(desks.conversation(job), job)
    written = (home / "runs" / prepared.run.run_id / "ledger.jsonl").read_text()
    assert secret not in written
    assert [one.get("redacted") for one in events(home, prepared, "model.answered")] == [
        True,
        None,
        True,
    ]
    assert [one.get("redacted") for one in events(home, prepared, "model.called")] == [
        None,
        True,
        None,
    ]
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
