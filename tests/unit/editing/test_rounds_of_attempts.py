"""What is tried next with a model's change: fixed in the same conversation, or left as it is."""

import dataclasses
from functools import partial

import pytest

from agent.editing import attempts, reviewing
from agent.editing.rounds import Draft
from agent.errors import BudgetSpent, EditFailed, EnvironmentFailed, ModelUnavailable, TicketUnclear
from agent.models.change import Change, Finding, Severity
from agent.models.record import replace
from agent.models.review import Judgement, Remark, ReviewNotes
from agent.models.run import Reason
from agent.stages import checks, validate
from tests.fakes import FakeModel, make_reply
from tests.unit.editing import desks
from tests.unit.editing.desks import submit, write
from tests.unit.editing.verdicts import PLAN, draft, judged

BLOCKING = ReviewNotes(
    ran=True,
    sentence="x",
    remarks=(
        Remark(text="A shorter name?"),
        Remark(text="Close it.", path="shop/new.py", blocking=True),
    ),
)
RED = "t.py::test_x"
UNTESTED = "the change adds no test"


@pytest.fixture
def prepared(tmp_path, home):
    return desks.repository(tmp_path, home)


def script(*replies, roles=("editor",)):
    left = iter(replies)
    return FakeModel(lambda request: next(left), roles=roles)


class Judge:
    """Says one thing after the other of what is submitted, and keeps it as the run does."""

    def __init__(self, run_context, *verdicts):
        self.history, self.verdicts, self.drafts = run_context.history, [*verdicts], []

    def __call__(self, draft):
        self.drafts.append(draft)
        say = self.verdicts.pop(0)
        return self.history.record_round(say(len(self.history.rounds) + 1, draft))


def passed(number, one, **facts):
    return judged(number, one, **facts)


def red(number, one):
    return judged(number, one, RED)


untested = partial(passed, missing=UNTESTED)


def submitted(prepared, home, *replies, verdicts, roles=("editor",)):
    """Have a change submitted and judged in a conversation that goes on with these replies."""
    first = make_reply(write("shop/new.py")), make_reply(submit("First."))
    model = script(*first, *replies, roles=roles)
    run_context = desks.run_context(prepared, home, model)
    judge = Judge(run_context, *verdicts)
    run_context = dataclasses.replace(run_context, judge=judge)
    begin = Draft(plan=PLAN, change=Change(base_commit=prepared.checkout.commit, files=()))
    attempt = attempts.continue_draft(begin, (), "", run_context)
    attempts.run_attempt(attempt, run_context)
    return attempt, judge, run_context, model


def told(model, at=-1):
    """What a request ends with."""
    return model.requests[at].messages[-1].results[-1].content


def test_what_passes_and_what_no_edit_could_fix_is_left_alone(prepared, home):
    run_context = desks.run_context(prepared, home, script())
    withheld = judged(1, draft(prepared), reason=Reason.NO_TESTS)
    for tried in (judged(1, draft(prepared)), withheld):
        assert attempts.run_attempt(None, run_context, tried) is None


def test_what_is_red_comes_back_as_the_answer_of_submit(prepared, home):
    better = make_reply(write("shop/more.py"), submit("Better."))
    _, judge, run_context, model = submitted(prepared, home, better, verdicts=[red, passed])
    change = judge.drafts[-1].change
    assert change.paths == ("shop/more.py", "shop/new.py")
    assert run_context.find_words(change).summary == "Better."
    assert f"tests: {RED}\nassert 1 == 2" in told(model, 2)
    assert "`submit` runs all of it again" in told(model, 2)


def test_it_is_fixed_as_often_as_is_allowed(prepared, home):
    worse = [make_reply(write(text=f"x = {n}\n"), submit()) for n in range(2, 9)]
    _, judge, run_context, model = submitted(prepared, home, *worse, verdicts=[red] * 9)
    most = run_context.base.contract.config.limits.repair_rounds
    assert (len(judge.drafts), len(model.requests)) == (1 + most, 2 + most)


def test_a_model_that_cannot_mend_its_change_may_leave_it_so(prepared, home):
    idle = make_reply(submit("Again.")), make_reply(submit("So be it."))
    attempt, judge, run_context, model = submitted(prepared, home, *idle, verdicts=[red])
    assert (attempt.why, len(model.requests)) == ("it submitted nothing new", 4)
    assert run_context.find_words(judge.drafts[0].change).summary == "So be it."


def test_a_change_that_nothing_shows_is_told_so_once_and_may_stay(prepared, home):
    replies = make_reply(write("shop/more.py"), submit()), make_reply(submit("It is a rename."))
    *_, model = submitted(prepared, home, *replies, verdicts=[untested, untested])
    assert UNTESTED in told(model)
    assert len(model.requests) == 3


def test_another_remark_is_told_as_well(prepared, home):
    lacking = Finding(rule="size", severity=Severity.REVIEW, message="Long.", fix="Cut it.")

    def say(number, one):
        made = passed(number, one)
        return dataclasses.replace(made, verdict=replace(made.verdict, findings=(lacking,)))

    replies = make_reply(write("shop/more.py"), submit()), make_reply(submit("It is needed."))
    *_, model = submitted(prepared, home, *replies, verdicts=[untested, say])
    assert "Long. (size)" in told(model)


