"""Know which files belong to base's tests, and which tests a change reaches, by imports. Pure.

Imports by a name that is made up at run time, or by a framework's configuration, are not seen. No
library does this for files that are not installed: grimp wants packages that the service's own
interpreter could import. What a change does to files of tests is left out where the tests run as
base has them. A module that tests alone import may be a helper of theirs or a module of the product
that nothing else uses: if it lies elsewhere than tests do and asserts something, it is `shared`,
and counts as either.
"""

import ast
import hashlib
import posixpath
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass

from agent.errors import EditFailed
from agent.models.change import Change
from agent.models.checks import COLLECTION, SuiteFacts
from agent.policy.meaning import UNREADABLE
from repo_config import foreign_python
from repo_config.test_files import find_folder, has_test_name
from repo_config.tree import Tree

_CONFTEST = "conftest.py"
#: Part of a suite that runs for a part of a change.
_SHARE = 0.25
_TOOLS = ("pytest.", "unittest.", "django.test.")


class Imports:
    """Who imports whom among the Python files of a tree."""

    def __init__(self, imported: Mapping[str, Iterable[str]]) -> None:
        self._importers: dict[str, set[str]] = defaultdict(set)
        files = _index_by_name(imported)
        for path, names in imported.items():
            for name in names:
                parts = name.split(".")
                for end in range(len(parts)):  # an import runs the packages of a module as well
                    for found in files.get(".".join(parts[: end + 1]), ()):
                        self._importers[found].add(path)
            for folder in list_folders(path):
                if (conftest := posixpath.join(folder, _CONFTEST)) in imported:
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

    def choose_near(
        self,
        paths: Collection[str],
        counts: Mapping[str, int],
        first: Iterable[str] = (),
    ) -> tuple[str, ...]:
        """Choose files with tests that reach files, first the ones that import them themselves.

        Together with the first ones, they have a quarter of all tests at most.

        Args:
            counts: How many tests each file has.
        """
        most = _SHARE * sum(counts.values())
        chosen = [path for path in first if path in counts]
        near = {test for path in paths for test in self.importers_of(path)}
        for path in (*sorted(near), *sorted(self.list_reached_files(paths) - near)):
            if path in counts and path not in chosen and counts[path] <= most:
                chosen.append(path)
                most -= counts[path]
        return tuple(chosen)


def read_python_sources(tree: Tree) -> dict[str, bytes]:
    sources = {}
    for path in tree.paths():
        if path.endswith(".py"):
            with suppress(EditFailed):  # a link, or gone: nothing that could be followed
                sources[path] = tree.read(path)
    return sources


#: A run asks of nearly the same files many times.
_KNOWN: dict[tuple[str, bytes], tuple[str, ...]] = {}
_MOST_KNOWN = 100_000


def read_imports(sources: Mapping[str, bytes]) -> dict[str, tuple[str, ...]]:
    found = {}
    for path, content in sources.items():
        key = path, hashlib.blake2b(content, digest_size=16).digest()
        if len(_KNOWN) > _MOST_KNOWN:
            _KNOWN.clear()
        if (names := _KNOWN.get(key)) is None:
            names = _KNOWN[key] = tuple(_find_imported_names(path, content))
        found[path] = names
    return found


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


