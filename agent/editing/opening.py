"""The first message of each conversation: what stays the same first, then what it is about.

All that is foreign in it stands between marks, as data.
"""

from __future__ import annotations

import re

from agent import cleaning, worktree
from agent.agenda import Matter
from agent.domain import Change, EarlierAttempt, Plan, Prepared, Ticket
from agent.editing import outline
from agent.editing.called import Opening
from agent.editing.prompting import fenced
from agent.services import Services

_MOST_TICKET = 20_000
_MOST_NOTES = 2_000
#: The tool `outline` shows more.
_MOST_OUTLINE = 3_000
_MOST_DIFF = 30_000
_MOST_TESTS = 12_000
_MOST_FAILED = 8_000
_MOST_MATTERS = 24_000
_IDS = re.compile(r"^index [0-9a-f]+\.\.[0-9a-f]+(?: \d+)?\n", re.MULTILINE)
#: Where people tell contributors how code is written; the first that is there is shown.
_NOTES = ("AGENTS.md", "CONTRIBUTING.md", "CONTRIBUTING.rst", ".github/CONTRIBUTING.md")


def of_plan(ticket: Ticket, prepared: Prepared, svc: Services) -> Opening:
    """Begin the plan: the outline of the repository, its people's notes, the ticket."""
    tree = worktree.open_tree(prepared.checkout, svc.base_folder(prepared.run))
    read = outline.of(tree, prepared.checkout, svc.settings.home / outline.FOLDER)
    words = f"{ticket.title}\n{ticket.body}"
    shown = read.whole(words, prepared.contract.config.folder, _MOST_OUTLINE)
    return _joined(
        fenced("Outline of the repository", shown, prepared.run.run_id) if shown else "",
        *_repository(prepared, svc),
        _ticket(ticket, prepared),
    )


def of_tests(plan: Plan, failed: str, ticket: Ticket, prepared: Prepared, svc: Services) -> Opening:
    """Begin the tests: the same, and the plan.

    Args:
        failed: What became of an earlier attempt with other tests; empty: these are the first.
    """
    return _joined(
        *_repository(prepared, svc),
        _ticket(ticket, prepared),
        _plan(plan, prepared),
        _failed(failed, prepared),
    )


def of_edit(
    plan: Plan,
    tests: Change,
    failed: str,
    which: str,
    ticket: Ticket,
    prepared: Prepared,
    svc: Services,
) -> Opening:
    """Begin the change: the same, with the tests that it has to pass.

    Args:
        failed: What became of an earlier attempt; empty: this is the first.
        which: Of several attempts that know nothing of each other, in words; empty: the only one.
    """
    run_id = prepared.run.run_id
    diff = _diff(prepared, tests, _MOST_TESTS)
    return _joined(
        *_repository(prepared, svc),
        _ticket(ticket, prepared),
        _plan(plan, prepared),
        fenced("The acceptance tests", diff, run_id) if diff else "",
        _failed(failed, prepared),
        which,
    )


def of_repair(
    plan: Plan, change: Change, failed: str, ticket: Ticket, prepared: Prepared, svc: Services
) -> Opening:
    """Begin a repair: the change as it is, and what is wrong with it."""
    diff = _diff(prepared, change, _MOST_DIFF)
    return _joined(
        *_repository(prepared, svc),
        _ticket(ticket, prepared),
        _plan(plan, prepared),
        fenced("The change so far", diff, prepared.run.run_id),
        _failed(failed, prepared),
    )


def of_answer(
    plan: Plan,
    change: Change,
    matters: tuple[Matter, ...],
    ticket: Ticket,
    prepared: Prepared,
    svc: Services,
) -> Opening:
    """Begin the answer to a review: the change as it is, and what is asked of it."""
    run_id, most = prepared.run.run_id, _MOST_MATTERS // max(1, len(matters))
    asked = [
        fenced(
            f"Matter {matter.number}",
            cleaning.cut(matter.text, most, where="the pull request"),
            run_id,
        )
        for matter in matters
    ]
    return _joined(
        *_repository(prepared, svc),
        _ticket(ticket, prepared),
        _plan(plan, prepared),
        fenced("The change so far", _diff(prepared, change, _MOST_DIFF), run_id),
        *asked,
    )


def of_review(
    plan: Plan, change: Change, checked: str, ticket: Ticket, prepared: Prepared, svc: Services
) -> Opening:
    """Begin the review: ticket, plan, diff and how the checks ended.

    Args:
        checked: In words of ours.
    """
    run_id = prepared.run.run_id
    diff = _diff(prepared, change, _MOST_DIFF)
    return _joined(
        _ticket(ticket, prepared), _plan(plan, prepared), fenced("The diff", diff, run_id), checked
    )


def of_choice(
    plan: Plan, changes: tuple[Change, ...], ticket: Ticket, prepared: Prepared
) -> Opening:
    """Begin the choice between changes that all pass."""
    run_id, most = prepared.run.run_id, _MOST_DIFF // len(changes)
    diffs = [_diff(prepared, change, most) for change in changes]
    shown = [fenced(f"Attempt {number}", diff, run_id) for number, diff in enumerate(diffs, 1)]
    return _joined(_ticket(ticket, prepared), _plan(plan, prepared), *shown)


def _diff(prepared: Prepared, change: Change, most: int) -> str:
    """Show a change, without the ids of its contents."""
    shown = _IDS.sub("", worktree.diff(prepared.checkout, change))
    return cleaning.cut(shown, most, where="read")


def _joined(*parts: str) -> Opening:
    return Opening(text="\n\n".join(part for part in parts if part))


def _failed(words: str, prepared: Prepared) -> str:
    shown = cleaning.cut(words, _MOST_FAILED, where="run the checks")
    return fenced("What went wrong", shown, prepared.run.run_id) if words else ""


def _repository(prepared: Prepared, svc: Services) -> tuple[str, ...]:
    tree = worktree.open_tree(prepared.checkout, svc.base_folder(prepared.run))
    present = frozenset(tree.paths())
    name = next((name for name in _NOTES if name in present), None)
    if name is None:
        return ()
    words = tree.read(name).decode("utf-8", "replace")
    shown = cleaning.cut(cleaning.incoming(words)[0], _MOST_NOTES, where=name)
    return (fenced(f"From {name}", shown, prepared.run.run_id),)


def _ticket(ticket: Ticket, prepared: Prepared) -> str:
    words = f"{ticket.title}\n\n{ticket.body}".strip()
    shown = cleaning.cut(words, _MOST_TICKET, where="the issue")
    told = fenced("The ticket", shown, prepared.run.run_id)
    return f"{told}\n\n{_earlier(ticket.earlier, prepared)}" if ticket.earlier else told


def _earlier(attempt: EarlierAttempt, prepared: Prepared) -> str:
    began = f"An earlier attempt, pull request #{attempt.pull}, was closed"
    if not attempt.remarks:
        return f"{began}; nobody said why."
    return fenced(f"{began}; people said", attempt.remarks, prepared.run.run_id)


def _plan(plan: Plan, prepared: Prepared) -> str:
    lines = [plan.title, *(f"{number}. {step}" for number, step in enumerate(plan.steps, 1))]
    lines += [f"Files: {', '.join(plan.files)}"] if plan.files else []
    for test in plan.tests:
        holds = f" (holds throughout, breaks with {test.breaks})" if test.breaks else ""
        lines.append(f"Test {test.name}{holds}: {test.shows}")
    return fenced("The plan", "\n".join(lines), prepared.run.run_id)
