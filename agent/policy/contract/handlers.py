"""Which functions of a file answer requests, and how a framework comes to call them.

Owns the marks of Django's views, the endpoints of FastAPI, Flask and kin, and the consumers of
channels. Leaves to the rules what such a function may do.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass

from agent.policy.names import constant_text
from agent.policy.view import View, Visit

_VERBS = frozenset({"get", "post", "put", "patch", "delete", "head", "options", "trace"})
_ROUTES = _VERBS | {"route", "api_route", "api_operation", "view"}
_APPS = re.compile(
    r"(?:fastapi|flask|starlette|ninja|ninja_extra|quart|sanic|litestar|bottle|falcon|robyn"
    r"|aiohttp\.web)\."
)
_DRF = "rest_framework."
_CHANNELS = ("channels.generic.", "channels.consumer.")
_VIEW_BASES = (
    "django.views.",
    "flask.views.",
    "starlette.endpoints.",
    "aiohttp.web.View",
    "tornado.web.RequestHandler",
    _DRF,
)
_VIEW_NAME = re.compile(r"(?:^|\.)\w*(?:View|ViewSet)$")
_DRF_METHODS = frozenset({"list", "create", "retrieve", "update", "partial_update", "destroy"})
_CONSUMER_METHODS = frozenset({"connect", "disconnect", "receive", "receive_json"})
_ANSWERS = re.compile(
    r"django\.(?:http\.\w*Http\w*|http\.JsonResponse|shortcuts\.(?:render|redirect))"
)
_MANY = 2


@dataclass(frozen=True)
class Handler:
    """A function that answers requests."""

    visit: Visit[ast.FunctionDef] | Visit[ast.AsyncFunctionDef]
    kind: str
    """`view`, `endpoint`, `consumer`, or `websocket`, which is always async."""
    family: str
    """`django`, `rest_framework`, `routed` (by a decorator) or `class` (of another framework)."""

    @property
    def is_async(self) -> bool:
        """Whether it is a coroutine function."""
        return isinstance(self.visit.node, ast.AsyncFunctionDef)

    @property
    def name(self) -> str:
        """As in `Orders.get`."""
        inner = self.visit.node.name
        return f"{self.visit.qualname}.{inner}" if self.visit.qualname else inner


def find_handlers(view: View, *, is_django: bool) -> Iterator[Handler]:
    """Yield the functions of a file that answer requests, in its order.

    Args:
        view: The file.
        is_django: Whether the project is built on Django, whose views bear no mark of their own.
    """
    lineages: dict[ast.ClassDef, frozenset[str]] = {}
    answering = _find_answering(view) if is_django else frozenset()
    for visit in view.functions:
        if found := _find_route(view, visit):
            yield found
        elif visit.up is None:
            if is_django and _is_django_view(view, visit, answering):
                yield Handler(visit, "view", "django")
        elif isinstance(visit.up.node, ast.ClassDef):
            class_ = visit.up.node
            if class_ not in lineages:
                lineages[class_] = view.lineage(class_, visit.up.scope)
            if method := _method(visit, lineages[class_]):
                yield method


def _find_route(
    view: View, visit: Visit[ast.FunctionDef] | Visit[ast.AsyncFunctionDef]
) -> Handler | None:
    for decorator in visit.node.decorator_list:
        if not isinstance(decorator, ast.Call) or not isinstance(decorator.func, ast.Attribute):
            continue
        how = decorator.func.attr
        if how not in _ROUTES and how not in {"websocket", "websocket_route"}:
            continue
        names = view.names(decorator.func, visit.scope)
        path = constant_text(decorator.args[0]) if decorator.args else None
        is_app = any(_APPS.match(name) and "()" in name for name in names)
        # What cannot be followed is told by the path that it is given.
        if is_app or (not _is_outside(names) and path is not None and path.startswith("/")):
            return Handler(visit, "websocket" if "websocket" in how else "endpoint", "routed")
    return None


def _is_outside(names: frozenset[str]) -> bool:
    """Whether a name is known to be of a library that serves nothing, as a mock of a client."""
    return any(
        name.startswith(("respx.", "responses.", "requests_mock.", "httpx.")) for name in names
    )


def _is_django_view(
    view: View,
    visit: Visit[ast.FunctionDef] | Visit[ast.AsyncFunctionDef],
    answering: frozenset[ast.AST],
) -> bool:
    """Whether a function of the module takes a request and answers it."""
    arguments = [*visit.node.args.posonlyargs, *visit.node.args.args]
    if not arguments:
        return False
    annotation = arguments[0].annotation
    of_type = view.names(annotation, visit.scope) if annotation else frozenset()
    takes = arguments[0].arg in {"request", "req"} or "django.http.HttpRequest" in of_type
    return takes and visit.node in answering


def _find_answering(view: View) -> frozenset[ast.AST]:
    """Return the functions that return a response of Django."""
    found: set[ast.AST] = set()
    for visit in view.all(ast.Return):
        value = visit.node.value
        if isinstance(value, ast.Await):
            value = value.value
        if value is None or visit.function is None or visit.function in found:
            continue
        asked = value.func if isinstance(value, ast.Call) else value
        if any(_ANSWERS.match(name) for name in view.names(asked, visit.scope)):
            found.add(visit.function)
    return frozenset(found)


def _method(
    visit: Visit[ast.FunctionDef] | Visit[ast.AsyncFunctionDef], lineage: frozenset[str]
) -> Handler | None:
    name = visit.node.name
    if any(base.startswith(_CHANNELS) for base in lineage):
        return Handler(visit, "consumer", "class") if name in _CONSUMER_METHODS else None
    is_view = any(base.startswith(_VIEW_BASES) for base in lineage)
    arguments = [*visit.node.args.posonlyargs, *visit.node.args.args]
    by_name = any(_VIEW_NAME.search(base) for base in lineage)
    by_name = by_name and len(arguments) >= _MANY and arguments[1].arg == "request"
    if not (is_view or by_name):
        return None
    is_drf = any(base.startswith(_DRF) for base in lineage)
    if name in _VERBS | {"dispatch"} or (is_drf and name in _DRF_METHODS):
        is_django = by_name or any(base.startswith("django.") for base in lineage)
        family = "rest_framework" if is_drf else "django" if is_django else "class"
        return Handler(visit, "view", family)
    return None
