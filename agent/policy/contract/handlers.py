"""Which functions of a file answer requests, and how a framework comes to call them."""

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass

from agent.policy.names import read_constant_text
from agent.policy.view import View, Visit

_VERBS = frozenset({"get", "post", "put", "patch", "delete", "head", "options", "trace"})
_ROUTES = _VERBS | {"route", "api_route", "api_operation", "view", "websocket", "websocket_route"}
Function = Visit[ast.FunctionDef] | Visit[ast.AsyncFunctionDef]
_APPS = ("fastapi.", "flask.", "starlette.", "ninja.")
_DRF = "rest_framework."
_CHANNELS = ("channels.generic.", "channels.consumer.")
_VIEW_BASES = ("django.views.", "flask.views.", "starlette.endpoints.", _DRF)
_VIEW_NAME = re.compile(r"(?:^|\.)\w*(?:View|ViewSet)$")
_DRF_METHODS = frozenset({"list", "create", "retrieve", "update", "partial_update", "destroy"})
_CONSUMER_METHODS = frozenset({"connect", "disconnect", "receive", "receive_json"})
#: Decorators of what answers a URL, and what this returns.
_ABOVE_VIEWS = (
    "rest_framework.decorators.api_view", "django.views.decorators.http.",
    "django.views.decorators.csrf.", "django.contrib.auth.decorators.",
    "django.contrib.admin.views.decorators.",
)  # fmt: skip
_RESPONSES = (
    "django.http.", "django.shortcuts.render", "django.shortcuts.redirect",
    "django.template.response.", "rest_framework.response.",
)  # fmt: skip
_REQUESTS = frozenset({"django.http.HttpRequest", "django.http.request.HttpRequest"})


@dataclass(frozen=True)
class Handler:
    """A function that answers requests."""

    visit: Function
    kind: str
    """`view`, `endpoint`, `consumer`, or `websocket`, which is always async."""
    family: str
    """`django`, `rest_framework`, `routed` (by a decorator) or `class` (of another framework)."""

    @property
    def is_async(self) -> bool:
        return isinstance(self.visit.node, ast.AsyncFunctionDef)

    @property
    def name(self) -> str:
        """As in `Orders.get`."""
        inner = self.visit.node.name
        return f"{self.visit.qualname}.{inner}" if self.visit.qualname else inner


def find_handlers(view: View, *, is_django: bool) -> Iterator[Handler]:
    """Yield the functions of a file that answer requests, in its order.

    Django's own views bear no mark: they are looked for where the project is built on it.
    """
    answering = _find_answering(view) if is_django else frozenset()
    for visit in view.functions:
        if found := _find_route(view, visit):
            yield found
        elif visit.up is None and is_django and _takes_request(view, visit):
            decorators = (view.find_names(node, visit.scope) for node in visit.node.decorator_list)
            is_decorated = any(
                name.startswith(_ABOVE_VIEWS) for some in decorators for name in some
            )
            is_answering = visit.node in answering and not visit.node.name.startswith("_")
            if is_decorated or is_answering:
                yield Handler(visit, "view", "django")
        elif visit.up and isinstance(visit.up.node, ast.ClassDef):
            if method := _find_method(visit, view.find_lineage(visit.up.node, visit.up.scope)):
                yield method


def _find_route(view: View, visit: Function) -> Handler | None:
    for decorator in visit.node.decorator_list:
        if not isinstance(decorator, ast.Call) or not isinstance(decorator.func, ast.Attribute):
            continue
        how, names = decorator.func.attr, view.find_names(decorator.func, visit.scope)
        path = read_constant_text(decorator.args[0]) if decorator.args else None
        is_app = any(name.startswith(_APPS) and "()" in name for name in names)
        # An object that cannot be followed is known by its path argument.
        is_path = (path or "").startswith("/")
        if how in _ROUTES and (is_app or is_path):
            return Handler(visit, "websocket" if "websocket" in how else "endpoint", "routed")
    return None


def _takes_request(view: View, visit: Function) -> bool:
    arguments = [*visit.node.args.posonlyargs, *visit.node.args.args][:1]
    return any(
        argument.arg in {"request", "req"}
        or view.find_names(argument.annotation, visit.scope) & _REQUESTS
        for argument in arguments
    )


def _find_answering(view: View) -> frozenset[ast.AST]:
    """Return the functions that return a response of Django."""
    found: set[ast.AST] = set()
    for visit in view.list_visits(ast.Return):
        value = visit.node.value
        value = value.value if isinstance(value, ast.Await) else value
        names = view.find_names(value.func, visit.scope) if isinstance(value, ast.Call) else ()
        if visit.function and any(name.startswith(_RESPONSES) for name in names):
            found.add(visit.function)
    return frozenset(found)


def _find_method(visit: Function, lineage: frozenset[str]) -> Handler | None:
    name = visit.node.name
    if any(base.startswith(_CHANNELS) for base in lineage):
        return Handler(visit, "consumer", "class") if name in _CONSUMER_METHODS else None
    second = [*visit.node.args.posonlyargs, *visit.node.args.args][1:2]
    takes_request = bool(second) and second[0].arg == "request"
    by_name = takes_request and any(map(_VIEW_NAME.search, lineage))
    is_drf = any(base.startswith(_DRF) for base in lineage)
    answers = name in _VERBS | {"dispatch"} or (is_drf and name in _DRF_METHODS)
    if not answers or not (by_name or any(base.startswith(_VIEW_BASES) for base in lineage)):
        return None
    is_django = by_name or any(base.startswith("django.") for base in lineage)
    family = "rest_framework" if is_drf else "django" if is_django else "class"
    return Handler(visit, "view", family)
