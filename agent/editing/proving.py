"""Show which new and changed tests fail without the change, and pass with it."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator

from agent import worktree
from agent.checks import measuring, running
from agent.checks.again import is_proved
from agent.checks.check import TESTS, Part, Selection, Site, granted
from agent.checks.of_tests import Places
from agent.checks.suite import COLLECTION
from agent.domain import Change, CheckReport, CheckResult, Prepared, Proof, ProofRow, SuiteFacts
from agent.policy.layout import is_test
from agent.services import Services

_MOST_ROWS = 30
_LONGEST = 200


def list_of_tests(change: Change, head: CheckResult | None) -> frozenset[str]:
    """Return the files of a change that only tests use, by their names and by the tests' run."""
    disguised = head.disguised if head else ()
    return frozenset(path for path in change.paths if is_test(path) and path not in disguised)


def with_change(
    change: Change, added: Collection[str], after: CheckReport, prepared: Prepared, svc: Services
) -> Proof:
    """Run the tests of the change on the code without it; hold that against the head.

    Args:
        added: Ids of the tests that base does not have.
    """
    head = after.result(TESTS)
    own = list_of_tests(change, head)
    if not any(path.endswith(".py") and path not in own for path in change.paths):
        return Proof(unneeded="no code besides tests is changed")
    kept = tuple(file for file in change.files if file.path in own)
    tests = change.model_copy(update={"files": kept, "notes": ()})
    files = tuple(
        file.path for file in tests.files if file.path.endswith(".py") and file.after is not None
    )
    on_base = None
    if head and files:
        on_base = run_tests(tests, Selection(files=files), "tests on base", prepared, svc)
    if head is None or on_base is None:
        return Proof(missing="the change brings no test")
    if not is_proved(on_base):
        return Proof(missing=f"its tests cannot be run without it: {on_base.reason}")
    rows = sorted(_rows(files, added, on_base, head), key=lambda row: not row.shows)
    shown = any(row.shows for row in rows)
    missing = "" if shown else "none of its tests fails without it and passes with it"
    return Proof(rows=tuple(rows[:_MOST_ROWS]), missing=missing)


def run_tests(
    change: Change,
    only: Selection | None,
    name: str,
    prepared: Prepared,
    svc: Services,
    seconds: float = math.inf,
    *,
    fails_fast: bool = False,
) -> CheckResult | None:
    """Run tests on base with a change, in the environment of base; None: there are none.

    Args:
        only: The tests; None: all of them.
        name: Under which lines are shown that they print.
        seconds: They may take no longer, whatever else is granted.
        fails_fast: Whether the first failure ends the run.
    """
    folder = svc.head_folder(prepared.run).with_name("proof")
    worktree.lay_out(prepared.checkout, folder, svc.stopped).replay(change)
    site = Site(
        tree=folder,
        environment=svc.environment(prepared),
        config=prepared.contract.config,
        project=prepared.contract.project,
        limits=granted(svc.settings),
        fails_fast=fails_fast,
    ).within(seconds)
    suite = measuring.suite_of(site)
    if suite is None:
        return None
    return running.run(
        suite,
        site,
        svc.sandbox,
        svc.say,
        compose=None if only is None else lambda at, key: suite.part_order(at, key, Part(only)),
        name=name,
    )


def _rows(
    files: tuple[str, ...], added: Collection[str], on_base: CheckResult, head: CheckResult
) -> Iterator[ProofRow]:
    """Give what each test of these files did without the change, and with it.

    Where a file cannot be imported without the change, that says nothing of its old tests.
    """
    find = Places(head.suite or SuiteFacts()).find
    without, lost = {}, {}
    for item in on_base.items:
        module = item.item_id.removesuffix(COLLECTION)
        if module == item.item_id:
            without[module] = item
        else:
            lost[find(f"{module}::")[0] or find(f"{module}.any")[0]] = item
    for item in head.items:
        path = find(item.item_id)[0]
        before = without.get(item.item_id)
        if before is None and item.item_id in added:
            before = lost.get(path)
        if before is not None and path in files:
            yield ProofRow(
                name=item.item_id,
                without=before.outcome,
                error=before.text.strip().rpartition("\n")[2][:_LONGEST],
                with_change=item.outcome,
            )
