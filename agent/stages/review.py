"""Review: a second model's look at the change; without a model, the word that there was none."""

from __future__ import annotations

from agent.editing import reviewing
from agent.editing.rounds import Round
from agent.editing.run_context import RunContext
from agent.models.review import ReviewNotes


def review_change(best: Round, run_context: RunContext) -> ReviewNotes:
    """Have a model's change reviewed by a second model, if it passed."""
    if not run_context.model_uses:
        return ReviewNotes(ran=False, sentence="Not run: no model has edited anything.")
    if not best.is_passed:
        return ReviewNotes(ran=False, sentence="Not run: the change did not pass.")
    return reviewing.review_change(best, run_context)


def settle_review(
    best: Round, answered: Round, notes: ReviewNotes, run_context: RunContext
) -> tuple[Round, ReviewNotes]:
    """Take the change that answers a review if it passes as well, else the one before it."""
    if not answered.is_passed:
        how = "was not checked to its end" if answered.unfinished else "did not pass"
        more = f"A change that answers this {how}, so what was reviewed stays as it was."
        return best, notes.model_copy(update={"sentence": f"{notes.sentence} {more}"})
    return answered, _merge_reviews(notes, reviewing.review_change(answered, run_context))


def _merge_reviews(before: ReviewNotes, after: ReviewNotes) -> ReviewNotes:
    """Give the second review, with what of the first one asked for no edit."""
    count = len(before.blocking)
    said = (
        f"{before.model} asked for {count} change{'s' * (count != 1)}, and another edit followed."
    )
    kept = [one for one in before.remarks if not one.blocking and one not in after.remarks]
    return after.model_copy(
        update={
            "ran": True,
            "sentence": f"{said} {after.sentence}",
            "remarks": (*after.remarks, *kept),
            "model": after.model or before.model,
        }
    )
