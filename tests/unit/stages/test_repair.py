"""What is tried next with a model's change: fixed in the same conversation, or left as it is."""

import dataclasses

import pytest

from agent.editing import attempts, reviewing
from agent.editing.rounds import Draft, Round
from agent.errors import BudgetSpent, EditFailed, EnvironmentFailed, ModelUnavailable, TicketUnclear
from agent.models.change import Change, ChangedFile, ClearedChange, Finding, Plan, Severity
from agent.models.checks import CheckItem, CheckReport, Status, TestComparison
from agent.models.model_use import AuthorWords
from agent.models.outcome import Verdict
from agent.models.record import replace
from agent.models.review import Judgement, Proof, Remark, ReviewNotes
from agent.models.run import Reason
from agent.stages import checks, repair, validate
from tests.fakes import FakeModel, make_reply
from tests.unit.editing import desks
from tests.unit.editing.desks import submit, write

PLAN = Plan(
    recipe="", title="Count all", parameters="", steps=("Sum all",), files=("shop/prices.py",),
    category="bug",
)  # fmt: skip
BLOCKING = ReviewNotes(
    ran=True,
    sentence="x",
    remarks=(
        Remark(text="A shorter name?"),
        Remark(text="Close it.", path="shop/new.py", blocking=True),
    ),
)


@pytest.fixture
def prepared(tmp_path, home):
    return desks.repository(tmp_path, home)


def draft(prepared, text="x = 0\n", **facts):
    commit = prepared.checkout.commit
    test = ChangedFile(path="tests/test_a.py", before=None, after=b"")
    file = ChangedFile(path="shop/new.py", before=None, after=text.encode())
    change = Change(base_commit=commit, files=(file, test))
    return Draft(plan=PLAN, change=change, **facts)


def judged(number, one, *ids, reason=Reason.NEW_FAILURES, missing=""):
    items = tuple(CheckItem(item_id=name, outcome="failed", text="assert 1 == 2") for name in ids)
    state = Status.FAILED if ids else Status.PASSED
    check = TestComparison(
        name="tests", base=Status.PASSED, head=state, verdict=state,
        new_failures=items,
    )  # fmt: skip
    after = CheckReport(side="head", commit="c", results=())
    passed = not ids and reason is Reason.NEW_FAILURES
    lacking = Finding(rule="proof", severity=Severity.REVIEW, message=missing, fix="Test it.")
    verdict = Verdict(
        publish=passed, reason=Reason.READY if passed else reason, sentence="As it is.",
        findings=(lacking,) if missing else (),
    )  # fmt: skip
    cleared = ClearedChange(change=one.change, findings=())
    made = Judgement(ran=after, compared=(check,), proof=Proof(missing=missing))
    return Round(number, one, (), cleared, made, verdict)


def script(*replies, roles=("editor",)):
    left = iter(replies)
    return FakeModel(lambda request: next(left), roles=roles)


def begun(run_context):
    """Name the conversations, in their order."""
    asked = [name for name in run_context.once._watchers[0].names if name.endswith(" reply")]
    return list(dict.fromkeys(name.rsplit(" ", 2)[0] for name in asked))


def submitted(prepared, home, *replies, roles=("editor",)):
    """Have a change submitted in a conversation that goes on with these replies."""
    model = script(
        make_reply(write("shop/new.py")), make_reply(submit("First.")), *replies, roles=roles
    )
    run_context = desks.run_context(prepared, home, model)
    begin = Draft(plan=PLAN, change=Change(base_commit=prepared.checkout.commit, files=()))
    found = attempts.continue_draft(begin, (), "", run_context).next_draft()
    return found, run_context, model


def test_what_passes_what_no_edit_could_fix_and_what_was_fixed_enough_is_left_alone(prepared, home):
    run_context = desks.run_context(prepared, home, script())
    withheld = judged(1, draft(prepared), reason=Reason.NO_TESTS)
    red = [judged(number, draft(prepared, f"x = {number}\n"), "t::x") for number in range(5)]
    for tried in ([judged(1, draft(prepared))], [withheld], red):
        assert repair.next_draft(tried, run_context) is None


def test_what_is_red_comes_back_as_the_answer_of_submit(prepared, home):
    one, run_context, model = submitted(
        prepared, home, make_reply(write("shop/more.py"), submit("Better."))
    )
    found = repair.next_draft(
        [run_context.history.record_round(judged(1, one, "t.py::test_x"))], run_context
    )
    assert found.change.paths == ("shop/more.py", "shop/new.py")
    assert found.words.summary == "Better."
    assert begun(run_context) == ["edit 1"]
    (answer,) = model.requests[2].messages[-1].results
    assert (answer.name, answer.failed) == ("submit", True)
    assert "tests: t.py::test_x\nassert 1 == 2" in answer.content


