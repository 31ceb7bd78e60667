"""Run tests as a change has them: those that it adds or edits, and those it does not let pass.

Owns which these are, and one result made of this run and that of the tests as base has them.
"""

from __future__ import annotations

import ast
import posixpath
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache

from agent.checks import reruns
from agent.checks.check import Part, Selection
from agent.checks.reruns import Reruns
from agent.checks.test_files import Imports, Places
from agent.models.change import Change
from agent.models.checks import (
    COLLECTION,
    GONE,
    BlockedTest,
    CheckItem,
    CheckResult,
    Status,
    SuiteFacts,
    strip_run_number,
)
from agent.text.sanitise import list_some
from repo_config import foreign_python
from repo_config.test_files import is_test

#: Outcome of a doctest of base that no runner gives.
OTHER_TEXT = "other text"
_MOST_SOURCE = 2_000
_SIGN = re.compile(r"::|\.")


def not_passed(base: CheckResult, held: CheckResult) -> tuple[CheckItem, ...]:
    """Return what passed on base and did not pass with the change, by tests as base has them."""
    now = {item.item_id: item for item in held.items}
    before = base.suite.doctests if base.suite else {}
    after = held.suite.doctests if held.suite else {}
    no_matter = {*base.unstable, *held.unrun}
    lost = {one.item_id: one.text for one in held.items if one.item_id.endswith(COLLECTION)}
    found = []
    for item in base.items:
        if item.outcome != "passed" or item.item_id in no_matter:
            continue
        one = now.get(item.item_id) or _make_gone_item(item.item_id, lost, held.reason)
        text = after.get(item.item_id, before.get(item.item_id))
        if one.outcome == "passed" and before.get(item.item_id) != text:
            one = one.model_copy(update={"outcome": OTHER_TEXT})
        if one.outcome != "passed":
            found.append(one)
    return tuple(found)


def _make_gone_item(item_id: str, lost: Mapping[str, str], reason: str) -> CheckItem:
    """Say why a test did not come up: its module could not be imported, or none could."""
    module = item_id.partition("[")[0]
    while module and module + COLLECTION not in lost:
        module = module[: max(module.rfind("::"), module.rfind("."), 0)]
    last_line = lost.get(module + COLLECTION, reason).strip().rpartition("\n")[2]
    return CheckItem(item_id=item_id, outcome=GONE, text=last_line)


@dataclass(frozen=True)
class Scope:
    """What runs as the change has it."""

    whole: bool
    """All tests."""
    ids: tuple[str, ...] = ()
    files: tuple[str, ...] = ()
    """Those that the change adds or edits, and those that import such."""
    deleted: frozenset[str] = frozenset()

    @property
    def is_empty(self) -> bool:
        return not (self.whole or self.ids or self.files)

    def includes(self, item_id: str, path: str) -> bool:
        if self.whole or path in self.files or path in self.deleted:
            return True
        # A test that runs runs in all suites of a script.
        return strip_run_number(item_id) in self._bare_ids

    @cached_property
    def _bare_ids(self) -> frozenset[str]:
        return frozenset(map(strip_run_number, self.ids))


def choose_scope(
    change: Change,
    touched: frozenset[str],
    left: tuple[str, ...],
    facts: SuiteFacts,
    imports: Imports | None,
    *,
    other_rules: bool,
) -> Scope:
    """Choose what runs as the change has it.

    Args:
        touched: What the change does to tests, and may do.
        left: Tests that did not pass as base has them.
        facts: Of base.
        imports: Of the files with the change; None: not known.
        other_rules: Whether the change touches what tests are configured by.
    """
    files = {file.path: file for file in change.files}
    data = [path for path in touched if not path.endswith(".py") and files[path].before is not None]
    modules = {path for path in touched if path.endswith(".py")}
    if other_rules or data or (modules and imports is None):
        return Scope(whole=True)
    reached = imports.list_reached_files(modules) if imports else frozenset()
    known = {*facts.files, *facts.product}
    own = {path for path in reached if path in known or is_test(path)} | modules
    if facts.product:
        own |= {path for path in files if path.endswith(".py")}
    deleted = frozenset(path for path, file in files.items() if file.after is None)
    return Scope(
        whole=False,
        ids=left,
        files=tuple(sorted(own - deleted)),
        deleted=deleted & known,
    )


