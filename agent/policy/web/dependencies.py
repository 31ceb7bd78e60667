"""What a FastAPI endpoint depends on: in its signature, by aliases, and through other dependencies.

A dependency counts by its full name, since another module may have one that is called the same.
Whatever cannot be followed is said (`firm`), so that nobody takes silence for absence. Which
dependency a path needs is left to `fastapi_auth`, those of routers are found by `wiring`.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from agent.policy import source
from agent.policy.names import Scope
from agent.policy.view import FunctionNode, View, Visit
from agent.policy.web.side import Side

_HOMES = ("fastapi", "fastapi.params", "fastapi.param_functions")
_MARKERS = frozenset(f"{home}.{name}" for home in _HOMES for name in ("Depends", "Security"))
_ANNOTATED = frozenset({"typing.Annotated", "typing_extensions.Annotated"})
_MOST_HOPS = 8
_MOST_DEPENDENCIES = 200


@dataclass(frozen=True, eq=False)
class Dependency:
    """What is given to `Depends`."""

    view: View
    node: ast.expr | None
    """None: it is there, and cannot be told."""
    scope: Scope
    sure: bool = True
    """Whether it is asked in every case; False: under a condition."""


@dataclass(frozen=True)
class Reached:
    """All that an endpoint depends on."""

    names: frozenset[str]
    """Full names; of what a call has made, also that of what was called."""
    given: frozenset[str]
    """What may be asked: under a condition, or by what it is handed to as an argument."""
    direct: tuple[str, ...]
    """As they are written, for people."""
    firm: bool
    """Whether all of it was followed."""
    paths: frozenset[str]
    """The files that it was followed through."""


class Dependencies:
    """Follows dependencies through one side of a repository."""

    def __init__(self, side: Side) -> None:
        self._side = side

    # --- where they stand ---------------------------------------------------------------------

    def of_function(self, view: View, node: FunctionNode, scope: Scope) -> Iterator[Dependency]:
        """Yield those of a signature."""
        arguments = node.args
        plain = [*arguments.posonlyargs, *arguments.args]
        defaults: list[ast.expr | None] = [None] * (len(plain) - len(arguments.defaults))
        pairs = [
            *zip(plain, [*defaults, *arguments.defaults], strict=True),
            *zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True),
        ]
        for argument, default in pairs:
            yield from self.of_variable(view, argument.annotation, default, scope)

    def of_class(self, view: View, node: ast.ClassDef, scope: Scope) -> Iterator[Dependency]:
        """Yield those of the attributes of a class, as class-based endpoints have them."""
        for statement in node.body:
            if isinstance(statement, ast.AnnAssign):
                yield from self.of_variable(view, statement.annotation, statement.value, scope)
            elif isinstance(statement, ast.Assign):
                yield from self._marked(view, statement.value, scope, None)
        if any(base for base in node.bases if not _is_object(base)):
            yield Dependency(view, None, scope)

    def of_variable(
        self, view: View, annotation: ast.expr | None, default: ast.expr | None, scope: Scope
    ) -> Iterator[Dependency]:
        """Yield those of one argument or attribute."""
        if default is not None:
            yield from self._marked(view, default, scope, annotation)
        if annotation is not None:
            yield from self._annotated(view, annotation, scope)

    def of_list(self, view: View, node: ast.expr | None, scope: Scope) -> Iterator[Dependency]:
        """Yield those of `dependencies=`."""
        several: list[ast.expr] = []
        match node:
            case None | ast.Constant(value=None):
                return
            case ast.List(elts=items) | ast.Tuple(elts=items):
                for item in items:
                    if isinstance(item, ast.Starred):
                        several.append(item.value)
                    else:
                        yield from self._listed(view, item, scope)
            case ast.BinOp(left=left, op=ast.Add(), right=right):
                several = [left, right]
            case ast.IfExp(body=body, orelse=orelse):
                yield from self._perhaps(view, [body, orelse], scope)
            case ast.BoolOp(values=values):
                yield from self._perhaps(view, values, scope)
            case ast.Name() | ast.Attribute():
                yield from self._named_list(view, node, scope)
            case _:
                yield Dependency(view, None, scope)
        for part in several:
            yield from self.of_list(view, part, scope)

    def _perhaps(self, view: View, nodes: list[ast.expr], scope: Scope) -> Iterator[Dependency]:
        for node in nodes:
            for dependency in self.of_list(view, node, scope):
                yield replace(dependency, sure=False)

    def _named_list(self, view: View, node: ast.expr, scope: Scope) -> Iterator[Dependency]:
        values = list(self._side.bound(view, node, scope))
        for value in values:
            yield from self.of_list(*value)
        if not values:
            yield Dependency(view, None, scope)

    def _listed(self, view: View, item: ast.expr, scope: Scope) -> Iterator[Dependency]:
        found = list(self._marked(view, item, scope, None))
        yield from found or [Dependency(view, None, scope)]

    def _marked(
        self,
        view: View,
        node: ast.expr,
        scope: Scope,
        annotation: ast.expr | None,
        hops: int = _MOST_HOPS,
    ) -> Iterator[Dependency]:
        """Yield what an expression depends on if it is a `Depends`, wherever that was made."""
        if hops == 0:
            return
        if isinstance(node, ast.Call):
            names = self._side.names(view, node.func, scope)
            if names & _MARKERS:
                words = {word.arg: word.value for word in node.keywords}
                given = node.args[0] if node.args else words.get("dependency")
                yield Dependency(view, given if given is not None else annotation, scope)
                return
            for name in sorted(names):
                yield from self._made(name, hops - 1)
        elif isinstance(node, (ast.Name, ast.Attribute)):
            for value in self._side.bound(view, node, scope):
                yield from self._marked(*value, annotation, hops - 1)
            yield from self._unreadable(view, node, scope)

    def _made(self, dotted: str, hops: int) -> Iterator[Dependency]:
        """Yield what a function of the repository makes: `def Admin(): return Depends(admin)`."""
        placed = self._side.place(dotted)
        function = self._side.function(placed[0], placed[1][0]) if placed else None
        if placed is None or function is None or len(placed[1]) > 1:
            return
        for visit in placed[0].all(ast.Return):
            if visit.function is function.node and visit.node.value is not None:
                yield from self._marked(placed[0], visit.node.value, visit.scope, None, hops)

    def _annotated(
        self, view: View, node: ast.expr, scope: Scope, hops: int = _MOST_HOPS
    ) -> Iterator[Dependency]:
        if hops == 0:
            return
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            try:
                node = ast.parse(node.value[:1000], mode="eval").body
            except (SyntaxError, ValueError, RecursionError):
                return
        if isinstance(node, ast.Subscript):
            parts = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
            if not self._side.names(view, node.value, scope) & _ANNOTATED or not parts:
                return
            yield from self._annotated(view, parts[0], scope, hops - 1)
            for part in parts[1:]:
                yield from self._marked(view, part, scope, parts[0], hops - 1)
        elif isinstance(node, (ast.Name, ast.Attribute)):
            for value in self._side.bound(view, node, scope):
                yield from self._annotated(*value, hops - 1)
            yield from self._unreadable(view, node, scope)

    def _unreadable(self, view: View, node: ast.expr, scope: Scope) -> Iterator[Dependency]:
        if any(map(self._side.is_unreadable, view.names(node, scope))):
            yield Dependency(view, None, scope)

    # --- what they reach ----------------------------------------------------------------------

    def reached(self, dependencies: Iterable[Dependency]) -> Reached:
        """Follow dependencies to their own, as far as the repository goes."""
        waiting = list(dependencies)
        direct = tuple(source.written(one.node) for one in waiting if one.node is not None)
        names: set[str] = set()
        given: set[str] = set()
        paths: set[str] = set()
        firm = True
        seen: set[int] = set()
        while waiting:
            at = waiting.pop()
            if at.node is None or len(seen) > _MOST_DEPENDENCIES:
                firm = False
                continue
            if id(at.node) in seen:
                continue
            seen.add(id(at.node))
            paths.add(at.view.path)
            found = self._side.names(at.view, at.node, at.scope)
            certain = self._side.sure_names(at.view, at.node, at.scope) if at.sure else frozenset()
            names |= certain
            given |= found - certain
            given.update(self._arguments(at))
            # What one of several asks is asked at times.
            sure = at.sure and certain == found
            waiting += [replace(one, sure=one.sure and sure) for one in self._inside(at, found)]
            local = _local_function(at.node, at.scope)
            if local is not None:
                waiting += self.of_function(at.view, local, at.scope)
            elif not isinstance(at.node, ast.Lambda):
                firm = firm and self._is_known(found)
        return Reached(
            frozenset(name.removesuffix(".()") for name in names),
            frozenset(name.removesuffix(".()") for name in given),
            direct,
            firm,
            frozenset(paths),
        )

    def _arguments(self, at: Dependency) -> Iterator[str]:
        calls = [at.node] if isinstance(at.node, ast.Call) else []
        for call in calls:
            for value in (*call.args, *(word.value for word in call.keywords)):
                for node in ast.walk(value):
                    if isinstance(node, (ast.Name, ast.Attribute)):
                        yield from self._side.names(at.view, node, at.scope)

    def _inside(self, at: Dependency, names: frozenset[str]) -> Iterator[Dependency]:
        if isinstance(at.node, ast.Call) and "functools.partial.()" in names and at.node.args:
            yield Dependency(at.view, at.node.args[0], at.scope)
        if isinstance(at.node, (ast.Name, ast.Attribute)):
            for view, node, scope in self._side.bound(at.view, at.node, at.scope):
                if isinstance(node, ast.Call):
                    yield Dependency(view, node, scope)
        for name in sorted(names):
            if placed := self._side.place(name):
                yield from self._of_callable(*placed)
            elif self._side.is_unreadable(name):
                yield Dependency(at.view, None, at.scope)

    def _is_known(self, names: frozenset[str]) -> bool:
        """Whether one of its names is of a library, or of something that was found."""
        for name in names:
            placed = self._side.place(name)
            if placed is None:
                return True
            view, parts = placed
            if self._side.function(view, parts[0]) or self._side.is_assigned(view, parts):
                return True
            class_ = self._side.class_(view, parts[0])
            if class_ and (len(parts) < 3 or self._side.function(view, parts[-1], class_.node)):
                return True
        return False

    def _of_callable(
        self, view: View, parts: list[str], hops: int = _MOST_HOPS
    ) -> Iterator[Dependency]:
        """Yield the dependencies of what a name within a file is called with."""
        function = self._side.function(view, parts[0])
        class_ = self._side.class_(view, parts[0])
        if function is not None:
            if len(parts) == 1:
                yield from self.of_function(view, function.node, function.scope)
            for visit in view.functions if parts[1:] == ["()"] else ():
                # A factory: what it returns is one of the functions in it.
                if visit.function is function.node:
                    yield from self.of_function(view, visit.node, visit.scope)
        elif class_ is not None and hops:
            yield from self._of_class(view, class_, parts[1:], hops)

    def _of_class(
        self, view: View, class_: Visit[ast.ClassDef], rest: list[str], hops: int
    ) -> Iterator[Dependency]:
        """Yield those of a class that is called, of its instance, or of a method of either."""
        method = "__init__" if not rest else "__call__" if rest == ["()"] else rest[-1]
        if own := self._side.function(view, method, class_.node):
            yield from self.of_function(view, own.node, own.scope)
            return
        for statement in class_.node.body if method == "__init__" else ():
            # What a dataclass takes are its fields.
            if isinstance(statement, ast.AnnAssign):
                field = statement.annotation, statement.value
                yield from self.of_variable(view, *field, class_.scope)
        for base in class_.node.bases:
            for name in sorted(self._side.names(view, base, class_.scope)):
                if placed := self._side.place(name):
                    yield from self._of_callable(placed[0], [*placed[1], *rest], hops - 1)


def _is_object(node: ast.expr) -> bool:
    return isinstance(node, ast.Name) and node.id == "object"


def _local_function(node: ast.expr, scope: Scope) -> FunctionNode | None:
    """Return the function that is defined beside the endpoint, within another function."""
    at: Scope | None = scope
    while isinstance(node, ast.Name) and at is not None:
        found = at.defined.get(node.id)
        if isinstance(found, (ast.FunctionDef, ast.AsyncFunctionDef)):
            return found
        at = at.parent
    return None
