"""Check that FastAPI endpoints ask for the dependency that their URL path demands, as written.

Endpoints that were open on base do not count against the change. Guards in middleware, and what an
application changes once it runs, are not seen.
"""

import ast
import re
from collections import defaultdict
from collections.abc import Iterator
from contextlib import suppress
from fnmatch import fnmatchcase
from functools import lru_cache
from itertools import chain, islice
from typing import NamedTuple

from agent.errors import EditFailed
from agent.models.change import Finding, Severity
from agent.policy import layout, meaning
from agent.policy.change_context import ChangeContext
from agent.policy.endpoints import Endpoint, Routes
from agent.policy.names import Names
from agent.policy.rule import Rule
from agent.policy.source import PythonSource
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
#: Modules that may have routes, dependencies or settings name one of these; others are not parsed.
_WORDS = b"Router(", b"FastAPI", b"include_router", b"BaseSettings", b"Depends(", b"Security("
_ROUTE = re.compile(rb"\n@\w+\.\w+\([\"']/")
#: A parameter that no slash can be in, as Starlette has them.
_ONE_PART = re.compile(r"{\w+(?::(?:str|int|float|uuid))?}")
_MOST_FINDINGS = 20
_Auth = tuple[FastapiAuth, ...]


def check_change(change_context: ChangeContext) -> Iterator[Finding]:
    auth = change_context.config.fastapi.auth
    if not auth or not change_context.python:
        return
    yield from _find_edits(auth, change_context)
    files = change_context.change.files
    if not any(_is_read(file.path, side) for file in files for side in (file.before, file.after)):
        return  # routes are what they were
    modules: dict[str, Routes] = {}
    for path in change_context.tree.paths():
        if path.endswith(".py"):
            with suppress(EditFailed):  # a link
                content = change_context.tree.read(path)
                modules[path] = _read_routes(path, content, change_context)
    edited = {file.path: _read_routes(file.path, file.after, change_context) for file in files}
    before, after = (
        [*Routes(side[path] for path in sorted(side)).list_whole()]
        for side in (modules, modules | edited)
    )
    yield from _list_uncovered(auth, before, after, {*change_context.change.paths})
    yield from islice(_find_open(auth, before, after), _MOST_FINDINGS)


def _read_routes(path: str, content: bytes | None, change_context: ChangeContext) -> Routes:
    routes = Routes()
    if content and _is_read(path, content):
        with suppress(*meaning.UNREADABLE):
            routes.read(PythonSource(path, content, change_context.name_module(path)))
    return routes


def _is_read(path: str, content: bytes | None) -> bool:
    """Whether a module may have routes, what these ask for, or what leads to them."""
    if content is None or not path.endswith(".py") or layout.is_test(path):
        return False
    is_named = any(word in content for word in _WORDS) or _ROUTE.search(content)
    return bool(is_named) or path.endswith("__init__.py")


def _list_uncovered(
    auth: _Auth, before: list[Endpoint], after: list[Endpoint], changed: set[str]
) -> Iterator[Finding]:
    """Yield new endpoints on no path; and paths without one, where routes are edited."""
    known = {route.address for route in before}
    for route in after:
        if not _find_required(auth, route) and route.address not in known:
            says = f"answers {route.address}, which fastapi.auth does not cover"
            fix = "Check that anybody may call it."
            yield UNCOVERED.make_finding(route.file, says, fix, route.line)
    for entry in auth if changed & {route.file for route in (*before, *after)} else ():
        if not any(_meets(entry, route.path) for route in after):
            says = f"no endpoint was found for {', '.join(entry.paths)} of fastapi.auth"
            yield UNCOVERED.make_finding("", says, "Check who may call what is there.")


def _find_open(auth: _Auth, before: list[Endpoint], after: list[Endpoint]) -> Iterator[Finding]:
    """Yield endpoints that lack what their path demands, and did not lack it before."""
    had, open_before = defaultdict[str, set[str]](set), set[tuple[str, str]]()
    for route in before:
        had[route.name] |= route.asks
        for name in _find_required(auth, route) - route.asks:
            open_before |= {(name, route.name), (name, route.address)}
    for route in after:
        required = _find_required(auth, route)
        if not route.is_whole:  # what it asked for, it goes on to ask for
            required = {entry.dependency for entry in auth} & had[route.name]
        for name in sorted(required - route.asks):
            if not {(name, route.name), (name, route.address)} & open_before:
                says = f"answers {route.address} without depending on {name}"
                fix = f"Add {name} to its signature, decorator or router, or exclude the path."
                says = f"{says}, which fastapi.auth requires"
                yield FASTAPI_AUTH.make_finding(route.file, says, fix, route.line)


