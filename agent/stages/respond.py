"""Respond: see to what is asked of a pull request, by rules and by a model.

What comes out is a Draft on top of the branch, and an answer to each matter; nothing has left the
machine yet.
"""

import dataclasses

from agent.conversation.commands import ROUNDS_OVER
from agent.editing import attempts
from agent.editing.attempts import Attempt
from agent.editing.loop import ConversationOver
from agent.editing.rounds import Draft
from agent.editing.run_context import RunContext
from agent.models.change import Plan
from agent.models.record import replace
from agent.models.task import FollowUpItem, ItemAnswer, PullContext

#: Answers to reviews of a pull request, and unasked repairs of its red checks.
_REVIEW_ROUNDS, _CI_ROUNDS = 5, 2
_NO_MODEL = "I can't make this change: no model is configured."


def answer_by_rules(pull: PullContext, items: tuple[FollowUpItem, ...]) -> tuple[ItemAnswer, ...]:
    """Answer what is for a person in any case, without an edit."""
    about, earlier = pull.about, pull.earlier_rounds
    words = ""
    if about.kind == "review" and earlier >= _REVIEW_ROUNDS:
        words = f"{ROUNDS_OVER} {_REVIEW_ROUNDS} rounds of answers. A person has to continue."
    if about.kind == "ci" and not about.by and earlier >= _CI_ROUNDS:
        words = (
            f"I tried {_CI_ROUNDS} times to fix the checks. A person has to continue, or"
            " comment `/mergewright fix-ci`."
        )
    answered = [(item, words or item.settled) for item in items]
    return tuple(_for_people(item, why) for item, why in answered if why)


def answer_by_recipe(items: tuple[FollowUpItem, ...]) -> tuple[ItemAnswer, ...]:
    """Answer what the recipe settles by making its change again."""
    text = "The recipe made its change again, after the base's migrations."
    return tuple(ItemAnswer(item=item.number, end="commit", text=text) for item in items)


def answer_by_model(
    given: tuple[ItemAnswer, ...], plan: Plan, run_context: RunContext
) -> tuple[Draft, tuple[ItemAnswer, ...], Attempt | None]:
    """Have a model answer what is left, on top of the branch; without one, people.

    Args:
        given: The answers so far.
        plan: Of the change as it is.

    Returns:
        The branch with what the model has edited, all answers, and its conversation if it answered.
    """
    task = run_context.task
    draft = Draft(plan=plan, change=task.start.change)
    done = {answer.item for answer in given}
    left = tuple(item for item in task.items if item.number not in done)
    if not left:
        return draft, given, None
    if not run_context.desk.has_editor:
        return draft, given + tuple(_for_people(item, _NO_MODEL) for item in left), None
    run_context.preparation.finish()
    # A recipe makes its change anew from the base, and would lose what others have edited.
    by_model = dataclasses.replace(draft, plan=replace(plan, recipe="", parameters=""))
    attempt = attempts.continue_draft(by_model, left, "", run_context)
    try:
        return attempt.next_draft(), given + attempt.answers, attempt
    except ConversationOver as over:
        words = f"The model did not answer: {over.message}."
        if attempt.is_changed:
            words = f"The model edited files, but never submitted them: {over.message}."
        return draft, given + tuple(_for_people(item, words) for item in left), None


def _for_people(item: FollowUpItem, words: str) -> ItemAnswer:
    return ItemAnswer(item=item.number, end="human", text=words)