def _find_imported_names(path: str, content: bytes) -> Iterator[str]:
    """Yield the names that a file imports, and which may be modules."""
    try:
        tree = foreign_python.parse_module(content)
    except UNREADABLE:
        return
    for node in _list_statements(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                folders = path.split("/")[:-1]
                above = len(folders) - (node.level - 1)
                if above < 0:
                    continue
                base = ".".join([*folders[:above], *([base] if base else [])])
            yield from (f"{base}.{alias.name}".lstrip(".") for alias in node.names)


def _list_statements(node: ast.AST) -> Iterator[ast.AST]:
    """Yield all statements, without the expressions in them, which are most of a tree."""
    for field in ("body", "orelse", "finalbody", "handlers", "cases"):
        for inner in getattr(node, field, ()):
            yield inner
            yield from _list_statements(inner)


# --- files of tests -------------------------------------------------------------------------------


@dataclass(frozen=True)
class BaseTestFiles:
    sure: frozenset[str]
    shared: frozenset[str]
    """Files that may as well belong to the product."""
    homes: frozenset[str]
    """Folders with a usual name for tests, and with tests in them."""

    def list_touched(self, change: Change) -> frozenset[str]:
        """Return the paths of a change that belong to tests for certain, new ones included."""
        new = {file.path for file in change.files if file.before is None}
        modules = {path for path in new if has_test_name(path)}
        homes = self.homes | {find_folder(path) for path in modules} - {""}
        neighbours = {path for path in new if find_folder(path) in homes}
        return self.sure & frozenset(change.paths) | modules | neighbours

    def without_imported(self, touched: frozenset[str], imports: Imports) -> frozenset[str]:
        """Leave out what the product imports all the same."""
        left = touched
        while True:
            known = self.sure - touched | left
            found = {path for path in left if _is_imported_with_tests(path, known, imports)}
            if not found:
                return left
            left -= found


def find_test_files(
    facts: SuiteFacts, sources: Mapping[str, bytes], imports: Imports, paths: Iterable[str]
) -> BaseTestFiles:
    """Sort the files of base."""
    every = frozenset(paths)
    reported = every & frozenset(facts.files)
    # Folders are called so in products as well: there has to be a test.
    homes = frozenset(find_folder(path) for path in reported) - {""}
    modules = {path for path in every - reported if path.endswith(".py")}
    # What nobody imports there is for another tool of the tests, as cases for type checkers are.
    helpers = frozenset(
        path for path in modules if find_folder(path) in homes and not imports.importers_of(path)
    )
    while more := {
        path
        for path in modules - helpers
        if (by := imports.importers_of(path)) and by <= reported | helpers
    }:
        helpers |= more
    of_tests = reported | helpers
    shared = _find_next_to_tests(reported, of_tests, every) | {
        path for path in helpers if find_folder(path) in homes or _has_assertions(sources[path])
    }
    by_product = {path for path in reported if _is_imported_with_tests(path, of_tests, imports)}
    sure = (reported - by_product) | {path for path in shared if find_folder(path) in homes}
    return BaseTestFiles(sure=sure, shared=(shared | by_product) - sure, homes=homes)


def _is_imported_with_tests(path: str, known: frozenset[str], imports: Imports) -> bool:
    """Whether others than these import a file, which is no conftest."""
    return posixpath.basename(path) != _CONFTEST and not imports.importers_of(path) <= known


def _has_assertions(content: bytes) -> bool:
    """Whether a module can fail a test: it asserts, or has something to do with test tools."""
    try:
        module = foreign_python.parse_module(content)
    except UNREADABLE:
        return True
    for node in ast.walk(module):
        if isinstance(node, ast.Assert):
            return True
        if isinstance(node, ast.Name) and node.id == "AssertionError":
            return True
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
        if any(f"{name}.".startswith(_TOOLS) for name in names):
            return True
    return False


def _find_next_to_tests(
    reported: frozenset[str], of_tests: frozenset[str], every: frozenset[str]
) -> frozenset[str]:
    """Return files that are no code in folders with nothing but tests."""
    product = {
        folder
        for path in every - of_tests
        if path.endswith(".py") and posixpath.basename(path) != "__init__.py"
        for folder in list_folders(path)
    }
    own = {posixpath.dirname(path) for path in reported} - product - {""}
    left = every - of_tests
    return frozenset(path for path in left if not own.isdisjoint(list_folders(path)))


class SuitePlaces:
    """Where tests are, by their ids: pytest's have the path, unittest's the module."""

    def __init__(self, facts: SuiteFacts) -> None:
        self._files: dict[str, str] = {}
        for path in sorted((*facts.files, *facts.product), key=len, reverse=True):
            parts = path.split("/")
            for start in range(len(parts)):
                self._files["/".join(parts[start:])] = path

    def locate_module(self, item_id: str) -> str:
        """Return the file of a module that could not be imported; empty where it is not known."""
        module = item_id.removesuffix(COLLECTION)
        return self.locate_test(f"{module}::")[0] or self.locate_test(f"{module}.any")[0]

    def locate_test(self, test_id: str) -> tuple[str, str]:
        """Return file and qualified name of a test; nothing where it is not known."""
        if test_id.endswith(COLLECTION):
            return self.locate_module(test_id), ""
        bare = test_id.partition("[")[0]
        path, mark, inner = bare.partition("::")
        if mark:
            found = self._files.get(path, "")
            return found, inner.replace("::", ".") if found else ""
        parts = bare.split(".")
        for end in range(len(parts) - 1, 0, -1):
            stem = "/".join(parts[:end])
            for name in (f"{stem}.py", f"{stem}/__init__.py"):
                if name in self._files:
                    return self._files[name], ".".join(parts[end:])
        return "", ""
