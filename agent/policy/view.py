"""One side of a Python file as rules read it: all that runs, and what names mean there.

Blocks that only type checkers read are left out, and so are annotations of variables.
"""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Generic, TypeVar

from agent.policy import source
from agent.policy.modules import Modules
from agent.policy.names import NameScope, find_meaning

FunctionNode = ast.FunctionDef | ast.AsyncFunctionDef
Node_co = TypeVar("Node_co", bound=ast.AST, covariant=True)
Node = TypeVar("Node", bound=ast.AST)
_NAMED = (ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
#: Nodes in one another. In 7,000 files of released projects there are 47 at most; rules that go
#: down with a few calls a node stay far from what Python lets them, wherever they are called from.
_MOST_DEPTH = 120
_TOO_DEEP = "it is nested too deeply"


@dataclass(eq=False, slots=True)  # not frozen: files have ten thousands of them
class Visit(Generic[Node_co]):
    node: Node_co
    scope: NameScope
    """Meanings of names at that place."""
    up: Visit[ast.AST] | None
    """The node around it; None for statements of the module itself."""
    depth: int = 0
    """How many nodes are around it."""

    def walk_up(self) -> Iterator[Visit[ast.AST]]:
        """Yield what is around it, from the inside out."""
        at = self.up
        while at is not None:
            yield at
            at = at.up

    @property
    def function(self) -> FunctionNode | ast.Lambda | None:
        """The function whose body it runs in."""
        inner: ast.AST = self.node
        for visit in self.walk_up():
            node = visit.node
            # Decorators, defaults and bases run outside.
            if isinstance(node, FunctionNode) and inner in node.body:
                return node
            if isinstance(node, ast.Lambda) and inner is node.body:
                return node
            inner = node
        return None

    @property
    def qualname(self) -> str:
        """The classes and functions around it, as in `Orders.total`; "" in the module itself."""
        parts = [visit.node.name for visit in self.walk_up() if isinstance(visit.node, _NAMED)]
        return ".".join(parts[::-1])


class View:
    """One side of a Python file."""

    def __init__(self, path: str, content: bytes, places: Modules) -> None:
        """Read a file; UnreadableError: it does not parse, or is nested too deeply to be walked."""
        self.path = path
        self.content = content
        self.module = places.parse(content)
        self.scope = NameScope()
        """Scope of the module."""
        self.places = places
        """Where names lead in the repository."""
        self._visits: dict[type[ast.AST], list[Visit[ast.AST]]] = defaultdict(list)
        #: Rules ask the same of the same expressions. The scopes live as long as the view.
        self._named: dict[tuple[ast.expr | None, int], frozenset[str]] = {}
        try:
            self._enter(self.module.body, self.scope, None)
        except RecursionError as problem:  # `collect` looks ahead of the walk
            raise source.UnreadableError(_TOO_DEEP, may_run=True) from problem

    @cached_property
    def lines(self) -> list[str]:
        """The lines of the file, without their ends."""
        return source.decode_text(self.content).splitlines()

    def get_line(self, number: int) -> str:
        return self.lines[number - 1].strip() if 0 < number <= len(self.lines) else ""

    def list_visits(self, kind: type[Node]) -> list[Visit[Node]]:
        """Return every node of exactly this type, in the order of the file."""
        return self._visits.get(kind, [])  # type: ignore[return-value] # they are kept by type

    @cached_property
    def functions(self) -> list[Visit[ast.FunctionDef] | Visit[ast.AsyncFunctionDef]]:
        """Every function and method, in the order of the file."""
        both: list[Visit[ast.FunctionDef] | Visit[ast.AsyncFunctionDef]] = [
            *self.list_visits(ast.FunctionDef),
            *self.list_visits(ast.AsyncFunctionDef),
        ]
        return sorted(both, key=lambda visit: (visit.node.lineno, visit.node.col_offset))

    # --- meanings -----------------------------------------------------------------------------

    def find_names(self, node: ast.expr | None, scope: NameScope) -> frozenset[str]:
        """Return the full dotted names that an expression may stand for.

        The names are those by which it could be imported: `requests.get`, for what is in the
        repository `app.auth.admin`, and of what is imported again elsewhere all of them.
        """
        key = (node, id(scope))
        if key not in self._named:
            found = map(self.places.list_names, find_meaning(node, scope))
            self._named[key] = frozenset[str]().union(*found)
        return self._named[key]

    # --- the walk -----------------------------------------------------------------------------

    def _enter(self, body: list[ast.stmt], scope: NameScope, up: Visit[ast.AST] | None) -> None:
        """Walk a block that has a scope of its own."""
        self.places.bind_block(body, scope, self.path)
        for statement in body:
            self._walk(statement, scope, up)

    def _place(self, node: ast.AST, scope: NameScope, up: Visit[ast.AST] | None) -> Visit[ast.AST]:
        visit = Visit(node, scope, up, up.depth + 1 if up else 0)
        if visit.depth > _MOST_DEPTH:
            raise source.UnreadableError(_TOO_DEEP, getattr(node, "lineno", None), may_run=True)
        self._visits[type(node)].append(visit)
        return visit

    def _walk(self, node: ast.AST, scope: NameScope, up: Visit[ast.AST] | None) -> None:
        visit = self._place(node, scope, up)
        match node:
            case ast.FunctionDef() | ast.AsyncFunctionDef():
                for decorator in node.decorator_list:
                    self._walk(decorator, scope, visit)
                self._enter(node.body, self._open_arguments(node.args, scope, visit), visit)
            case ast.Lambda():
                self._walk(node.body, self._open_arguments(node.args, scope, visit), visit)
            case ast.ClassDef():
                for outer in (*node.decorator_list, *node.bases, *node.keywords):
                    self._walk(outer, scope, visit)
                self._enter(node.body, NameScope(parent=scope, is_class=True), visit)
            case ast.If() if source.is_type_checking(node.test):
                for statement in node.orelse:
                    self._walk(statement, scope, visit)
            case ast.AnnAssign():
                self._walk(node.target, scope, visit)
                if node.value is not None:
                    self._walk(node.value, scope, visit)
            case _:
                for child in ast.iter_child_nodes(node):
                    self._walk(child, scope, visit)

    def _open_arguments(
        self, arguments: ast.arguments, scope: NameScope, visit: Visit[ast.AST]
    ) -> NameScope:
        """Walk the defaults, and open the scope that the arguments are bound in."""
        for default in (*arguments.defaults, *arguments.kw_defaults):
            if default is not None:
                self._walk(default, scope, visit)
        inner = NameScope(parent=scope)
        for argument in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs):
            # An argument that names its class is an instance of it.
            meanings = find_meaning(argument.annotation, scope)
            inner.bind(argument.arg, [f"{meaning}.()" for meaning in meanings])
        for several in (arguments.vararg, arguments.kwarg):
            if several is not None:
                inner.bind(several.arg, [])
        return inner
