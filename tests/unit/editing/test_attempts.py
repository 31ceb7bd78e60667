"""An attempt: read, plan, edit, submit; what is agreed when, and whose words are kept."""

import dataclasses
import time
from functools import partial

import pytest

from agent.editing import attempts
from agent.editing.ahead import need_model
from agent.editing.preparation import MeasuredBase, Preparation
from agent.errors import EnvironmentFailed, RepositoryUnfit
from agent.models.chat import ModelTurn, ToolTurn
from agent.models.checks import Status, TestRun
from agent.models.record import replace
from repo_config.schema import RepoConfig
from tests.fakes import FakeModel, FakeSandbox, make_reply
from tests.unit.editing import desks
from tests.unit.editing.desks import bash, edit, plan, submit, write
from tests.unit.editing.test_loop import Killed, Mortal


@pytest.fixture
def prepared(tmp_path, home):
    config = RepoConfig.model_validate({"scope": {"protect": ["pay/**"]}}, strict=False)
    return desks.repository(tmp_path, home, {"pay/a.py": "", "docs/a.md": ""}, config=config)


def begin(prepared, home, replies, records=None, ahead=None):
    """Begin an attempt whose model says these, whatever it is told; list what it was told.

    Args:
        ahead: Prepares the base while the model reads; replies wait for it, but for the first.
    """
    told = []

    def answer(request):
        told[:] = [message for message in request.messages if isinstance(message, ToolTurn)]
        preparation, until = begun[0].preparation, time.monotonic() + 10
        while ahead and not (preparation.is_waiting or preparation.ready):
            assert time.monotonic() < until
            time.sleep(0.01)
        return replies[sum(isinstance(message, ModelTurn) for message in request.messages)]

    run_context = desks.run_context(
        prepared, home, FakeModel(answer), records=records, sandbox=FakeSandbox(str)
    )
    measured = []

    def measure(once, desk):
        measured.append(len(run_context.desk.models.requests))
        return prepared, desks.BEFORE

    def wait(once, desk):
        while not desk.sandbox._stopped.is_set():
            time.sleep(0.01)

    once, desk = run_context.once, run_context.desk
    preparation = Preparation(once, desk, measure, ahead or wait)
    begun = [dataclasses.replace(run_context, preparation=preparation)]
    return begun[0], told, measured


def finish(run_context):
    run_context.preparation.finish()
    return "What judges a change."


def test_the_base_is_read_and_a_faulty_plan_refused_before_anything_is_set_up(prepared, home):
    replies = [
        make_reply(bash("git grep -l total || ls")),
        make_reply(plan(files=["pay/", "shop/"])),
        make_reply(plan(files=["./shop/", "docs/*.md", "/work/pay/new.py"])),
        make_reply(plan(files=["./shop/", "pay/*_add_[a-z].py"])),
        make_reply(
            plan(
                files=["./shop/", "docs/*.md", "README*", "shop/??_*.py"],
                title="Count all the\n prices " + "x" * 80,
            )
        ),
    ]
    run_context, told, measured = begin(prepared, home, replies)
    attempt = attempts.begin_attempt(run_context, partial(finish, run_context))
    assert measured == [5], "only then"
    assert "shop" in told[0].results[0].content
    assert "pay/a.py" in told[1].results[0].content
    assert "pay/new.py" in told[2].results[0].content
    assert "pay/x_add_x.py" in told[3].results[0].content
    assert attempt.plan.files == ("shop", "docs/*.md", "README*", "shop/??_*.py")
    assert attempt.plan.title.startswith("Count all the prices")
    assert len(attempt.plan.title) <= 72


def test_the_answer_to_the_plan_stands_where_the_plan_was_called(prepared, home):
    replies = [make_reply(plan(), edit()), make_reply(submit())]
    run_context, told, _ = begin(prepared, home, replies)
    with run_context.close_at_end():
        attempt = attempts.begin_attempt(run_context, partial(finish, run_context))
        attempt.begin_edits()
        assert attempt.next_draft().change.paths == ("shop/prices.py",)
    [results] = [one.results for one in told]
    assert results[0].content.startswith("accepted\n")
    assert results[0].content.endswith("What judges a change.")
    assert "submit: 59 minutes, $4.99." in results[0].content
    assert results[1].content == (
        "lines 2 to 2; the file now has:\n     1\tdef total(prices):\n     2\t    return sum(prices)\n     3\t"
    )


READING = [make_reply(bash()), make_reply(bash("ls")), make_reply(plan())]


@pytest.mark.parametrize("ends", ["measured", "a model is needed"])
def test_what_comes_of_the_base_is_said_as_soon_as_it_is_known(prepared, home, ends):
    records, digests = desks.Records(), []
    ahead = (lambda *_: None) if ends == "measured" else (lambda *_: need_model())
    for _ in range(2):  # once more from the records alone
        run_context, told, measured = begin(prepared, home, READING, records, ahead)
        with run_context.close_at_end():
            attempts.begin_attempt(run_context, partial(finish, run_context))
        assert measured == [len(digests) == 0], "after the first turn"
        digests.append([request.digest for request in run_context.desk.models.requests])
        said = ["Versions: python==" in message.text for message in told]
        assert said == ([True, False] if digests[-1] else [])
    assert digests[1] == []


def test_no_plan_is_paid_for_where_the_base_cannot_be_measured(prepared, home):
    tests = TestRun(name="tests", status=Status.UNVERIFIED, reason="It printed nothing.")
    report = replace(desks.BEFORE, results=(tests,))

    def fail():
        raise EnvironmentFailed("There is no Python 2.")

    def measure():
        run_context.preparation.ready = MeasuredBase(prepared, report)

    for prepare, problem in ((fail, EnvironmentFailed), (measure, RepositoryUnfit)):
        run_context, *_ = begin(prepared, home, READING, ahead=lambda *_: None)
        with run_context.close_at_end(), pytest.raises(problem):
            attempts.begin_attempt(run_context, prepare)
        assert len(run_context.desk.models.requests) == 1


def test_the_summary_of_the_last_submit_counts_also_where_the_tree_is_the_same(prepared, home):
    long = "This finding is right as it is. " * 60
    replies = [make_reply(plan(), edit(), submit("First.")), make_reply(submit(long))]
    run_context, told, _ = begin(prepared, home, replies)
    with run_context.close_at_end():
        attempt = attempts.begin_attempt(run_context, partial(finish, run_context))
        attempt.begin_edits()
        draft = attempt.next_draft()
        assert draft.words.summary == "First."
        attempt.answer("Mend what you can.", draft, passed=True)
        assert attempt.next_draft() is None
    assert "Left for your work, " in told[-1].results[-1].content
    assert len(draft.words.summary) <= 1_500
    assert draft.words.summary.endswith("as it is. …")


def test_kill_each_step_of_a_plan_with_calls_behind_it_and_go_on(prepared, home):
    replies = [make_reply(bash()), make_reply(plan(), edit()), make_reply(write(), submit())]

    def carry(records):
        run_context, told, _ = begin(prepared, home, replies, records)
        with run_context.close_at_end():
            attempt = attempts.begin_attempt(run_context, partial(finish, run_context))
            attempt.begin_edits()
            draft = attempt.next_draft()
        called = [[result.failed for result in command.results] for command in told]
        assert called in ([], [[False]], [[False], [False, False]])
        return draft.change.digest, draft.words, run_context.account.tokens

    records = desks.Records()
    wanted = carry(records)
    for at in range(len(records.kept)):
        killed = Mortal(at)
        with pytest.raises(Killed):
            carry(killed)
        assert carry(desks.Records(killed.kept)) == wanted
