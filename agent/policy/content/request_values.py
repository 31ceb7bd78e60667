"""Hold back values of a request that go straight into SQL, a shell, a path, code or a pickle.

A value is followed through the assignments of one function, not through calls: a conversion or a
check belongs into one. What else is built of texts is left to ruff.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from agent.models.change import Finding, Severity
from agent.policy import layout, source
from agent.policy.change_context import ChangeContext, Hit
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
#: Methods that take SQL: of anything, and of a connection alone.
_SQL = frozenset({"raw", "executescript", "exec_driver_sql", "read_sql"})
_EXECUTES = re.compile(r"(?:a?execute|executemany|fetch(?:row|val|_one|_all|_val)?|query|scalar)")
_CONNECTION = re.compile(r"(?:.*[._])?(?:cursor|cur|conn|connection|db|database|engine)(?:\(\))?")
_PATH_METHODS = re.compile(
    r"(?:read|write)_(?:text|bytes)|unlink|rmdir|mkdir|touch|iterdir|rename|symlink_to|r?glob"
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
#: As in `/orders/<path:name>` and `/orders/{name:path}`; not what a converter has made a number.
_IN_ROUTE = re.compile(r"(?:<(?!(?:int|float|uuid|any)\b)(?:[^<>]*:)?|\{)(\w+)")
_TEXTS = re.compile(r"(?<!\w)(?:str|bytes)(?!\w)")
_REQUESTS = frozenset({"request", "req"})
#: What of a request a stranger writes.
_SENT = re.compile(
    r"GET|POST|FILES|COOKIES|META|headers|body|data|args|form|values|json|files|cookies|query"
    r"|query_params|path_params|match_info|query_string|get_json|get_data|read|post|stream|text"
    r"|url|path|path_info|view_args"
)
#: Methods that give their owner, or a part of it.
_READS = re.compile(
    r"get|getlist|pop|read|post|json|body|form|text|get_json|get_data|decode|encode|strip|lower"
    r"|upper|absolute|as_posix|format|joinpath"
)
_PATHS = frozenset({"os.path.join", "posixpath.join", "pathlib.Path", "pathlib.PurePath"})
_KEY = re.compile(r"(?:.*_)?(?:pk|id)")
_Origins = dict[str, str]
"""What of a request is straight in a variable, as in `request.GET`; "": nothing."""


def check_change(change_context: ChangeContext) -> Iterator[Finding]:
    found = change_context.find_new_hits(_find_uses, lambda path: not layout.is_test(path))
    for file, hit in found:
        _, fix, _ = _WAYS[hit.what.partition(" ")[0]]
        yield REQUEST_VALUE.make_finding(file.path, hit.message, fix, hit.line)


def _find_uses(view: View) -> Iterator[Hit]:
    for call in view.list_visits(ast.Call) if _IS_WEB.search(view.content) else ():
        function = call.function
        if function is None or isinstance(function, ast.Lambda):
            continue
        for way, node in _find_ways(call, view):
            held = _follow_assignments(function, call, view)
            if origin := _find_origin(node, held, call, view):
                what = f"{way} {source.format_node(call.node)[:300]}"
                yield Hit(what, call.node.lineno, _WAYS[way][0].format(origin))
                break


def _find_ways(call: Visit[ast.Call], view: View) -> Iterator[tuple[str, ast.expr]]:
    """Yield the ways in which a call uses texts, each with the expression that is used so."""
    node = call.node
    words = {word.arg: word.value for word in node.keywords}
    names = view.find_names(node.func, call.scope)
    if isinstance(node.func, ast.Attribute):
        owner, method = node.func.value, node.func.attr
        if _PATH_METHODS.fullmatch(method):
            yield "path", owner
        is_connection = _CONNECTION.fullmatch(source.format_node(owner)[-100:])
        if method in _SQL or (is_connection and _EXECUTES.fullmatch(method)):
            yield from (("sql", one) for one in node.args[:1])
    shell = words.get("shell")
    if any(map(_STARTS.fullmatch, names)) and isinstance(shell, ast.Constant) and shell.value:
        yield from (("line", one) for one in node.args[:1])
    loader = node.args[1] if len(node.args) > 1 else words.get("Loader")
    if any(map(_SAFE_LOADER.fullmatch, view.find_names(loader, call.scope))):
        return
    for way, (_, _, functions) in _WAYS.items():
        if any(re.fullmatch(functions, name) for name in names):
            # Of files, the second may be a path as well; elsewhere it holds parameters or options.
            yield from ((way, one) for one in node.args[: 2 if way == "path" else 1])


def _follow_assignments(node: FunctionNode, call: Visit[ast.Call], view: View) -> _Origins:
    """Return what variables hold where a call is made; what was converted holds nothing."""
    held = {name: f"the argument `{name}`" for name in _find_sent_arguments(node, view)}
    bound: list[tuple[int, ast.expr, ast.expr | None, bool]] = []
    for inner in ast.walk(node):
        match inner:
            case ast.Assign(targets=targets, value=value):
                bound += [(inner.end_lineno or 0, target, value, False) for target in targets]
            case ast.AnnAssign(target=target, value=value) | ast.NamedExpr(target, value):
                bound.append((inner.end_lineno or 0, target, value, False))
            case ast.AugAssign(target=target, value=value):
                bound.append((inner.end_lineno or 0, target, value, True))
            case ast.For(target=target) | ast.AsyncFor(target=target):
                bound.append((inner.lineno, target, None, False))
    for end, target, value, is_added in sorted(bound, key=lambda one: one[0]):
        if isinstance(target, ast.Name) and end < call.node.lineno:
            before = held.get(target.id, "") if is_added else ""
            held[target.id] = before or (_find_origin(value, held, call, view) if value else "")
    return held


def _find_origin(node: ast.expr, held: _Origins, call: Visit[ast.Call], view: View) -> str:
    """Say what of a request is straight in an expression; "": nothing, or a converted value."""
    parts: list[ast.expr] = []
    match node:
        case ast.Name(id=name):
            return held.get(name, "")
        case ast.Attribute(value=owner, attr=name) if _is_request(owner, held):
            return f"`request.{name}`" if _SENT.fullmatch(name) else ""
        # `self.kwargs["slug"]` of a view is a part of the address.
        case ast.Subscript(value=ast.Attribute(attr="kwargs"), slice=ast.Constant(value=key)):
            return "" if _KEY.fullmatch(str(key)) else "`self.kwargs`"
        case ast.Call(func=ast.Attribute(attr=name) as function) if _READS.fullmatch(name):
            # `request.json()` is read by a method of the request itself.
            words = [*node.args, *(one.value for one in node.keywords)]
            parts = [function, *(words if name in ("format", "joinpath") else ())]
        case ast.Call(func=function) if view.find_names(function, call.scope) & _PATHS:
            parts = node.args
        case ast.BinOp(left=left, op=ast.Add() | ast.Mod() | ast.Div(), right=right):
            parts = [left, right]
        case ast.JoinedStr(values=parts) | ast.BoolOp(values=parts):
            pass
        case ast.Tuple(elts=parts) | ast.List(elts=parts):
            pass
        case ast.IfExp(body=body, orelse=orelse):
            parts = [body, orelse]
        case (
            ast.Attribute(value=inner) | ast.Subscript(value=inner) | ast.Await(value=inner)
            | ast.FormattedValue(value=inner) | ast.Starred(value=inner)
            | ast.NamedExpr(value=inner)
        ):  # fmt: skip
            parts = [inner]
    found = (_find_origin(part, held, call, view) for part in parts)
    return next(filter(None, found), "")


def _is_request(node: ast.expr, held: _Origins) -> bool:
    """Whether it is the request itself; a local variable of that name is none."""
    if isinstance(node, ast.Name):
        return node.id in _REQUESTS and node.id not in held
    return isinstance(node, ast.Attribute) and node.attr == "request"


def _find_sent_arguments(node: FunctionNode, view: View) -> Iterator[str]:
    """Yield the arguments of a view or endpoint that a request fills with texts."""
    route = next(filter(None, map(_read_route, node.decorator_list)), "")
    names = [one.arg for one in (*node.args.posonlyargs, *node.args.args)]
    first = next((name for name in names if name not in ("self", "cls")), "")
    is_view = first in _REQUESTS and _VIEWS.fullmatch(view.path) is not None
    for argument in (*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs):
        if argument.arg in {"self", "cls", *_REQUESTS}:
            continue
        if route:
            # Any other without annotation is from a decorator, as the user that is signed in.
            written = source.format_node(argument.annotation) if argument.annotation else ""
            is_sent = argument.arg in _IN_ROUTE.findall(route) or bool(_TEXTS.search(written))
        else:
            is_sent = is_view and not (argument.annotation or _KEY.fullmatch(argument.arg))
        if is_sent:
            yield argument.arg


def _read_route(decorator: ast.expr) -> str:
    """Return the path of a decorator that makes a function answer it."""
    match decorator:
        case ast.Call(func=ast.Attribute(attr=verb), args=[ast.Constant(value=str(path)), *_]):
            if _ROUTES.fullmatch(verb) and path.startswith("/"):
                return path
    return ""
