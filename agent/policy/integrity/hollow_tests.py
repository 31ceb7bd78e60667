"""Name tests that assert nothing, or no longer do.

Whether an assertion can fail at all is seen where the tests run without the change.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping

from agent.models.change import Finding, Severity
from agent.policy import source
from agent.policy.change_context import ChangeContext, Hit
from agent.policy.layout import is_test
from agent.policy.rule import Rule
from agent.policy.view import FunctionNode, View

HOLLOW = Rule(
    id="test-asserts-nothing",
    demands="A test without any assertion is looked at first.",
    severity=Severity.REVIEW,
    floor=Severity.REVIEW,
    bad="def test_total(): total(cart)",
    good="def test_total(): assert total(cart) == 3",
)
RULES = (HOLLOW,)
#: What of pytest fails a test, besides `assert`.
_OF_PYTEST = frozenset({"raises", "warns", "fail", "deprecated_call"})


def check_change(change_context: ChangeContext) -> Iterator[Finding]:
    fix = "Assert what the code is to do; a test that cannot fail shows nothing."
    return HOLLOW.report_hits(change_context, _find_hollow, fix, is_test)


def _find_hollow(view: View) -> Iterator[Hit]:
    functions = {visit.node.name: visit.node for visit in view.functions}
    helpers = _list_helpers(view)
    for visit in view.functions:
        name = visit.node.name
        if visit.function is None and name.startswith("test"):
            if not _has_assertions(visit.node, functions, helpers, set()):
                shown = f"{visit.qualname}.{name}".lstrip(".")
                yield Hit(f"{shown} asserts nothing", visit.node.lineno)


def _list_helpers(view: View) -> frozenset[str]:
    """Return the names that a file takes from other files of tests."""
    found = set()
    for visit in view.list_visits(ast.ImportFrom):
        origin = view.places.find_path(visit.node.module or "")
        if visit.node.level or is_test(origin):
            found |= {alias.asname or alias.name for alias in visit.node.names}
    return frozenset(found)


def _has_assertions(
    node: FunctionNode,
    functions: Mapping[str, FunctionNode],
    helpers: frozenset[str],
    seen: set[str],
) -> bool:
    seen.add(node.name)
    if any(isinstance(inner, ast.Assert | ast.Raise) for inner in ast.walk(node)):
        return True
    calls = (inner for inner in ast.walk(node) if isinstance(inner, ast.Call))
    called = {source.get_last_name(call.func) for call in calls}
    return (
        any(name.startswith("assert") for name in called)
        or not called.isdisjoint(_OF_PYTEST | helpers)
        or any(
            _has_assertions(functions[name], functions, helpers, seen)
            for name in called & functions.keys()
            if name not in seen
        )
    )
