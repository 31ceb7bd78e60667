"""Find the calls of `print` in a file, each with what is around it.

Looks at the syntax tree alone. Whether a call may be converted is left to `purposes`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import libcst as cst

from agent.recipes.nodes import dotted_name
from agent.recipes.source import SourceFile

_Line = cst.SimpleStatementLine | cst.SimpleStatementSuite
_Beside = tuple[cst.BaseStatement | cst.BaseSmallStatement, ...]


@dataclass(frozen=True)
class Context:
    """What is around a statement, from outside in."""

    functions: tuple[cst.FunctionDef, ...] = ()
    classes: tuple[cst.ClassDef, ...] = ()
    tests: tuple[cst.BaseExpression, ...] = ()
    """Conditions of the `if`s in whose body it is, within the innermost function."""
    main_guard: bool = False
    """Whether it is below `if __name__ == "__main__"`."""
    handler: cst.ExceptHandler | cst.ExceptStarHandler | None = None
    """The innermost `except` it is in, within the innermost function."""

    @property
    def function(self) -> cst.FunctionDef | None:
        """The innermost function."""
        return self.functions[-1] if self.functions else None


@dataclass(frozen=True)
class Call:
    """One call."""

    node: cst.Call
    context: Context
    statement: _Line | None
    """The line it is on; None where its value is used."""
    block: _Beside = ()
    """All statements beside that line."""


@dataclass
class Found:
    """What a file has of calls."""

    calls: list[Call] = field(default_factory=list)
    shadow: cst.CSTNode | None = None
    """Where the file makes `print` something else."""
    functions: list[tuple[cst.FunctionDef, Context]] = field(default_factory=list)
    """All functions, with what is around each."""
    called: dict[cst.FunctionDef, set[str]] = field(default_factory=dict)
    """What each function calls: the last part of each name."""
    imported: set[str] = field(default_factory=set)
    """Top packages that are imported from outside."""
    handlers: set[str] = field(default_factory=set)
    """Functions that `set_defaults(func=…)` or `command.func = …` makes commands."""
    started: set[str] = field(default_factory=set)
    """Functions that are called below `if __name__ == "__main__"`."""


def find(source: SourceFile) -> Found:
    """Find all calls of a file, in order."""
    walk = _Walk()
    walk.visit(source.module, Context())
    walk.found.calls.sort(key=lambda call: source.start(call.node))
    return walk.found


class _Walk:
    """One pass over a file, from outside in."""

    def __init__(self) -> None:
        self.found = Found()
        self._statements: dict[cst.Call, tuple[_Line, _Beside]] = {}

    def visit(self, node: cst.CSTNode, around: Context) -> None:
        """Look at a node, then at all that is in it."""
        inner = around
        if isinstance(node, cst.FunctionDef):
            inner = self._function(node, around)
        elif isinstance(node, cst.ClassDef):
            self._bind(node.name, around)
            inner = replace(around, classes=(*around.classes, node))
        elif isinstance(node, cst.ExceptHandler | cst.ExceptStarHandler):
            inner = replace(around, handler=node)
        elif isinstance(node, cst.If):
            self._if(node, around)
            return
        elif isinstance(node, cst.Module | cst.IndentedBlock):
            self._block(node.body)
        elif isinstance(node, cst.SimpleStatementLine | cst.SimpleStatementSuite):
            self._line(node)
        elif isinstance(node, cst.Call):
            self._call(node, around)
        elif isinstance(node, cst.Import | cst.ImportFrom):
            self._import(node, around)
        elif isinstance(node, cst.Assign) and _makes_command(node):
            self.found.handlers.add(dotted_name(node.value))
        else:
            self._name(node, around)
        for child in node.children:
            self.visit(child, inner)

    # --- what is around -----------------------------------------------------------------------

    def _function(self, node: cst.FunctionDef, around: Context) -> Context:
        if not around.classes or around.functions:
            self._bind(node.name, around)
        self.found.functions.append((node, around))
        self.found.called[node] = set()
        return replace(around, functions=(*around.functions, node), tests=(), handler=None)

    def _if(self, node: cst.If, around: Context) -> None:
        """The condition counts for the body, not for what is done otherwise."""
        guard = around.main_guard or is_main_guard(node.test)
        body = replace(around, tests=(*around.tests, node.test), main_guard=guard)
        self.visit(node.test, around)
        self.visit(node.body, body)
        if node.orelse:
            self.visit(node.orelse, around)

    # --- statements ---------------------------------------------------------------------------

    def _block(self, body: Sequence[cst.BaseStatement]) -> None:
        for statement in body:
            if isinstance(statement, cst.SimpleStatementLine):
                for small in statement.body:
                    if isinstance(small, cst.Expr) and isinstance(small.value, cst.Call):
                        self._statements[small.value] = (statement, tuple(body))

    def _line(self, node: _Line) -> None:
        for small in node.body:
            if isinstance(small, cst.Expr):
                if isinstance(small.value, cst.Call):
                    self._statements.setdefault(small.value, (node, tuple(node.body)))

    # --- calls --------------------------------------------------------------------------------

    def _call(self, node: cst.Call, around: Context) -> None:
        func = node.func
        dotted = dotted_name(func)
        name = func.attr.value if isinstance(func, cst.Attribute) else dotted
        for function in around.functions:
            self.found.called[function].add(name)
        if around.main_guard and not around.functions:
            self.found.started.add(name)
        if name == "set_defaults":
            self.found.handlers |= {dotted_name(arg.value) for arg in node.args} - {""}
        if dotted != "print":
            return
        line, beside = self._statements.get(node, (None, ()))
        self.found.calls.append(Call(node, around, line, beside))

    # --- names --------------------------------------------------------------------------------

    def _import(self, node: cst.Import | cst.ImportFrom, around: Context) -> None:
        if isinstance(node.names, cst.ImportStar):
            return
        origin = ""
        if isinstance(node, cst.ImportFrom):
            origin = dotted_name(node.module) if node.module and not node.relative else "."
        for alias in node.names:
            bound = alias.asname.name if alias.asname else alias.name
            self._bind(bound, around)
            name = dotted_name(alias.name)
            self.found.imported.add((origin or name).partition(".")[0])

    def _name(self, node: cst.CSTNode, around: Context) -> None:
        if isinstance(node, cst.AssignTarget | cst.AnnAssign | cst.For | cst.NamedExpr):
            self._bind(node.target, around)
        elif isinstance(node, cst.AsName | cst.Param):
            self._bind(node.name, around)

    def _bind(self, target: cst.BaseExpression, around: Context) -> None:
        if isinstance(target, cst.Tuple | cst.List):
            for element in target.elements:
                self._bind(element.value, around)
        elif dotted_name(target) == "print":
            in_class = bool(around.classes) and not around.functions
            if not in_class:
                self.found.shadow = self.found.shadow or target


def _makes_command(node: cst.Assign) -> bool:
    """Whether a statement is like `list_cmd.func = list_items`."""
    name = dotted_name(node.targets[0].target)
    return re.search(r"(?i)(?:cmd|command|parser)\.(?:func|handler|callback)$", name) is not None


def is_main_guard(test: cst.BaseExpression) -> bool:
    """Whether a condition is `__name__ == "__main__"`."""
    if not isinstance(test, cst.Comparison):
        return False
    sides = [test.left, *(one.comparator for one in test.comparisons)]
    named = any(isinstance(one, cst.Name) and one.value == "__name__" for one in sides)
    return named and any(
        isinstance(one, cst.SimpleString) and one.evaluated_value == "__main__" for one in sides
    )
