"""Check that FastAPI endpoints have the dependency that the configuration requires for their path.

The source is read without running it: guards in middleware, and routes that change at run time, are
not seen. Endpoints that lack the dependency on base do not count against the change.
"""

import ast
import re
from collections import defaultdict
from collections.abc import Iterator
from contextlib import suppress
from fnmatch import fnmatchcase
from functools import cache, lru_cache
from itertools import islice

from agent.models.change import Finding, Severity
from agent.policy import layout
from agent.policy.change_context import ChangeContext
from agent.policy.endpoints import Endpoint, Routes
from agent.policy.rule import Rule
from agent.policy.source import UNREADABLE, PythonSource, strip
from repo_config.foreign_python import FunctionNode
from repo_config.schema import FastapiAuth

FASTAPI_AUTH = Rule(
    "fastapi-auth",
    "Every endpoint has the dependency that `fastapi.auth` requires for its URL path;"
    " changes to such a dependency need review.",
    Severity.REVIEW,
)
UNCOVERED = Rule(
    "fastapi-auth-uncovered",
    "New endpoints whose URL path no entry of `fastapi.auth` covers, and entries for which"
    " no endpoint is found, are listed.",
    Severity.INFO,
)
RULES = (FASTAPI_AUTH, UNCOVERED)
#: Matches modules with routes, dependencies or settings; other modules are not parsed.
_WORDS = re.compile(
    rb"Router\(|FastAPI|include_router|BaseSettings|(?:Depends|Security)\(|\n@\w+\.\w+\([\"']/"
)
#: A path parameter of Starlette that contains no slash.
_ONE_SEGMENT = re.compile(r"{\w+(?::(?:str|int|float|uuid))?}")
_MOST_FINDINGS = 20
_Auth = tuple[FastapiAuth, ...]


def check_change(change_context: ChangeContext) -> Iterator[Finding]:
    auth, files = change_context.config.fastapi.auth, change_context.change.files
    if not auth or not change_context.python:
        return
    yield from _find_edits(auth, change_context)
    if not any(_is_read(file.path, side) for file in files for side in (file.before, file.after)):
        return  # no module with routes is edited

    @cache
    def read_routes(path: str, content: bytes) -> Routes:
        routes = Routes()
        if _is_read(path, content):
            with suppress(*UNREADABLE):
                routes.read(PythonSource(path, content, change_context.name_module(path)))
        return routes

    before, after = (
        [
            *Routes(
                read_routes(path, side.read(path)) for path in side.paths() if path.endswith(".py")
            ).list_whole()
        ]
        for side in (change_context.tree, change_context.after)
    )
    yield from _list_uncovered(auth, before, after, {*change_context.change.paths})
    yield from islice(_find_open(auth, before, after), _MOST_FINDINGS)


def _is_read(path: str, content: bytes | None) -> bool:
    """Whether a module may have routes, dependencies, or imports of them."""
    if content is None or not path.endswith(".py") or layout.is_test(path):
        return False
    return bool(_WORDS.search(content)) or path.endswith("__init__.py")


def _list_uncovered(
    auth: _Auth, before: list[Endpoint], after: list[Endpoint], changed: set[str]
) -> Iterator[Finding]:
    """Yield new endpoints whose path no entry covers, and entries without an endpoint."""
    addresses = {route.address for route in before}
    for route in after:
        if not _find_required(auth, route) and route.address not in addresses:
            text = f"answers {route.address}, which fastapi.auth does not cover"
            fix = "Check that anybody may call it."
            yield UNCOVERED.make_finding(route.file, text, fix, route.line)
    for entry in auth if changed & {route.file for route in (*before, *after)} else ():
        if not any(_meets(entry, route.path) for route in after):
            text = f"no endpoint was found for {', '.join(entry.paths)} of fastapi.auth"
            yield UNCOVERED.make_finding("", text, "Check who may call what is there.")


def _find_open(auth: _Auth, before: list[Endpoint], after: list[Endpoint]) -> Iterator[Finding]:
    """Yield endpoints that lack a required dependency, unless they lacked it on base."""
    had, open_before = defaultdict[str, set[str]](set), set[tuple[str, str]]()
    for route in before:
        had[route.name] |= route.asks
        for name in _find_required(auth, route) - route.asks:
            open_before |= {(name, route.name), (name, route.address)}
    for route in after:
        required = _find_required(auth, route)
        if not route.is_whole:  # without a known path, it has to keep the dependencies that it had
            required = {entry.dependency for entry in auth} & had[route.name]
        for name in sorted(required - route.asks):
            if not {(name, route.name), (name, route.address)} & open_before:
                text = f"answers {route.address} without depending on {name}"
                fix = f"Add {name} to its signature, decorator or router, or exclude the path."
                text = f"{text}, which fastapi.auth requires"
                yield FASTAPI_AUTH.make_finding(route.file, text, fix, route.line)


