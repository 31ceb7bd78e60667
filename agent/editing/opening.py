"""The first message of each conversation: what stays the same first, then what it is about.

All that is foreign in it stands between marks, as data.
"""

from __future__ import annotations

from agent.editing import base_state, outline
from agent.editing.prompting import fenced
from agent.editing.rounds import Draft
from agent.editing.run_context import RunContext
from agent.editing.turn_records import OpeningMessage
from agent.git import worktree
from agent.models.change import Change, Plan
from agent.models.review_items import ReviewItem
from agent.onboarding import facts
from agent.text import sanitise

_MOST_TICKET = 20_000
_MOST_NOTES = 2_000
_MOST_FILES = 2
_MOST_OUTLINE = 3_000
_MOST_DIFF = 30_000
_MOST_FAILED = 8_000
_MOST_WORDS = 3_000
_MOST_MATTERS = 24_000


def of_ticket(run_context: RunContext) -> OpeningMessage:
    """Begin with a ticket; the state of the base is told with the answer to the plan."""
    listed, *notes = _describe_repository(run_context)
    if notes and run_context.base.contract.config.contributions == "auto":
        notes.append("Where these notes refuse changes that machines make, `decline`.")
    return _join_messages(listed, *notes, *_describe_ticket(run_context))


def of_change(
    plan: Plan,
    change: Change | None,
    items: tuple[ReviewItem, ...],
    failed: str,
    run_context: RunContext,
) -> OpeningMessage:
    """Begin with a plan that is agreed.

    Args:
        change: Of a pull request, as it is; None: it is begun anew.
        items: What people ask of it.
        failed: What stands against it, or against an earlier attempt.
    """
    most = _MOST_MATTERS // max(1, len(items))
    return _join_messages(
        _fence("The base, and its checks", base_state.describe_base(run_context).text, run_context),
        *_describe_repository(run_context),
        *_describe_ticket(run_context),
        _describe_plan(plan, run_context),
        _fence("The change so far", _diff(change, run_context) if change else "", run_context),
        *(
            _fence(f"Matter {one.number}", one.text, run_context, most, "the pull request")
            for one in items
        ),
        _fence("What went wrong", failed, run_context, _MOST_FAILED, "run the checks"),
    )


def of_review(draft: Draft, checked: str, run_context: RunContext) -> OpeningMessage:
    """Begin the review: ticket, plan, diff, what its author says, and how it was judged.

    Args:
        checked: In words of ours.
    """
    return _join_messages(
        _fence("The base, and its checks", base_state.describe_base(run_context).text, run_context),
        *_describe_ticket(run_context),
        _describe_plan(draft.plan, run_context),
        _fence("The diff", _diff(draft.change, run_context), run_context),
        _fence("Its author says", draft.words[:_MOST_WORDS], run_context),
        checked,
    )


def _join_messages(*parts: str) -> OpeningMessage:
    return OpeningMessage(text="\n\n".join(filter(None, parts)))


def _fence(
    title: str, words: str, run_context: RunContext, most: int = _MOST_DIFF, where: str = ""
) -> str:
    """Put foreign words between marks, if there are any.

    Args:
        most: Characters; of more the middle is cut out.
        where: Where all of them are.
    """
    return (
        fenced(
            title, sanitise.shorten_middle(words, most, where=where), run_context.base.run.run_id
        )
        if words
        else ""
    )


def _diff(change: Change, run_context: RunContext) -> str:
    return sanitise.shorten_middle(
        worktree.make_diff(run_context.base.checkout, change), _MOST_DIFF, where="read"
    )


def _describe_repository(run_context: RunContext) -> tuple[str, ...]:
    """Tell what the base holds, and how people want code written."""
    tree = worktree.open_tree(
        run_context.base.checkout, run_context.svc.base_folder(run_context.base.run)
    )
    words, folder = (
        f"{run_context.ticket.title}\n{run_context.ticket.body}",
        run_context.base.contract.config.folder,
    )
    listed = outline.describe_files(tree, words, folder, _MOST_OUTLINE)
    shown = _fence("Outline of the repository", listed, run_context)
    names = facts.find_notes(tree.paths())[:_MOST_FILES]
    texts = [sanitise.clean_ticket(tree.read(name).decode("utf-8", "replace"))[0] for name in names]
    several = zip(names, texts, strict=True)
    return shown, *(
        _fence(f"From {name}", text, run_context, _MOST_NOTES, name) for name, text in several
    )


def _describe_ticket(run_context: RunContext) -> tuple[str, ...]:
    words = f"{run_context.ticket.title}\n\n{run_context.ticket.body}".strip()
    told = _fence("The ticket", words, run_context, _MOST_TICKET, "the issue")
    if (attempt := run_context.ticket.earlier) is None:
        return (told,)
    began = f"An earlier attempt, pull request #{attempt.pull}, was closed"
    if not attempt.remarks:
        return told, f"{began}; nobody said why."
    return told, _fence(f"{began}; people said", attempt.remarks, run_context)


def _describe_plan(plan: Plan, run_context: RunContext) -> str:
    lines = [plan.title, *(f"{number}. {step}" for number, step in enumerate(plan.steps, 1))]
    lines += [f"Files: {', '.join(plan.files)}"] if plan.files else []
    return _fence("The plan", "\n".join(lines), run_context)
