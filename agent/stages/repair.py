"""Repair: what to try next with a change that does not pass.

A recipe is deterministic: run again it would make the same change, so its first result stands. A
model is shown what fails; where that leads nowhere it begins anew once, knowing what failed.
"""

from __future__ import annotations

from collections.abc import Sequence

from agent.domain import Change, CheckReport, ClearedChange, ReviewNotes
from agent.editing import authoring, failures, rounds, tests_first
from agent.editing.job import Job
from agent.editing.rounds import Draft, Round
from agent.errors import ASKING_ENDS, EditFailed, TicketUnclear


def revise(cleared: ClearedChange, before: CheckReport, after: CheckReport) -> Change | None:
    """Return the next Change of a recipe to try: there is none."""
    return None


def next_draft(tried: Sequence[Round], job: Job) -> Draft | None:
    """Have a change mended, or made anew; None: it passes, or nothing is left to try.

    Nothing is paid for where no edit could have it pass.

    Args:
        tried: The rounds of one candidate, in their order.

    Raises:
        BudgetSpent: The next request could cost more than is left, and nothing has passed.
        TimeSpent: The minutes of the run are used, and nothing has passed.
        ModelRefused: The model will not go on, and nothing has passed.
    """
    last = tried[-1]
    if last.passed or not last.failures.names or last.draft.repairs >= job.terms.repair_rounds:
        return None
    if job.is_beyond_edits(last):
        return None
    try:
        return _following(tried, job)
    except ASKING_ENDS as problem:
        if not job.has_passed:
            raise
        job.leave(problem, "another change, which did not pass, was mended")
    except (EditFailed, TicketUnclear):
        pass  # a new beginning that led to nothing; what came of the first one stands
    job.give_up()
    return None


def _following(tried: Sequence[Round], job: Job) -> Draft | None:
    draft, failed = tried[-1].draft, tried[-1].failures
    why = rounds.stuck([one for one in tried if one.draft.attempt == draft.attempt])
    if not why:
        mended = authoring.repair(draft, failed.words, job)
        if not rounds.is_known(mended.change, tried):
            return mended
        why = "what came of a repair was tried before"
    return _anew(rounds.best(tried), why, job) if draft.attempt == 1 else None


def _anew(given_up: Round, why: str, job: Job) -> Draft:
    """Begin again from the tests; from the plan, where they themselves may be what is wrong."""
    job.svc.say(f"the change is begun anew as edit {job.number}, from its tests: {why}")
    draft, failed = given_up.draft, given_up.failures
    told = failures.given_up(failed, why)
    tests = draft.tests
    if any(test.name in failed.words for test in draft.plan.tests):
        tests = tests_first.write(draft.plan, job, failed=told)
    return authoring.attempt(draft.plan, tests, job, after=draft, failed=told)


def answer(best: Round, notes: ReviewNotes, job: Job) -> Draft | None:
    """Have the reviewer's blocking remarks seen to, once; None: there are none.

    Where budget or minutes are used up or the model will not, the change stays as it passed.
    """
    if not notes.blocking or not best.passed:
        return None
    try:
        mended = authoring.repair(best.draft, failures.remarked(notes.blocking), job)
    except ASKING_ENDS as problem:
        job.leave(problem, "the reviewer's blocking remarks were seen to")
        return None
    if rounds.is_known(mended.change, [best]):
        job.note(
            "An edit was asked for that answers the reviewer's blocking remarks, and changed"
            " nothing."
        )
        return None
    return mended
