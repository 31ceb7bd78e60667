"""Check that FastAPI endpoints have the dependency that the configuration requires for their path.

The source is read without running it: guards in middleware, and routes that change at run time, are
not seen. Endpoints that lack the dependency on base do not count against the change.
"""

import re
from collections import defaultdict
from collections.abc import Iterator
from contextlib import suppress
from itertools import islice

from agent.models.change import Finding, Severity
from agent.policy import layout
from agent.policy.change_context import ChangeContext
from agent.policy.endpoints import Endpoint, Routes
from agent.policy.rule import Rule
from agent.policy.source import UNREADABLE, PythonSource, is_same
from repo_config.schema import FastapiAuth
from repo_config.tree import Tree

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
_MOST_FINDINGS = 20
_Auth = tuple[FastapiAuth, ...]


def check_change(change_context: ChangeContext) -> Iterator[Finding]:
    auth, files = change_context.config.fastapi.auth, change_context.change.files
    if not auth or not change_context.python:
        return
    yield from _find_edits(auth, change_context)
    if not any(_is_read(file.path, side) for file in files for side in (file.before, file.after)):
        return  # no module with routes is edited
    before, after = (
        [*Routes(_read_modules(side, change_context)).list_whole()]
        for side in (change_context.tree, change_context.after)
    )
    yield from _list_uncovered(auth, before, after, {*change_context.change.paths})
    yield from islice(_find_open(auth, before, after), _MOST_FINDINGS)


def _read_modules(tree: Tree, change_context: ChangeContext) -> Iterator[PythonSource]:
    for path in tree.paths():
        if path.endswith(".py") and _is_read(path, content := tree.read(path)):
            with suppress(*UNREADABLE):
                yield PythonSource(path, content, change_context.name_module(path))


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
        if not any(_covers(entry, route.path) for route in after):
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
    """Return the dependency that the first entry for an endpoint's path requires, in a set."""
    required = [entry.dependency for entry in auth if _covers(entry, route.path)]
    return {*required[:1]} if route.is_whole else set()


def _covers(entry: FastapiAuth, path: str) -> bool:
    """Whether an entry's pattern matches a path, as it is written; `{name}` is a part like others.

    `/orders/**` also matches `/orders`.
    """
    patterns = (re.escape(pattern.rstrip("/")) for pattern in entry.paths)
    parts = (text.replace(r"/\*\*", "(?:/.*)?").replace(r"\*", "[^/]*") for text in patterns)
    return any(re.fullmatch(pattern, path.rstrip("/")) for pattern in parts)


def _find_edits(auth: _Auth, change_context: ChangeContext) -> Iterator[Finding]:
    """Yield edits of modules with a required dependency, and of modules that these import."""
    names = {entry.dependency.rpartition(".")[0]: entry.dependency for entry in auth}
    used = dict(names)
    for path in change_context.after.paths():
        if (dependency := names.get(change_context.name_module(path))) is None:
            continue
        source = change_context.read_source(path, change_context.after.read(path))
        for origin in source.imported.values() if source else ():
            used |= dict.fromkeys((origin, origin.rpartition(".")[0]), dependency)
    for file in change_context.python:
        dependency = used.get(change_context.name_module(file.path))
        sides = file.before or b"", file.after or b""
        if dependency and not is_same(*sides, reads_signatures=True):
            text = f"is edited, and {dependency} of fastapi.auth may decide by it"
            fix = "Check that it still rejects all whom it should reject."
            yield FASTAPI_AUTH.make_finding(file.path, text, fix)
