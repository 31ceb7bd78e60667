"""The conversations in which a model edits source: an attempt from the start, and a repair."""

from __future__ import annotations

from agent.domain import Change, Plan
from agent.editing import opening, prompting
from agent.editing.called import Objection, Opening
from agent.editing.desk import Accept, Desk
from agent.editing.job import Job
from agent.editing.loop import Conversation, Ended, converse
from agent.editing.rounds import Draft
from agent.editing.tests_first import FINISH, Finished
from agent.errors import EditFailed


def attempt(
    plan: Plan,
    tests: Change,
    job: Job,
    *,
    which: str = "",
    after: Draft | None = None,
    failed: str = "",
) -> Draft:
    """Have the change made, from the tests alone.

    Args:
        which: Of several that know nothing of each other, in words for the model.
        after: The attempt of the same candidate that was given up.
        failed: What became of that, in words for the model.

    Raises:
        EditFailed: Nothing was changed.
    """
    name = f"edit {job.number}"
    repairs, number = (after.repairs, after.attempt + 1) if after else (0, 1)
    draft = Draft(plan=plan, tests=tests, change=tests, repairs=repairs, attempt=number)
    if not plan.files and tests.files:
        return draft  # tests for code that stays as it is
    told = job.step(
        f"{name} opening", opening.of_edit, plan, tests, failed, which, job.ticket, job.prepared,
        job.svc,
    )  # fmt: skip
    ended = _talk(name, "edit", told, draft, job)
    if ended.change.digest == tests.digest:
        raise EditFailed(f"The editing model changed nothing: {ended.why}.")
    return draft.edited(ended.change, _summary(ended))


def repair(draft: Draft, failed: str, job: Job) -> Draft:
    """Have a change mended; what comes out may be the same.

    Args:
        failed: What is wrong with it, in words for the model.
    """
    name = f"repair {job.number}"
    told = job.step(
        f"{name} opening", opening.of_repair, draft.plan, draft.change, failed, job.ticket,
        job.prepared, job.svc,
    )  # fmt: skip
    ended = _talk(name, "repair", told, draft, job)
    return draft.mended(ended.change, _summary(ended))


def _talk(name: str, prompt: str, told: Opening, draft: Draft, job: Job) -> Ended:
    about = Conversation(
        name=name,
        role="editor",
        prompt=prompting.prompt(prompt, job.prepared),
        opening=told,
        desk=Desk(job, FINISH, _accept(draft.change), phase="source", closed=draft.tests.paths),
        change=draft.change,
    )
    return converse(about, job)


def _accept(before: Change) -> Accept[Finished]:
    def accept(found: Finished, change: Change) -> Objection | None:
        if change.digest == before.digest:
            return Objection(text="Nothing was changed since this began; edit first.")
        return None

    return accept


def _summary(ended: Ended) -> str:
    return Finished.model_validate_json(ended.form).summary if ended.form else ""
