"""An attempt: read, plan, edit, submit; what is agreed when, and whose words are kept."""

import dataclasses
import threading

import pytest

from agent.editing import attempts
from agent.editing.preparation import MeasuredBase, Preparation
from agent.errors import EnvironmentFailed, RepositoryUnfit
from agent.models.chat import ModelTurn, ToolTurn
from agent.models.checks import Status, TestRun
from agent.models.record import replace
from repo_config.schema import RepoConfig
from tests.fakes import FakeModel, FakeSandbox, make_reply
from tests.unit.editing import desks
from tests.unit.editing.desks import bash, edit, plan, submit


@pytest.fixture
def prepared(tmp_path, home):
    config = RepoConfig.model_validate({"scope": {"protect": ["pay/**"]}}, strict=False)
    return desks.repository(tmp_path, home, {"pay/a.py": "", "docs/a.md": ""}, config=config)


def begin(prepared, home, replies, records=None, ahead=None):
    """Begin a run whose model says these, whatever it is told; list what it was told.

    Args:
        ahead: Prepares the base while the model reads; replies wait for it.
    """
    told = []

    def answer(request):
        told[:] = [message for message in request.messages if isinstance(message, ToolTurn)]
        if ahead:
            run_context.preparation._thread.join(10)
        return replies[sum(isinstance(message, ModelTurn) for message in request.messages)]

    model = FakeModel(answer)
    made = desks.run_context(prepared, home, model, records=records, sandbox=FakeSandbox(str))

    def measure(scout, once, desk):
        if threading.current_thread() is run_context.preparation._thread:
            return ahead() if ahead else desk.sandbox._stopped.wait()
        measured.append(len(model.requests))
        return prepared, desks.BEFORE

    measured = []
    preparation = Preparation(made.once, made.desk, measure)
    run_context = dataclasses.replace(made, preparation=preparation)
    return run_context, told, measured


def edit_by_plan(run_context):
    """Have a plan made and accepted, and the first change submitted."""
    attempt = attempts.begin_attempt(run_context)
    run_context.preparation.finish()
    attempt.begin_edits("What judges a change.")
    return attempt, attempt.next_draft()


def test_the_base_is_read_and_a_faulty_plan_refused_before_anything_is_set_up(prepared, home):
    replies = [
        make_reply(bash("git grep -l total || ls")),
        make_reply(plan(files=["pay/a.py", "shop/"])),
        make_reply(plan(files=["./shop/", "docs/*.md", "/work/pay/new.py"])),
        make_reply(
            plan(
                files=["./shop/", "docs/*.md", "README*", "shop/??_*.py"],
                title="Count all the\n prices " + "x" * 80,
            )
        ),
    ]
    run_context, told, measured = begin(prepared, home, replies)
    with run_context.close_at_end():
        attempt = attempts.begin_attempt(run_context)
    assert measured == []
    assert "shop" in told[0].results[0].content
    assert "pay/a.py" in told[1].results[0].content
    assert "pay/new.py" in told[2].results[0].content
    assert attempt.plan.files == ("shop", "docs/*.md", "README*", "shop/??_*.py")
    assert attempt.plan.title.startswith("Count all the prices")
    assert len(attempt.plan.title) <= 72


def test_the_answer_to_the_plan_stands_where_the_plan_was_called(prepared, home):
    replies = [make_reply(plan(), edit()), make_reply(edit(), submit())]
    run_context, told, measured = begin(prepared, home, replies)
    with run_context.close_at_end():
        _, draft = edit_by_plan(run_context)
    assert draft.change.paths == ("shop/prices.py",)
    assert measured == [1]
    [results] = [one.results for one in told]
    assert results[0].content.startswith("accepted\n")
    assert results[0].content.endswith("What judges a change.")
    assert "the checks of a submit: 29 of 30 minutes, $4.99." in results[0].content
    assert results[1].content == "not run: `plan` has to be the last call of a reply"


READING = [make_reply(bash()), make_reply(bash("ls")), make_reply(plan())]


def test_no_plan_is_paid_for_where_the_base_cannot_be_measured(prepared, home):
    tests = TestRun(name="tests", status=Status.UNVERIFIED, reason="It printed nothing.")
    report = replace(desks.BEFORE, results=(tests,))

    def fail():
        raise EnvironmentFailed("There is no Python 2.")

    cases = ((fail, EnvironmentFailed), (lambda: (prepared, report), RepositoryUnfit))
    for ahead, problem in cases:
        records = desks.Records()
        for requests in (1, 0):  # once more from the records alone
            run_context, *_ = begin(prepared, home, READING, records, ahead)
            with run_context.close_at_end(), pytest.raises(problem):
                attempts.begin_attempt(run_context)
            assert len(run_context.desk.models.requests) == requests


def test_no_change_is_paid_for_where_a_check_proves_nothing(prepared, home):
    tests = TestRun(name="tests", status=Status.UNVERIFIED, reason="It printed nothing.")
    run_context, *_ = begin(prepared, home, [])
    report = replace(desks.BEFORE, results=(tests,))
    run_context.preparation.ready = MeasuredBase(prepared, report)
    with pytest.raises(RepositoryUnfit):
        run_context.require_proofs()


def test_the_summary_of_the_last_submit_counts_and_is_said_to_be_cut(prepared, home):
    long = "This finding is right as it is. " * 60
    replies = [make_reply(plan()), make_reply(edit(), submit(long)), make_reply(submit("Right."))]
    run_context, told, _ = begin(prepared, home, replies)
    with run_context.close_at_end():
        attempt, draft = edit_by_plan(run_context)
        summary = run_context.find_words(draft.change).summary
        assert len(summary) <= 1_500
        assert summary.endswith("… [cut at 1,500 characters]")
        attempt.answer("Mend what you can.", draft, passed=True)
        with pytest.raises(attempts.ConversationOver, match="nothing new"):
            attempt.next_draft()
    answer = told[-1].results[-1].content
    assert "Your summary was cut at 1,500 characters" in answer
    assert "Left for your work, " in answer
    assert run_context.find_words(draft.change).summary == "Right."


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


def test_kill_each_step_from_the_plan_to_a_submit_and_go_on(prepared, home):
    replies = [make_reply(bash()), make_reply(plan()), make_reply(edit(), submit())]

    def carry(records):
        run_context, *_ = begin(prepared, home, replies, records)
        with run_context.close_at_end():
            _, draft = edit_by_plan(run_context)
        words = run_context.find_words(draft.change)
        return draft.change.digest, words, run_context.account.tokens

    records = desks.Records()
    wanted = carry(records)
    for at in range(len(records.kept)):
        killed = Mortal(at)
        with pytest.raises(Killed):
            carry(killed)
        assert carry(desks.Records(killed.kept)) == wanted
