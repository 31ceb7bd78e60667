"""Say what a function is given: which of its arguments a stranger can choose.

Functions that answer requests are known by how their framework finds them: by their decorator
(FastAPI, Flask and kin), by their class (Django's views), or by a first argument `request` in a
module of views. Of all other functions nothing is known but the types that they name.
"""

from __future__ import annotations

import ast
import posixpath
import re
from collections.abc import Iterator

from agent.policy.security import values
from agent.policy.security.values import Kind, Value
from agent.policy.view import View, Visit

_WEB = frozenset(
    {
        "aiohttp", "bottle", "django", "falcon", "fastapi", "flask", "litestar", "ninja", "quart",
        "rest_framework", "sanic", "starlette", "tornado", "webob", "werkzeug",
    }
)  # fmt: skip
_ROUTES = frozenset(
    {"get", "post", "put", "patch", "delete", "head", "options", "route", "api_route", "websocket"}
)
_METHODS = frozenset(
    {
        "get", "post", "put", "patch", "delete", "head", "options", "dispatch", "list", "retrieve",
        "create", "update", "partial_update", "destroy", "get_queryset", "get_object",
        "get_context_data", "form_valid",
    }
)  # fmt: skip
_VIEWS = re.compile(r"(?:.*_)?(?:views?|handlers?|endpoints?|api|routes?)(?:_.*)?")
_VIEW_CLASSES = re.compile(r"(?:django\.views|rest_framework|flask\.views|starlette\.endpoints)\.")
#: Types that are numbers, dates and the like: a value that fits them does no harm.
_HARMLESS_TYPES = frozenset(
    {
        "builtins.int", "builtins.float", "builtins.bool", "uuid.UUID", "decimal.Decimal",
        "datetime.date", "datetime.datetime", "datetime.time", "datetime.timedelta",
        "typing.Literal", "typing_extensions.Literal", "ipaddress.IPv4Address",
    }
)  # fmt: skip
_PLAIN_TYPES = frozenset(
    {
        "builtins.str", "builtins.bytes", "builtins.list", "builtins.dict", "builtins.set",
        "builtins.tuple", "typing.Any", "typing.List", "typing.Dict", "typing.Optional",
        "typing.Union", "fastapi.UploadFile", "starlette.datastructures.UploadFile",
        "fastapi.datastructures.UploadFile",
    }
)  # fmt: skip
_REQUESTS = re.compile(
    r"(?:fastapi|starlette|django|flask|aiohttp|sanic|quart|rest_framework|ninja|litestar)\b"
    r".*\b(?:\w*Request|WebSocket|HTTPConnection)"
)
#: Converters of routes, as in `/orders/<int:number>`.
_FLASK_ARGUMENT = re.compile(r"<(?:(\w+)(?:\([^)]*\))?:)?(\w+)>")
_HARMLESS_CONVERTERS = frozenset({"int", "float", "uuid", "any"})
_KEY = re.compile(r"(?:.*_)?(?:id|pk|uuid|year|month|day|page|number|count|limit|offset)")


