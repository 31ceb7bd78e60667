"""Respond: answer the items of a follow-up, by rules, by the recipe or by a model.

The result is a Draft on top of the branch, and an answer to each item. Nothing is published yet.
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

#: Maximum rounds of answers to reviews, and of repairs of failed checks that no command requested.
_REVIEW_ROUNDS, _CI_ROUNDS = 5, 2
_NO_MODEL = "I can't make this change: no model is configured."


def answer_by_rules(pull: PullContext, items: tuple[FollowUpItem, ...]) -> tuple[ItemAnswer, ...]:
    """Answer items that are left to a person: those `settled`, or all after too many rounds."""
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
    """Answer the items that the recipe resolves by making its change again."""
    text = "The recipe made its change again, after the base's migrations."
    return tuple(ItemAnswer(item=item.number, end="commit", text=text) for item in items)


def answer_by_model(
    answers: tuple[ItemAnswer, ...], plan: Plan, run_context: RunContext
) -> tuple[Draft, tuple[ItemAnswer, ...], Attempt | None]:
    """Have a model answer the other items; without a model they are left to people.

    Args:
        answers: The answers so far.
        plan: The plan of the change on the branch.

    Returns:
        The branch with the model's edits, all answers, and its conversation if it answered.
    """
    task = run_context.task
    draft = Draft(plan=plan, change=task.start.change)
    done = {answer.item for answer in answers}
    left = tuple(item for item in task.items if item.number not in done)
    if not left:
        return draft, answers, None
    if not run_context.desk.has_editor:
        return draft, answers + tuple(_for_people(item, _NO_MODEL) for item in left), None
    run_context.preparation.finish()
    # The recipe would make its change anew from the base, and lose other edits.
    by_model = dataclasses.replace(draft, plan=replace(plan, recipe="", parameters=""))
    attempt = attempts.continue_draft(by_model, left, "", run_context)
    try:
        return attempt.next_draft(), answers + attempt.answers, attempt
    except ConversationOver as over:
        words = f"The model did not answer: {over.message}."
        if attempt.is_changed:
            words = f"The model edited files, but never submitted them: {over.message}."
        return draft, answers + tuple(_for_people(item, words) for item in left), None


def _for_people(item: FollowUpItem, words: str) -> ItemAnswer:
    return ItemAnswer(item=item.number, end="human", text=words)
