"""Split a change into product, tests and configuration of tests. Pure.

A file belongs to the tests if base collected tests from it, or if its name or folder is that of
tests and no file of the product imports it. The others configure the tests, or are product.

The split also lists which tests run a second time, with base's versions of the test files.
"""

import ast
import posixpath
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from itertools import chain

from agent.checks.check import Selection
from agent.checks.imports import Imports, list_folders, read_python_sources
from agent.models.change import Change, ChangedFile
from agent.models.checks import CheckItem, TestRun
from agent.models.record import replace
from agent.policy.layout import is_migration
from agent.policy.source import read_module
from agent.text.sanitise import list_some
from repo_config import foreign_python, rule_files
from repo_config.detect import Project
from repo_config.known_tools import OWN_FILES, PROGRAMS
from repo_config.test_files import has_test_name, is_test
from repo_config.tree import Tree

_CONFTEST = "conftest.py"


@dataclass(frozen=True)
class SplitChange:
    """A change, with the roles of its files."""

    change: Change
    product: tuple[str, ...] = ()
    own_tests: tuple[str, ...] = ()
    """Python files of tests that the change adds or edits."""
    touched: frozenset[str] = frozenset()
    """Test files, helpers and data of base that the change edits or deletes."""
    configuration: frozenset[str] = frozenset()
    """Files that configure or start the tests."""
    as_base: Selection | None = field(default_factory=Selection)
    """Tests that also run on the change with base's versions of the test files; None: all."""
    imports: Imports = field(default_factory=lambda: Imports({}))
    """The imports in the tree with the change."""

    @property
    def sources(self) -> tuple[ChangedFile, ...]:
        """Python files of the product that the change adds or edits, without migrations."""
        return tuple(
            file
            for file in self.change.files
            if file.path in self.product and file.path.endswith(".py")
            if file.after is not None and not is_migration(file.path, file.after)
        )

    def is_touched(self, item: CheckItem) -> bool:
        """Whether the change touches a test, or a helper, data or configuration of it."""
        if self.as_base is None or item.file in self.touched or item.file in self.as_base.files:
            return True
        return bool(item.digest) and item.file in self.product


def split_change(change: Change, tests: TestRun, tree: Tree, project: Project) -> SplitChange:
    """Split a change by the tests that base collected and by the imports with the change."""
    files = {file.path: file for file in change.files}
    sources = read_python_sources(tree) | {
        path: file.after or b"" for path, file in files.items() if path.endswith(".py")
    }
    imports = Imports(sources)
    # A product module is no test file if its doctests are collected, or their collection fails.
    collected = {
        item.file
        for item in tests.items
        if not item.digest and (not item.is_collection or is_test(item.file))
    } - {""}
    of_tests = {
        path for path in files if path in collected or _belongs_to_tests(path, collected, imports)
    }
    configuration = frozenset(
        path for path in files.keys() - of_tests if _configures_tests(files[path], project)
    )
    touched = frozenset(path for path in of_tests if files[path].before is not None)
    own_tests = (path for path in sorted(of_tests) if path.endswith(".py") and files[path].after)
    conftests = {path for path in of_tests if posixpath.basename(path) == _CONFTEST}
    as_base = frozenset(
        module for path in touched | conftests for module in _list_users(path, collected, imports)
    )
    return SplitChange(
        change=change,
        product=tuple(path for path in files if path not in of_tests | configuration),
        own_tests=tuple(own_tests),
        touched=touched,
        configuration=configuration,
        as_base=None if configuration else Selection(files=tuple(sorted(as_base))),
        imports=imports,
    )


def revert_tests(split: SplitChange) -> Change:
    """Return the change with base's versions of touched tests, configuration and conftest.py."""
    kept = tuple(
        file
        for file in split.change.files
        if file.path not in split.touched | split.configuration
        and posixpath.basename(file.path) != _CONFTEST
    )
    return replace(split.change, files=kept)


def keep_tests(split: SplitChange) -> Change:
    """Return only what the change does to tests and their configuration."""
    kept = (file for file in split.change.files if file.path not in split.product)
    return replace(split.change, files=tuple(kept), notes=())


def list_uncollected(split: SplitChange, run: TestRun) -> Iterator[str]:
    """Yield a sentence for each file with new tests that the runner did not collect.

    Such tests seem to prove something, and never run.
    """
    if run.is_partial or run.limit or run.reason:
        return
    # Compared by name only: an inherited test is reported for the file of the inheriting class.
    ids = (test.partition("[")[0] for test in (*(item.item_id for item in run.items), *run.unrun))
    names = {item_id.replace("::", ".").rpartition(".")[2] for item_id in ids}
    for file in split.change.files:
        if file.path not in split.own_tests or not has_test_name(file.path):
            continue
        new = _list_tests(file.after) - _list_tests(file.before)
        # Libraries append something to a test's name, for example for each set of parameters.
        missing = [test for test in sorted(new) if not any(name.startswith(test) for name in names)]
        if missing:
            yield f"{file.path} has tests that were not run: {list_some(missing)}"


def _belongs_to_tests(path: str, collected: set[str], imports: Imports) -> bool:
    """Whether a file has a name or folder of tests, and no product file imports it."""
    if not is_test(path):
        return False
    importers = () if posixpath.basename(path) == _CONFTEST else imports.importers_of(path)
    return all(is_test(importer) or importer in collected for importer in importers)


def _configures_tests(file: ChangedFile, project: Project) -> bool:
    path = file.path
    if rule_files.has_tables(path):
        tables = rule_files.list_read_by_tools(path, file.before, file.after)
        names = [name.removeprefix("tool.").partition(".")[0] for name in tables or ("",)]
        return tables != () and any(name not in PROGRAMS for name in names)
    is_of_linters = posixpath.basename(path).lower() in OWN_FILES
    is_rule = rule_files.explain_file(path, project) is not None and not is_of_linters
    return is_rule and not rule_files.is_setting(path, project)


def _list_users(path: str, collected: set[str], imports: Imports) -> Collection[str]:
    """List the test modules of base whose result may depend on a file of tests."""
    folder = posixpath.dirname(path)
    if posixpath.basename(path) == _CONFTEST:
        return [test for test in collected if folder in list_folders(test)]
    if path.endswith(".py"):
        users = imports.list_reached_files([path]) & collected
        return users or [test for test in collected if posixpath.dirname(test) == folder]
    if path in collected:
        return (path,)
    # A data file belongs to the nearest folder above it that has tests.
    for folder in list_folders(path):
        if below := [test for test in collected if folder in list_folders(test)]:
            return below
    return ()


def _list_tests(content: bytes | None) -> set[str]:
    """List the names of a file's tests, without fixtures and methods of helper classes."""
    module = read_module(content)
    # A class that the file itself uses is a test double, no test case.
    used = {node.id for node in ast.walk(module) if isinstance(node, ast.Name)}
    classes = (node for node in module.body if isinstance(node, ast.ClassDef))
    bodies = [module.body, *(node.body for node in classes if node.name not in used)]
    return {
        node.name
        for node in chain.from_iterable(bodies)
        if isinstance(node, foreign_python.FunctionNode) and node.name.startswith("test")
        if not any("fixture" in ast.unparse(mark) for mark in node.decorator_list)
    }
