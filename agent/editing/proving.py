"""Prove a change: its tests fail without it, and tests notice when a hunk is taken back.

Of a change that brings tests alone, small mistakes in the code that they name take the place of
hunks.
"""

from __future__ import annotations

import math
import time
from collections.abc import Collection, Iterator, Mapping

from agent.checks import hunks, measuring, reruns, running, test_files
from agent.checks.check import Part, Selection, Site, get_granted_limits
from agent.checks.hunks import Hunk
from agent.checks.reruns import is_proved
from agent.checks.test_files import Imports, Places
from agent.editing import rebuilding
from agent.git import worktree
from agent.models.change import Change, Plan
from agent.models.checks import (
    COLLECTION,
    TESTS,
    CheckItem,
    CheckReport,
    CheckResult,
    Comparison,
    Status,
    SuiteFacts,
)
from agent.models.environment import Prepared
from agent.models.review import Proof, ProofRow, SourcePart, TakenBack
from agent.policy.layout import is_migration, is_test
from agent.services import Services
from agent.text.check_summary import summarize_check
from repo_config.tree import Tree

_TYPE_CHECKERS = ("mypy", "pyright", "basedpyright")
_MOST_ROWS = 30
_LONGEST_ERROR = 200
#: For all hunks together, of the seconds of the run.
_PART = 0.1
#: A suite that takes longer is run in part: the tests that the file reaches.
_SLOW_SECONDS = 10.0


def prove_change(
    plan: Plan,
    change: Change,
    compared: tuple[Comparison, ...],
    after: CheckReport,
    prepared: Prepared,
    svc: Services,
) -> Proof:
    """Run the tests of a change without it and without its hunks, where all else has passed."""
    if prepared.contract.config.checks.tests.runner == "off":
        return Proof(unneeded="tests are switched off in the configuration")
    if any(one.is_in_the_way for one in compared):
        return Proof(unneeded="the change does not pass its checks")
    if prepared.run.follow_up is not None:
        return Proof(unneeded="its tests were seen to fail without it when it was opened")
    if (wanted := prepared.contract.config.tests.proof) == "off":
        return Proof(unneeded="tests.proof is off")
    if not any(map(hunks.changes_what_runs, change.files)):
        counts = (
            f"; {check.name} says {said.base} on base and {said.head} with the change"
            for check in compared
            if check.name in _TYPE_CHECKERS
            for said in (summarize_check(check),)
        )
        return Proof(unneeded=f"no code that runs is changed{''.join(counts)}")
    added = {name for check in compared if check.counts_tests for name in check.added}
    if plan.recipe and not list_test_files(change, after.result(TESTS)):
        return Proof()  # its edits are known beforehand
    proof = prove_tests(change, added, after, prepared, svc)
    if plan.recipe:
        return proof
    taken_back = take_back(change, added, after, prepared, svc)
    return proof.model_copy(update={"hunks": taken_back, "is_required": wanted == "require"})


def list_test_files(change: Change, head: CheckResult | None) -> frozenset[str]:
    """Return the files of a change that only tests use, by their names and by the tests' run."""
    disguised = head.disguised if head else ()
    return frozenset(path for path in change.paths if is_test(path) and path not in disguised)


def prove_tests(
    change: Change, added: Collection[str], after: CheckReport, prepared: Prepared, svc: Services
) -> Proof:
    """Run the tests of the change on the base, and compare that with the head.

    Args:
        added: Ids of the tests that base does not have.
    """
    head = after.result(TESTS)
    own = list_test_files(change, head)
    if not any(path.endswith(".py") and path not in own for path in change.paths):
        return Proof(unneeded="no code besides tests is changed")
    kept = tuple(file for file in change.files if file.path in own)
    tests = change.model_copy(update={"files": kept, "notes": ()})
    files = tuple(file.path for file in kept if file.path.endswith(".py") and file.after)
    only = Selection(files=files)
    on_base = _run_tests(tests, only, "tests on base", prepared, svc) if head and files else None
    if head is None or on_base is None:
        return Proof(missing="the change brings no test")
    if not is_proved(on_base):
        return Proof(missing=f"its tests cannot be run without it: {on_base.reason}")
    rows = sorted(_make_rows(files, added, on_base, head), key=lambda row: not row.is_proof)
    shown = any(row.is_proof for row in rows)
    missing = "" if shown else "none of its tests fails without it and passes with it"
    return Proof(rows=tuple(rows[:_MOST_ROWS]), missing=missing)


