"""Respond: see to what is asked of a pull request: by rules, as suggested, by a model.

What comes out is a Draft on top of the branch, and an answer to each matter; nothing has left the
machine yet.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from agent.editing import attempts, by_suggestion, submissions
from agent.editing.rounds import Draft, Round
from agent.editing.run_context import RunContext
from agent.git import worktree
from agent.git.tree import WorkTree
from agent.models.change import Change, Plan
from agent.models.environment import Prepared
from agent.models.pulls import ROUNDS_OVER
from agent.models.record import Record
from agent.models.review_items import FollowUpTask, ItemAnswer, ReviewItem, Suggestion
from agent.publishing.pull_request_content import Decided
from agent.services import Services


class Suggested(Record):
    """What comes of lines that people suggest."""

    change: Change
    """With those in it that are taken."""
    answers: tuple[ItemAnswer, ...] = ()


def see_to(asked: FollowUpTask, run_context: RunContext) -> tuple[Draft, tuple[ItemAnswer, ...]]:
    """See to what is for people, what is suggested, and have a model see to the rest."""
    step, svc, prepared = run_context.step, run_context.svc, run_context.prepared
    draft = Draft(plan=asked.context.plan, change=asked.branch_state.change)
    answers = step("settle", by_rules, asked, prepared)
    suggested = step("suggestions", as_suggested, asked, answers, draft.change, prepared, svc)
    answers += suggested.answers
    if suggested.change.digest != draft.change.digest:
        draft = replace(draft, plan=_without_recipe(draft.plan), change=suggested.change)
    draft, more = by_model(asked, answers, draft, run_context)
    return draft, answers + more


def by_rules(asked: FollowUpTask, prepared: Prepared) -> tuple[ItemAnswer, ...]:
    """Answer what is for a person in any case, without an edit."""
    limits, about = prepared.contract.config.limits, prepared.run.about
    words = ""
    if about.kind == "review" and asked.context.earlier_rounds >= limits.review_rounds:
        words = (
            f"{ROUNDS_OVER} {limits.review_rounds} rounds of answers"
            " (limits.review_rounds). A person goes on, or allows more in"
            " .github/mergewright.yml."
        )
    if about.kind == "ci" and not about.by and asked.context.earlier_rounds >= limits.ci_rounds:
        words = (
            f"It was tried {limits.ci_rounds} times to mend the checks (limits.ci_rounds); a"
            " person goes on, or writes `/mergewright fix-ci`."
        )
    told = [(one, words or one.settled) for one in asked.items]
    return tuple(_for_people(one, why) for one, why in told if why)


def _content(path: str, change: Change, tree: WorkTree) -> bytes:
    """Return what a file has after a change; nothing where there is no such file then."""
    for file in change.files:
        if file.path == path:
            return file.after or b""
    return tree.read(path) if tree.has_path(path) else b""


def as_suggested(
    asked: FollowUpTask,
    answered: tuple[ItemAnswer, ...],
    change: Change,
    prepared: Prepared,
    svc: Services,
) -> Suggested:
    """Put lines that people suggest in their place, where nothing else is asked beside them.

    Args:
        change: As it is on the branch.
    """
    branch_state, run = asked.branch_state, prepared.run
    # Threads count lines in the branch as it was read, without the base merged in.
    if branch_state.brought_up or branch_state.head != asked.context.pull.head:
        return Suggested(change=change)
    base = worktree.open_tree(prepared.checkout, svc.base_folder(run))
    found: dict[str, dict[int, Suggestion]] = {}
    for item in _list_remaining(asked, answered):
        if thread := item.thread:
            one = by_suggestion.read_suggestion(thread, _content(thread.path, change, base))
            if one is not None:
                found.setdefault(one.path, {})[item.number] = one
    if not found:
        return Suggested(change=change)
    tree = worktree.lay_out(prepared.checkout, svc.head_folder(run), svc.stopped)
    tree.replay(change)
    answers: list[ItemAnswer] = []
    for path, suggestions in found.items():
        content = _content(path, change, base)
        after, put = by_suggestion.apply_suggestions(content, tuple(suggestions.values()))
        taken = {number: one for number, one in suggestions.items() if one in put}
        if taken:
            answers += _put_suggestion(path, after, taken, tree, prepared, base)
    return Suggested(
        change=change.model_copy(update={"files": tree.changes()}), answers=tuple(answers)
    )


def _put_suggestion(
    path: str,
    content: bytes,
    taken: dict[int, Suggestion],
    tree: WorkTree,
    prepared: Prepared,
    base: WorkTree,
) -> Iterator[ItemAnswer]:
    """Write a file as people suggest it, unless its path is closed."""
    shut = submissions.find_closed((path,), base, prepared.contract.config)
    if shut:
        words = f"It was not applied: {shut[0].message} {shut[0].fix}"
        yield from (ItemAnswer(item=number, end="human", text=words) for number in taken)
        return
    tree.write(path, content)
    # A file that is as in the base again is no part of the change.
    changed = any(file.path == path for file in tree.changes())
    for number, one in taken.items():
        applied = one if changed else None
        yield ItemAnswer(
            item=number, end="commit", text="Applied as suggested.", applied_suggestion=applied
        )


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
    if run_context.svc.models is None or not run_context.svc.models.list_chain(
        "editor", run_context.decision.category
    ):
        return draft, tuple(_for_people(one, _without_model(one)) for one in left)
    attempt = attempts.on_pull(
        replace(draft, plan=_without_recipe(draft.plan)), left, "", run_context
    )
    following = attempt.next_draft()
    if following is None:
        run_context.give_up()
        words = f"The model did not answer what was asked: {attempt.why}."
        return draft, tuple(_for_people(one, words) for one in left)
    return following, attempt.answers


def _without_model(item: ReviewItem) -> str:
    """Say why nothing was done about a matter where no model is set."""
    none = "No model is set up here"
    if item.thread and any("```suggestion" in one.body for one in item.thread.comments):
        return (
            f"{none}, and a suggestion is applied without one only where its lines are still there"
            " and nothing else is written beside it."
        )
    return f"{none}, and only a suggestion is applied without one."


def make_withheld_answers(
    answers: tuple[ItemAnswer, ...], decided: Decided | None, tried: Round | None
) -> tuple[ItemAnswer, ...]:
    """Answer what was edited and is not published.

    Args:
        decided: What is published; None: nothing is.
        tried: What did not pass; None: nothing such.
    """
    if decided is not None:
        change = decided.cleared.change
        return tuple(_taken_back(one) if _is_gone(one, change) else one for one in answers)
    if tried is None:
        return answers
    if tried.verdict is not None:
        why = tried.verdict.sentence
    else:
        first = tried.refused[0]
        why = f"The rule {first.rule} does not allow it: {first.message}"
    words = f"An edit for this was made, and not published. {why}"
    return tuple(_not_done(one, words) if one.end == "commit" else one for one in answers)


def _is_gone(answer: ItemAnswer, change: Change) -> bool:
    """Whether a suggestion that was applied is not in what is published."""
    wanted = answer.applied_suggestion
    if wanted is None:
        return False
    content = next((one.after for one in change.files if one.path == wanted.path), None)
    return content is None or not by_suggestion.is_applied(content, wanted)


def _taken_back(answer: ItemAnswer) -> ItemAnswer:
    words = "It was applied as suggested; then these lines were edited again for rules and checks."
    return _not_done(answer, words)


def _not_done(answer: ItemAnswer, words: str) -> ItemAnswer:
    return answer.model_copy(update={"end": "human", "text": words, "by_model": False})


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
