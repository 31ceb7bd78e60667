"""Hold back values of a request that go straight into SQL, a shell, a path, code or a pickle.

A value is followed through the assignments of one function, not through calls: a conversion or a
check belongs into one. What is built of anything else is left to ruff.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from typing import NamedTuple

from agent.models.change import Finding, Severity
from agent.policy import layout, source
from agent.policy.change_context import ChangeContext, Hit
from agent.policy.names import Scope
from agent.policy.rule import Rule
from agent.policy.view import FunctionNode, View, Visit

REQUEST_VALUE = Rule(
    id="request-value",
    demands="Convert or check request values before they become part of SQL, a shell command, a "
    "path, code or a pickle.",
    severity=Severity.BLOCK,
    floor=Severity.REVIEW,
    bad="cursor.execute(f\"SELECT * FROM t WHERE name = '{request.GET['name']}'\")",
    good='cursor.execute("SELECT * FROM t WHERE name = %s", [request.GET["name"]])',
)
RULES = (REQUEST_VALUE,)

#: By the way in which a text is used: what is said of it, the way out, and functions that use their
#: first argument so.
_WAYS = {
    "sql": (
        "puts {} into the text of an SQL statement",
        "Write the statement with placeholders and hand the values over as parameters.",
        (
            r"(?:sqlalchemy(?:\.sql)?(?:\.expression)?|sqlmodel)\.(?:text|literal_column)"
            r"|django\.db\.(?:models|migrations)\..*\bR(?:aw|un)SQL"
        ),
    ),
    "data": (
        "reads {} by a format that runs code",
        "Use JSON, yaml.safe_load, or weights_only=True.",
        (
            r"(?:_?pickle|dill|cloudpickle|marshal|jsonpickle)\.(?:loads?|decode|Unpickler)"
            r"|joblib\.load|shelve\.open|pandas\.read_pickle|yaml\.(?:(?:unsafe|full)_)?load(?:_all)?"
        ),
    ),
    "path": (
        "lets {} name a file",
        "Let a function take the last part of the name alone, or have safe_join check it.",
        (
            r"(?:builtins|io|codecs|os|aiofiles|gzip)\.open|flask\.(?:helpers\.)?send_file"
            r"|os\.(?:remove|unlink|rmdir|mkdir|makedirs|listdir|scandir|walk)"
            r"|os\.(?:rename|replace|link|symlink)|shutil\.(?:rmtree|copy(?:2|file|tree)?|move)"
            r"|(?:starlette|fastapi)\.responses\.FileResponse|aiohttp\.web\.FileResponse"
        ),
    ),
    "line": (
        "puts {} into a line for the shell",
        "Start the program with a list of arguments and no shell.",
        r"os\.(?:system|popen)|subprocess\.get(?:status)?output|asyncio\.create_subprocess_shell",
    ),
    "code": (
        "executes or imports {}",
        "Choose from a table of what may be asked for.",
        (
            r"builtins\.(?:eval|exec|__import__)|importlib\.import_module"
            r"|(?:django\.utils\.module_loading|werkzeug\.utils)\.import_string"
        ),
    ),
}
_STARTS = re.compile(r"subprocess\.(?:run|call|check_call|check_output|Popen)")
_SAFE_LOADER = re.compile(r"yaml\.(?:\w+\.)?C?(?:Safe|Base)Loader")
_EXECUTES = re.compile(r"execute|executemany|executescript|exec_driver_sql|aexecute|raw|read_sql")
#: Of a connection these take SQL.
_FETCHES = re.compile(r"fetch|fetchrow|fetchval|fetch_one|fetch_all|fetch_val|query|scalar")
_CONNECTION = re.compile(r"(?:.*[._])?(?:cursor|cur|conn|connection|db|database|engine)(?:\(\))?")
_PATH_METHODS = re.compile(
    r"open|read_text|read_bytes|write_text|write_bytes|unlink|rmdir|mkdir|touch|"
    r"iterdir|rename|symlink_to|glob|rglob"
)
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
_ROUTES = re.compile(r"get|post|put|patch|delete|head|options|route|api_route|websocket")
#: Converters of routes, as in `/orders/<int:number>`.
_CONVERTED = re.compile(r"<(?:int|float|uuid|any)(?:\([^)]*\))?:(\w+)>")
#: As in `/orders/<path:name>` and `/orders/{name:path}`.
_IN_ROUTE = re.compile(r"(?:<(?:[^<>]*:)?|\{)(\w+)")
_TEXTS = re.compile(
    r"builtins\.(?:str|bytes|list|dict)|typing\.(?:Any|List|Dict)|pydantic\..*|sqlmodel\..*"
    r"|(?:fastapi|starlette\.datastructures)\.UploadFile"
)
_REQUESTS = frozenset({"request", "req"})
#: What of a request a stranger writes.
_SENT = re.compile(
    r"GET|POST|FILES|COOKIES|META|headers|body|data|args|form|values|json|files|"
    r"cookies|query|query_params|path_params|match_info|query_string|get_json|"
    r"get_data|read|post|stream|text|url|path|path_info|view_args"
)
#: Methods that give their owner, or a part of it.
_READS = re.compile(
    r"get|getlist|pop|read|post|json|body|form|text|get_json|get_data|decode|"
    r"encode|strip|lower|upper|absolute|as_posix"
)
_PATHS = frozenset({"os.path.join", "posixpath.join", "pathlib.Path", "pathlib.PurePath"})
_KEY = re.compile(r"(?:.*_)?(?:pk|id)")
_Position = tuple[int, int]


class _Value(NamedTuple):
    """What is known of an expression."""

    origin: str = ""
    """What of a request is straight in it, as in `request.GET`; "": nothing."""
    is_built: bool = False
    """Whether it is a text or a path put together of several."""


def check_change(change_context: ChangeContext) -> Iterator[Finding]:
    found = change_context.find_new_hits(_find_uses, lambda path: not layout.is_test(path))
    for file, hit in found:
        _, fix, _ = _WAYS[hit.what.partition(" ")[0]]
        yield REQUEST_VALUE.make_finding(file.path, hit.message, fix, hit.line)


def _find_uses(view: View) -> Iterator[Hit]:
    if not _IS_WEB.search(view.content):
        return
    flows: dict[FunctionNode, _Flows] = {}
    outside = {visit.node: visit.scope for visit in view.functions}
    for call in view.list_visits(ast.Call):
        node = call.function
        if node not in outside or isinstance(node, ast.Lambda):
            continue
        if node not in flows:
            flows[node] = _Flows(view, node, outside[node], call.scope)
        way, value = _find_use(call, view, flows[node])
        if way and value.origin:
            what = f"{way} {source.format_node(call.node)[:300]}"
            yield Hit(what, call.node.lineno, _WAYS[way][0].format(value.origin))


def _find_use(call: Visit[ast.Call], view: View, flows: _Flows) -> tuple[str, _Value]:
    """Return what a call does with a value, and the value."""
    node = call.node
    values = [*map(flows.read, node.args)]
    first = values[0] if values else _Value()
    given = next((value for value in values if value.origin), first)
    name = source.get_last_name(node.func)
    owner = node.func.value if isinstance(node.func, ast.Attribute) else None
    held = flows.read(owner) if owner is not None else _Value()
    if _PATH_METHODS.fullmatch(name) and held.is_built:
        return "path", held
    # What is saved is an upload; forms and models are saved to no path.
    if name == "save" and held.origin and given.is_built:
        return "path", given
    if owner is not None and (_EXECUTES.fullmatch(name) or _FETCHES.fullmatch(name)):
        # Others, such as a schema of GraphQL, take a whole text as it was sent.
        is_connection = _CONNECTION.fullmatch(source.format_node(owner)[-100:])
        return "sql" if is_connection or (
            first.is_built and _EXECUTES.fullmatch(name)
        ) else "", first
    if not given.origin:
        return "", given
    names = view.find_names(node.func, call.scope)
    words = {word.arg: word.value for word in node.keywords}
    shell = words.get("shell")
    if any(map(_STARTS.fullmatch, names)) and isinstance(shell, ast.Constant) and shell.value:
        return "line", first
    ways = (way for way in _WAYS for one in names if re.fullmatch(_WAYS[way][2], one))
    way = next(ways, "")
    loader = node.args[1] if len(node.args) > 1 else words.get("Loader")
    if way == "data" and any(map(_SAFE_LOADER.fullmatch, view.find_names(loader, call.scope))):
        return "", given
    # Of files, the second may be a path as well; elsewhere it holds parameters or options.
    return way, given if way == "path" else first


class _Flows:
    """What the names of a function hold, from assignment to assignment."""

    def __init__(self, view: View, node: FunctionNode, outside: Scope, inside: Scope) -> None:
        self._view = view
        self._scope = inside
        #: In their order, each with the place from which on it counts.
        self._bound: list[tuple[_Position, str, _Value]] = []
        for name in _find_sent_arguments(view, node, outside):
            self._bound.append(((0, 0), name, _Value(f"the argument `{name}`")))
        for end, name, value in sorted(_find_assignments(node), key=lambda found: found[0]):
            self._bound.append((end, name, _Value() if value is None else self.read(value)))

    def read(self, node: ast.expr) -> _Value:
        """Say what is known of an expression."""
        match node:
            case ast.Name(id=name):
                at = (node.lineno, node.col_offset)
                bound = (one for one in reversed(self._bound) if one[1] == name and one[0] <= at)
                return next(bound, ((0, 0), name, _Value()))[2]
            case ast.Attribute(value=owner, attr=name) if self._is_request(owner):
                return _Value(f"`request.{name}`") if _SENT.fullmatch(name) else _Value()
            # `self.kwargs["slug"]` of a view is a part of the address.
            case ast.Subscript(value=ast.Attribute(attr="kwargs"), slice=ast.Constant(value=key)):
                return _Value() if _KEY.fullmatch(str(key)) else _Value("`self.kwargs`")
            case ast.Attribute() | ast.Subscript():
                return _Value(self.read(node.value).origin)
            case ast.Call(func=ast.Attribute(attr=name) as func) if _READS.fullmatch(name):
                # `request.json()` is read by a method of the request itself.
                return _Value(self.read(func).origin)
            case ast.Await() | ast.FormattedValue() | ast.Starred() | ast.NamedExpr():
                return self.read(node.value)
        parts, is_built = self._list_parts(node)
        values = [value for value in map(self.read, parts) if value.origin]
        is_built = is_built or any(value.is_built for value in values)
        return _Value(values[0].origin, is_built) if values else _Value()

    def _list_parts(self, node: ast.expr) -> tuple[list[ast.expr], bool]:
        """Return what an expression is made of, and whether it puts that together."""
        match node:
            case ast.Call(func=func) if self._view.find_names(func, self._scope) & _PATHS:
                return node.args, True
            case ast.Call(func=ast.Attribute(value=owner, attr="format" | "joinpath")):
                return [owner, *node.args, *(one.value for one in node.keywords)], True
            case ast.JoinedStr(values=parts):
                return parts, True
            case ast.BinOp(left=left, op=ast.Add() | ast.Mod() | ast.Div(), right=right):
                return [left, right], True
            case ast.BoolOp(values=parts) | ast.Tuple(elts=parts) | ast.List(elts=parts):
                return parts, False
            case ast.IfExp(body=body, orelse=orelse):
                return [body, orelse], False
        return [], False

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
                last = written.get(id(inner)) or inner
                end = (last.end_lineno or 0, last.end_col_offset or 0)
                yield end, inner.id, written.get(id(inner))


def _find_sent_arguments(view: View, node: FunctionNode, scope: Scope) -> Iterator[str]:
    """Yield the arguments of a view or endpoint that a request fills with texts."""
    route = _find_route(node)
    arguments = [*node.args.posonlyargs, *node.args.args]
    names = [one.arg for one in arguments if one.arg not in ("self", "cls")]
    is_view = bool(names) and names[0] in _REQUESTS and _VIEWS.fullmatch(view.path) is not None
    if route is None and not is_view:
        return
    defaults: list[ast.expr | None] = [None] * (len(arguments) - len(node.args.defaults))
    pairs = [*zip(arguments, [*defaults, *node.args.defaults], strict=True)]
    pairs += zip(node.args.kwonlyargs, node.args.kw_defaults, strict=True)
    known = {*_CONVERTED.findall(route or ""), "self", "cls", *_REQUESTS}
    for argument, default in pairs:
        if argument.annotation is not None:
            is_sent = _is_text(argument.annotation, default, view, scope)
        elif route is not None:
            # Any other is from a decorator, as the user that is signed in.
            is_sent = argument.arg in _IN_ROUTE.findall(route)
        else:
            is_sent = default is None and not _KEY.fullmatch(argument.arg)
        if is_sent and argument.arg not in known:
            yield argument.arg


def _find_route(node: FunctionNode) -> str | None:
    """Return the path of the decorator that makes a function answer it."""
    for decorator in node.decorator_list:
        match decorator:
            case ast.Call(func=ast.Attribute(attr=verb), args=[ast.Constant(value=str(path)), *_]):
                if _ROUTES.fullmatch(verb) and (path.startswith("/") or not path):
                    return path
    return None


def _is_text(annotation: ast.expr, default: ast.expr | None, view: View, scope: Scope) -> bool:
    """Whether an argument takes a text, texts in a table or a model, or a file."""
    parts = [*ast.walk(annotation), *(ast.walk(default) if default else ())]
    called = {source.get_last_name(part.func) for part in parts if isinstance(part, ast.Call)}
    named = [part for part in ast.walk(annotation) if isinstance(part, (ast.Name, ast.Attribute))]
    holder = ast.ClassDef(name="", bases=[*named], keywords=[], body=[], decorator_list=[])
    names = view.find_lineage(holder, scope)
    return not called & {"Depends", "Security"} and any(map(_TEXTS.fullmatch, names))
