"""Hold back values of a request that go straight into SQL, a shell, a path, code or a pickle.

Straight is the value itself, or a text or path put together with it (see `flows`). What is built of
anything else is left to the linter. Tests are left alone: nobody sends them anything, and they are
full of what must not be done.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from agent.models.change import Finding, Severity
from agent.policy import layout, source
from agent.policy.change_context import ChangeContext, Hit
from agent.policy.content.flows import Flows, Value, find_functions
from agent.policy.rule import Rule
from agent.policy.view import View, Visit

REQUEST_VALUE = Rule(
    id="request-value",
    demands="What a request brings is never a part of SQL, a line for the shell, a path, code or a "
    "pickle unless it was converted or checked.",
    severity=Severity.BLOCK,
    floor=Severity.REVIEW,
    bad="cursor.execute(f\"SELECT * FROM t WHERE name = '{request.GET['name']}'\")",
    good='cursor.execute("SELECT * FROM t WHERE name = %s", [request.GET["name"]])',
)
RULES = (REQUEST_VALUE,)

_SAYS = {
    "sql": "puts {} into the text of an SQL statement",
    "data": "reads {} by a format that runs code",
    "path": "lets {} name a file",
    "line": "puts {} into a line for the shell",
    "code": "executes or imports {}",
}
_FIXES = {
    "sql": "Write the statement with placeholders and hand the values over as parameters.",
    "data": "Use JSON, yaml.safe_load, or weights_only=True.",
    "path": "Let a function give the path that takes the last part of the name alone, or compares "
    "the resolved path with the folder; frameworks have safe_join and secure_filename for it.",
    "line": "Start the program with a list of arguments and no shell.",
    "code": "Choose from a table of what may be asked for.",
}
#: Functions by what they do with the texts they are given.
_TAKERS = {
    "sql": re.compile(
        r"(?:sqlalchemy(?:\.sql)?(?:\.expression)?|sqlmodel)\.(?:text|literal_column)"
        r"|django\.db\.(?:models|migrations)\..*\bR(?:aw|un)SQL"
    ),
    "data": re.compile(
        r"(?:_?pickle|dill|cloudpickle|marshal|jsonpickle)\.(?:loads?|decode|Unpickler)"
        r"|joblib\.load|shelve\.open|pandas\.read_pickle|yaml\.(?:(?:unsafe|full)_)?load(?:_all)?"
    ),
    "path": re.compile(
        r"(?:builtins|io|codecs|os|aiofiles|gzip)\.open|flask\.(?:helpers\.)?send_file"
        r"|os\.(?:remove|unlink|rmdir|mkdir|makedirs|listdir|scandir|walk)"
        r"|os\.(?:rename|replace|link|symlink)|shutil\.(?:rmtree|copy(?:2|file|tree)?|move)"
        r"|(?:starlette|fastapi)\.responses\.FileResponse|aiohttp\.web\.FileResponse"
    ),
    "line": re.compile(
        r"os\.(?:system|popen)|subprocess\.get(?:status)?output|asyncio\.create_subprocess_shell"
    ),
    "code": re.compile(
        r"builtins\.(?:eval|exec|__import__)|importlib\.import_module"
        r"|(?:django\.utils\.module_loading|werkzeug\.utils)\.import_string"
    ),
}
_STARTS = re.compile(r"subprocess\.(?:run|call|check_call|check_output|Popen)")
_SAFE_LOADER = re.compile(r"yaml\.(?:\w+\.)?C?(?:Safe|Base)Loader")
_EXECUTES = frozenset(
    {"execute", "executemany", "executescript", "exec_driver_sql", "aexecute", "raw", "read_sql"}
)
#: Of a connection these take SQL.
_FETCHES = frozenset(
    {"fetch", "fetchrow", "fetchval", "fetch_one", "fetch_all", "fetch_val", "query", "scalar"}
)
_CONNECTION = re.compile(r"(?:.*[._])?(?:cursor|cur|conn|connection|db|database|engine)(?:\(\))?")
_PATH_METHODS = frozenset(
    {
        "open", "read_text", "read_bytes", "write_text", "write_bytes", "unlink", "rmdir", "mkdir",
        "touch", "iterdir", "rename", "symlink_to", "glob", "rglob",
    }
)  # fmt: skip


def check_change(change_context: ChangeContext) -> Iterator[Finding]:
    """Yield a finding for every new call that gets a value of a request."""
    for file, hit in change_context.find_new_hits(
        _find_uses, lambda file: not layout.is_test(file.path)
    ):
        way = hit.what.partition(" ")[0]
        yield REQUEST_VALUE.make_finding(file.path, hit.message, _FIXES[way], hit.line)


def _find_uses(view: View) -> Iterator[Hit]:
    for flows, calls in find_functions(view):
        for call in calls:
            way, value = _find_use(call, view, flows)
            if way and value.source:
                what = f"{way} {source.format_node(call.node)[:300]}"
                yield Hit(what, call.node.lineno, _SAYS[way].format(value.source))


def _find_use(call: Visit[ast.Call], view: View, flows: Flows) -> tuple[str, Value]:
    """Return what a call does with a value, and the value."""
    node = call.node
    values = [*map(flows.read, node.args)]
    first = values[0] if values else Value()
    given = next((value for value in values if value.source), first)
    name = source.get_last_name(node.func)
    owner = node.func.value if isinstance(node.func, ast.Attribute) else None
    held = flows.read(owner) if owner is not None else Value()
    if name in _PATH_METHODS and held.is_built:
        return "path", held
    # What is saved is an upload; forms and models are saved to no path.
    if name == "save" and held.source and given.is_built:
        return "path", given
    if owner is not None and name in (_EXECUTES | _FETCHES):
        # Others, such as a schema of GraphQL, take a whole text as it was sent.
        is_sql = first.is_built and name in _EXECUTES
        is_sql = is_sql or _CONNECTION.fullmatch(source.format_node(owner)[-100:]) is not None
        return ("sql" if is_sql else ""), first
    if not given.source:
        return "", given
    names = view.names(node.func, call.scope)
    words = {word.arg: word.value for word in node.keywords}
    shell = words.get("shell")
    if any(map(_STARTS.fullmatch, names)) and isinstance(shell, ast.Constant) and shell.value:
        return "line", first
    way = next((way for way, taker in _TAKERS.items() if any(map(taker.fullmatch, names))), "")
    loader = node.args[1] if len(node.args) > 1 else words.get("Loader")
    if way == "data" and any(map(_SAFE_LOADER.fullmatch, view.names(loader, call.scope))):
        return "", given
    # Of files, the second may be a path as well; elsewhere it holds parameters or options.
    return way, given if way == "path" else first
