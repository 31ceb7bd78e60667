"""Show which hunks of a change a test notices: each is taken back alone, and the tests are run.

Of a change that brings tests alone, small mistakes in the code that they name take that place.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator

from agent import worktree
from agent.checks import affected, flaky, hunks, measuring, mutants, running
from agent.checks.check import TESTS, Selection, Site, granted
from agent.checks.hunks import Hunk
from agent.checks.sealed import Secret
from agent.domain import Change, CheckReport, CheckResult, Prepared, Status, TakenBack
from agent.errors import EditFailed
from agent.policy.django.files import is_migration
from agent.policy.layout import is_test
from agent.policy.proposal import Proposal
from agent.policy.upkeep import requirements
from agent.repository.tree import WorkTree
from agent.services import Services
from repo_config.tree import Below, Tree

#: For all hunks together, of the seconds of the run.
_PART = 0.1
_MOST_HUNKS = 40
#: A suite that takes longer is run in part: the tests that the file reaches.
_SLOW_SECONDS = 10.0


def take_back(change: Change, after: CheckReport, prepared: Prepared, svc: Services) -> TakenBack:
    """Take hunks of source back, one after the other, as long as there is time."""
    found = [
        hunk
        for file in change.files
        if not is_test(file.path) and not is_migration(file.path)
        for hunk in hunks.split(file)
    ] or _mistakes(change, prepared, svc)
    head = after.result(TESTS)
    if head is None or not found:
        return TakenBack()
    base = worktree.open_tree(prepared.checkout, svc.base_folder(prepared.run))
    contract = prepared.contract
    if requirements.differs(Proposal(change, contract.config, contract.project, base)):
        # Base's packages lack what the change needs: every test would seem to notice.
        return TakenBack(untried=tuple(hunk.place for hunk in found))
    end = time.monotonic() + _PART * 60 * contract.config.limits.minutes
    noticed: list[str] = []
    unnoticed: list[str] = []
    for hunk in found[:_MOST_HUNKS]:
        if time.monotonic() > end:
            break
        result = _run_without(hunk, change, head, end, prepared, svc)
        if result is None or result.exit_code is None:
            continue  # a limit says nothing of the hunk
        if result.status is Status.UNVERIFIED and result.exit_code == 0:
            continue  # no proof that the tests ran; with another code the suite broke off
        (noticed if _is_noticed(result, head) else unnoticed).append(hunk.place)
    untried = tuple(one.place for one in found if one.place not in {*noticed, *unnoticed})
    return TakenBack(noticed=tuple(noticed), unnoticed=tuple(unnoticed), untried=untried)


def _mistakes(change: Change, prepared: Prepared, svc: Services) -> list[Hunk]:
    """Make mistakes in what changed tests name, of the modules that they import."""
    tests = [file for file in change.files if file.path.endswith(".py") and file.after is not None]
    if not tests or not all(is_test(file.path) for file in tests):
        return []
    base = worktree.open_tree(prepared.checkout, svc.base_folder(prepared.run))
    sources = {**dict(_sources(base)), **{file.path: file.after or b"" for file in tests}}
    imports = affected.Imports(sources)
    made = (
        mistake
        for path, source in sources.items()
        if not is_test(path)
        for test in tests
        if test.path in imports.importers_of(path)
        for mistake in mutants.make(path, source, mutants.names_in(test.after or b""))
    )
    return list(dict.fromkeys(made))


def _run_without(
    hunk: Hunk,
    change: Change,
    head: CheckResult,
    end: float,
    prepared: Prepared,
    svc: Services,
) -> CheckResult | None:
    folder = svc.head_folder(prepared.run).with_name("proof")
    tree = worktree.lay_out(prepared.checkout, folder, svc.stopped)
    tree.replay(hunk.take_back(change))
    site = Site(
        tree=folder,
        environment=svc.environment(prepared),
        config=prepared.contract.config,
        project=prepared.contract.project,
        limits=granted(svc.settings),
    ).within(max(1.0, end - time.monotonic()))
    suite = measuring.suite_of(site)
    if suite is None:
        return None
    secret = Secret()
    orders = [suite.order(site, secret)]
    if head.seconds > _SLOW_SECONDS:
        # What a framework loads by itself is imported nowhere: only the whole suite shows that
        # no test notices.
        paths = [hunk.path, *(file.path for file in change.files if is_test(file.path))]
        if files := _reached(tree, site.project.root, paths, head):
            orders.insert(0, suite.some_order(site, secret, Selection(files=files)))
    judged = None
    for order in orders:
        heard = running.heard(order, f"tests without {hunk.place}", secret, svc.sandbox, svc.say)
        judged = running.judged(suite, site, secret, order, heard)
        if _is_noticed(judged, head):
            break
    return judged


def _reached(tree: WorkTree, root: str, paths: Iterable[str], head: CheckResult) -> tuple[str, ...]:
    """Name the test files that files reach; none where nothing is known of that."""
    start = f"{root}/" if root else ""
    # Ids and imports are those of the project, wherever in the repository that is.
    imports = affected.Imports(dict(_sources(Below(tree, root))))
    ours = [path.removeprefix(start) for path in paths if path.startswith(start)]
    found = affected.tests(imports, head.items, ours)
    return tuple(sorted(start + file for file in found))


def _sources(tree: Tree) -> Iterator[tuple[str, bytes]]:
    for path in tree.paths():
        if path.endswith(".py"):
            try:
                yield path, tree.read(path)
            except EditFailed:  # a link, or gone: nothing that could be followed
                continue


def _is_noticed(result: CheckResult, head: CheckResult) -> bool:
    """Whether a test fails, or the suite cannot run, without the hunk alone."""
    red = {item.item_id for item in head.items if item.outcome in flaky.FAILING}
    failing = {item.item_id for item in result.items if item.outcome in flaky.FAILING}
    return bool(result.reason) or bool(failing - red)
