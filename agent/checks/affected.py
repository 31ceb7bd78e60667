"""Know which test files a change reaches, by who imports whom. Pure, and an estimate.

What is imported by a name that is made up at run time, or only by a framework's configuration, is
not seen, so what this leaves out proves nothing: it says what to run first, never what suffices.
No library does this for files that are not installed anywhere: grimp wants packages that the
service's own interpreter could import, and test folders often are none.
"""

from __future__ import annotations

import ast
import posixpath
from collections import defaultdict
from collections.abc import Container, Iterable, Iterator, Mapping

from agent.errors import EditFailed
from repo_config import foreign_python
from repo_config.tree import Tree

_PACKAGE = "/__init__.py"
#: Of all Python files together: read in about half a minute.
_MOST_BYTES = 100_000_000


class Imports:
    """Who imports whom among the Python files of a tree."""

    def __init__(self, imported: Mapping[str, Iterable[str]]) -> None:
        """Take the names that each file imports, by its path."""
        self._files = _by_name(imported)
        self._importers: dict[str, set[str]] = defaultdict(set)
        for path, names in imported.items():
            for name in names:
                for found in self._find_imported_files(name):
                    self._importers[found].add(path)
            for conftest in _conftests(path, imported):
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

    def _find_imported_files(self, name: str) -> Iterator[str]:
        """Yield the files that an import of a name runs: its packages' as well."""
        while name:
            yield from self._files.get(name, ())
            name = name.rpartition(".")[0]


def read_imports(sources: Mapping[str, bytes]) -> dict[str, tuple[str, ...]]:
    """Read the names that each file imports; those that do not parse import nothing."""
    return {path: tuple(_find_imported_names(path, content)) for path, content in sources.items()}


def read_python_files(tree: Tree) -> dict[str, bytes] | None:
    """Read the Python files of a tree; None where they are too much."""
    sources = {}
    left = _MOST_BYTES
    for path in tree.paths():
        if not path.endswith(".py"):
            continue
        try:
            sources[path] = tree.read(path)
        except EditFailed:  # a link, or gone: nothing that could be followed
            continue
        left -= len(sources[path])
        if left < 0:
            return None
    return sources


def _by_name(paths: Iterable[str]) -> dict[str, set[str]]:
    """Map dotted names to files: from the root, and from where packages begin."""
    every = set(paths)
    found: dict[str, set[str]] = defaultdict(set)
    for path in every:
        found[name_module(path)].add(path)
        folder = posixpath.dirname(path)
        while folder and folder + _PACKAGE in every:
            folder = posixpath.dirname(folder)
        if folder:
            found[name_module(path.removeprefix(f"{folder}/"))].add(path)
    return found


def _conftests(path: str, sources: Container[str]) -> Iterator[str]:
    """Yield what pytest imports before a file: what is nearest to it, and above."""
    while path:
        path = posixpath.dirname(path)
        if (found := posixpath.join(path, "conftest.py")) in sources:
            yield found


def name_module(path: str) -> str:
    """Return the dotted name of a file, from the root."""
    return path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")


def _find_imported_names(path: str, content: bytes) -> Iterator[str]:
    """Yield the names that a file imports, and those that may be modules."""
    try:
        tree = foreign_python.parse_module(content)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return
    for node in _statements(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = _find_relative_base(path, node)
            if base is not None:
                yield from (f"{base}.{alias.name}".lstrip(".") for alias in node.names)


def _statements(node: ast.AST) -> Iterator[ast.AST]:
    """Yield all statements, without the expressions in them, which are most of a tree."""
    for field in ("body", "orelse", "finalbody", "handlers", "cases"):
        for inner in getattr(node, field, ()):
            yield inner
            yield from _statements(inner)


def _find_relative_base(path: str, node: ast.ImportFrom) -> str | None:
    """Return what names are imported from, dotted from the root where it is relative."""
    if not node.level:
        return node.module
    folders = path.split("/")[:-1]
    above = len(folders) - (node.level - 1)
    if above < 0:
        return None
    return ".".join([*folders[:above], *([node.module] if node.module else [])])
