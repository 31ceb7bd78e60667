"""What a file says about URLs: its routers and applications, what they take in, its endpoints.

Read from the syntax tree of one file; how the files fit together is left to `urls`, who may call an
endpoint to `fastapi_auth`. A router is known by its keys: the full names that lead to it.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from agent.policy import source
from agent.policy.names import Scope
from agent.policy.view import FunctionNode, View, Visit
from agent.policy.web.dependencies import Dependencies, Dependency
from agent.policy.web.side import Found, Side

METHODS = frozenset({"get", "post", "put", "delete", "patch", "options", "head", "trace"})
_ROUTES = METHODS | {"api_route", "websocket"}
_ADDS = {"add_api_route": "", "add_api_websocket_route": "WEBSOCKET"}
_ROUTERS = frozenset({"fastapi.APIRouter", "fastapi.routing.APIRouter"})
_APPS = frozenset({"fastapi.FastAPI", "fastapi.applications.FastAPI"})
_MAY_BE = re.compile(rb"Router|FastAPI|import \*")
#: The key of an application that a function is handed.
SOME_APP = "?"
_APP_NAMES = frozenset({"app", "application", "api", "fastapi_app"})


@dataclass(frozen=True, eq=False)
class Router:
    """An `APIRouter` or an application."""

    keys: frozenset[str]
    is_app: bool
    prefix: str | None
    """None: it cannot be told."""
    dependencies: tuple[Dependency, ...]
    firm: bool
    """Whether nothing else than its arguments decides about it."""
    path: str
    line: int


@dataclass(frozen=True, eq=False)
class Inclusion:
    """A router that is taken in by another one, or an application that is mounted."""

    parents: frozenset[str]
    children: frozenset[str]
    prefix: str | None
    dependencies: tuple[Dependency, ...]
    inherits: bool
    """Whether what the parent depends on counts for the child."""
    path: str
    line: int


@dataclass(frozen=True, eq=False)
class Endpoint:
    """A function that answers a URL."""

    routers: frozenset[str]
    url: str | None
    """Within its router; None: it cannot be told."""
    methods: tuple[str, ...]
    name: str
    """As in `Users.list`."""
    dependencies: tuple[Dependency, ...]
    """Of its signature and its decorator."""
    decorators: tuple[ast.expr, ...]
    """Those besides the route, which may change its signature."""
    firm: bool
    view: View
    line: int
    call: ast.Call
    function: FunctionNode | None


@dataclass
class Wiring:
    """What one file says."""

    routers: list[Router] = field(default_factory=list)
    inclusions: list[Inclusion] = field(default_factory=list)
    endpoints: list[Endpoint] = field(default_factory=list)


class WiringReader:
    """Reads files of one side."""

    def __init__(self, side: Side) -> None:
        self._side = side
        self._dependencies = Dependencies(side)

    def read(self, view: View) -> Wiring:
        """Return what a file says about URLs."""
        return Wiring(
            list(self._routers(view)), list(self._inclusions(view)), list(self._endpoints(view))
        )

    # --- routers ------------------------------------------------------------------------------

    def _routers(self, view: View) -> Iterator[Router]:
        several: list[Visit[ast.Assign] | Visit[ast.AnnAssign]] = [
            *view.all(ast.Assign),
            *view.all(ast.AnnAssign),
        ]
        for visit in several:
            call = visit.node.value
            if not isinstance(call, ast.Call):
                continue
            kind = self._kind(view, call.func, visit.scope)
            if kind is None:
                continue
            targets: list[ast.expr] = (
                [*visit.node.targets] if isinstance(visit.node, ast.Assign) else [visit.node.target]
            )
            keys = {key for target in targets for key in self._own_keys(view, target, visit.scope)}
            keys.update(self._returned(view, visit, targets))
            keys.update(self._kept(view, visit, targets))
            is_app, is_plain = kind
            words = {word.arg: word.value for word in call.keywords}
            prefix = words.get("root_path" if is_app else "prefix")
            given = tuple(self._dependencies.of_list(view, words.get("dependencies"), visit.scope))
            text = self._side.text(view, prefix, visit.scope) if prefix else ""
            yield Router(
                frozenset(keys),
                is_app,
                # Where a proxy puts the application is usually nowhere in its own paths.
                (text or "") if is_app else text,
                given,
                is_plain and None not in words and "route_class" not in words,
                view.path,
                visit.node.lineno,
            )

    def _kind(self, view: View, func: ast.expr, scope: Scope) -> tuple[bool, bool] | None:
        """Say whether a class is that of applications, and whether it is FastAPI's own."""
        # Most calls make something else, and what they lead to is never read.
        refs = view.refs(func, scope)
        outside = {ref.dotted for ref in refs if ref.module is None}
        modules = {ref.module for ref in refs if ref.module and not ref.module.endswith("/")}
        if outside & (_APPS | _ROUTERS):
            return bool(outside & _APPS), True
        if not any(_MAY_BE.search(self._side.places.text(module)) for module in modules):
            return None
        names = self._side.names(view, func, scope)
        if names & (_APPS | _ROUTERS):
            return bool(names & _APPS), True
        for name in sorted(names):
            lineage = self._side.lineage(name)
            if lineage & (_APPS | _ROUTERS):
                return bool(lineage & _APPS), not self._side.has_method(name, "__init__")
        return None

    def _own_keys(self, view: View, target: ast.expr, scope: Scope) -> Iterator[str]:
        module = self._side.places.name_of(view.path)
        if isinstance(target, ast.Name):
            home = self._side.home(target.id, scope)
            local = "" if home is None or home is view.scope else f":{id(home)}"
            yield f"{module}{local}.{target.id}"
        elif isinstance(target, ast.Attribute) and isinstance(target.value, ast.Name):
            if target.value.id in ("self", "cls"):
                yield f"{module}:self.{target.attr}"

    def _returned(
        self, view: View, made: Visit[ast.Assign] | Visit[ast.AnnAssign], targets: list[ast.expr]
    ) -> Iterator[str]:
        """Yield the key of a router that a function makes and returns."""
        own = {target.id for target in targets if isinstance(target, ast.Name)}
        function = made.function
        if not own or function is None or isinstance(function, ast.Lambda):
            return
        for visit in view.all(ast.Return):
            value = visit.node.value
            if visit.function is function and isinstance(value, ast.Name) and value.id in own:
                yield f"{self._side.places.name_of(view.path)}.{made.qualname}.()"

    def _kept(
        self, view: View, made: Visit[ast.Assign] | Visit[ast.AnnAssign], targets: list[ast.expr]
    ) -> Iterator[str]:
        """Yield the key of a router that an object keeps, as others reach it."""
        for target in targets:
            if isinstance(target, ast.Attribute) and made.class_ is not None:
                if isinstance(target.value, ast.Name) and target.value.id == "self":
                    home = f"{self._side.places.name_of(view.path)}.{made.class_.name}"
                    yield f"{home}.().{target.attr}"

    def keys(self, view: View, node: ast.expr, scope: Scope) -> frozenset[str]:
        """Return the keys by which an expression may lead to a router."""
        if isinstance(node, ast.Attribute) and node.attr == "router":
            inner = self.keys(view, node.value, scope)
            if self._is_app(view, node.value, scope):
                return inner
        keys = set(self._own_keys(view, node, scope)) | self._side.names(view, node, scope)
        if self._is_handed_app(view, node, scope):
            keys.add(SOME_APP)
        return frozenset(keys)

    def _is_app(self, view: View, node: ast.expr, scope: Scope) -> bool:
        made = {f"{name}.()" for name in _APPS}
        return bool(view.names(node, scope) & made) or self._is_handed_app(view, node, scope)

    def _is_handed_app(self, view: View, node: ast.expr, scope: Scope) -> bool:
        """Whether it is an argument of a function that takes an application."""
        if not isinstance(node, ast.Name):
            return False
        home = self._side.home(node.id, scope)
        if home is None or home is view.scope or self._side.is_local_value(view, home, node.id):
            return False
        names = view.names(node, scope)
        return bool(names & {f"{name}.()" for name in _APPS}) or (
            not names and node.id in _APP_NAMES
        )

    def is_router(self, view: View, node: ast.expr, scope: Scope) -> bool:
        """Whether an expression is a router or an application."""
        for value_view, value, value_scope in self._side.bound(view, node, scope):
            if isinstance(value, ast.Call) and self._kind(value_view, value.func, value_scope):
                return True
        kinds = {name.removesuffix(".()") for name in view.names(node, scope) if ".()" in name}
        if kinds & (_APPS | _ROUTERS) or self._is_handed_app(view, node, scope):
            return True
        if isinstance(node, ast.Attribute) and node.attr == "router":
            return self._is_app(view, node.value, scope)
        return any(self._side.lineage(kind) & (_APPS | _ROUTERS) for kind in sorted(kinds))

    # --- inclusions ---------------------------------------------------------------------------

    def _inclusions(self, view: View) -> Iterator[Inclusion]:
        for visit in view.all(ast.Call):
            call = visit.node
            if not isinstance(call.func, ast.Attribute):
                continue
            words = {word.arg: word.value for word in call.keywords}
            if call.func.attr == "include_router":
                child = call.args[0] if call.args else words.get("router")
                prefix = words.get("prefix")
            elif call.func.attr == "mount" and len(call.args) + len(words) > 1:
                prefix = call.args[0] if call.args else words.get("path")
                child = call.args[1] if len(call.args) > 1 else words.get("app")
            else:
                continue
            if child is None:
                continue
            given = tuple(self._dependencies.of_list(view, words.get("dependencies"), visit.scope))
            if None in words:
                given = (*given, Dependency(view, None, visit.scope))
            for names in _turns(self._side, view, visit):
                where = _filled((view, prefix, visit.scope), names) if prefix is not None else None
                text = self._side.text(*where) if where is not None else ""
                yield Inclusion(
                    self.keys(view, call.func.value, visit.scope),
                    self.keys(*_filled((view, child, visit.scope), names)),
                    None if None in words else text,
                    given,
                    call.func.attr == "include_router",
                    view.path,
                    call.lineno,
                )

    # --- endpoints ----------------------------------------------------------------------------

    def _endpoints(self, view: View) -> Iterator[Endpoint]:
        for visit in view.functions:
            for decorator in visit.node.decorator_list:
                if isinstance(decorator, ast.Call) and isinstance(decorator.func, ast.Attribute):
                    attribute = decorator.func
                    outside = visit.scope
                    if attribute.attr in _ROUTES and self.is_router(view, attribute.value, outside):
                        yield self._decorated(view, visit, decorator, attribute)
        for call in view.all(ast.Call):
            func = call.node.func
            if isinstance(func, ast.Attribute) and func.attr in _ADDS:
                yield self._added(view, call, func)

    def _decorated(
        self,
        view: View,
        visit: Visit[ast.FunctionDef] | Visit[ast.AsyncFunctionDef],
        call: ast.Call,
        attribute: ast.Attribute,
    ) -> Endpoint:
        words = {word.arg: word.value for word in call.keywords}
        dependencies = [
            *self._dependencies.of_list(view, words.get("dependencies"), visit.scope),
            *self._dependencies.of_function(view, visit.node, visit.scope),
        ]
        if visit.class_ is not None and visit.function is None:
            dependencies += self._dependencies.of_class(view, visit.class_, visit.scope)
        others = (one for one in visit.node.decorator_list if one is not call)
        name = f"{visit.qualname}.{visit.node.name}" if visit.qualname else visit.node.name
        return Endpoint(
            routers=self.keys(view, attribute.value, visit.scope),
            url=self._url(view, call, words, visit.scope),
            methods=_methods(attribute.attr, words),
            name=name,
            dependencies=tuple(dependencies),
            decorators=tuple(one for one in others if not _is_route(one)),
            firm=None not in words,
            view=view,
            line=call.lineno,
            call=call,
            function=visit.node,
        )

    def _added(self, view: View, visit: Visit[ast.Call], func: ast.Attribute) -> Endpoint:
        call = visit.node
        words = {word.arg: word.value for word in call.keywords}
        handler = call.args[1] if len(call.args) > 1 else words.get("endpoint")
        listed = self._dependencies.of_list(view, words.get("dependencies"), visit.scope)
        # What the function depends on is what it would as a dependency.
        inner = (Dependency(view, handler, visit.scope),) if handler is not None else ()
        return Endpoint(
            routers=self.keys(view, func.value, visit.scope),
            url=self._url(view, call, words, visit.scope),
            methods=(_ADDS[func.attr],) if _ADDS[func.attr] else _methods("api_route", words),
            name=source.written(handler) if handler is not None else "",
            dependencies=(*listed, *inner),
            decorators=(),
            firm=None not in words and handler is not None,
            view=view,
            line=call.lineno,
            call=call,
            function=None,
        )

    def _url(
        self, view: View, call: ast.Call, words: dict[str | None, ast.expr], scope: Scope
    ) -> str | None:
        return self._side.text(view, call.args[0] if call.args else words.get("path"), scope)


