"""Know who imports whom in a tree, and so which tests are near a change. Pure.

Imports by a name that is made up at run time, or by a framework's configuration, are not seen: the
whole suite is. No library does this for files that are not installed: grimp wants packages that
the service's own interpreter could import.
"""

import ast
import itertools
import posixpath
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import suppress
from functools import lru_cache

from agent.errors import EditFailed
from agent.models.checks import TestRun
from agent.policy.source import UNREADABLE
from repo_config import foreign_python
from repo_config.tree import Tree

_CONFTEST = "conftest.py"
SHORT_SUITE = 5.0
"""Seconds of a suite that is asked as a whole at once."""
#: Part of a longer suite that runs first, and of one that takes longer than so many seconds.
_SHARE, _LONG_SECONDS, _LONG_SHARE = 0.25, 60.0, 0.1
#: What the app of a Django file has in its folder.
_OF_APP = ("apps.py", "models.py", "models/__init__.py", "migrations/__init__.py")


class Imports:
    """Who imports whom among the Python files of a tree."""

    def __init__(self, sources: Mapping[str, bytes]) -> None:
        self._importers: dict[str, set[str]] = defaultdict(set)
        files = _index_by_name(sources)
        for path, content in sources.items():
            for name in _list_imported_names(path, content):
                parts = name.split(".")
                for end in range(len(parts)):  # an import runs the packages of a module as well
                    for imported in files.get(".".join(parts[: end + 1]), ()):
                        self._importers[imported].add(path)
            for folder in list_folders(path):
                if (conftest := posixpath.join(folder, _CONFTEST)) in sources:
                    self._importers[conftest].add(path)

    def importers_of(self, path: str) -> frozenset[str]:
        """Return the files that import a file themselves."""
        return frozenset(self._importers.get(path, ())) - {path}

    def list_reached_files(self, changed: Iterable[str]) -> frozenset[str]:
        """Return the changed files and all that import them, directly or not."""
        seen: set[str] = set()
        left = list(changed)
        while left:
            path = left.pop()
            if path not in seen:
                seen.add(path)
                left += self._importers.get(path, ())
        return frozenset(seen)


def read_python_sources(tree: Tree) -> dict[str, bytes]:
    sources = {}
    for path in tree.paths():
        if path.endswith(".py"):
            with suppress(EditFailed):  # a link, or gone: nothing that could be followed
                sources[path] = tree.read(path)
    return sources


def read_module(content: bytes | None) -> ast.Module:
    """Parse a module; what is no Python, or beyond our bounds, has no statements."""
    with suppress(*UNREADABLE):
        return foreign_python.parse_module(content or b"")
    return ast.Module([], [])


def name_module(path: str) -> str:
    return path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")


def list_folders(path: str) -> Iterator[str]:
    """Yield the folders of a path, the nearest first; the last is ""."""
    while path:
        path = posixpath.dirname(path)
        yield path


def _index_by_name(paths: Iterable[str]) -> dict[str, set[str]]:
    """Map dotted names to files: from the root, and from where packages begin."""
    every = set(paths)
    found: dict[str, set[str]] = defaultdict(set)
    for path in every:
        folder = posixpath.dirname(path)
        while folder and f"{folder}/__init__.py" in every:
            folder = posixpath.dirname(folder)
        found[name_module(path)].add(path)
        found[name_module(path.removeprefix(f"{folder}/"))].add(path)
    return found


@lru_cache(maxsize=10_000)  # a run asks of nearly the same files many times
def _list_imported_names(path: str, content: bytes) -> list[str]:
    """List the names that a file imports, and which may be modules."""
    names: list[str] = []
    for node in _list_statements(read_module(content)):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            folders = path.split("/")[: -node.level] if node.level else []
            base = [*folders, node.module] if node.module else folders
            names += [".".join([*base, alias.name]) for alias in node.names]
    return names


def _list_statements(node: ast.AST) -> Iterator[ast.AST]:
    """Yield all statements, without the expressions in them, which are most of a tree."""
    for field in ("body", "orelse", "finalbody", "handlers", "cases"):
        for inner in getattr(node, field, ()):
            yield inner
            yield from _list_statements(inner)


def choose_near(
    edited: Collection[str],
    own: Collection[str],
    tests: TestRun,
    imports: Imports,
    paths: Collection[str],
) -> tuple[str, ...]:
    """Choose files with tests that most likely notice a change: its own first.

    Then those that import an edited file, those called after it before others; those that import
    it by way of others; those in its folder, or its app.

    Args:
        edited: Product files and helpers of tests.
        own: Test files that the change adds or edits.
        tests: Of base; of these a quarter is chosen at most, unless they take a moment.
        paths: Of the whole tree.
    """
    counts = Counter(item.file for item in tests.items if item.file)
    share = _LONG_SHARE if tests.seconds > _LONG_SECONDS else _SHARE
    most = sum(counts.values()) * (1 if tests.seconds < SHORT_SUITE else share)
    stems = {posixpath.basename(path).removesuffix(".py") for path in edited}
    direct = {test for path in edited for test in imports.importers_of(path)}
    named = (path for path in direct if _name_subject(path) in stems)
    folders = {_find_app(path, paths) for path in edited} - {""}
    around = (path for path in counts if not folders.isdisjoint(list_folders(path)))
    chosen = list(dict.fromkeys(own))
    likely = (named, direct, imports.list_reached_files(edited), around)
    for path in itertools.chain.from_iterable(map(sorted, likely)):
        if path in counts and path not in chosen and counts[path] <= most:
            chosen.append(path)
            most -= counts[path]
    return tuple(chosen)


def _name_subject(path: str) -> str:
    """Name what a test module is about, as `prices` for `test_prices.py`."""
    return posixpath.basename(path).removesuffix(".py").replace("test", "").strip("_")


def _find_app(path: str, paths: Collection[str]) -> str:
    """Return the folder of a file, or of the Django app that it is in; "" of the root."""
    folders = [*list_folders(path)]
    apps = (
        folder for folder in folders[:-1] if any(f"{folder}/{name}" in paths for name in _OF_APP)
    )
    return next(apps, folders[0])
