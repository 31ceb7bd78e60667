"""Find the arguments of a function that a request fills.

Functions that answer requests are known by how their framework finds them: by the decorator of
their route (FastAPI, Flask and kin), or in a module of views by a first argument `request`.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from agent.policy import source
from agent.policy.names import Scope
from agent.policy.view import FunctionNode, View

_WEB = frozenset(
    {
        "aiohttp", "bottle", "django", "falcon", "fastapi", "flask", "litestar", "ninja", "quart",
        "rest_framework", "sanic", "starlette", "tornado", "webob", "werkzeug",
    }
)  # fmt: skip
_ROUTES = frozenset(
    {"get", "post", "put", "patch", "delete", "head", "options", "route", "api_route", "websocket"}
)
#: By the name of the file or of its folder.
_VIEWS = re.compile(
    r"(?:.*/)?(?:[^/]*_)?(?:views?|handlers?|endpoints?|api|routes?)(?:_[^/]*)?(?:/[^/]*)?\.py"
)
_TEXTS = frozenset(
    {
        "builtins.str", "builtins.bytes", "builtins.list", "builtins.dict", "typing.Any",
        "typing.List", "typing.Dict", "fastapi.UploadFile", "starlette.datastructures.UploadFile",
    }
)  # fmt: skip
#: Converters of routes, as in `/orders/<int:number>`.
_FLASK_ARGUMENT = re.compile(r"<(?:(\w+)(?:\([^)]*\))?:)?(\w+)>")
_HARMLESS_CONVERTERS = frozenset({"int", "float", "uuid", "any"})
_OF_DJANGO = re.compile(rb"\brequest\.(?:GET|POST|FILES|COOKIES)\b")
_MODELS = re.compile(r"(?:pydantic|sqlmodel)\.")
REQUESTS = frozenset({"request", "req"})


def is_web(view: View) -> bool:
    """Whether a file imports a framework that answers requests, or reads one of Django's."""
    several = [view.imported(visit) for visit in view.all(ast.Import)]
    several += [view.imported(visit) for visit in view.all(ast.ImportFrom)]
    roots = {name.partition(".")[0] for names in several for name in names}
    return bool(roots & _WEB or _OF_DJANGO.search(view.content))


def find_sent_arguments(view: View, node: FunctionNode, scope: Scope) -> Iterator[str]:
    """Yield the arguments of a function, defined in that scope, that a request fills with texts."""
    route = _find_route(node)
    arguments = [pair for pair in _pair_defaults(node.args) if pair[0].arg not in {"self", "cls"}]
    converters = {name: converter for converter, name in _FLASK_ARGUMENT.findall(route or "")}
    is_view = route is None and bool(arguments) and arguments[0][0].arg in REQUESTS
    if route is None and not (is_view and _VIEWS.fullmatch(view.path)):
        return
    for argument, default in arguments[1:] if is_view else arguments:
        name = argument.arg
        if name in converters:
            is_sent = converters[name] not in _HARMLESS_CONVERTERS
        elif argument.annotation is not None:
            is_sent = _is_text(argument.annotation, default, view, scope)
        elif is_view:
            is_sent = default is None and not is_key(name)
        else:
            is_sent = default is None and f"{{{name}" in (route or "")
        if is_sent:
            yield name


def is_key(name: str) -> bool:
    """Whether Django calls a primary key so."""
    return name in {"pk", "id"} or name.endswith(("_pk", "_id"))


def _find_route(node: FunctionNode) -> str | None:
    """Return the path of the decorator that makes a function answer it."""
    for decorator in node.decorator_list:
        if not isinstance(decorator, ast.Call) or not isinstance(decorator.func, ast.Attribute):
            continue
        named = [word.value for word in decorator.keywords if word.arg in {"path", "rule"}]
        match [*decorator.args[:1], *named]:
            case [ast.Constant(value=str(path)), *_] if decorator.func.attr in _ROUTES:
                if path.startswith("/") or not path:
                    return path
    return None


def _is_text(annotation: ast.expr, default: ast.expr | None, view: View, scope: Scope) -> bool:
    """Whether an argument takes a text, texts in a table or a model, or a file."""
    for part in [*ast.walk(annotation), *(ast.walk(default) if default else ())]:
        if isinstance(part, ast.Call) and source.get_last_name(part.func) in {
            "Depends",
            "Security",
        }:
            return False
    for part in ast.walk(annotation):
        if isinstance(part, (ast.Name, ast.Attribute)):
            holder = ast.ClassDef(name="", bases=[part], keywords=[], body=[], decorator_list=[])
            bases = view.lineage(holder, scope)
            if view.names(part, scope) & _TEXTS or any(map(_MODELS.match, bases)):
                return True
    return False


def _pair_defaults(arguments: ast.arguments) -> list[tuple[ast.arg, ast.expr | None]]:
    """Return the arguments that have a name, each with its default."""
    plain = [*arguments.posonlyargs, *arguments.args]
    missing = [None] * (len(plain) - len(arguments.defaults))
    defaults = [*missing, *arguments.defaults, *arguments.kw_defaults]
    return list(zip([*plain, *arguments.kwonlyargs], defaults, strict=True))
