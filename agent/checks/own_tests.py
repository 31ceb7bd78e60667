"""Run tests as a change has them: those that it adds or edits, and those it does not let pass.

Owns which these are, and one result made of this run and that of the tests as base has them.
"""

from __future__ import annotations

import ast
from collections.abc import Mapping
from dataclasses import dataclass

from agent.checks import flaky, gate, running
from agent.checks.affected import Imports
from agent.checks.check import TESTS, Selection, Site, Suite
from agent.checks.live import Show
from agent.checks.of_tests import Places
from agent.checks.sealed import Secret
from agent.domain import Change, CheckItem, CheckResult, HeldTest, Status, SuiteFacts
from agent.ports import Sandbox
from repo_config import foreign_python

#: Outcomes of a test of base that no runner gives.
GONE, OTHER_TEXT = "gone", "other text"
_MOST_SOURCE = 2_000


def not_passed(base: CheckResult, held: CheckResult) -> tuple[CheckItem, ...]:
    """Return what passed on base and did not pass with the change, by tests as base has them."""
    now = {item.item_id: item for item in held.items}
    before = base.suite.doctests if base.suite else {}
    after = held.suite.doctests if held.suite else {}
    no_matter = {*base.unstable, *held.unrun}
    found = []
    for item in base.items:
        if item.outcome != "passed" or item.item_id in no_matter:
            continue
        one = now.get(item.item_id) or CheckItem(item_id=item.item_id, outcome=GONE)
        text = after.get(item.item_id, before.get(item.item_id))
        if one.outcome == "passed" and before.get(item.item_id) != text:
            one = one.model_copy(update={"outcome": OTHER_TEXT})
        if one.outcome != "passed":
            found.append(one)
    return tuple(found)


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
        """Whether nothing has to run."""
        return not (self.whole or self.ids or self.files)

    def has(self, item_id: str, path: str) -> bool:
        """Whether a test runs as the change has it."""
        return self.whole or path in self.files or path in self.deleted or item_id in self.ids


def scope(
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
    reached = imports.reached(modules) if imports else frozenset()
    known = {*facts.files, *facts.product}
    own = {path for path in reached if path in known or gate.is_test(path)} | modules
    if facts.product:
        own |= {path for path in files if path.endswith(".py")}
    deleted = frozenset(path for path, file in files.items() if file.after is None)
    return Scope(
        whole=False,
        ids=tuple(item_id.partition(" #")[0] for item_id in left),
        files=tuple(sorted(own - deleted)),
        deleted=deleted & known,
    )


def run_own(wanted: Scope, site: Site, suite: Suite, sandbox: Sandbox, show: Show) -> CheckResult:
    """Run tests as the change has them."""
    secret = Secret()
    order = (
        suite.order(site, secret)
        if wanted.whole
        else suite.some_order(site, secret, Selection(ids=wanted.ids, files=wanted.files))
    )
    result = running.heard(order, TESTS, secret, sandbox, show)
    found = running.judged(suite, site, secret, order, result)
    if found.reason and not found.items and found.suite is not None and result.limit is None:
        # It came to its end, and what was asked for is not there any more.
        return found.model_copy(update={"status": Status.PASSED, "reason": ""})
    return found


def merged(
    held: CheckResult,
    own: CheckResult,
    wanted: Scope,
    left: tuple[CheckItem, ...],
    sides: Sides,
    facts: SuiteFacts,
) -> CheckResult:
    """Make one result of both runs."""
    places = Places(facts)
    kept = tuple(
        item for item in held.items if not wanted.has(item.item_id, places.find(item.item_id)[0])
    )
    items = (*kept, *own.items)
    failed = any(item.outcome in flaky.FAILING for item in items)
    return own.model_copy(
        update={
            "items": items,
            "status": Status.FAILED if failed else Status.PASSED,
            "held": tuple(_held(item, places.find(item.item_id), sides) for item in left),
            "repeated": held.repeated,
            "unrun": held.unrun,
            "suite": held.suite,
            "seconds": held.seconds + own.seconds,
        }
    )


# --- both versions --------------------------------------------------------------------------------

#: Content of each file of a change before and after it.
Sides = Mapping[str, tuple[bytes | None, bytes | None]]


def _held(item: CheckItem, place: tuple[str, str], sides: Sides) -> HeldTest:
    path, name = place
    before, after = (source_of(side, name) for side in sides.get(path, (None, None)))
    return HeldTest(
        item_id=item.item_id, outcome=item.outcome, text=item.text, before=before, after=after
    )


def source_of(content: bytes | None, name: str) -> str:
    """Return a test as it is written, cut; "" where it is not found."""
    try:
        nodes: list[ast.stmt] = foreign_python.parse(content or b"").body
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
