"""Name new tests that assert nothing.

A test without an assertion passes whatever the code does, and counts as a test in every table. It
asserts by itself, by a function of its own file, or by what it takes from a helper of the tests.
Whether an assertion can fail at all is seen where the tests run without the change.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping

from agent.models.change import Finding, Severity
from agent.policy.change_context import ChangeContext, PythonFile
from agent.policy.layout import is_test
from agent.policy.rule import Rule
from agent.policy.view import FunctionNode, View

HOLLOW = Rule(
    id="test-asserts-nothing",
    demands="A new test without any assertion is looked at first.",
    severity=Severity.REVIEW,
    floor=Severity.REVIEW,
    bad="def test_total(): total(cart)",
    good="def test_total(): assert total(cart) == 3",
)
RULES = (HOLLOW,)
#: What of pytest fails a test, besides `assert`.
_OF_PYTEST = frozenset({"raises", "warns", "fail", "deprecated_call"})


def check_change(change_context: ChangeContext) -> Iterator[Finding]:
    for file in change_context.python:
        if file.after is None or not is_test(file.path):
            continue
        had = {visit.qualname for visit in file.before.functions} if file.before else set()
        functions = {visit.node.name: visit.node for visit in file.after.functions}
        helpers = _from_helpers(file, file.after, change_context)
        for visit in file.after.functions:
            is_new = visit.function is None and visit.qualname not in had
            if is_new and visit.node.name.startswith("test"):
                if not _has_assertions(visit.node, functions, helpers, set()):
                    yield HOLLOW.make_finding(
                        file.path,
                        f"{visit.qualname} asserts nothing",
                        "Assert what the code is to do; a test that cannot fail shows nothing.",
                        visit.node.lineno,
                    )


def _from_helpers(file: PythonFile, view: View, change_context: ChangeContext) -> frozenset[str]:
    """Return the names that a file takes from other files of tests."""
    found = set()
    for visit in view.all(ast.ImportFrom):
        origin = change_context.places.find(visit.node.module or "", file.path)
        if visit.node.level or (origin and is_test(origin.module or "")):
            found |= {alias.asname or alias.name for alias in visit.node.names}
    return frozenset(found)


def _has_assertions(
    node: FunctionNode,
    functions: Mapping[str, FunctionNode],
    helpers: frozenset[str],
    seen: set[str],
) -> bool:
    seen.add(node.name)
    for inner in ast.walk(node):
        if isinstance(inner, ast.Assert | ast.Raise):
            return True
        if not isinstance(inner, ast.Call):
            continue
        called = _get_last_part(inner.func)
        if called.startswith("assert") or called in _OF_PYTEST or called in helpers:
            return True
        helper = functions.get(called)
        if helper is not None and called not in seen:
            if _has_assertions(helper, functions, helpers, seen):
                return True
    return False


def _get_last_part(node: ast.expr) -> str:
    """Return the last part of a dotted name; "" where there is none."""
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else ""