def _find_required(auth: _Auth, route: Endpoint) -> set[str]:
    """Return what the first entry for a path as it is written demands, else for one it answers.

    `/{area}/total` answers `/api/total`.
    """
    written = [entry.dependency for entry in auth if _meets(entry, route.path, answered=False)]
    answered = [entry.dependency for entry in auth if _meets(entry, route.path)]
    return {*(written or answered)[:1]} if route.is_whole else set()


def _meets(entry: FastapiAuth, path: str, *, answered: bool = True) -> bool:
    """Whether an entry has a pattern for a path, or for one that it answers."""
    parts = tuple(filter(None, path.split("/")))
    if answered:
        several = (_ONE_PART.sub("*", part) for part in parts)
        parts = tuple("**" if "{" in part else part for part in several)
    patterns = (tuple(filter(None, pattern.split("/"))) for pattern in entry.paths)
    return any(_may_meet(pattern, parts) for pattern in patterns)


@lru_cache(10_000)
def _may_meet(left: tuple[str, ...], right: tuple[str, ...]) -> bool:
    """Whether two patterns have a path in common."""
    if ("**",) in (left[:1], right[:1]):
        return (bool(left) and _may_meet(left[1:], right)) or (
            bool(right) and _may_meet(left, right[1:])
        )
    if not left or not right:
        return left == right
    is_same = fnmatchcase(left[0], right[0]) or fnmatchcase(right[0], left[0])
    return is_same and _may_meet(left[1:], right[1:])


def _find_edits(auth: _Auth, change_context: ChangeContext) -> Iterator[Finding]:
    """Yield edits of what a dependency names in its module, or takes from another."""
    used: dict[str, str] = {}
    for dependency in (entry.dependency for entry in auth):
        used |= dict.fromkeys(_list_used(dependency, change_context), dependency)
    for file in change_context.python:
        before, after = (
            _list_definitions(file.path, side, change_context) for side in (file.before, file.after)
        )
        if before is None or after is None:
            continue  # `python-syntax` says so
        for name in sorted(used.keys() & (before.keys() | after.keys())):
            was, now = before.get(name, []), after.get(name, [])
            had, has = [part.does for part in was], [part.does for part in now]
            if had != has:
                says = f"edits {name}, by which {used[name]} of fastapi.auth decides"
                fix = "Check that it still rejects all whom it should reject."
                line = next((part.line for part in now if part.does not in had), None)
                yield FASTAPI_AUTH.make_finding(file.path, says, fix, line)


def _list_used(dependency: str, change_context: ChangeContext) -> set[str]:
    """Return what a dependency names in its own module, over and over, and of others once."""
    tree, module = change_context.after, dependency.rpartition(".")[0]
    paths = [path for path in tree.paths() if path.endswith(".py")]
    path = next((path for path in paths if change_context.name_module(path) == module), None)
    if path is None:
        return set()
    definitions = _list_definitions(path, tree.read(path), change_context) or {}
    used, waiting = set[str](), [dependency]
    while waiting:
        if (name := waiting.pop()) not in used:
            used.add(name)
            waiting += chain(*(part.names for part in definitions.get(name, ())))
    return used


class _Statement(NamedTuple):
    """What binds or alters a name."""

    line: int
    does: str
    names: frozenset[str]
    """Dotted names in it, as they are meant, and as names of this module."""


def _list_definitions(
    path: str, content: bytes | None, change_context: ChangeContext
) -> dict[str, list[_Statement]] | None:
    """Return the statements of a module by the dotted names that they bind or alter.

    None: it cannot be read.
    """
    definitions: dict[str, list[_Statement]] = {}
    try:
        module, whole = meaning.strip(content or b""), meaning.strip(content or b"", "all")
    except meaning.UNREADABLE:
        return None
    dotted = change_context.name_module(path)
    names = Names(ast.walk(whole), dotted, is_package=path.endswith("__init__.py"))
    # Annotations name dependencies, too.
    for statement, annotated in zip(module.body, whole.body, strict=True):
        own = {part.id for part in ast.walk(annotated) if isinstance(part, ast.Name)}
        mentioned = names.list_mentioned([annotated]) | {f"{dotted}.{name}" for name in own}
        match statement:
            case ast.ImportFrom(names=aliases) | ast.Import(names=aliases):
                origin = ast.unparse(statement).partition("import")[0]
                bound = {alias.asname or alias.name: origin + ast.dump(alias) for alias in aliases}
            case (
                ast.FunctionDef(name=name)
                | ast.AsyncFunctionDef(name=name)
                | ast.ClassDef(name=name)
            ):
                bound = {name: ast.dump(statement)}
            case _:
                bound = dict.fromkeys(own, ast.dump(statement))
        for name, does in bound.items():
            part = _Statement(statement.lineno, does, mentioned)
            definitions.setdefault(f"{dotted}.{name}", []).append(part)
    return definitions
