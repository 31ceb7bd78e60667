"""The loop between a model and its tools: bounded, on record, and done once."""

import json

import pytest

from agent.editing import turns
from agent.editing.run_context import RunContext
from agent.errors import ModelRefused, TimeSpent
from agent.llm.budget import Budget, SpendingCaps
from agent.models.record import replace
from agent.text.redaction import REMOVED, Redactor
from tests.fakes import FakeModel, make_reply
from tests.unit.editing import desks
from tests.unit.editing.desks import bash, conversation, submit, write


def script(*replies):
    """Answer with these, one after the other."""
    left = iter(replies)
    return FakeModel(lambda request: next(left))


@pytest.fixture
def prepared(tmp_path, home):
    return desks.repository(tmp_path, home)


def events(home, prepared, kind):
    lines = (home / "runs" / prepared.run.run_id / "events.jsonl").read_text().splitlines()
    return [event for event in map(json.loads, lines) if event["event"] == kind]


def test_who_answered_last_is_asked_first(prepared, home):
    model = FakeModel(lambda request: make_reply())
    model.list_chain = lambda role: ("fake:one", "fake:two")
    run_context = desks.run_context(prepared, home, model)
    assert turns.choose_model("editor", run_context) == "", "the first of the chain"
    run_context.account.count_reply("editor", make_reply(model="fake:two"))
    assert turns.choose_model("editor", run_context) == "fake:two"
    assert turns.choose_model("reviewer", run_context) == ""


def test_a_reply_that_was_cut_off_is_told_so(prepared, home):
    cut = {"finish": "length"}
    torn = replace(make_reply(write()).calls[0], arguments='{"path": "shop/new.py", "te')
    model = script(
        replace(make_reply(write()), **cut, calls=(torn,)),
        replace(make_reply(text="First, I"), **cut),
        make_reply(submit()),
    )
    run_context = desks.run_context(prepared, home, model)
    assert conversation(run_context).ask()
    called, silent = (request.messages[-1] for request in model.requests[1:])
    assert "maximum of tokens" in called.text
    assert called.results[0].failed
    assert "maximum of tokens" in silent.text
    assert "`submit`" in silent.text


@pytest.mark.parametrize("arguments", ["{", '{"summary": 3}', '{"sumary": "x"}'])
def test_a_malformed_form_gets_a_precise_answer(prepared, home, arguments):
    bad = make_reply(submit())
    call = replace(bad.calls[0], arguments=arguments)
    model = script(replace(bad, calls=(call,)), make_reply(submit()))
    run_context = desks.run_context(prepared, home, model)
    assert conversation(run_context).ask()
    (result,) = model.requests[1].messages[-1].results
    assert result.failed
    assert len(result.content) > 10


def test_a_request_says_what_is_left_and_none_is_made_where_that_is_too_little(
    prepared, home, monkeypatch
):
    monkeypatch.setattr(Budget, "find_limits", lambda *given: SpendingCaps(usd=2.0, tokens=35))
    model = script(make_reply(write("a1.py")), make_reply(write("a2.py")))
    run_context = desks.run_context(prepared, home, model)
    talk, left = conversation(run_context), iter((60.0, 60.0, 60.0, 60.0, 9.4))
    monkeypatch.setattr(RunContext, "seconds_left", property(lambda _: next(left)))
    with pytest.raises(TimeSpent, match=r"limits\.minutes"), run_context.close_at_end():
        talk.ask()
    left = [(request.most_usd, request.tokens_left) for request in model.requests]
    assert left == [(2.0, 35), (2.0, 25)]
    assert run_context.once.at == "edit 1 3 reply"
    assert talk.change.paths == ("a1.py", "a2.py")


def test_a_reply_that_is_not_taken_counts_in_what_the_run_has_spent(prepared, home):
    records = desks.Records()
    refused = replace(make_reply(text="No."), finish="refused")
    for answers in ([refused], []):
        # The second one goes on where the first one was killed, and asks nobody.
        run_context = desks.run_context(prepared, home, script(*answers), records=records)
        with pytest.raises(ModelRefused):
            conversation(run_context).ask()
        assert (run_context.account.tokens, run_context.account.usd) == (10, 0.01)
        assert [(use.model, use.calls, use.usd) for use in run_context.account.uses] == [
            ("fake:one", 1, 0.01)
        ]


def test_all_that_is_said_is_on_record_once(prepared, home):
    model = script(make_reply(bash()), make_reply(write()), make_reply(submit()))
    run_context = desks.run_context(prepared, home, model)
    conversation(run_context).ask()
    asked = events(home, prepared, "model.asked")
    assert [(comment["conversation"], comment["turn"], comment["role"]) for comment in asked] == [
        ("edit 1", number, "editor") for number in (1, 2, 3)
    ]
    assert [[message["kind"] for message in one["messages"]] for one in asked] == [
        ["asked"], ["returned"], ["returned"],
    ]  # fmt: skip
    assert [comparison["digest"] for comparison in asked] == [
        request.digest for request in model.requests
    ]
    assert asked[0]["model_chain"] == ["fake:one"]
    assert asked[0]["system"] == model.requests[0].system
    answered = events(home, prepared, "model.answered")
    assert [finding["reply"]["calls"][0]["name"] for finding in answered] == [
        "bash",
        "write",
        "submit",
    ]
    assert [finding["digest"] for finding in answered] == [issue["digest"] for issue in asked]
    called = events(home, prepared, "model.called")
    assert len({one["change_digest"] for one in called}) == 2
    # The steps' own events tell it by its digest, so that it stands there once, and redacted.
    done = [event for event in events(home, prepared, "done") if event["step"].startswith("edit 1")]
    assert not any("result" in one for one in done)


def test_secrets_are_in_no_event(prepared, home):
    secret = "ghp_" + "a1B2c3D4e5F6" * 3
    model = script(
        make_reply(write(text=f"key = '{secret}'\n")),
        make_reply(bash("cat shop/new.py")),
        make_reply(submit(secret)),
    )
    run_context = desks.run_context(prepared, home, model, redactor=Redactor([secret]))
    conversation(run_context).ask()
    written = (home / "runs" / prepared.run.run_id / "events.jsonl").read_text()
    assert secret not in written
    answered = events(home, prepared, "model.answered")
    assert [REMOVED in json.dumps(event) for event in answered] == [True, False, True]
    log = (home / "runs" / prepared.run.run_id / "run.log").read_text()
    assert "| write {" in log
    assert secret not in log
    # What is sent is what the files hold, else no edit would match.
    assert any(secret in request.messages[-1].model_dump_json() for request in model.requests)
