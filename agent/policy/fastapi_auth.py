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
from functools import cache
from itertools import islice

from agent.errors import EditFailed
from agent.models.change import Finding, Severity
from agent.policy import layout, meaning
from agent.policy.change_context import ChangeContext
from agent.policy.endpoints import Endpoint, Routes
from agent.policy.rule import Rule
from repo_config.detect import Tree
from repo_config.schema import FastapiAuth

FASTAPI_AUTH = Rule(
    id="fastapi-auth",
    demands="Every endpoint has the dependency that `fastapi.auth` requires for its URL path;"
    " changes to such a dependency need review.",
    severity=Severity.REVIEW,
)
UNCOVERED = Rule(
    id="fastapi-auth-uncovered",
    demands="New endpoints whose URL path no entry of `fastapi.auth` covers, and entries for which"
    " no endpoint is found, are listed.",
    severity=Severity.INFO,
)
RULES = (FASTAPI_AUTH, UNCOVERED)
_READ = re.compile(rb"\bfastapi\b|Depends\(|\wRouter\(|include_router|BaseSettings")
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
    sides = change_context.tree, change_context.after
    before, after = ([*_list_routes(side, change_context)] for side in sides)
    yield from _list_uncovered(auth, before, after, {*change_context.change.paths})
    yield from islice(_find_open(auth, before, after), _MOST_FINDINGS)


def _list_uncovered(
    auth: _Auth, before: list[Endpoint], after: list[Endpoint], changed: set[str]
) -> Iterator[Finding]:
    """Yield new endpoints on no path; and paths without one, where routes are edited."""
    known = {route.address for route in before}
    for route in after:
        if not _find_required(auth, route) and route.address not in known:
            says = f"answers {route.address}, which fastapi.auth does not cover"
            fix = "Check that anybody may call it."
            yield UNCOVERED.make_finding(route.source.path, says, fix, route.line)
    for entry in auth if changed & {route.source.path for route in (*before, *after)} else ():
        if not any(_find_entry((entry,), route.path) for route in after):
            says = f"no endpoint was found for {', '.join(entry.paths)} of fastapi.auth"
            yield UNCOVERED.make_finding("", says, "Check who may call what is there.")


def _find_open(auth: _Auth, before: list[Endpoint], after: list[Endpoint]) -> Iterator[Finding]:
    """Yield endpoints that lack what their path demands, and did not lack it before."""
    had, open_before = defaultdict[str, set[str]](set), set[tuple[str, str]]()
    for route in before:
        had[route.name] |= route.asks
        missing = _find_required(auth, route) - route.asks
        open_before |= {(name, mark) for name in missing for mark in (route.name, route.address)}
    for route in after:
        required = _find_required(auth, route)
        if not route.is_whole:  # what it asked for, it goes on to ask for
            required = {entry.dependency for entry in auth} & had[route.name]
        for name in sorted(required - route.asks):
            if not {(name, route.name), (name, route.address)} & open_before:
                says = f"answers {route.address} without depending on {name}"
                says += ", which fastapi.auth requires"
                fix = f"Add {name} to its signature, decorator or router, or exclude the path."
                yield FASTAPI_AUTH.make_finding(route.source.path, says, fix, route.line)


def _list_routes(tree: Tree, change_context: ChangeContext) -> Iterator[Endpoint]:
    sources = []
    for path in tree.paths():
        if path.endswith(".py"):
            with suppress(EditFailed):  # a link
                content = tree.read(path)
                is_read = _is_read(path, content)
                source = change_context.read_source(path, content) if is_read else None
                sources += [source] if source else []
    return Routes(sources).list_whole()


def _is_read(path: str, content: bytes | None) -> bool:
    """Whether a module may have routes, what these ask for, or what leads to them."""
    is_ours = path.endswith(".py") and content is not None and not layout.is_test(path)
    return is_ours and (path.endswith("__init__.py") or bool(_READ.search(content or b"")))


def _find_required(auth: _Auth, route: Endpoint) -> set[str]:
    entry = _find_entry(auth, route.path) if route.is_whole else None
    return {entry.dependency} if entry else set()


