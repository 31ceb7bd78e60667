"""Which files, classes and functions a project's runner takes for tests, by its settings.

Owns the names by which pytest, unittest and Django's runner collect. Which of them a change takes
away is left to `suite`. The settings are those of the base commit, so that a change cannot rename
tests away by changing them (see `tool_settings`).
"""

from __future__ import annotations

import fnmatch
import posixpath
from collections.abc import Iterator

from agent.policy.proposal import Proposal
from repo_config import suites
from repo_config.project_files import Files
from repo_config.suites import PytestSettings
from repo_config.tree import Below

_TEST_FOLDERS = frozenset({"test", "tests", "testing"})


class Naming:
    """How the project's runner finds tests, by the settings of the base commit."""

    def __init__(self, proposal: Proposal, settings: PytestSettings | None = None) -> None:
        """Read the settings of the base commit, unless others are given."""
        project = proposal.project
        self._root = f"{project.root}/" if project.root else ""
        if settings is None:
            settings = suites.pytest_settings(Files(Below(proposal.tree, project.root)))
        self.pytest = project.test_runner != "django"

        def words(key: str) -> list[str]:
            return settings.words(key) if settings else []

        self._files = words("python_files") or ["test_*.py", "*_test.py"]
        self._classes = words("python_classes") or ["Test"]
        self._functions = words("python_functions") or ["test"]
        self._folders = [path.rstrip("/") for path in words("testpaths")]
        self._ignored = list(_ignored(words("addopts")))

    def is_test_file(self, path: str) -> bool:
        """Whether the runner looks for tests in a file of this path."""
        inner = path.removeprefix(self._root)
        name = posixpath.basename(inner)
        if not path.endswith(".py") or self.is_ignored(path):
            return False
        if not self.pytest:
            return name.startswith("test")
        return any(
            fnmatch.fnmatch(
                inner if "/" in pattern else name, pattern if "/" not in pattern else f"*{pattern}"
            )
            for pattern in self._files
        )

    def is_ignored(self, path: str) -> bool:
        """Whether the runner is told to leave a file alone; a conftest.py is read all the same."""
        inner = path.removeprefix(self._root)
        return (
            self.pytest
            and posixpath.basename(path) != "conftest.py"
            and any(inner == one or inner.startswith(f"{one}/") for one in self._ignored)
        )

    def is_reached(self, path: str) -> bool:
        """Whether a file lies where the runner looks by itself."""
        inner = path.removeprefix(self._root)
        return (
            not self._folders
            or not self.pytest
            or any(
                folder == "." or fnmatch.fnmatch(inner, f"{folder}/*") for folder in self._folders
            )
        )

    def is_function(self, name: str) -> bool:
        """Whether a function of a module is a test."""
        return self.pytest and _matches(name, self._functions)

    def is_of_tests(self, path: str) -> bool:
        """Whether a file belongs to the tests, by its place or since the runner takes it."""
        return is_beside_tests(path) or self.is_test_file(path)

    def is_class(self, name: str) -> bool:
        """Whether a class that inherits from nothing holds tests."""
        return self.pytest and _matches(name, self._classes)

    def is_method(self, name: str, *, of_case: bool) -> bool:
        """Whether a method is a test."""
        return name.startswith("test") if of_case else _matches(name, self._functions)


def _ignored(options: list[str]) -> Iterator[str]:
    """Yield the paths that pytest's options tell it to leave alone."""
    for option, following in zip(options, [*options[1:], ""], strict=False):
        if option == "--ignore":
            yield posixpath.normpath(following)
        elif option.startswith("--ignore="):
            yield posixpath.normpath(option.partition("=")[2])


def _matches(name: str, patterns: list[str]) -> bool:
    return any(name.startswith(one) or fnmatch.fnmatchcase(name, one) for one in patterns)


def is_beside_tests(path: str) -> bool:
    """Whether a file belongs to the tests: one of them, or what they are helped by."""
    *folders, name = path.lower().split("/")
    by_name = name.startswith(("test_", "tests.")) or name.endswith(("_test.py", "_tests.py"))
    return bool(_TEST_FOLDERS & set(folders)) or by_name or name == "conftest.py"
