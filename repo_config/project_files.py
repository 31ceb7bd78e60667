"""Read and parse the metadata and settings files of a Python project, each at most once.

Nothing is imported or run; unreadable files count as absent. Other modules interpret the contents.
"""

import ast
import configparser
import shlex
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import cached_property
from typing import Any, NamedTuple, TypeVar, cast

from repo_config import documents, foreign_python
from repo_config.known_tools import HOOKS_FILE
from repo_config.tree import FolderTree, Tree

#: Maximum conftest.py files that are read, those nearest to the root first.
_MOST_CONFTESTS = 50
#: Larger files are no settings or scripts.
_MOST_BYTES = 256 * 1024
_UNREADABLE = (ValueError, SyntaxError, configparser.Error, RecursionError, MemoryError)

Parsed = TypeVar("Parsed")


class PytestSettings(NamedTuple):
    """The section from which pytest reads its settings."""

    values: Mapping[str, object] | None = None
    """None: there is no such section."""

    def words(self, key: str) -> list[str]:
        """Return a value as a list; a text is split at blanks."""
        value = (self.values or {}).get(key)
        if not isinstance(value, str):
            return documents.texts(value)
        try:
            return shlex.split(value)
        except ValueError:
            return value.split()


class ProjectFiles:
    """The files of a project, parsed on request."""

    def __init__(self, tree: Tree, folder: str = "") -> None:
        """Open the project in a folder of a repository; "": the repository itself."""
        self._repository = tree if folder else None
        self._tree = tree = FolderTree(tree, folder) if folder else tree
        # Names with control characters or invalid UTF-8 are of no use here, and would be printed.
        self.paths = tuple(path for path in tree.paths() if path.isprintable())
        self._known = frozenset(self.paths)
        self._texts: dict[str, str] = {}
        self._parsed: dict[str, Any] = {}

    def has_file(self, path: str) -> bool:
        return path in self._known

    def find_named(self, *names: str) -> list[str]:
        """List all files with these names, those nearest to the root first."""
        paths = (path for path in self.paths if path.rpartition("/")[2] in names)
        return sorted(paths, key=lambda path: (path.count("/"), path))

    def text(self, path: str) -> str:
        """Return the text of a file, undecodable bytes replaced; empty: absent or too large."""
        if not self.has_file(path):
            return ""
        if path not in self._texts:
            content = self._tree.read(path)
            is_read = len(content) <= _MOST_BYTES
            self._texts[path] = content.decode("utf-8-sig", "replace") if is_read else ""
        return self._texts[path]

    def _parse(self, path: str, parse: Callable[[str], Parsed], empty: Parsed) -> Parsed:
        """Parse a file once; return `empty` if it is absent or invalid."""
        if path not in self._parsed:
            self._parsed[path] = empty
            with suppress(*_UNREADABLE):
                self._parsed[path] = parse(self.text(path))
        return cast(Parsed, self._parsed[path])

    def toml(self, path: str) -> dict[str, Any]:
        return self._parse(path, documents.parse_toml, {})

    def ini(self, path: str) -> dict[str, dict[str, str]]:
        """Return an INI file by section; keys keep their case."""
        return self._parse(path, documents.parse_ini, {})

    def module(self, path: str) -> ast.Module:
        """Return the syntax tree of a Python file."""
        return self._parse(path, foreign_python.parse_module, ast.Module([], []))

    def yaml(self, path: str) -> dict[str, Any]:
        """Return a YAML file as a mapping; empty: it is absent, invalid or no mapping."""
        return documents.as_map(self._parse(path, documents.parse_yaml, {}))

    @property
    def is_repository(self) -> bool:
        """Whether this is the whole repository, not a folder of it."""
        return self._repository is None

    @cached_property
    def hooks_place(self) -> "ProjectFiles":
        """The files with the pre-commit hooks: these, or those of the whole repository."""
        if self._repository is None or self.has_file(HOOKS_FILE):
            return self
        return ProjectFiles(self._repository)

    @cached_property
    def hooks(self) -> list[tuple[dict[str, Any], dict[str, Any]]]:
        """Pairs of a pre-commit repository and one of its hooks; none if the file is invalid."""
        listed = self.hooks_place.yaml(HOOKS_FILE).get("repos")
        repositories = map(documents.as_map, documents.as_list(listed))
        return [
            (repository, hook)
            for repository in repositories
            for hook in map(documents.as_map, documents.as_list(repository.get("hooks")))
        ]

    @property
    def pyproject(self) -> dict[str, object]:
        return self.toml("pyproject.toml")

    @cached_property
    def pytest(self) -> PytestSettings:
        """The settings of pytest, searched in pytest's own order."""
        for path in filter(self.has_file, ("pytest.toml", ".pytest.toml")):
            return PytestSettings(documents.table(self.toml(path), "pytest"))
        for path in filter(self.has_file, ("pytest.ini", ".pytest.ini")):
            return PytestSettings(self.ini(path).get("pytest", {}))
        tool = documents.table(self.pyproject, "tool")
        if "pytest" in tool:
            options = documents.table(tool, "pytest")
            return PytestSettings(documents.as_map(options.get("ini_options", options)))
        settings = self.ini("tox.ini").get("pytest", self.ini("setup.cfg").get("tool:pytest"))
        return PytestSettings(settings)

    @cached_property
    def setup_call(self) -> dict[str, list[str]]:
        """Literal texts in the arguments of setup() in setup.py, by keyword."""
        module = self.module("setup.py")
        constants = {
            target.id: node.value
            for node in module.body
            if isinstance(node, ast.Assign)
            for target in node.targets
            if isinstance(target, ast.Name)
        }
        return {
            keyword.arg: _list_texts(keyword.value, dict(constants))
            for node in ast.walk(module)
            if isinstance(node, ast.Call) and ast.unparse(node.func).endswith("setup")
            for keyword in node.keywords
            if keyword.arg
        }

    @property
    def conftests(self) -> list[str]:
        """Paths of the conftest.py files nearest to the root."""
        return self.find_named("conftest.py")[:_MOST_CONFTESTS]


def _list_texts(node: ast.expr, constants: dict[str, ast.expr]) -> list[str]:
    """List the texts in an expression of lists, dicts (without keys) and module constants."""
    texts, waiting = [], [node]
    while waiting:
        at = waiting.pop(0)
        if isinstance(at, ast.Constant) and isinstance(at.value, str):
            texts.append(at.value)
        elif isinstance(at, ast.Name):
            # Each name is followed once, since it may refer to itself.
            waiting += [constants.pop(at.id)] if at.id in constants else []
        else:
            below = at.values if isinstance(at, ast.Dict) else ast.iter_child_nodes(at)
            waiting += [part for part in below if isinstance(part, ast.expr)]
    return texts
