"""Know which files belong to the tests of base, by what its run said and who imports whom. Pure.

What a change does to those is left out where the tests are run as base has them. A module that
tests alone import may be a helper of theirs or a module of the product that nothing else uses: if
it lies elsewhere than tests do and asserts something, it is `shared`, and counts as either.
"""

from __future__ import annotations

import ast
import posixpath
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from agent.checks.affected import Imports
from agent.models.change import Change
from agent.models.checks import SuiteFacts
from repo_config import foreign_python
from repo_config.test_files import find_folder, has_test_name

_CONFTEST = "conftest.py"
_TOOLS = ("pytest.", "unittest.", "django.test.")


@dataclass(frozen=True)
class BaseTestFiles:
    """Files of base that belong to its tests."""

    sure: frozenset[str]
    shared: frozenset[str]
    """Those that may as well belong to the product."""

    homes: frozenset[str]
    """Folders that are called as those of tests are, and hold tests."""

    def list_touched(self, change: Change) -> frozenset[str]:
        """Return the paths of a change that belong to tests for certain, new ones included."""
        new = {file.path for file in change.files if file.before is None}
        modules = {path for path in new if has_test_name(path)}
        homes = self.homes | {find_folder(path) for path in modules} - {""}
        beside = {path for path in new if find_folder(path) in homes}
        return self.sure & frozenset(change.paths) | modules | beside

    def without_imported(self, touched: frozenset[str], imports: Imports) -> frozenset[str]:
        """Leave out what the product imports all the same.

        Args:
            imports: Of the files with the change.
        """
        left = touched
        while True:
            known = self.sure - touched | left
            found = {
                path
                for path in left
                if posixpath.basename(path) != _CONFTEST and not imports.importers_of(path) <= known
            }
            if not found:
                return left
            left -= found


def find_test_files(
    facts: SuiteFacts, sources: Mapping[str, bytes], imports: Imports, paths: Iterable[str]
) -> BaseTestFiles:
    """Sort the files of base.

    Args:
        facts: Of the run of base.
        sources: Its Python files.
        imports: Who imports whom among them.
        paths: All its files.
    """
    every = frozenset(paths)
    told = every & frozenset(facts.files)
    modules = {path for path in every - told if path.endswith(".py")}
    helpers = _imported_by_tests_alone(told, modules, imports)
    # Folders are called so in products as well: there has to be a test.
    homes = frozenset(find_folder(path) for path in told) - {""}
    shared = _beside_tests(told, told | helpers, every) | {
        path for path in helpers if find_folder(path) in homes or _has_assertions(sources[path])
    }
    by_product = {
        path
        for path in told
        if posixpath.basename(path) != _CONFTEST
        and not imports.importers_of(path) <= told | helpers
    }
    sure = (told - by_product) | {path for path in shared if find_folder(path) in homes}
    return BaseTestFiles(sure=sure, shared=(shared | by_product) - sure, homes=homes)


def _has_assertions(content: bytes) -> bool:
    """Whether a module can fail a test: it asserts, or has something to do with test tools."""
    try:
        module = foreign_python.parse_module(content)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return True
    for node in ast.walk(module):
        if isinstance(node, ast.Assert):
            return True
        if isinstance(node, ast.Name) and node.id == "AssertionError":
            return True
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        if isinstance(node, ast.ImportFrom):
            names = [node.module or ""]
        if any(f"{name}.".startswith(_TOOLS) for name in names):
            return True
    return False


def _imported_by_tests_alone(
    told: frozenset[str], modules: set[str], imports: Imports
) -> frozenset[str]:
    found: set[str] = set()
    grows = True
    while grows:
        more = {
            path
            for path in modules - found
            if (importers := imports.importers_of(path)) and importers <= told | found
        }
        found |= more
        grows = bool(more)
    return frozenset(found)


def _beside_tests(
    told: frozenset[str], of_tests: frozenset[str], every: frozenset[str]
) -> frozenset[str]:
    """Return the other files in folders that hold no code but that of tests."""
    product = {
        folder
        for path in every - of_tests
        if path.endswith(".py") and posixpath.basename(path) != "__init__.py"
        for folder in list_folders(path)
    }
    own = {posixpath.dirname(path) for path in told} - product - {""}
    return frozenset(
        path for path in every - of_tests if not own.isdisjoint(list_folders(path))
    )  # fmt: skip


def list_folders(path: str) -> Iterator[str]:
    """Yield the folders that a path lies in, the nearest first."""
    while path:
        path = posixpath.dirname(path)
        yield path


class Places:
    """Where tests stand, by their ids: pytest's have the path, unittest's the module."""

    def __init__(self, facts: SuiteFacts) -> None:
        """Take the files of a suite, as paths in the tree; ids are relative to any folder."""
        self._files: dict[str, str] = {}
        for path in sorted((*facts.files, *facts.product), key=len, reverse=True):
            parts = path.split("/")
            for start in range(len(parts)):
                self._files["/".join(parts[start:])] = path

    def locate_test(self, test_id: str) -> tuple[str, str]:
        """Return file and qualified name of a test; nothing where it is not known."""
        bare = test_id.partition(" #")[0].partition("[")[0]
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
