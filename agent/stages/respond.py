"""Respond: see to what is asked of a pull request, by what is known, by a recipe, by a model.

What comes out is a Draft on top of the branch, and an answer to each matter; nothing has left the
machine yet.
"""

from __future__ import annotations

from dataclasses import replace

from agent import worktree
from agent.agenda import Agenda, Answer, Matter
from agent.domain import Change, Plan, Prepared, Record
from agent.editing import answering
from agent.editing.job import Job
from agent.editing.rounds import LAST, Draft, Round
from agent.errors import AgentError, EditFailed
from agent.pulls import ROUNDS_OVER, Thread
from agent.recipes import revising
from agent.recipes.recipe import Ground, Wish
from agent.recipes.revising import Heard
from agent.repository.tree import WorkTree
from agent.services import Services
from repo_config.tree import Within


class Taken(Record):
    """What a recipe says to a matter."""

    matter: int
    """Its number."""
    heard: Heard


class Revised(Record):
    """What a recipe makes of what is asked."""

    plan: Plan
    """With its parameters as they are wanted."""
    taken: tuple[Taken, ...] = ()
    """Those that it sees to."""
    left: tuple[Taken, ...] = ()
    """Those that it leaves, with the reason."""

    @property
    def edits(self) -> bool:
        """Whether the recipe has something to change."""
        return any(one.heard.end == "revised" for one in self.taken)


def by_rules(asked: Agenda, prepared: Prepared, svc: Services) -> tuple[Answer, ...]:
    """Answer what is for a person in any case, without an edit."""
    limits, about = prepared.contract.config.limits, prepared.run.follow_up
    words = ""
    if about and about.kind == "review" and asked.occasion.answered >= limits.review_rounds:
        words = (
            f"{ROUNDS_OVER} {limits.review_rounds} rounds of answers"
            " (limits.review_rounds); a person goes on."
        )
    if about and about.kind == "ci" and not about.by:
        if asked.occasion.answered >= limits.ci_rounds:
            words = (
                f"It was tried {limits.ci_rounds} times to mend the checks (limits.ci_rounds); a"
                " person goes on, or writes `/mergewright fix-ci`."
            )
    told = [(one, words or one.settled) for one in asked.matters]
    return tuple(_for_people(one, why) for one, why in told if why)


def by_recipe(
    asked: Agenda, answered: tuple[Answer, ...], prepared: Prepared, svc: Services
) -> Revised:
    """Have the recipe that made the change understand what is asked of it, as far as it can.

    It makes the whole change anew, so it keeps away from a branch that people have worked on.
    """
    plan, standing = asked.occasion.plan, asked.standing
    waiting = [one for one in _left(asked, answered) if one.thread is not None]
    if not plan.recipe or standing.foreign or not waiting:
        return Revised(plan=plan)
    contract = prepared.contract
    tree = worktree.open_tree(prepared.checkout, svc.base_folder(prepared.run))
    ground = Ground(Within(tree, contract.config.folder), contract.config, contract.project)
    wishes = [_wish(one.thread, standing.change, tree) for one in waiting if one.thread]
    revision = revising.revised(plan, wishes, ground)
    heard = [
        Taken(matter=matter.number, heard=one)
        for matter, one in zip(waiting, revision.heard, strict=True)
    ]
    return Revised(
        plan=revision.plan,
        taken=tuple(one for one in heard if one.heard.end != "open"),
        left=tuple(one for one in heard if one.heard.end == "open"),
    )


def _wish(thread: Thread, change: Change, tree: WorkTree) -> Wish:
    """Read a thread as a wish, with the lines that it stands on."""
    content = next((one.after for one in change.files if one.path == thread.path), None)
    if content is None and thread.path in tree.paths():
        content = tree.read(thread.path)
    return revising.wish_of(thread, content)


def told(revised: Revised, change: Change) -> tuple[Answer, ...]:
    """Answer what a recipe has taken, once its change is there."""
    return tuple(
        Answer(
            matter=one.matter,
            end="commit" if one.heard.end == "revised" else "reply",
            words=revising.told(one.heard, change),
        )
        for one in revised.taken
    )


def revised(draft: Draft, revised: Revised, change: Change) -> Draft:
    """Return the draft as a recipe has made it anew."""
    return replace(draft, plan=_without_tests(revised.plan), change=change)


def refused(revised: Revised, problem: AgentError) -> tuple[Answer, ...]:
    """Answer what a recipe has taken and could not carry out."""
    return tuple(
        Answer(matter=one.matter, end="human", words=problem.message) for one in revised.taken
    )


def by_model(
    asked: Agenda, answered: tuple[Answer, ...], revised: Revised, draft: Draft, job: Job
) -> tuple[Draft, tuple[Answer, ...]]:
    """Have a model see to what is left, on top of the draft.

    Args:
        revised: Tells why a recipe has left it, for where no model is set.

    Raises:
        BudgetSpent: The next request could cost more than is left.
        TimeSpent: The minutes of the run are used.
        ModelRefused: The model will not go on.
    """
    left = _left(asked, answered)
    if not left:
        return draft, ()
    if job.svc.models is None or not job.svc.models.chain("editor", job.category):
        why = {one.matter: one.heard.words for one in revised.left}
        none = "No model is set up here, and no recipe understands what is asked."
        return draft, tuple(_for_people(one, why.get(one.number, none)) for one in left)
    plan = draft.plan.model_copy(update={"recipe": "", "parameters": ""})
    try:
        return answering.answer(plan, left, draft.change, job)
    except EditFailed as problem:
        job.give_up()
        return draft, tuple(_for_people(one, problem.message) for one in left)


def withheld(answers: tuple[Answer, ...], tried: Round | None) -> tuple[Answer, ...]:
    """Answer what was edited where the edit does not pass; nothing of it is published.

    Args:
        tried: What did not pass; None: nothing such.
    """
    if tried is None:
        return answers
    if tried.verdict is not None:
        why = tried.verdict.sentence
    else:
        first = tried.refused[0]
        why = f"The rule {first.rule} does not allow it: {first.message}"
    return tuple(
        one.model_copy(
            update={
                "end": "human",
                "words": f"An edit for this was made, and not published. {why}",
                "by_model": False,
            }
        )
        if one.end == "commit"
        else one
        for one in answers
    )


def begun(asked: Agenda) -> Draft:
    """Return the change as it stands, before anything is done about it."""
    change = asked.standing.change
    nothing = Change(base_commit=change.base_commit, files=())
    plan = _without_tests(asked.occasion.plan)
    return Draft(plan=plan, tests=nothing, change=change, attempt=LAST)


def _without_tests(plan: Plan) -> Plan:
    """What its tests prove was proved when the change was opened; they may change by now."""
    return plan.model_copy(update={"tests": ()})


def _left(asked: Agenda, answered: tuple[Answer, ...]) -> tuple[Matter, ...]:
    done = {one.matter for one in answered}
    return tuple(one for one in asked.matters if one.number not in done)


def _for_people(matter: Matter, words: str) -> Answer:
    return Answer(matter=matter.number, end="human", words=words)