def take_back(
    change: Change, added: Collection[str], after: CheckReport, prepared: Prepared, svc: Services
) -> TakenBack:
    """Take hunks of source back, one after the other, as long as there is time.

    Args:
        added: Ids of the tests that base does not have.
    """
    head = after.result(TESTS)
    if head is None:
        return TakenBack()
    ours = list_test_files(change, head)
    found = [
        hunk
        for file in change.files
        if file.path not in ours and not is_migration(file.path)
        for hunk in hunks.split_hunks(file)
    ]
    base = worktree.open_tree(prepared.checkout, svc.base_folder(prepared.run))
    is_slow = head.seconds > _SLOW_SECONDS
    sources = _read_sources(change, base) if is_slow or not found else {}
    imports = Imports(test_files.read_imports(sources))
    # What tests alone have to notice, tests that were there before do not notice for them.
    judges = frozenset(() if found else added)
    found = found or _make_mistakes(change, sources, imports)
    if not found:
        return TakenBack()
    if rebuilding.make_declaration_mark(change, prepared, svc):
        # Base's packages lack what the change needs: every test would seem to notice.
        rebuilt, _ = rebuilding.rebuild_environment(change, prepared, svc)
        if rebuilt is prepared:
            return TakenBack(untried=tuple(hunk.part for hunk in found))
        prepared = rebuilt
    end = time.monotonic() + _PART * 60 * prepared.contract.config.limits.minutes
    # Where tests fail anyway, the first failure says nothing.
    fails_fast = not _list_red(head)
    noticed: list[SourcePart] = []
    unnoticed: list[SourcePart] = []
    for hunk in found:
        if time.monotonic() > end:
            break
        taken, result = hunk.take_back(change), None
        name = f"tests {'with' if hunk.mistake else 'without'} {hunk.part.name}"
        for only in _select_tests(hunk.path, judges, ours, imports, head):
            left = max(1.0, end - time.monotonic())
            result = _run_tests(taken, only, name, prepared, svc, left, fails_fast=fails_fast)
            if result is None or _is_noticed(result, head, judges):
                break
        if result is None or not _is_conclusive(result):
            continue
        (noticed if _is_noticed(result, head, judges) else unnoticed).append(hunk.part)
    untried = tuple(one.part for one in found if one.part not in (*noticed, *unnoticed))
    return TakenBack(noticed=tuple(noticed), unnoticed=tuple(unnoticed), untried=untried)


def _run_tests(
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
        fails_fast: Whether the first failure ends the run.
    """
    folder = svc.head_folder(prepared.run).with_name("proof")
    worktree.lay_out(prepared.checkout, folder, svc.stopped).replay(change)
    site = Site(
        tree=folder,
        environment=svc.environment(prepared),
        config=prepared.contract.config,
        project=prepared.contract.project,
        limits=get_granted_limits(svc.settings),
        fails_fast=fails_fast,
    ).limit_seconds(seconds)
    suite = measuring.suite_of(site)
    if suite is None:
        return None
    return running.run_check(suite.select(Part(only), name), site, svc.sandbox, svc.say)


def _make_rows(
    files: tuple[str, ...], added: Collection[str], on_base: CheckResult, head: CheckResult
) -> Iterator[ProofRow]:
    """Give what each test of these files did without the change, and with it.

    Where a file cannot be imported without the change, that says nothing of its old tests.
    """
    find = Places(head.suite or SuiteFacts()).locate_test
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
                error=_quote_error(before),
                with_change=item.outcome,
            )


def _quote_error(item: CheckItem) -> str:
    """Quote a failure's first line; a module that cannot be imported says why in its last."""
    lines = item.text.strip().splitlines() or [""]
    return lines[-1 if item.item_id.endswith(COLLECTION) else 0][:_LONGEST_ERROR]


def _read_sources(change: Change, base: Tree) -> dict[str, bytes]:
    """Read the Python files with the change; those of the change alone where they are too much."""
    sources = test_files.read_python_files(base) or {}
    for file in change.files:
        sources.pop(file.path, None)
        if file.after is not None and file.path.endswith(".py"):
            sources[file.path] = file.after
    return sources


def _make_mistakes(change: Change, sources: Mapping[str, bytes], imports: Imports) -> list[Hunk]:
    """Make mistakes in what changed tests name, of the modules that they import."""
    tests = [file for file in change.files if file.path.endswith(".py") and file.after is not None]
    if not tests or not all(is_test(file.path) for file in tests):
        return []
    made = (
        mistake
        for path, source in sources.items()
        if not is_test(path)
        for test in tests
        if test.path in imports.importers_of(path)
        for mistake in hunks.make_mutants(path, source, hunks.list_used_names(test.after or b""))
    )
    return list(dict.fromkeys(made))


def _select_tests(
    path: str,
    judges: frozenset[str],
    ours: frozenset[str],
    imports: Imports,
    head: CheckResult,
) -> Iterator[Selection | None]:
    """Yield the tests to run, one portion after the other; None: the whole suite.

    The tests of the change come first: they are what most likely notices. What a framework loads
    by itself is imported nowhere: only the whole suite shows that no test notices.
    """
    if judges:
        yield Selection(ids=tuple(sorted(judges)))
        return
    find = Places(head.suite or SuiteFacts()).locate_test
    files = {find(item.item_id)[0] for item in head.items}
    if likely := tuple(sorted(ours & files)):
        yield Selection(files=likely)
    if head.seconds > _SLOW_SECONDS and (
        reached := imports.list_reached_files([path]) & files - ours
    ):
        yield Selection(files=tuple(sorted(reached)))
    yield None


def _is_conclusive(result: CheckResult) -> bool:
    """Whether a run says anything of a hunk: one that met a limit, or forged its end, does not."""
    return not result.limit and (result.status is not Status.UNVERIFIED or result.exit_code != 0)


def _is_noticed(result: CheckResult, head: CheckResult, judges: frozenset[str]) -> bool:
    """Whether a test fails, or the suite cannot run, without the hunk alone.

    Args:
        judges: The tests that have to notice it; none: any may.
    """
    failing = {item.item_id for item in result.items if item.outcome in reruns.FAILING}
    failing -= _list_red(head)
    return not judges.isdisjoint(failing) if judges else bool(result.reason or failing)


def _list_red(head: CheckResult) -> set[str]:
    """Return the tests that fail with the whole change, if only at times."""
    red = {item.item_id for item in head.items if item.outcome in reruns.FAILING}
    return red | {one.item_id for one in head.repeated}
