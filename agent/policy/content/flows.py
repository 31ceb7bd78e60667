"""Follow what a request brings through the expressions and assignments of one function.

What a call returns is not followed: a conversion or a check belongs into one. Only reading from the
request, and joining texts and paths, are looked through. Functions that answer requests are known
by the decorator of their route (FastAPI, Flask and kin), or in a module of views by a first
argument `request`.
"""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from agent.policy import source
from agent.policy.names import Scope
from agent.policy.view import FunctionNode, View, Visit

_IS_WEB = re.compile(
    rb"^\s*(?:from|import)\s+(?:aiohttp|bottle|django|falcon|fastapi|flask|litestar|ninja|quart"
    rb"|rest_framework|sanic|starlette|tornado|webob|werkzeug)\b"
    rb"|\brequest\.(?:GET|POST|FILES|COOKIES)\b",
    re.MULTILINE,
)
#: Modules of views, by the name of the file or of its folder.
_VIEWS = re.compile(
    r"(?:.*/)?(?:[^/]*_)?(?:views?|handlers?|endpoints?|api|routes?)(?:_[^/]*)?(?:/[^/]*)?\.py"
)
_ROUTES = frozenset(
    {"get", "post", "put", "patch", "delete", "head", "options", "route", "api_route", "websocket"}
)
#: Converters of routes, as in `/orders/<int:number>`.
_CONVERTED = re.compile(r"<(?:int|float|uuid|any)(?:\([^)]*\))?:(\w+)>")
_IN_ROUTE = re.compile(r"[<{](?:\w+(?:\([^)]*\))?:)?(\w+)")
_TEXTS = re.compile(
    r"builtins\.(?:str|bytes|list|dict)|typing\.(?:Any|List|Dict)|pydantic\..*|sqlmodel\..*"
    r"|(?:fastapi|starlette\.datastructures)\.UploadFile"
)
_REQUESTS = frozenset({"request", "req"})
#: What of a request a stranger writes.
_SENT = frozenset(
    {
        "GET", "POST", "FILES", "COOKIES", "META", "headers", "body", "data", "args", "form",
        "values", "json", "files", "cookies", "query_params", "path_params", "match_info", "query",
        "query_string", "get_json", "get_data", "read", "post", "stream", "text", "url", "path",
        "path_info", "view_args",
    }
)  # fmt: skip
#: Methods that give their owner, or a part of it.
_READS = frozenset(
    {
        "get", "getlist", "pop", "read", "post", "json", "body", "form", "text", "get_json",
        "get_data", "decode", "encode", "strip", "lower", "upper", "absolute", "as_posix",
    }
)  # fmt: skip
_PATHS = frozenset({"os.path.join", "posixpath.join", "pathlib.Path", "pathlib.PurePath"})
_KEY = re.compile(r"(?:.*_)?(?:pk|id)")
_Position = tuple[int, int]


class Value(NamedTuple):
    """What is known of an expression."""

    source: str = ""
    """What of a request is straight in it, as in `request.GET`; "": nothing."""
    is_built: bool = False
    """Whether it is a text or a path put together of several."""


def find_functions(view: View) -> Iterator[tuple[Flows, list[Visit[ast.Call]]]]:
    """Yield the functions of a file that has to do with requests, each with the calls in it."""
    if not _IS_WEB.search(view.content):
        return
    calls: dict[int, list[Visit[ast.Call]]] = defaultdict(list)
    for call in view.all(ast.Call):
        calls[id(call.function)].append(call)
    for visit in view.functions:
        if several := calls.get(id(visit.node)):
            yield Flows(view, visit.node, visit.scope, several[0].scope), several