def test_a_model_that_cannot_mend_its_change_may_leave_it_so(prepared, home):
    one, run_context, model = submitted(
        prepared, home, make_reply(submit("Again.")), make_reply(submit("So be it."))
    )
    assert (
        repair.next_draft(
            [run_context.history.record_round(judged(1, one, "t.py::test_x"))], run_context
        )
        is None
    )
    assert len(model.requests) == 4


def test_a_change_that_nothing_shows_is_told_so_once_and_may_stay(prepared, home):
    one, run_context, model = submitted(prepared, home, make_reply(submit("It is a rename.")))
    passed = run_context.history.record_round(judged(1, one, missing="the change adds no test"))
    assert repair.next_draft([passed], run_context) is None
    assert "adds no test" in model.requests[2].messages[-1].results[0].content
    again = run_context.history.record_round(judged(2, one, missing="the change adds no test"))
    assert repair.next_draft([passed, again], run_context) is None
    assert repair.next_draft([again], run_context) is None, "after a review, in a list of its own"
    assert len(model.requests) == 3


@pytest.mark.parametrize(("is_reading", "asked"), [(True, 2), (False, 3)])
def test_what_a_reviewer_can_settle_goes_to_the_reviewer(prepared, home, is_reading, asked):
    replies = make_reply(submit("As ordered."))
    one, run_context, model = submitted(prepared, home, replies, roles=("editor", "reviewer"))
    found = Finding(
        rule="test-rewritten", severity=Severity.REVIEW, message="Here.",
        fix="x", is_reading=is_reading,
    )  # fmt: skip
    passed = judged(1, one)
    cleared = replace(passed.cleared, findings=(found,))
    passed = run_context.history.record_round(dataclasses.replace(passed, cleared=cleared))
    assert repair.next_draft([passed], run_context) is None
    assert len(model.requests) == asked


def test_what_is_answered_is_laid_out_again_where_it_is_not_the_last(prepared, home):
    worse = make_reply(write("shop/new.py", "x = 2\n"), submit("Worse."))
    fixed = make_reply(write("shop/more.py"), submit("Closed."))
    one, run_context, model = submitted(prepared, home, worse, fixed)
    first = run_context.history.record_round(judged(1, one, missing="the change adds no test"))
    second = repair.next_draft([first], run_context)
    assert second.change.files[0].after == b"x = 2\n"
    run_context.history.record_round(judged(2, second, "t.py::test_x"))
    found = repair.answer_submission(first, BLOCKING, run_context)
    assert {file.path: file.after for file in found.change.files} == {
        "shop/more.py": b"x = 1\n", "shop/new.py": b"x = 1\n",
    }  # fmt: skip
    told = model.requests[3].messages[-1].results[-1].content
    assert "- blocking: shop/new.py: Close it.\n- A shorter name?" in told


@pytest.mark.parametrize("approves", [True, False])
def test_all_remarks_of_a_review_are_for_the_author_who_may_leave_the_change_as_it_is(
    prepared, home, approves
):
    one, run_context, model = submitted(prepared, home, make_reply(submit("It is right.")))
    passed = run_context.history.record_round(judged(1, one))
    remarks = (Remark(text="Too long."),)
    notes = ReviewNotes(ran=True, sentence="x", remarks=remarks, approves=approves)
    assert repair.answer_submission(passed, notes, run_context) is None
    assert "- Too long." in model.requests[-1].messages[-1].results[-1].content
    undone = run_context.summarize_model_work(AuthorWords()).undone
    assert bool(undone) is not approves, "a remark of a review that approves is no loss"


@pytest.mark.parametrize(
    "problem",
    [BudgetSpent("No more."), ModelUnavailable("Away."), EditFailed("No."), TicketUnclear(("?",))],
)
def test_no_error_of_a_later_round_gives_up_what_passed(prepared, home, problem):
    def fail(request):
        raise problem

    run_context = desks.run_context(prepared, home, FakeModel(fail, roles=("editor", "reviewer")))
    red = run_context.history.record_round(judged(1, draft(prepared, "x = 2\n"), "t.py::test_x"))
    with pytest.raises(type(problem)):
        repair.next_draft([red], run_context)
    run_context.history.give_up()
    passed = run_context.history.record_round(judged(2, draft(prepared)))
    assert repair.next_draft([red], run_context) is None
    assert repair.answer_submission(passed, BLOCKING, run_context) is None
    run_context.account.count_reply("editor", make_reply())
    assert reviewing.review_change(passed, run_context).unfinished
    assert run_context.summarize_model_work(AuthorWords()).undone


@pytest.mark.parametrize("problem", [EnvironmentFailed("No such package."), EditFailed("A link.")])
def test_what_keeps_a_change_from_being_checked_is_a_finding_for_the_model(
    prepared, home, monkeypatch, problem
):
    def fail(*_: object) -> Judgement:
        raise problem

    monkeypatch.setattr(checks, "judge_cleared", fail)
    run_context = desks.run_context(prepared, home, script())
    tried = validate.judge_change(draft(prepared), run_context)
    assert not tried.is_passed
    assert problem.message in tried.objection