def _methods(attribute: str, words: dict[str | None, ast.expr]) -> tuple[str, ...]:
    if attribute != "api_route":
        return (attribute.upper(),)
    listed = words.get("methods")
    elements = listed.elts if isinstance(listed, (ast.List, ast.Set, ast.Tuple)) else []
    texts = [one.value for one in elements if isinstance(one, ast.Constant)]
    return tuple(str(text).upper() for text in texts) or ("GET",)


def _is_route(node: ast.expr) -> bool:
    return (
        isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr in _ROUTES
    )


def _turns(side: Side, view: View, visit: Visit[ast.Call]) -> Iterator[dict[str, Found]]:
    """Yield what the variables of the loop around a call stand for, turn by turn."""
    for around in visit.around():
        node = around.node
        if isinstance(node, (ast.For, ast.AsyncFor)):
            target, several = node.target, node.iter
        elif isinstance(node, (ast.ListComp, ast.GeneratorExp)):
            target, several = node.generators[0].target, node.generators[0].iter
        elif isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            break
        else:
            continue
        lists = [one for one in side.bound(view, several, visit.scope) if _items(one[1])]
        for home, listed, scope in lists[:1]:
            # The list may be of another module, and mean what it means there.
            for item in _items(listed):
                yield {name: (home, value, scope) for name, value in _pairs(target, item)}
        if lists:
            return
        break
    yield {}


def _items(node: ast.expr) -> list[ast.expr]:
    return node.elts if isinstance(node, (ast.List, ast.Tuple, ast.Set)) else []


def _pairs(target: ast.expr, item: ast.expr) -> Iterator[tuple[str, ast.expr]]:
    if isinstance(target, ast.Name):
        yield target.id, item
    elif isinstance(target, ast.Tuple):
        for name, value in zip(target.elts, _items(item), strict=False):
            if isinstance(name, ast.Name):
                yield name.id, value


def _filled(found: Found, names: dict[str, Found]) -> Found:
    node = found[1]
    return names.get(node.id, found) if isinstance(node, ast.Name) else found
