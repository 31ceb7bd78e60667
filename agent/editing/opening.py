"""The first message of each conversation: what stays the same first, then what it is about.

All that is foreign in it stands between marks, as data.
"""

from __future__ import annotations

import re

from agent import cleaning, worktree
from agent.agenda import Matter
from agent.domain import Change, CheckReport, EarlierAttempt, Opened, Plan, Prepared, Ticket
from agent.editing import base_state, outline
from agent.editing.called import Opening
from agent.editing.prompting import fenced
from agent.repository.tree import WorkTree
from agent.services import Services

_MOST_TICKET = 20_000
_MOST_NOTES = 2_000
_MOST_OUTLINE = 3_000
_MOST_DIFF = 30_000
_MOST_FAILED = 8_000
_MOST_WORDS = 3_000
_MOST_MATTERS = 24_000
_IDS = re.compile(r"^index [0-9a-f]+\.\.[0-9a-f]+(?: \d+)?\n", re.MULTILINE)
#: Where people tell contributors how code is written; the first that is there is shown.
_NOTES = ("AGENTS.md", "CONTRIBUTING.md", "CONTRIBUTING.rst", ".github/CONTRIBUTING.md")


def of_ticket(ticket: Ticket, base: Opened, svc: Services) -> Opening:
    """Begin with a ticket: the outline of the repository, and the ticket.

    The state of the base is told with the answer to the plan.
    """
    return _joined(*_repository(ticket, base, svc), _ticket(ticket, base))


def of_change(
    plan: Plan,
    change: Change | None,
    matters: tuple[Matter, ...],
    failed: str,
    ticket: Ticket,
    prepared: Prepared,
    before: CheckReport,
    svc: Services,
) -> Opening:
    """Begin with a plan that is agreed.

    Args:
        change: Of a pull request, as it is; None: it is begun anew.
        matters: What people ask of it.
        failed: What stands against it, or against an earlier attempt.
    """
    run_id, most = prepared.run.run_id, _MOST_MATTERS // max(1, len(matters))
    cut = ((one, cleaning.cut(one.text, most, where="the pull request")) for one in matters)
    diff = _diff(prepared, change, _MOST_DIFF) if change else ""
    return _joined(
        _state(before, prepared, svc),
        *_repository(ticket, prepared, svc),
        _ticket(ticket, prepared),
        _plan(plan, prepared),
        fenced("The change so far", diff, run_id) if change else "",
        *(fenced(f"Matter {matter.number}", text, run_id) for matter, text in cut),
        _failed(failed, prepared),
    )


def of_review(
    plan: Plan,
    change: Change,
    words: str,
    checked: str,
    ticket: Ticket,
    prepared: Prepared,
    before: CheckReport,
    svc: Services,
) -> Opening:
    """Begin the review: ticket, plan, diff, what its author says, and how it was judged.

    Args:
        words: Of the author.
        checked: In words of ours.
    """
    run_id = prepared.run.run_id
    return _joined(
        _state(before, prepared, svc),
        _ticket(ticket, prepared),
        _plan(plan, prepared),
        fenced("The diff", _diff(prepared, change, _MOST_DIFF), run_id),
        fenced("Its author says", words[:_MOST_WORDS], run_id) if words else "",
        checked,
    )


def _diff(prepared: Prepared, change: Change, most: int) -> str:
    """Show a change, without the ids of its contents."""
    shown = _IDS.sub("", worktree.diff(prepared.checkout, change))
    return cleaning.cut(shown, most, where="read")


def _joined(*parts: str) -> Opening:
    return Opening(text="\n\n".join(part for part in parts if part))


def _failed(words: str, base: Opened) -> str:
    shown = cleaning.cut(words, _MOST_FAILED, where="run the checks")
    return fenced("What went wrong", shown, base.run.run_id) if words else ""


def _state(before: CheckReport, prepared: Prepared, svc: Services) -> str:
    words = base_state.describe(before, prepared, svc).text
    return fenced("The base, and its checks", words, prepared.run.run_id)


def _repository(ticket: Ticket, base: Opened, svc: Services) -> tuple[str, ...]:
    """Tell what the base holds, and how people want code written."""
    run_id = base.run.run_id
    tree = worktree.open_tree(base.checkout, svc.base_folder(base.run))
    words = f"{ticket.title}\n{ticket.body}"
    shown = outline.describe(tree, words, base.contract.config.folder, _MOST_OUTLINE)
    return (
        fenced("Outline of the repository", shown, run_id) if shown else "",
        _notes(tree, run_id),
    )


def _notes(tree: WorkTree, run_id: str) -> str:
    present = frozenset(tree.paths())
    name = next((name for name in _NOTES if name in present), None)
    if name is None:
        return ""
    words = tree.read(name).decode("utf-8", "replace")
    shown = cleaning.cut(cleaning.incoming(words)[0], _MOST_NOTES, where=name)
    return fenced(f"From {name}", shown, run_id)


def _ticket(ticket: Ticket, base: Opened) -> str:
    words = f"{ticket.title}\n\n{ticket.body}".strip()
    shown = cleaning.cut(words, _MOST_TICKET, where="the issue")
    told = fenced("The ticket", shown, base.run.run_id)
    return f"{told}\n\n{_earlier(ticket.earlier, base)}" if ticket.earlier else told


def _earlier(attempt: EarlierAttempt, base: Opened) -> str:
    began = f"An earlier attempt, pull request #{attempt.pull}, was closed"
    if not attempt.remarks:
        return f"{began}; nobody said why."
    return fenced(f"{began}; people said", attempt.remarks, base.run.run_id)


def _plan(plan: Plan, base: Opened) -> str:
    lines = [plan.title, *(f"{number}. {step}" for number, step in enumerate(plan.steps, 1))]
    lines += [f"Files: {', '.join(plan.files)}"] if plan.files else []
    return fenced("The plan", "\n".join(lines), base.run.run_id)
