"""The first message of each conversation: what stays the same first, then what it is about.

All that is foreign in it stands between marks, as data.
"""

from __future__ import annotations

from agent.editing import base_state, outline
from agent.editing.called import Opening
from agent.editing.job import Job
from agent.editing.prompting import fenced
from agent.editing.rounds import Draft
from agent.git import worktree
from agent.models.agenda import Matter
from agent.models.change import Change, Plan
from agent.onboarding import facts
from agent.text import cleaning

_MOST_TICKET = 20_000
_MOST_NOTES = 2_000
_MOST_FILES = 2
_MOST_OUTLINE = 3_000
_MOST_DIFF = 30_000
_MOST_FAILED = 8_000
_MOST_WORDS = 3_000
_MOST_MATTERS = 24_000


def of_ticket(job: Job) -> Opening:
    """Begin with a ticket; the state of the base is told with the answer to the plan."""
    listed, *notes = _describe_repository(job)
    if notes and job.base.contract.config.contributions == "auto":
        notes.append("Where these notes refuse changes that machines make, `decline`.")
    return _join(listed, *notes, *_describe_ticket(job))


def of_change(
    plan: Plan, change: Change | None, matters: tuple[Matter, ...], failed: str, job: Job
) -> Opening:
    """Begin with a plan that is agreed.

    Args:
        change: Of a pull request, as it is; None: it is begun anew.
        matters: What people ask of it.
        failed: What stands against it, or against an earlier attempt.
    """
    most = _MOST_MATTERS // max(1, len(matters))
    return _join(
        _fence("The base, and its checks", base_state.describe(job).text, job),
        *_describe_repository(job),
        *_describe_ticket(job),
        _describe_plan(plan, job),
        _fence("The change so far", _diff(change, job) if change else "", job),
        *(
            _fence(f"Matter {one.number}", one.text, job, most, "the pull request")
            for one in matters
        ),
        _fence("What went wrong", failed, job, _MOST_FAILED, "run the checks"),
    )


def of_review(draft: Draft, checked: str, job: Job) -> Opening:
    """Begin the review: ticket, plan, diff, what its author says, and how it was judged.

    Args:
        checked: In words of ours.
    """
    return _join(
        _fence("The base, and its checks", base_state.describe(job).text, job),
        *_describe_ticket(job),
        _describe_plan(draft.plan, job),
        _fence("The diff", _diff(draft.change, job), job),
        _fence("Its author says", draft.words[:_MOST_WORDS], job),
        checked,
    )


def _join(*parts: str) -> Opening:
    return Opening(text="\n\n".join(filter(None, parts)))


def _fence(title: str, words: str, job: Job, most: int = _MOST_DIFF, where: str = "") -> str:
    """Put foreign words between marks, if there are any.

    Args:
        most: Characters; of more the middle is cut out.
        where: Where all of them are.
    """
    return (
        fenced(title, cleaning.cut(words, most, where=where), job.base.run.run_id) if words else ""
    )


def _diff(change: Change, job: Job) -> str:
    return cleaning.cut(worktree.diff(job.base.checkout, change), _MOST_DIFF, where="read")


def _describe_repository(job: Job) -> tuple[str, ...]:
    """Tell what the base holds, and how people want code written."""
    tree = worktree.open_tree(job.base.checkout, job.svc.base_folder(job.base.run))
    words, folder = f"{job.ticket.title}\n{job.ticket.body}", job.base.contract.config.folder
    listed = outline.describe(tree, words, folder, _MOST_OUTLINE)
    shown = _fence("Outline of the repository", listed, job)
    names = facts.find_notes(tree.paths())[:_MOST_FILES]
    texts = [cleaning.incoming(tree.read(name).decode("utf-8", "replace"))[0] for name in names]
    several = zip(names, texts, strict=True)
    return shown, *(_fence(f"From {name}", text, job, _MOST_NOTES, name) for name, text in several)


def _describe_ticket(job: Job) -> tuple[str, ...]:
    words = f"{job.ticket.title}\n\n{job.ticket.body}".strip()
    told = _fence("The ticket", words, job, _MOST_TICKET, "the issue")
    if (attempt := job.ticket.earlier) is None:
        return (told,)
    began = f"An earlier attempt, pull request #{attempt.pull}, was closed"
    if not attempt.remarks:
        return told, f"{began}; nobody said why."
    return told, _fence(f"{began}; people said", attempt.remarks, job)


def _describe_plan(plan: Plan, job: Job) -> str:
    lines = [plan.title, *(f"{number}. {step}" for number, step in enumerate(plan.steps, 1))]
    lines += [f"Files: {', '.join(plan.files)}"] if plan.files else []
    return _fence("The plan", "\n".join(lines), job)
