"""Which functions of one side of a file a project's runner collects as tests.

Owns what pytest, unittest and Django's runner make of classes, bases and names that are taken away
again; by which names they go is said in `naming`. What has become of a test is left to `suite`.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from agent.policy import source
from agent.policy.names import Scope
from agent.policy.tampering import expectations
from agent.policy.tampering.expectations import Reading
from agent.policy.tampering.looks import Check
from agent.policy.tampering.naming import Naming
from agent.policy.view import FunctionNode, View, Visit

_FIXTURES = frozenset({"fixture", "yield_fixture", "overload"})
_CASE = re.compile(r"(?:Test|TestCase|Case|Tests)\Z")


class _Shared:
    """What all tests of one side of a file have in common."""

    def __init__(self, view: View) -> None:
        self.view = view
        self.module = expectations.Module(view)

    @cached_property
    def tables(self) -> str:
        """What the module itself binds names to, as cases may stand there."""
        assigned = (visit for visit in self.view.all(ast.Assign) if visit.up is None)
        return "\n".join(self.view.segment(visit.node) for visit in assigned)


@dataclass(frozen=True, eq=False)
class Test:
    """A test as the runner would collect it, on one side of a file."""

    __test__ = False

    path: str
    owner: str
    """The classes around it, as in `TestCart`; "" in the module itself."""
    node: FunctionNode
    scope: Scope
    shared: _Shared
    never: str = ""
    """Why it does not run although its name says so; "" where it does."""

    @property
    def view(self) -> View:
        """Its side of the file."""
        return self.shared.view

    @property
    def tables(self) -> str:
        """What its module binds names to."""
        return self.shared.tables

    @property
    def name(self) -> str:
        """Its own name."""
        return self.node.name

    @property
    def qualname(self) -> str:
        """With the classes around it."""
        return f"{self.owner}.{self.name}" if self.owner else self.name

    @cached_property
    def reading(self) -> Reading:
        """What it looks at."""
        return self.shared.module.read(self.node, self.scope)

    @cached_property
    def checks(self) -> list[Check]:
        """What it looks at whenever it runs, with what its parameters stand for."""
        return self.reading.checks

    @property
    def source(self) -> str:
        """Its text as it stands in the file, with its decorators."""
        return self.view.segment(self.node)

    @cached_property
    def body(self) -> str:
        """Its statements without the docstring, written in one way."""
        body = self.node.body
        if (
            len(body) > 1
            and isinstance(body[0], ast.Expr)
            and isinstance(body[0].value, ast.Constant)
        ):
            body = body[1:]
        return "\n".join(source.written(statement) for statement in body)


def tests(path: str, view: View, naming: Naming) -> dict[str, Test]:
    """Return the tests of a file by their qualified names; of two by one name the last runs."""
    found: dict[str, Test] = {}
    if not naming.is_test_file(path):
        return found
    shared = _Shared(view)
    bases = _inherited_by_tests(view, naming)
    cases: dict[ast.ClassDef, bool] = {}
    for visit in view.functions:
        if visit.function is not None:
            continue
        class_ = visit.class_
        if class_ is None:
            collected = naming.is_function(visit.node.name)
        else:
            if class_ not in cases:
                cases[class_] = _is_case(class_, view, visit.scope)
            inherited = class_.name in bases or _is_mixin(class_)
            by_name = naming.is_class(class_.name) and not _has_init(class_)
            collected = naming.is_method(visit.node.name, of_case=cases[class_] or inherited) and (
                cases[class_] or inherited or by_name
            )
        if collected and not _is_fixture(visit.node):
            test = Test(path, visit.qualname, visit.node, visit.scope, shared, _never(visit))
            found[test.qualname] = test
    for name in _unbound(view):
        for qualname in [one for one in found if one == name or one.startswith(f"{name}.")]:
            del found[qualname]
    return found


def other_functions(path: str, view: View) -> dict[str, Test]:
    """Return the functions of a module by their qualified names."""
    shared = _Shared(view)
    found = (
        Test(path, visit.qualname, visit.node, visit.scope, shared)
        for visit in view.functions
        if visit.function is None and not visit.node.name.startswith("pytest_")
    )
    return {test.qualname: test for test in found}


def _base_names(node: ast.ClassDef) -> Iterator[str]:
    for base in node.bases:
        yield source.written(base).rpartition(".")[2]


def _inherited_by_tests(view: View, naming: Naming) -> set[str]:
    """Return the names that classes inherit from which may hold tests, or are inherited so."""
    found: set[str] = set()
    # What inherits stands below; so the last come first.
    for visit in reversed(view.all(ast.ClassDef)):
        node = visit.node
        if (
            node.name in found
            or naming.is_class(node.name)
            or _is_mixin(node)
            or _is_case(node, view, visit.scope)
        ):
            found.update(_base_names(node))
    return found


def _is_case(node: ast.ClassDef, view: View, scope: Scope) -> bool:
    if any(_CASE.search(name) for name in _base_names(node)):
        return True
    lineage = view.lineage(node, scope)
    return any(_CASE.search(name) for name in lineage)


def _is_mixin(node: ast.ClassDef) -> bool:
    return node.name.endswith(("Mixin", "Base")) or node.name.startswith(("Base", "Abstract"))


def _has_init(node: ast.ClassDef) -> bool:
    return any(isinstance(item, ast.FunctionDef) and item.name == "__init__" for item in node.body)


def _is_fixture(node: FunctionNode) -> bool:
    named = (one.func if isinstance(one, ast.Call) else one for one in node.decorator_list)
    return any(source.written(one).rpartition(".")[2] in _FIXTURES for one in named)


def _never(visit: Visit[ast.FunctionDef] | Visit[ast.AsyncFunctionDef]) -> str:
    """Say why a definition never comes about."""
    inner: ast.AST = visit.node
    for at in visit.around():
        if isinstance(at.node, ast.If) and expectations.truth(at.node.test) is (
            inner not in at.node.body
        ):
            return "it stands where nothing ever runs"
        inner = at.node
    return ""


def _unbound(view: View) -> Iterator[str]:
    """Yield the tests and classes whose names are taken away again in the module or class."""
    for visit in view.all(ast.Delete):
        if visit.function is None:
            for target in visit.node.targets:
                if isinstance(target, ast.Name):
                    yield _within(visit.qualname, target.id)
    for assign in view.all(ast.Assign):
        if assign.function is None:
            for target in assign.node.targets:
                if isinstance(target, ast.Name) and target.id.startswith(("test", "Test")):
                    yield _within(assign.qualname, target.id)
                if (
                    isinstance(target, ast.Attribute)
                    and target.attr.startswith("test")
                    and isinstance(target.value, ast.Name)
                ):
                    yield f"{target.value.id}.{target.attr}"


def _within(owner: str, name: str) -> str:
    return f"{owner}.{name}" if owner else name