@pytest.mark.parametrize(("is_reading", "asked"), [(True, 2), (False, 3)])
def test_what_a_reviewer_can_settle_goes_to_the_reviewer(prepared, home, is_reading, asked):
    found = Finding(
        rule="test-rewritten", severity=Severity.REVIEW, message="Here.",
        fix="x", is_reading=is_reading,
    )  # fmt: skip

    def say(number, one):
        made = passed(number, one)
        return dataclasses.replace(made, cleared=replace(made.cleared, findings=(found,)))

    reply, roles = make_reply(submit("As ordered.")), ("editor", "reviewer")
    *_, model = submitted(prepared, home, reply, verdicts=[say], roles=roles)
    assert len(model.requests) == asked


def test_what_is_answered_is_laid_out_again_where_it_is_not_the_last(prepared, home):
    worse = make_reply(write("shop/new.py", "x = 2\n"), submit("Worse."))
    idle = make_reply(submit()), make_reply(submit())
    fixed = make_reply(write("shop/more.py"), submit("Closed."))
    verdicts = [untested, red, passed]
    attempt, _, run_context, model = submitted(
        prepared, home, worse, *idle, fixed, verdicts=verdicts
    )
    first = run_context.history.rounds[0]
    (made,) = attempts.answer_review(attempt, first, BLOCKING, run_context)
    assert {file.path: file.after for file in made.draft.change.files} == {
        "shop/more.py": b"x = 1\n", "shop/new.py": b"x = 1\n",
    }  # fmt: skip
    assert "reset to an earlier submit" in told(model)
    assert "- blocking: shop/new.py: Close it.\n- A shorter name?" in told(model)


@pytest.mark.parametrize("approves", [True, False])
def test_all_remarks_of_a_review_are_for_the_author_who_may_leave_the_change_as_it_is(
    prepared, home, approves
):
    reply = make_reply(submit("It is right."))
    attempt, _, run_context, model = submitted(prepared, home, reply, verdicts=[passed])
    best, remarks = run_context.history.rounds[0], (Remark(text="Too long."),)
    notes = ReviewNotes(ran=True, sentence="x", remarks=remarks, approves=approves)
    assert attempts.answer_review(attempt, best, notes, run_context) == []
    assert "- Too long." in told(model)
    undone = run_context.summarize_model_work(best.draft.change).undone
    assert bool(undone) is not approves, "a remark of a review that approves is no loss"


def test_a_review_of_a_conversation_that_is_over_changes_nothing(prepared, home):
    silent = [make_reply(text="Hm.")] * 3
    attempt, _, run_context, model = submitted(prepared, home, *silent, verdicts=[untested])
    assert "without calling a tool" in attempt.why
    best = run_context.history.rounds[0]
    assert attempts.answer_review(attempt, best, BLOCKING, run_context) == []
    assert len(model.requests) == 5


def test_what_is_edited_when_the_money_ends_counts_as_submitted(prepared, home):
    def answer(request):
        if len(model.requests) > 1:
            raise BudgetSpent("No more.")
        return make_reply(write())

    model = FakeModel(answer)
    run_context = desks.run_context(prepared, home, model)
    judge = Judge(run_context, passed)
    run_context = dataclasses.replace(run_context, judge=judge)
    begin = Draft(plan=PLAN, change=Change(base_commit=prepared.checkout.commit, files=()))
    attempt = attempts.continue_draft(begin, (), "", run_context)
    attempts.run_attempt(attempt, run_context)
    (made,) = judge.drafts
    assert made.change.paths == ("shop/new.py",)
    assert [finding.rule for finding in made.change.left_out] == ["unfinished"]


@pytest.mark.parametrize(
    "problem",
    [BudgetSpent("No more."), ModelUnavailable("Away."), EditFailed("No."), TicketUnclear(("?",))],
)
def test_no_error_of_a_later_round_gives_up_what_passed(prepared, home, problem):
    def fail(request):
        raise problem

    run_context = desks.run_context(prepared, home, FakeModel(fail, roles=("editor", "reviewer")))
    history = run_context.history
    tried = history.record_round(judged(1, draft(prepared, "x = 2\n"), RED))
    with pytest.raises(type(problem)):
        attempts.run_attempt(None, run_context, tried)
    best = history.record_round(judged(2, draft(prepared)))
    attempt = attempts.run_attempt(None, run_context, tried)
    assert attempt is not None
    run_context.account.count_reply("editor", make_reply())
    assert reviewing.review_change(best, run_context).unfinished
    assert run_context.summarize_model_work(best.draft.change).undone


@pytest.mark.parametrize("problem", [EnvironmentFailed("No such package."), EditFailed("A link.")])
def test_what_keeps_a_change_from_being_checked_is_a_finding_for_the_model(
    prepared, home, monkeypatch, problem
):
    def fail(*_: object) -> Judgement:
        raise problem

    monkeypatch.setattr(checks, "check_cleared", fail)
    run_context = desks.run_context(prepared, home, script())
    tried = validate.validate_draft(draft(prepared), run_context)
    assert not tried.is_passed
    assert problem.message in tried.objection
