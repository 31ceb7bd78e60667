"""Repair: the answer to a model's submitted change."""

from collections.abc import Sequence

from agent.editing import attempts, rounds
from agent.editing.rounds import Draft, Round
from agent.editing.run_context import RunContext
from agent.models.review import ReviewNotes


def next_draft(tried: Sequence[Round], run_context: RunContext) -> Draft | None:
    """Have a change fixed; None: it passes, or nothing is left to try.

    Nothing is paid for where no edit could have it pass.

    Args:
        tried: The rounds of one conversation, in their order.

    Raises:
        AgentError: The model cannot be asked or will not go on, and nothing has passed.
    """
    last = tried[-1]
    words = _find_objection(last, run_context)
    if (
        run_context.desk.models is None
        or not words
        or len(tried) > run_context.base.contract.config.limits.repair_rounds
    ):
        return None
    following: Draft | None = None
    with run_context.history.keep_passed_change("another change was made"):
        following = _get_next_draft(last, words, run_context)
    if following is None:
        run_context.history.give_up()
    return following


def _find_objection(last: Round, run_context: RunContext) -> str:
    """Say what blocks the last change, for the model; empty: nothing."""
    if not last.is_passed:
        return last.objection if last.failures else ""
    # All judged rounds count: after a review another list of rounds begins.
    was_reported = any(
        one.is_passed and one.objection
        for one in run_context.history.rounds
        if one.number < last.number
    )
    has_reader = "reviewer" in run_context.roles
    is_for_reader = has_reader and all(
        finding.is_reading for finding in last.remarks if finding.asks_author
    )
    if was_reported or is_for_reader or last.draft.by is None:
        return ""
    return last.objection


def _get_next_draft(last: Round, words: str, run_context: RunContext) -> Draft | None:
    author = last.draft.by
    if author is None:
        author = attempts.continue_draft(last.draft, (), words, run_context)
    else:
        author.answer(words, last.draft, passed=last.is_passed)
    return author.next_draft()


def answer_submission(best: Round, notes: ReviewNotes, run_context: RunContext) -> Draft | None:
    """Pass the remarks of a review to the author, once; None: there are none, or none was taken.

    Where the model cannot be asked or will not go on, the change stays as it passed.
    """
    if not notes.remarks or not best.is_passed:
        return None
    history, following = run_context.history, None
    with history.keep_passed_change("the reviewer's remarks were addressed"):
        following = _get_next_draft(
            best, rounds.format_remarks(notes.remarks, best.draft.change), run_context
        )
        if following is None and not notes.approves:
            history.record_loss("An edit to address the reviewer's remarks changed nothing.")
    if following is None:
        history.give_up()
    return following
