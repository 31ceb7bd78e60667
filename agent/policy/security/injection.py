"""Hold back SQL, commands, paths and code that a request is a part of.

A value in the text of a statement can be a statement itself, a shell reads more than one command
in a line, `../` leads out of a folder, and a pickle calls any function. What is built of anything
else is left to the linter. Which values a request brings is known to `origins`.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from agent.models.change import Finding, Severity
from agent.policy import source
from agent.policy.proposal import Proposal
from agent.policy.rule import Rule
from agent.policy.security import origins, spots
from agent.policy.security.origins import Call, Value
from agent.policy.security.spots import Spot
from agent.policy.view import View

SQL_INJECTION = Rule(
    id="sql-injection",
    demands="What a request brings is never a part of the text of an SQL statement.",
    severity=Severity.BLOCK,
    floor=Severity.REVIEW,
    bad="cursor.execute(f\"SELECT * FROM t WHERE name = '{request.GET['name']}'\")",
    good='cursor.execute("SELECT * FROM t WHERE name = %s", [request.GET["name"]])',
)
INSECURE_DESERIALISATION = Rule(
    id="insecure-deserialisation",
    demands="What a request brings is never read by a format that can run code.",
    severity=Severity.BLOCK,
    floor=Severity.REVIEW,
    bad="cart = pickle.loads(request.body)",
    good="cart = json.loads(request.body)",
)
PATH_TRAVERSAL = Rule(
    id="path-traversal",
    demands="What a request brings names a file only after a check that it stays in its folder.",
    severity=Severity.BLOCK,
    floor=Severity.REVIEW,
    bad='open(os.path.join(FOLDER, request.GET["name"]))',
    good='open(safe_join(FOLDER, request.GET["name"]))',
)
COMMAND_INJECTION = Rule(
    id="command-injection",
    demands="What a request brings is never a part of a line for the shell, nor executed as code.",
    severity=Severity.BLOCK,
    floor=Severity.REVIEW,
    bad="subprocess.run(f\"ping {request.GET['host']}\", shell=True)",
    good='subprocess.run(["ping", "--", request.GET["host"]])',
)
RULES = (SQL_INJECTION, INSECURE_DESERIALISATION, PATH_TRAVERSAL, COMMAND_INJECTION)

_FIXES = {
    SQL_INJECTION: "Write the statement with placeholders and hand the values over as parameters.",
    INSECURE_DESERIALISATION: "Use JSON, yaml.safe_load, or weights_only=True.",
    PATH_TRAVERSAL: (
        "Let a function give the path that takes the last part of the name alone, or compares the"
        " resolved path with the folder; frameworks have safe_join and secure_filename for it."
    ),
    COMMAND_INJECTION: "Start the program with a list of arguments and no shell.",
}
_RUNS_SQL = frozenset(
    {
        "execute", "executemany", "executescript", "exec_driver_sql", "fetch", "fetchrow",
        "fetchval", "fetch_one", "fetch_all", "fetch_val", "raw", "read_sql", "read_sql_query",
        "scalar", "scalars", "exec", "query", "aexecute",
    }
)  # fmt: skip
#: Functions whose first argument is SQL, whatever it looks like.
_SQL_TEXTS = re.compile(
    r"(?:sqlalchemy(?:\.sql)?(?:\.expression)?|sqlmodel)\.(?:text|literal_column)"
    r"|django\.db\.(?:models|migrations)\..*\bR(?:aw|un)SQL"
)
_STATEMENT = re.compile(
    r"\s*\(?\s*(?:select|insert|update|delete|replace|merge|with|create|alter|drop|truncate|grant"
    r"|explain|pragma|copy|call|exec|show|analyze|vacuum|lock|set)\b",
    re.IGNORECASE,
)
_CONNECTION = re.compile(r"(?:.*[._])?(?:cursor|cur|conn|connection|db|database|engine)(?:\(\))?")
_SHELLS = re.compile(
    r"os\.(?:system|popen)|subprocess\.get(?:status)?output|asyncio\.create_subprocess_shell"
)
_STARTS = re.compile(r"subprocess\.(?:run|call|check_call|check_output|Popen)")
_SHELL_LINE = re.compile(r"(?:.*/)?(?:sh|bash|zsh|dash|ksh) -\w*c|cmd(?:\.exe)? /[cC]")
_CODE = frozenset(
    {
        "builtins.eval", "builtins.exec", "builtins.__import__", "importlib.import_module",
        "django.utils.module_loading.import_string", "werkzeug.utils.import_string",
    }
)  # fmt: skip
_FILES = re.compile(
    r"(?:builtins|io|codecs|os|aiofiles|gzip)\.open|shutil\.rmtree"
    r"|os\.(?:remove|unlink|rmdir|mkdir|makedirs|listdir|scandir|walk)"
    r"|flask\.(?:helpers\.)?send_(?:file|from_directory)"
    r"|(?:starlette|fastapi)\.responses\.FileResponse|aiohttp\.web\.FileResponse"
)
#: Of these the second argument is a path as well.
_PAIRS = re.compile(
    r"shutil\.(?:copy|copy2|copyfile|copytree|move)|os\.(?:rename|replace|link|symlink)"
)
_PATH_METHODS = frozenset(
    {
        "open", "read_text", "read_bytes", "write_text", "write_bytes", "unlink", "rmdir", "mkdir",
        "touch", "iterdir", "rename", "symlink_to", "glob", "rglob",
    }
)  # fmt: skip
_DESERIALISERS = re.compile(
    r"(?:_?pickle|dill|cloudpickle|marshal|jsonpickle)\.(?:loads?|decode|Unpickler)"
    r"|joblib\.load|shelve\.open|pandas\.read_pickle|yaml\.(?:(?:unsafe|full)_)?load(?:_all)?"
)
_UNSAFE_LOADERS = re.compile(r"yaml\.(?:loader\.|cyaml\.)?C?(?:Unsafe|Full)?Loader")


def check(proposal: Proposal) -> Iterator[Finding]:
    """Yield a finding for every new call that gets a value of a request."""
    yield from spots.findings(proposal, _find_spots, _FIXES)


def _find_spots(view: View) -> Iterator[Spot]:
    for call in origins.find_calls(view):
        for rule, says, value in (
            (SQL_INJECTION, "puts {} into the text of an SQL statement", _find_sql(call)),
            (INSECURE_DESERIALISATION, "reads {} by a format that runs code", _find_data(call)),
            (PATH_TRAVERSAL, "lets {} name a file", _find_path(call)),
            (COMMAND_INJECTION, "puts {} into a line for the shell", _find_line(call)),
            (COMMAND_INJECTION, "executes or imports {}", _find_code(call)),
        ):
            if value.source:
                yield Spot(rule, call.node, says.format(value.source))


def _find_sql(call: Call) -> Value:
    """Return what a call takes as SQL."""
    first = call.read(0, "sql", "query", "raw_query", "statement", "operation")
    if call.is_any(_SQL_TEXTS):
        return first
    if call.name == "extra":
        return call.read(-1, "where", "select", "tables", "order_by")
    if call.name in _RUNS_SQL and first.source:
        of = source.written(call.node.func).rpartition(".")[0][-100:]
        # A whole statement counts where a connection gets it; others that execute take no SQL.
        if _STATEMENT.match(first.text) if first.is_built else _CONNECTION.fullmatch(of):
            return first
    return Value()


def _find_data(call: Call) -> Value:
    loader = call.get_argument(1, "Loader")
    loaders = call.view.names(loader, call.scope)
    is_safe = loader is not None and not any(map(_UNSAFE_LOADERS.fullmatch, loaders))
    return call.read(0, "stream") if call.is_any(_DESERIALISERS) and not is_safe else Value()


def _find_path(call: Call) -> Value:
    first = call.read(0, "path", "filename", "file", "path_or_file", "directory")
    if call.name in _PATH_METHODS and call.owner.is_built:
        return call.owner
    if call.is_any(_PAIRS):
        return first if first.source else call.read(1, "dst")
    # What is saved is an upload; forms and models are saved to no path.
    is_upload = call.name == "save" and bool(call.owner.source) and first.is_built
    return first if is_upload or call.is_any(_FILES) else Value()


def _find_line(call: Call) -> Value:
    """Return what a call gives to a shell."""
    shell = call.get_argument(-1, "shell")
    starts_shell = isinstance(shell, ast.Constant) and bool(shell.value)
    match call.get_argument(0, "args"):
        case ast.List(elts=[ast.Constant(value=str(program)), ast.Constant(value=str(option)), _]):
            starts_shell = starts_shell or bool(_SHELL_LINE.fullmatch(f"{program} {option}"))
    if call.is_any(_SHELLS) or (call.is_any(_STARTS) and starts_shell):
        return call.read(0, "args", "command", "cmd")
    return Value()


def _find_code(call: Call) -> Value:
    return call.read(0, "source", "name") if call.names & _CODE else Value()