def run_own(wanted: Scope, sites: Reruns) -> CheckResult:
    only = Selection(ids=wanted.ids, files=wanted.files)
    found = sites.run(sites.head, Part(None if wanted.whole else only))
    if found.reason and not found.items and found.suite is not None and not found.limit:
        # It came to its end, and what was asked for is not there any more.
        return found.model_copy(update={"status": Status.PASSED, "reason": ""})
    return found


def merge_results(
    held: CheckResult,
    own: CheckResult,
    wanted: Scope,
    left: tuple[CheckItem, ...],
    sides: Sides,
    facts: SuiteFacts,
) -> CheckResult:
    places = Places(facts)
    kept = tuple(
        item
        for item in held.items
        if not wanted.includes(item.item_id, places.locate_test(item.item_id)[0])
    )
    items = (*kept, *own.items)
    failed = any(item.outcome in reruns.FAILING for item in items)
    facts_of_both = held.suite
    if held.suite and own.suite:
        files = dict.fromkeys((*held.suite.files, *own.suite.files))
        facts_of_both = held.suite.model_copy(update={"files": tuple(files)})
    return own.model_copy(
        update={
            "items": items,
            "status": Status.FAILED if failed else Status.PASSED,
            "blocked_tests": tuple(
                _make_blocked_test(item, places.locate_test(item.item_id), sides) for item in left
            ),
            "repeated": held.repeated,
            "unrun": tuple(dict.fromkeys((*held.unrun, *own.unrun))),
            "suite": facts_of_both,
            "seconds": held.seconds + own.seconds,
        }
    )


def find_uncollected(change: Change, own: CheckResult) -> tuple[str, ...]:
    """Say which new tests no runner has collected: they look as if they proved something."""
    find = Places(own.suite or SuiteFacts()).locate_test
    ran = {(find(item.item_id)[0], _bare_name(item.item_id)) for item in own.items}
    # A class may be there to be inherited from: its tests then run elsewhere.
    ran |= {("", name) for _, name in ran}
    found = []
    for file in change.files:
        name = posixpath.basename(file.path)
        if file.after is None or not is_test(name) or name == "conftest.py":
            continue
        fresh = _test_names(file.after, file.path) - _test_names(file.before or b"", file.path)
        missing = [one for one in sorted(fresh) if not any(_is_of(one, each) for each in ran)]
        if missing:
            named = list_some(name for _, name in missing)
            found.append(f"{file.path} has tests that were not run: {named}")
    return tuple(found)


def _bare_name(item_id: str) -> str:
    return _SIGN.split(item_id.partition("[")[0])[-1]


def _is_of(test: tuple[str, str], ran: tuple[str, str]) -> bool:
    """Whether a test ran; libraries add to its name, as for each set of parameters."""
    return test[0] == ran[0] and ran[1].startswith(test[1])


def _test_names(content: bytes, path: str) -> frozenset[tuple[str, str]]:
    """Return the tests of a file by its path, and those in its classes by none."""
    try:
        module = foreign_python.parse_module(content)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return frozenset()
    places = [(path, module.body)]
    places += [("", node.body) for node in module.body if isinstance(node, ast.ClassDef)]
    return frozenset(
        (place, node.name)
        for place, nodes in places
        for node in nodes
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test")
    )


# --- both versions --------------------------------------------------------------------------------

#: Content of each file of a change before and after it.
Sides = Mapping[str, tuple[bytes | None, bytes | None]]


def _make_blocked_test(item: CheckItem, place: tuple[str, str], sides: Sides) -> BlockedTest:
    path, name = place
    before, after = (source_of(side, name) for side in sides.get(path, (None, None)))
    return BlockedTest(
        item_id=item.item_id, outcome=item.outcome, text=item.text, before=before, after=after
    )


_parse = lru_cache(maxsize=2)(foreign_python.parse_module)


def source_of(content: bytes | None, name: str) -> str:
    """Return a test as it is written, cut; "" where it is not found."""
    try:
        nodes: list[ast.stmt] = _parse(content or b"").body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return ""
    node: ast.stmt | None = None
    for part in name.split("."):
        node = next((one for one in nodes if getattr(one, "name", "") == part), None)
        if node is None:
            return ""
        nodes = getattr(node, "body", [])
    if node is None:
        return ""
    text = (content or b"").decode("utf-8", "replace")
    return (ast.get_source_segment(text, node) or "")[:_MOST_SOURCE]
