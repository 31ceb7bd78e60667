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
    most = _MOST_MATTERS // max(1, len(matters))
    return _joined(
        _state(before, prepared, svc),
        *_repository(ticket, prepared, svc),
        _ticket(ticket, prepared),
        _plan(plan, prepared),
        data("The change so far", _diff(prepared, change), prepared) if change else "",
        *(
            data(
                f"Matter {one.number}",
                cleaning.cut(one.text, most, where="the pull request"),
                prepared,
            )
            for one in matters
        ),
        data(
            "What went wrong", cleaning.cut(failed, _MOST_FAILED, where="run the checks"), prepared
        ),
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
    return _joined(
        _state(before, prepared, svc),
        _ticket(ticket, prepared),
        _plan(plan, prepared),
        data("The diff", _diff(prepared, change), prepared),
        data("Its author says", words[:_MOST_WORDS], prepared),
        checked,
    )


def _joined(*parts: str) -> Opening:
    return Opening(text="\n\n".join(filter(None, parts)))


def data(title: str, words: str, base: Opened) -> str:
    """Put foreign words between marks, if there are any."""
    return fenced(title, words, base.run.run_id) if words else ""


def _diff(prepared: Prepared, change: Change) -> str:
    """Show a change, without the ids of its contents."""
    shown = _IDS.sub("", worktree.diff(prepared.checkout, change))
    return cleaning.cut(shown, _MOST_DIFF, where="read")


def _state(before: CheckReport, prepared: Prepared, svc: Services) -> str:
    words = base_state.describe(before, prepared, svc).text
    return data("The base, and its checks", words, prepared)


def _repository(ticket: Ticket, base: Opened, svc: Services) -> tuple[str, str]:
    """Tell what the base holds, and how people want code written."""
    tree = worktree.open_tree(base.checkout, svc.base_folder(base.run))
    words, folder = f"{ticket.title}\n{ticket.body}", base.contract.config.folder
    shown = data(
        "Outline of the repository", outline.describe(tree, words, folder, _MOST_OUTLINE), base
    )
    name = next((name for name in _NOTES if tree.has(name)), None)
    if name is None:
        return shown, ""
    notes = cleaning.incoming(tree.read(name).decode("utf-8", "replace"))[0]
    return shown, data(f"From {name}", cleaning.cut(notes, _MOST_NOTES, where=name), base)


def _ticket(ticket: Ticket, base: Opened) -> str:
    words = f"{ticket.title}\n\n{ticket.body}".strip()
    told = data("The ticket", cleaning.cut(words, _MOST_TICKET, where="the issue"), base)
    return f"{told}\n\n{_earlier(ticket.earlier, base)}" if ticket.earlier else told


def _earlier(attempt: EarlierAttempt, base: Opened) -> str:
    began = f"An earlier attempt, pull request #{attempt.pull}, was closed"
    if not attempt.remarks:
        return f"{began}; nobody said why."
    return data(f"{began}; people said", attempt.remarks, base)


def _plan(plan: Plan, base: Opened) -> str:
    lines = [plan.title, *(f"{number}. {step}" for number, step in enumerate(plan.steps, 1))]
    lines += [f"Files: {', '.join(plan.files)}"] if plan.files else []
    return data("The plan", "\n".join(lines), base)