class Arguments:
    """The arguments of the functions of one file."""

    def __init__(self, view: View) -> None:
        self._view = view
        imported = [
            *(name for visit in view.all(ast.Import) for name in view.imported(visit)),
            *(name for visit in view.all(ast.ImportFrom) for name in view.imported(visit)),
        ]
        self.is_web = any(name.partition(".")[0] in _WEB for name in imported)
        """Whether the file has to do with requests at all."""

    def of(self, visit: Visit[ast.FunctionDef] | Visit[ast.AsyncFunctionDef]) -> dict[str, Value]:
        """Return what the arguments of a function are."""
        node = visit.node
        route = self._route(visit) if self.is_web else None
        is_view = self.is_web and route is None and self._is_view(visit)
        found = {}
        for argument, default in _arguments(node.args):
            if route is not None:
                found[argument.arg] = self._of_endpoint(argument, default, route, visit)
            else:
                found[argument.arg] = self._of_view(argument, default, visit, is_view=is_view)
        for several in (node.args.vararg, node.args.kwarg):
            if several is not None:
                found[several.arg] = values.UNKNOWN
        return found

    # --- which functions answer requests ------------------------------------------------------

    def _route(self, visit: Visit[ast.FunctionDef] | Visit[ast.AsyncFunctionDef]) -> str | None:
        """Return the path of the decorator that makes a function answer it."""
        for decorator in visit.node.decorator_list:
            if not isinstance(decorator, ast.Call) or not isinstance(decorator.func, ast.Attribute):
                continue
            words = [word.value for word in decorator.keywords if word.arg in {"path", "rule"}]
            given = [*decorator.args[:1], *words]
            if decorator.func.attr in _ROUTES and given and isinstance(given[0], ast.Constant):
                text = given[0].value
                if isinstance(text, str) and (text.startswith("/") or not text):
                    return text
        return None

    def _is_view(self, visit: Visit[ast.FunctionDef] | Visit[ast.AsyncFunctionDef]) -> bool:
        class_ = visit.class_
        if class_ is not None:
            outside = next((at.scope for at in visit.around() if at.node is class_), None)
            return (
                visit.node.name in _METHODS
                and outside is not None
                and any(map(_VIEW_CLASSES.match, self._view.lineage(class_, outside)))
            )
        first = next(iter(_arguments(visit.node.args)), None)
        if first is None or first[0].arg not in {"request", "req"}:
            return False
        *folders, name = self._view.path.split("/")
        stem = posixpath.splitext(name)[0]
        return any(map(_VIEWS.fullmatch, (*folders[-1:], stem)))

    # --- arguments ----------------------------------------------------------------------------

    def _of_endpoint(
        self,
        argument: ast.arg,
        default: ast.expr | None,
        route: str,
        visit: Visit[ast.FunctionDef] | Visit[ast.AsyncFunctionDef],
    ) -> Value:
        name, source = argument.arg, f"the argument `{argument.arg}` of the endpoint"
        for converter, wanted in _FLASK_ARGUMENT.findall(route):
            if wanted == name:
                if converter in _HARMLESS_CONVERTERS:
                    return values.SAFE
                return values.of(Kind.STRANGER, source)
        if name in {"self", "cls"}:
            return values.UNKNOWN
        if argument.annotation is None:
            is_sent = default is None and f"{{{name}" in route
            by_name = values.REQUEST if name in {"request", "req"} else values.UNKNOWN
            return values.of(Kind.STRANGER, source) if is_sent else by_name
        if _depends(default) or _depends(argument.annotation):
            return values.UNKNOWN
        return self._by_type(argument.annotation, visit, source)

    def _by_type(
        self,
        annotation: ast.expr,
        visit: Visit[ast.FunctionDef] | Visit[ast.AsyncFunctionDef],
        source: str,
    ) -> Value:
        scope = visit.scope
        names: set[str] = set()
        is_model = False
        for inner in _types(annotation):
            found = self._view.names(inner, scope)
            names |= found
            holder = ast.ClassDef(name="", bases=[inner], keywords=[], body=[], decorator_list=[])
            is_model |= any(
                name.startswith(("pydantic.", "sqlmodel.", "typing.TypedDict"))
                for name in self._view.lineage(holder, scope)
            )
        if any(map(_REQUESTS.match, names)):
            return values.REQUEST
        if names & _PLAIN_TYPES or is_model:
            return values.of(Kind.STRANGER, source)
        return values.SAFE if names & _HARMLESS_TYPES else values.UNKNOWN

    def _of_view(
        self,
        argument: ast.arg,
        default: ast.expr | None,
        visit: Visit[ast.FunctionDef] | Visit[ast.AsyncFunctionDef],
        *,
        is_view: bool,
    ) -> Value:
        name = argument.arg
        if name in {"request", "req"} and self.is_web:
            return values.REQUEST
        for inner in _types(argument.annotation):
            found = self._view.names(inner, visit.scope)
            if found & _HARMLESS_TYPES:
                return values.SAFE
            if self.is_web and any(map(_REQUESTS.match, found)):
                return values.REQUEST
        if not is_view or default is not None or name in {"self", "cls"} or _KEY.fullmatch(name):
            return values.UNKNOWN
        return values.of(Kind.STRANGER, f"the argument `{name}` of the view")


def _arguments(arguments: ast.arguments) -> Iterator[tuple[ast.arg, ast.expr | None]]:
    """Yield the arguments that have a name, each with its default."""
    plain = [*arguments.posonlyargs, *arguments.args]
    missing: list[ast.expr | None] = [None] * (len(plain) - len(arguments.defaults))
    yield from zip(plain, [*missing, *arguments.defaults], strict=True)
    yield from zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True)


def _depends(node: ast.expr | None) -> bool:
    """Whether FastAPI fills an argument with what a function returns."""
    return node is not None and any(
        isinstance(inner, ast.Call)
        and (inner.func.attr if isinstance(inner.func, ast.Attribute) else "")
        + (inner.func.id if isinstance(inner.func, ast.Name) else "")
        in {"Depends", "Security"}
        for inner in ast.walk(node)
    )


def _types(annotation: ast.expr | None) -> Iterator[ast.expr]:
    """Yield the names of types in an annotation, inner ones first."""
    if isinstance(annotation, ast.BinOp):
        yield from _types(annotation.left)
        yield from _types(annotation.right)
    elif isinstance(annotation, ast.Subscript):
        index = annotation.slice
        several = index.elts if isinstance(index, ast.Tuple) else [index]
        for inner in several:
            yield from _types(inner)
        yield annotation.value
    elif isinstance(annotation, (ast.Name, ast.Attribute)):
        yield annotation