class Flows:
    """What the names of a function hold, from assignment to assignment."""

    def __init__(self, view: View, node: FunctionNode, outside: Scope, inside: Scope) -> None:
        """Read the arguments and the assignments, from the top."""
        self._view = view
        self._scope = inside
        #: In their order, each with the place from which on it counts.
        self._bound: list[tuple[_Position, str, Value]] = []
        for name in _find_sent_arguments(view, node, outside):
            self._bound.append(((0, 0), name, Value(f"the argument `{name}`")))
        for end, name, value in sorted(_find_assignments(node), key=lambda found: found[0]):
            self._bound.append((end, name, Value() if value is None else self.read(value)))

    def read(self, node: ast.expr) -> Value:
        """Say what is known of an expression."""
        match node:
            case ast.Name(id=name):
                at = (node.lineno, node.col_offset)
                bound = (one for one in reversed(self._bound) if one[1] == name and one[0] <= at)
                return next(bound, ((0, 0), name, Value()))[2]
            case ast.Attribute(value=owner, attr=name) if self._is_request(owner):
                return Value(f"`request.{name}`") if name in _SENT else Value()
            # `self.kwargs["slug"]` of a view is a part of the address.
            case ast.Subscript(value=ast.Attribute(attr="kwargs"), slice=ast.Constant(value=key)):
                return Value() if _KEY.fullmatch(str(key)) else Value("`self.kwargs`")
            case ast.Attribute() | ast.Subscript():
                return Value(self.read(node.value).source)
            case ast.Call():
                return self._read_result(node)
            case ast.Await() | ast.FormattedValue() | ast.Starred() | ast.NamedExpr():
                return self.read(node.value)
            case ast.JoinedStr(values=parts):
                return self._join(parts, is_built=True)
            case ast.BinOp(left=left, op=ast.Add() | ast.Mod() | ast.Div(), right=right):
                return self._join([left, right], is_built=True)
            case ast.BoolOp(values=parts) | ast.Tuple(elts=parts) | ast.List(elts=parts):
                return self._join(parts)
            case ast.IfExp(body=body, orelse=orelse):
                return self._join([body, orelse])
        return Value()

    def _join(self, nodes: Iterable[ast.expr], *, is_built: bool = False) -> Value:
        """Say what is known of several; what nothing of a request is in, is of no interest."""
        values = [value for value in map(self.read, nodes) if value.source]
        if not values:
            return Value()
        return Value(values[0].source, is_built or any(value.is_built for value in values))

    def _read_result(self, node: ast.Call) -> Value:
        func = node.func
        if self._view.names(func, self._scope) & _PATHS:
            return self._join(node.args, is_built=True)
        if not isinstance(func, ast.Attribute):
            return Value()
        if func.attr in {"format", "joinpath"}:
            words = (word.value for word in node.keywords)
            return self._join([func.value, *node.args, *words], is_built=True)
        # `request.json()` is read by a method of the request itself.
        return Value(self.read(func).source) if func.attr in _READS else Value()

    def _is_request(self, node: ast.expr) -> bool:
        """Whether it is the request itself; a local variable of that name is none."""
        if isinstance(node, ast.Name):
            return node.id in _REQUESTS and all(name != node.id for _, name, _ in self._bound)
        return isinstance(node, ast.Attribute) and node.attr == "request"


def _find_assignments(node: FunctionNode) -> Iterator[tuple[_Position, str, ast.expr | None]]:
    """Yield what names are bound to in a function, each with the place where that ends."""
    written: dict[int, ast.expr] = {}
    for inner in ast.walk(node):
        match inner:
            case ast.Assign(targets=targets, value=value):
                written |= {id(target): value for target in targets}
            case ast.AnnAssign(value=ast.expr() as value) | ast.NamedExpr(value=value):
                written[id(inner.target)] = value
            case ast.AugAssign(target=target, op=op, value=value):
                whole = ast.BinOp(left=target, op=op, right=value)
                written[id(target)] = ast.copy_location(whole, value)
            case ast.Name(ctx=ast.Store()):
                found = written.get(id(inner))
                last = found or inner
                yield (last.end_lineno or 0, last.end_col_offset or 0), inner.id, found


# --- arguments --------------------------------------------------------------------------------


def _find_sent_arguments(view: View, node: FunctionNode, scope: Scope) -> Iterator[str]:
    """Yield the arguments of a function that a request fills with texts."""
    route = _find_route(node)
    plain = [*node.args.posonlyargs, *node.args.args]
    defaults = [None] * (len(plain) - len(node.args.defaults)) + node.args.defaults
    arguments = [*zip(plain, defaults, strict=True)]
    arguments += zip(node.args.kwonlyargs, node.args.kw_defaults, strict=True)
    names = [argument.arg for argument, _ in arguments if argument.arg not in ("self", "cls")]
    is_view = route is None and bool(names) and names[0] in _REQUESTS
    if route is None and not (is_view and _VIEWS.fullmatch(view.path)):
        return
    converted = set(_CONVERTED.findall(route or "")) | {"self", "cls", *_REQUESTS}
    in_route = set(_IN_ROUTE.findall(route or ""))
    for argument, default in arguments:
        if argument.arg in converted:
            continue
        if argument.annotation is not None:
            is_sent = _is_text(argument.annotation, default, view, scope)
        elif is_view:
            is_sent = default is None and not _KEY.fullmatch(argument.arg)
        else:
            is_sent = argument.arg in in_route
        if is_sent:
            yield argument.arg


def _find_route(node: FunctionNode) -> str | None:
    """Return the path of the decorator that makes a function answer it."""
    for decorator in node.decorator_list:
        match decorator:
            case ast.Call(func=ast.Attribute(attr=verb), args=[ast.Constant(value=str(path)), *_]):
                if verb in _ROUTES and (path.startswith("/") or not path):
                    return path
    return None


def _is_text(annotation: ast.expr, default: ast.expr | None, view: View, scope: Scope) -> bool:
    """Whether an argument takes a text, texts in a table or a model, or a file."""
    parts = [*ast.walk(annotation), *(ast.walk(default) if default else ())]
    called = {source.get_last_name(part.func) for part in parts if isinstance(part, ast.Call)}
    if called & {"Depends", "Security"}:
        return False
    for part in ast.walk(annotation):
        if isinstance(part, (ast.Name, ast.Attribute)):
            holder = ast.ClassDef(name="", bases=[part], keywords=[], body=[], decorator_list=[])
            names = view.names(part, scope) | view.lineage(holder, scope)
            if any(map(_TEXTS.fullmatch, names)):
                return True
    return False
