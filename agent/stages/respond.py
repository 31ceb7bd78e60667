"""Respond: see to what is asked of a pull request, by rules and by a model.

What comes out is a Draft on top of the branch, and an answer to each matter; nothing has left the
machine yet.
"""

from __future__ import annotations

from dataclasses import replace

from agent.conversation.commands import ROUNDS_OVER
from agent.editing import attempts
from agent.editing.rounds import Draft, Round
from agent.editing.run_context import RunContext
from agent.models.change import Plan
from agent.models.environment import Opened
from agent.models.review_items import FollowUpTask, ItemAnswer, ReviewItem
from agent.models.step import Step
from agent.publishing.evidence import Decided

#: Answers to reviews of a pull request, and unasked repairs of its red checks.
_REVIEW_ROUNDS, _CI_ROUNDS = 5, 2
_NO_MODEL = "Mergewright can't make this change: no model is configured."


def see_to(asked: FollowUpTask, run_context: RunContext) -> tuple[Draft, tuple[ItemAnswer, ...]]:
    draft = Draft(plan=asked.context.plan, change=asked.branch_state.change)
    answers = run_context.once(Step.SETTLE, by_rules, asked, run_context.base)
    draft, more = by_model(asked, answers, draft, run_context)
    return draft, answers + more


def by_rules(asked: FollowUpTask, base: Opened) -> tuple[ItemAnswer, ...]:
    """Answer what is for a person in any case, without an edit."""
    about, earlier = base.run.about, asked.context.earlier_rounds
    words = ""
    if about.kind == "review" and earlier >= _REVIEW_ROUNDS:
        words = f"{ROUNDS_OVER} {_REVIEW_ROUNDS} rounds of answers. A person goes on."
    if about.kind == "ci" and not about.by and earlier >= _CI_ROUNDS:
        words = (
            f"It was tried {_CI_ROUNDS} times to mend the checks; a person goes on, or writes"
            " `/mergewright fix-ci`."
        )
    told = [(one, words or one.settled) for one in asked.items]
    return tuple(_for_people(one, why) for one, why in told if why)


def by_model(
    asked: FollowUpTask, answered: tuple[ItemAnswer, ...], draft: Draft, run_context: RunContext
) -> tuple[Draft, tuple[ItemAnswer, ...]]:
    """Have a model see to what is left, on top of the draft; without one, people.

    Raises:
        BudgetSpent: The next request could cost more than is left.
        TimeSpent: The minutes of the run are used.
        ModelRefused: The model will not go on.
    """
    left = _list_remaining(asked, answered)
    if not left:
        return draft, ()
    if run_context.desk.models is None or not run_context.desk.models.list_chain("editor"):
        return draft, tuple(_for_people(one, _NO_MODEL) for one in left)
    run_context.prepare_environment()
    attempt = attempts.continue_draft(
        replace(draft, plan=_without_recipe(draft.plan)), left, "", run_context
    )
    following = attempt.next_draft()
    if following is None:
        run_context.give_up()
        words = f"The model did not answer what was asked: {attempt.why}."
        return draft, tuple(_for_people(one, words) for one in left)
    return following, attempt.answers


def make_withheld_answers(
    answers: tuple[ItemAnswer, ...], decided: Decided | None, tried: Round | None
) -> tuple[ItemAnswer, ...]:
    """Answer what was edited and is not published.

    Args:
        decided: What is published; None: nothing is.
        tried: What did not pass; None: nothing such.
    """
    if decided is not None or tried is None:
        return answers
    if tried.verdict is not None:
        why = tried.verdict.sentence
    else:
        first = tried.refused[0]
        why = f"The rule {first.rule} does not allow it: {first.message}"
    words = f"An edit for this was made, and not published. {why}"
    update = {"end": "human", "text": words, "by_model": False}
    return tuple(one.model_copy(update=update) if one.end == "commit" else one for one in answers)


def _without_recipe(plan: Plan) -> Plan:
    """A recipe makes its change anew from the base, and would lose what others have edited."""
    return plan.model_copy(update={"recipe": "", "parameters": ""})


def _list_remaining(
    asked: FollowUpTask, answered: tuple[ItemAnswer, ...]
) -> tuple[ReviewItem, ...]:
    done = {one.item for one in answered}
    return tuple(one for one in asked.items if one.number not in done)


def _for_people(item: ReviewItem, words: str) -> ItemAnswer:
    return ItemAnswer(item=item.number, end="human", text=words)
