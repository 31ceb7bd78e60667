"""Know which of base's tests a change of the product can reach, by what each has started. Pure.

A function that is edited inside concerns the tests that start it. All else in a module concerns
tests that import or start anything of it, and every test where something outside the repository
imports it: a framework, or importlib by a name.
"""

import ast
import posixpath
from collections import Counter
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from functools import cached_property

from agent.checks.test_files import Imports, list_folders
from agent.models.change import Change, ChangedFile
from agent.models.checks import TestReach
from agent.policy.meaning import UNREADABLE
from repo_config import foreign_python

#: In place of what is not recorded.
_ANYTHING = "*"


@dataclass
class ReachedTests:
    reach: TestReach
    imports: Imports
    """Imports of the files with the change."""
    paths: frozenset[str]
    """Paths of base."""
    locate: Callable[[str], str]
    """Returns the file of a test by its id."""

    def find(self, change: Change) -> frozenset[str] | None:
        """Find the tests that changed files of the product reach; None: any may be among them."""
        names: set[str] = set()
        modules = []
        for file in change.files:
            found = self._list_names(file)
            if found is None:
                return None
            names.update(found)
            if file.path.endswith(".py") and None in _compare_sides(file):
                modules.append(file.path)
        starting = self.list_starting(names)
        importing = self.imports.list_reached_files(modules)
        if starting is None:
            return None
        return starting | {test for test in self.reach.tests if self.locate(test) in importing}

    def list_starting(self, names: Collection[str]) -> frozenset[str] | None:
        """List the tests that have started, read or listed one of these names; None: all have.

        Those of which not all is recorded are among them.
        """
        if not self._shared.isdisjoint(names):
            return None
        known = {_ANYTHING, *names} & self._numbers.keys()
        wanted = sum(1 << self._numbers[name] for name in known)
        tests = self.reach.tests.items()
        return frozenset(test for test, starts in tests if int(starts, 16) & wanted)

    @cached_property
    def _numbers(self) -> dict[str, int]:
        return {name: number for number, name in enumerate(self.reach.names)}

    @cached_property
    def _shared(self) -> frozenset[str]:
        bits = int(self.reach.shared, 16)
        return frozenset(name for name, number in self._numbers.items() if bits >> number & 1)

    @cached_property
    def _by_file(self) -> dict[str, set[str]]:
        """The names of each file that has some."""
        found: dict[str, set[str]] = {}
        for name in self.reach.names:
            found.setdefault(name.partition(":")[0], set()).add(name)
        return found

    def _list_names(self, file: ChangedFile) -> Collection[str] | None:
        """List the names that tell who a file concerns; None: it may be every test."""
        path, listed, looked_at = file.path, [], {file.path}
        if file.before is None or file.after is None:
            folder = next(each for each in list_folders(path) if each in self._folders)
            listed, looked_at = [f"{folder}/"], looked_at | self._folders[folder]
        if not path.endswith(".py"):
            # A test that reads it may keep it for the others; a new one is read as its kind is.
            kind = posixpath.splitext(path)[1]
            of_kind = (each for each in looked_at if posixpath.splitext(each)[1] == kind)
            return None if any(each in self._by_file for each in of_kind) else listed
        edits = _compare_sides(file)
        names = [path, *listed, *(f"{path}:{line}" for line in edits if line)]
        if None in edits:
            if not looked_at.isdisjoint(self.reach.by_name):
                return None
            # What starts while modules are imported concerns the tests that import it.
            names += self._by_file.get(path, frozenset()) - self._shared
        return names

    @cached_property
    def _folders(self) -> dict[str, set[str]]:
        """The files in each folder of base, and the root."""
        found: dict[str, set[str]] = {"": set()}
        for path in self.paths:
            found.setdefault(posixpath.dirname(path), set()).add(path)
        return found


def _compare_sides(file: ChangedFile) -> frozenset[int | None]:
    """Return the lines of base's functions that differ inside; None among them: more differs."""
    if file.before is None or file.after is None:
        return frozenset({None})
    try:
        sides = (foreign_python.parse_module(side) for side in (file.before, file.after))
        return frozenset(_compare_scopes(*sides))
    except UNREADABLE:
        return frozenset({None})


def _compare_scopes(before: ast.Module, after: ast.Module) -> Iterator[int | None]:
    old, new = (dict(_collect_functions(scope, Counter())) for scope in (before, after))
    if ast.dump(before) != ast.dump(after):
        yield None
    for name in old.keys() & new.keys():
        (line, body), (_, other) = old[name], new[name]
        yield from (inner or line for inner in _compare_scopes(body, other))


def _collect_functions(
    node: ast.AST, counts: Counter[str], above: str = ""
) -> Iterator[tuple[str, tuple[int, ast.Module]]]:
    """Take the bodies out of a scope's functions; give each by its name, with its first line."""
    for child in ast.iter_child_nodes(node):
        name = f"{above}.{getattr(child, 'name', '')}"
        if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef):
            counts[name] += 1
            line = min(part.lineno for part in (child, *child.decorator_list))
            body, child.body = child.body, []
            yield f"{name} {counts[name]}", (line, ast.Module(body, []))
        else:
            yield from _collect_functions(child, counts, name)
