"""Run tests as a change has them: the ones that it adds or edits, and the ones that fail with it.

Owns which these are, and one result made of this run and that of the tests as base has them.
"""

import ast
import textwrap
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

from agent.checks import comparison, reruns
from agent.checks.test_files import Imports, SuitePlaces
from agent.models.change import Change, ChangedFile
from agent.models.checks import (
    COLLECTION,
    GONE,
    BlockedTest,
    CheckItem,
    Status,
    SuiteFacts,
    TestRun,
)
from agent.models.record import replace
from agent.policy.meaning import UNREADABLE
from agent.text.sanitise import list_some
from repo_config import foreign_python
from repo_config.test_files import has_test_name, is_test

#: Outcome of a doctest of base that no runner gives.
OTHER_TEXT = "other text"
_MOST_SOURCE = 2_000


def not_passed(base: TestRun, existing: TestRun) -> tuple[CheckItem, ...]:
    """Return what passed on base and did not pass with the change, by tests as base has them."""
    then = {item.item_id: item for item in base.items}
    now = {item.item_id: item for item in existing.items}
    now |= {one: now[other] for one, other in comparison.pair_families(then, now).items()}
    before = base.suite.doctests if base.suite else {}
    after = existing.suite.doctests if existing.suite else {}
    unrun = {*existing.unrun}
    lost = {
        check_item.item_id: check_item.text
        for check_item in existing.items
        if check_item.item_id.endswith(COLLECTION)
    }
    found = []
    for item in base.items:
        if item.outcome != "passed" or item.item_id in unrun:
            continue
        one = now.get(item.item_id) or _make_gone_item(item.item_id, lost, existing.reason)
        one = replace(one, item_id=item.item_id)
        text = before.get(item.item_id)
        if one.outcome == "passed" and after.get(item.item_id, text) != text:
            one = replace(one, outcome=OTHER_TEXT)
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
    """Files that run as the change has them."""

    whole: bool
    """All tests."""
    ids: tuple[str, ...] = ()
    files: tuple[str, ...] = ()
    """Files that the change adds or edits, and files that import such."""
    deleted: frozenset[str] = frozenset()

    @property
    def is_empty(self) -> bool:
        return not (self.whole or self.ids or self.files)


def choose_scope(
    change: Change,
    touched: frozenset[str],
    left: tuple[str, ...],
    facts: SuiteFacts,
    imports: Imports,
    *,
    other_rules: bool,
) -> Scope:
    """Choose what runs as the change has it.

    Args:
        left: Tests that did not pass as base has them.
        other_rules: Whether the change touches what tests are configured by.
    """
    files = {file.path: file for file in change.files}
    data = [path for path in touched if not path.endswith(".py") and files[path].before is not None]
    modules = {path for path in touched if path.endswith(".py")}
    if other_rules or data:
        return Scope(whole=True)
    known = {*facts.files, *facts.product}
    reached = imports.list_reached_files(modules)
    own = modules | {path for path in reached if path in known or is_test(path)}
    if facts.product:
        own |= {path for path in files if path.endswith(".py")}
    deleted = frozenset(path for path, file in files.items() if file.after is None)
    files_to_run = tuple(sorted(own - deleted))
    return Scope(whole=False, ids=left, files=files_to_run, deleted=deleted & known)


#: Content of each file of a change before and after it.
Sides = Mapping[str, tuple[bytes | None, bytes | None]]


def merge_results(
    existing: TestRun,
    own: TestRun,
    wanted: Scope,
    sides: Sides,
    places: SuitePlaces,
) -> TestRun:
    """Put what ran as the change has it in the place of what ran as base has it."""
    replaced = {*wanted.files, *wanted.deleted}
    kept = tuple(
        item
        for item in (() if wanted.whole else existing.items)
        if item.item_id not in wanted.ids and places.locate_test(item.item_id)[0] not in replaced
    )
    items = (*kept, *own.items)
    facts = existing.suite
    if existing.suite and own.suite:
        files = dict.fromkeys((*existing.suite.files, *own.suite.files))
        conditions = {**existing.suite.conditions, **own.suite.conditions}
        facts = replace(existing.suite, files=tuple(files), conditions=conditions)
    shown = (
        ("Tests of the base branch:", "" if wanted.whole else existing.output),
        ("New and changed tests:", own.output),
    )
    return replace(
        own,
        items=items,
        output="\n\n".join(f"{label}\n{text}" for label, text in shown if text),
        status=Status.FAILED if reruns.list_failing(items) else Status.PASSED,
        name=existing.name,
        blocked_tests=tuple(_add_versions(test, sides, places) for test in existing.blocked_tests),
        doubts=existing.doubts,
        repeated=existing.repeated,
        unrun=tuple(dict.fromkeys((*existing.unrun, *own.unrun))),
        suite=facts,
        seconds=existing.seconds + own.seconds,
    )


def _add_versions(test: BlockedTest, sides: Sides, places: SuitePlaces) -> BlockedTest:
    path, name = places.locate_test(test.item_id)
    before, after = (source_of(side, name) for side in sides.get(path, (None, None)))
    return replace(test, before=before, after=after)


_parse = lru_cache(maxsize=2)(foreign_python.parse_module)


def source_of(content: bytes | None, name: str) -> str:
    """Return a test as it is written, cut; "" where it is not found."""
    node = _find_test(content, name)
    if node is None:
        return ""
    first = min(part.lineno for part in (node, *node.decorator_list))
    lines = (content or b"").decode("utf-8", "replace").splitlines()[first - 1 : node.end_lineno]
    return textwrap.dedent("\n".join(lines))[:_MOST_SOURCE]


def is_altered(file: ChangedFile, name: str) -> bool:
    """Whether a change edits a test of base."""
    before, after = (_find_test(side, name) for side in (file.before, file.after))
    if before is None or after is None:
        return False
    return ast.dump(before) != ast.dump(after)


def _find_test(content: bytes | None, name: str) -> foreign_python.FunctionNode | None:
    try:
        return dict(foreign_python.list_functions(_parse(content or b""))).get(name)
    except UNREADABLE:
        return None


def find_uncollected(change: Change, own: TestRun) -> tuple[str, ...]:
    """Say which new tests no runner has collected: they look as if they proved something."""
    # Not by their files: tests of a class that others inherit from run elsewhere.
    ran = {_name_test(item.item_id) for item in own.items}
    found = []
    for file in change.files:
        if file.after is None or not has_test_name(file.path):
            continue
        fresh = _list_tests(file.after) - _list_tests(file.before or b"")
        # Libraries add to the name of a test, as for each set of parameters.
        missing = [test for test in fresh if not any(name.startswith(test) for name in ran)]
        if missing:
            found.append(f"{file.path} has tests that were not run: {list_some(sorted(missing))}")
    return tuple(found)


def _name_test(item_id: str) -> str:
    """Return the name of the function that a test is."""
    return comparison.name_family(item_id).replace("::", ".").rpartition(".")[2]


def _list_tests(content: bytes) -> frozenset[str]:
    """List the tests of a file by their names: functions, and methods of classes."""
    try:
        module = foreign_python.parse_module(content)
    except UNREADABLE:
        return frozenset()
    functions = (node.name for _, node in foreign_python.list_functions(module))
    return frozenset(name for name in functions if name.startswith("test"))