def _find_required(auth: _Auth, route: Endpoint) -> set[str]:
    """Return the dependency that the first entry for an endpoint's path requires, in a set.

    The path is taken as written, else as its requests: `/{area}/total` answers `/api/total`.
    """
    written = [entry.dependency for entry in auth if _meets(entry, route.path, answered=False)]
    answered = [entry.dependency for entry in auth if _meets(entry, route.path)]
    return {*(written or answered)[:1]} if route.is_whole else set()


def _meets(entry: FastapiAuth, path: str, *, answered: bool = True) -> bool:
    """Whether an entry's pattern matches a path or, if `answered`, a request that it answers."""
    segments = tuple(filter(None, path.split("/")))
    if answered:
        patterns_of_path = (_ONE_SEGMENT.sub("*", segment) for segment in segments)
        segments = tuple("**" if "{" in segment else segment for segment in patterns_of_path)
    patterns = (tuple(filter(None, pattern.split("/"))) for pattern in entry.paths)
    return any(_may_meet(pattern, segments) for pattern in patterns)


@lru_cache(10_000)
def _may_meet(left: tuple[str, ...], right: tuple[str, ...]) -> bool:
    """Whether some path matches both patterns."""
    if ("**",) in (left[:1], right[:1]):
        return (bool(left) and _may_meet(left[1:], right)) or (
            bool(right) and _may_meet(left, right[1:])
        )
    if not left or not right:
        return left == right
    is_same = fnmatchcase(left[0], right[0]) or fnmatchcase(right[0], left[0])
    return is_same and _may_meet(left[1:], right[1:])


def _find_edits(auth: _Auth, change_context: ChangeContext) -> Iterator[Finding]:
    """Yield edits of definitions that a required dependency uses."""
    used: dict[str, str] = {}
    for entry in auth:
        used |= dict.fromkeys(_list_used(entry.dependency, change_context), entry.dependency)
    for file in change_context.python:
        module = change_context.name_module(file.path)
        before, after = (_list_definitions(module, side) for side in (file.before, file.after))
        for name in sorted(used.keys() & (before.keys() | after.keys())):
            had, has = ({ast.dump(part): part for part in side[name]} for side in (before, after))
            if [*had] != [*has]:
                text = f"edits {name}, by which {used[name]} of fastapi.auth decides"
                fix = "Check that it still rejects all whom it should reject."
                line = next((has[code].lineno for code in has if code not in had), None)
                yield FASTAPI_AUTH.make_finding(file.path, text, fix, line)


def _list_used(dependency: str, change_context: ChangeContext) -> set[str]:
    """Return the names that a dependency uses directly, or indirectly within its module."""
    tree, module = change_context.after, dependency.rpartition(".")[0]
    python = (path for path in tree.paths() if path.endswith(".py"))
    path = next((path for path in python if change_context.name_module(path) == module), "")
    source = change_context.read_source(path, tree.read(path)) if path else None
    if source is None:
        return set()
    definitions = _list_definitions(module, tree.read(path))
    used, waiting = set[str](), [dependency]
    while waiting:
        if (name := waiting.pop()) not in used:
            used.add(name)
            inner = [node for statement in definitions[name] for node in ast.walk(statement)]
            waiting += filter(None, map(source.find_name, inner))
            # The name that an import binds in the module counts as well.
            waiting += (f"{module}.{node.id}" for node in inner if isinstance(node, ast.Name))
    return used


def _list_definitions(module: str, content: bytes | None) -> defaultdict[str, list[ast.stmt]]:
    """Return the statements of a module, by the dotted names that they bind or use."""
    definitions = defaultdict[str, list[ast.stmt]](list)
    with suppress(*UNREADABLE):  # the rule `python-syntax` reports it
        # Annotations are kept: they name dependencies.
        for statement in strip(content or b"", reads_signatures=True).body:
            if isinstance(statement, ast.Import | ast.ImportFrom):
                for alias in statement.names:
                    single = type(statement)(**{**vars(statement), "names": [alias]})
                    definitions[f"{module}.{alias.asname or alias.name}"].append(single)
            elif isinstance(statement, FunctionNode | ast.ClassDef):
                definitions[f"{module}.{statement.name}"].append(statement)
            else:
                names = (node for node in ast.walk(statement) if isinstance(node, ast.Name))
                for name in dict.fromkeys(node.id for node in names):
                    definitions[f"{module}.{name}"].append(statement)
    return definitions
