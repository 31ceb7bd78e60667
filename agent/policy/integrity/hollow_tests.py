"""Name tests that assert nothing, or no longer do.

Whether an assertion can fail at all is seen where the tests run without the change.
"""

from __future__ import annotations

import ast
import unittest
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from agent.models.change import Finding, Severity
from agent.policy import source
from agent.policy.change_context import ChangeContext, Hit
from agent.policy.layout import is_test
from agent.policy.names import NameScope
from agent.policy.rule import Rule
from agent.policy.view import FunctionNode, View

HOLLOW = Rule(
    id="test-asserts-nothing",
    demands="Tests without assertions need review.",
    severity=Severity.REVIEW,
    floor=Severity.REVIEW,
)
RULES = (HOLLOW,)
#: What of pytest fails a test, besides `assert`.
_OF_PYTEST = frozenset({"raises", "warns", "fail", "deprecated_call"})
#: What fixtures hand in, which nothing here says.
_GIVEN = "<given>"


def check_change(change_context: ChangeContext) -> Iterator[Finding]:
    fix = "Assert what the code should do. A test that cannot fail proves nothing."
    return HOLLOW.report_hits(change_context, _find_hollow, fix, is_test)


def _find_hollow(view: View) -> Iterator[Hit]:
    by_name = {visit.node.name: visit.node for visit in view.functions}
    for visit in view.functions:
        name = visit.node.name
        if visit.function is None and name.startswith("test"):
            around = next(
                (one for one in visit.walk_up() if isinstance(one.node, ast.ClassDef)), None
            )
            classes = view.list_classes(around.node, around.scope) if around else []
            if not _AssertionFinder(view, by_name, classes).has_assertions(visit.node, view.scope):
                shown = f"{visit.qualname}.{name}".lstrip(".")
                yield Hit(f"{shown} asserts nothing", visit.node.lineno)


@dataclass
class _AssertionFinder:
    """Follows the calls of a test to helpers of the tests; of what it cannot follow, it is sure."""

    view: View
    by_name: Mapping[str, FunctionNode]
    """The functions and methods of the file."""
    classes: Sequence[tuple[ast.ClassDef, NameScope]]
    """That of the test, and those that it inherits from."""
    seen: set[ast.AST] = field(default_factory=set)

    def has_assertions(self, node: ast.AST, scope: NameScope) -> bool:
        if node in self.seen:
            return False
        self.seen.add(node)
        if any(map(_is_assertion, ast.walk(node))):
            return True
        if not isinstance(node, FunctionNode):
            return False
        inside = NameScope(parent=scope)
        self.view.places.bind_block(node.body, inside, self.view.path)
        for argument in (*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs):
            inside.bind(argument.arg, [f"{_GIVEN}.{argument.arg}"])
        calls = [inner.func for inner in ast.walk(node) if isinstance(inner, ast.Call)]
        return any(self._asserts(call, inside) for call in calls)

    def _asserts(self, called: ast.expr, scope: NameScope) -> bool:
        """Whether a helper of the tests asserts, or cannot be followed."""
        name = source.get_last_name(called)
        if isinstance(called, ast.Attribute) and _is_self(called.value):
            own = [(one, at) for node, at in self.classes for one in node.body if _names(one, name)]
            known = own or name in dir(unittest.TestCase)
            return not known or any(self.has_assertions(*one) for one in own)
        names = self.view.find_names(called, scope)
        if f"{_GIVEN}.{name}" in names:
            return True
        found = self.view.find_definitions(called, scope)
        of_tests = [definition for definition in found if is_test(definition.path)]
        if any(self.has_assertions(test.node, test.scope) for test in of_tests):
            return True
        if not found and any(is_test(self.view.places.find_path(one)) for one in names):
            return True
        return name in self.by_name and self.has_assertions(self.by_name[name], self.view.scope)


def _is_assertion(node: ast.AST) -> bool:
    if isinstance(node, ast.Call):
        name = source.get_last_name(node.func)
        return name.startswith("assert") or name in _OF_PYTEST
    return isinstance(node, ast.Assert | ast.Raise)


def _is_self(node: ast.expr) -> bool:
    """Whether an expression is the test's own object or class, or what these inherit."""
    if isinstance(node, ast.Call):
        return isinstance(node.func, ast.Name) and node.func.id == "super"
    return isinstance(node, ast.Name) and node.id in ("self", "cls")


def _names(node: ast.stmt, name: str) -> bool:
    return isinstance(node, FunctionNode) and node.name == name
