"""Find which files of a tree import which, and which tests are near a change. Pure.

Imports by a name that is computed at run time, or by a framework's configuration, are not seen; the
run of all tests covers them. No library reads the imports of files that are not installed: grimp
needs packages that the service's own interpreter could import.
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
from agent.policy.source import read_module
from repo_config.tree import Tree

_CONFTEST = "conftest.py"
SHORT_SUITE = 5.0
"""If base's tests take fewer seconds, all tests of the change run first, not only near ones."""
#: At most this share of a longer suite counts as near; above _LONG_SECONDS, only _LONG_SHARE.
_SHARE, _LONG_SECONDS, _LONG_SHARE = 0.25, 60.0, 0.1
#: Files that mark the folder of a Django app.
_OF_APP = ("apps.py", "models.py", "models/__init__.py", "migrations/__init__.py")


class Imports:
    """The imports among the Python files of a tree."""

    def __init__(self, sources: Mapping[str, bytes]) -> None:
        self._importers: dict[str, set[str]] = defaultdict(set)
        files = _index_by_name(sources)
        for path, content in sources.items():
            for name in _list_imported_names(path, content):
                parts = name.split(".")
                for end in range(len(parts)):  # importing a module also runs its packages
                    for imported in files.get(".".join(parts[: end + 1]), ()):
                        self._importers[imported].add(path)
            for folder in list_folders(path):
                if (conftest := posixpath.join(folder, _CONFTEST)) in sources:
                    self._importers[conftest].add(path)

    def importers_of(self, path: str) -> frozenset[str]:
        """Return the files that import a file directly."""
        return frozenset(self._importers.get(path, ())) - {path}

    def list_reached_files(self, changed: Iterable[str]) -> frozenset[str]:
        """Return the changed files and all files that import them, directly or not."""
        seen: set[str] = set()
        left = list(changed)
        while left:
            path = left.pop()
            if path not in seen:
                seen.add(path)
                left += self._importers.get(path, ())
        return frozenset(seen)


def read_python_sources(tree: Tree) -> dict[str, bytes]:
    """Read all Python files of a tree, by path."""
    sources = {}
    for path in tree.paths():
        if path.endswith(".py"):
            with suppress(EditFailed):  # a link, or a file that is gone
                sources[path] = tree.read(path)
    return sources


def name_module(path: str) -> str:
    return path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")


def list_folders(path: str) -> Iterator[str]:
    """Yield the folders of a path, the nearest first; the last is ""."""
    while path:
        path = posixpath.dirname(path)
        yield path


def _index_by_name(paths: Iterable[str]) -> dict[str, set[str]]:
    """Map dotted names to files; names begin at the tree's root or at the outermost package."""
    present = set(paths)
    files: dict[str, set[str]] = defaultdict(set)
    for path in present:
        folder = posixpath.dirname(path)
        while folder and f"{folder}/__init__.py" in present:
            folder = posixpath.dirname(folder)
        files[name_module(path)].add(path)
        files[name_module(path.removeprefix(f"{folder}/"))].add(path)
    return files


@lru_cache(maxsize=10_000)  # a run reads nearly the same files many times
def _list_imported_names(path: str, content: bytes) -> list[str]:
    """List the dotted names that a file imports; some are modules, some are names within them."""
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
    """Yield all statements, without their expressions, which are most of a syntax tree."""
    for field in ("body", "orelse", "finalbody", "handlers", "cases"):
        for inner in getattr(node, field, ()):
            yield inner
            yield from _list_statements(inner)


def choose_near(
    edited: Collection[str],
    own_tests: Collection[str],
    tests: TestRun,
    imports: Imports,
    paths: Collection[str],
) -> tuple[str, ...]:
    """Choose the test files that most likely notice a change.

    In this order: test files of the change; those named after an edited file that they import;
    others that import one directly, then indirectly; those in the folder or Django app of one.

    Args:
        edited: Product files and helpers of tests.
        own_tests: Test files that the change adds or edits; they are always chosen.
        tests: Base's run; unless it was short, at most a quarter of its tests is chosen, a tenth
            above a minute.
        paths: All paths of the tree.
    """
    counts = Counter(item.file for item in tests.items if item.file)
    share = _LONG_SHARE if tests.seconds > _LONG_SECONDS else _SHARE
    most = sum(counts.values()) * (1 if tests.seconds < SHORT_SUITE else share)
    stems = {posixpath.basename(path).removesuffix(".py") for path in edited}
    direct = {test for path in edited for test in imports.importers_of(path)}
    named = (path for path in direct if _name_subject(path) in stems)
    folders = {_find_app(path, paths) for path in edited} - {""}
    around = (path for path in counts if not folders.isdisjoint(list_folders(path)))
    chosen = list(dict.fromkeys(own_tests))
    likely = (named, direct, imports.list_reached_files(edited), around)
    for path in itertools.chain.from_iterable(map(sorted, likely)):
        if path in counts and path not in chosen and counts[path] <= most:
            chosen.append(path)
            most -= counts[path]
    return tuple(chosen)


def _name_subject(path: str) -> str:
    """Return the name that a test module is named after, as `prices` for `test_prices.py`."""
    return posixpath.basename(path).removesuffix(".py").replace("test", "").strip("_")


def _find_app(path: str, paths: Collection[str]) -> str:
    """Return the folder of a file's Django app, else the file's own folder; "": the root."""
    folders = [*list_folders(path)]
    apps = (
        folder for folder in folders[:-1] if any(f"{folder}/{name}" in paths for name in _OF_APP)
    )
    return next(apps, folders[0])