def _find_entry(auth: _Auth, path: str) -> FastapiAuth | None:
    """Return the first entry with a pattern for a path as it is written, else for one it answers.

    `/{area}/total` answers `/api/total`.
    """
    written = _split_path(path)
    answered = [_ONE_PART.sub("*", part) for part in written]
    answered = ["**" if "{" in part else part for part in answered]
    return next(
        (
            entry
            for parts in (written, answered)
            for entry in auth
            if any(_may_meet(_split_path(pattern), parts) for pattern in entry.paths)
        ),
        None,
    )


def _may_meet(pattern: list[str], parts: list[str]) -> bool:
    """Whether two patterns have a path in common."""

    @cache
    def meets(at: int, to: int) -> bool:
        left, right = pattern[at : at + 1], parts[to : to + 1]
        if ["**"] in (left, right):
            return (bool(left) and meets(at + 1, to)) or (bool(right) and meets(at, to + 1))
        if not left or not right:
            return left == right
        pairs = (left[0], right[0]), (right[0], left[0])
        return any(fnmatchcase(*pair) for pair in pairs) and meets(at + 1, to + 1)

    return meets(0, 0)


def _split_path(path: str) -> list[str]:
    return [part for part in path.split("/") if part]


# --- edits of what a dependency decides by --------------------------------------------------------


def _find_edits(auth: _Auth, change_context: ChangeContext) -> Iterator[Finding]:
    used: dict[str, str] = {}
    for dependency in (entry.dependency for entry in auth):
        used |= dict.fromkeys(_list_used(dependency, change_context), dependency)
    for file in change_context.python:
        dotted = change_context.name_module(file.path)
        try:
            before, after = (
                {code: (line, names) for code, line, names in _list_statements(side, dotted)}
                for side in (file.file.before, file.file.after)
            )
        except meaning.UNREADABLE:
            continue  # `python-syntax` says so
        edited = [after[code] for code in after if code not in before]
        edited += [(None, before[code][1]) for code in before if code not in after]
        for line, names in edited:
            for name in sorted(names & used.keys()):
                says = f"edits {name}, by which {used.pop(name)} of fastapi.auth decides"
                fix = "Check that it still rejects all whom it should reject."
                yield FASTAPI_AUTH.make_finding(file.path, says, fix, line)


def _list_used(dependency: str, change_context: ChangeContext) -> set[str]:
    """Return what a dependency names in its own module, over and over, and of others once."""
    paths = (path for path in change_context.after.paths() if path.endswith(".py"))
    module = dependency.rpartition(".")[0]
    path = next((path for path in paths if change_context.name_module(path) == module), None)
    source = change_context.read_source(path, change_context.after.read(path)) if path else None
    used, waiting = set[str](), [dependency]
    while source and waiting:
        name = waiting.pop()
        if name not in used:
            used.add(name)
            own = (part for part in source.module.body if name in _list_bound(part, module))
            waiting += source.names.list_mentioned(own)
    imported = source.names.imported.items() if source else ()
    return used | {f"{module}.{name}" for name, meant in imported if meant in used}


def _list_statements(
    content: bytes | None, dotted: str
) -> Iterator[tuple[str, int | None, frozenset[str]]]:
    """Yield what the statements of a module do, their lines, and the names they bind or alter."""
    for statement in meaning.strip(content or b"").body:
        parts: list[ast.stmt] = [statement]
        if isinstance(statement, ast.ImportFrom):
            origin = statement.module, statement.level
            parts = [ast.ImportFrom(origin[0], [alias], origin[1]) for alias in statement.names]
        for part in parts:
            yield ast.dump(part), statement.lineno, _list_bound(part, dotted)


def _list_bound(statement: ast.stmt, dotted: str) -> frozenset[str]:
    """Return the names that a statement binds, alters or, outside of definitions, uses."""
    match statement:
        case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
            names = {name}
        case ast.Import(names=aliases) | ast.ImportFrom(names=aliases):
            names = {alias.asname or alias.name for alias in aliases}
        case _:
            names = {part.id for part in ast.walk(statement) if isinstance(part, ast.Name)}
    return frozenset(f"{dotted}.{name}" for name in names)
