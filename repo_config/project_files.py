"""Read the files by which a Python project describes itself, as data and each at most once.

Nothing is imported or run; what cannot be read counts as absent. What the contents
mean is left to the modules that ask.
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

#: Where pytest heeds plugins and options; a project with more has them in one of the first.
_MOST_CONFTESTS = 50
#: Larger files are not the settings or scripts that are looked for here.
_MOST_BYTES = 256 * 1024
_UNREADABLE = (ValueError, SyntaxError, configparser.Error, RecursionError, MemoryError)

Parsed = TypeVar("Parsed")


class PytestSettings(NamedTuple):
    """The section that pytest would take its settings from."""

    values: Mapping[str, object] | None = None
    """None: there is none."""

    def words(self, key: str) -> list[str]:
        """List the parts of a value, which are a list or between blanks."""
        value = (self.values or {}).get(key)
        if not isinstance(value, str):
            return documents.texts(value)
        try:
            return shlex.split(value)
        except ValueError:
            return value.split()


class ProjectFiles:
    """The files of a project, and the parsed forms of the requested ones."""

    def __init__(self, tree: Tree, folder: str = "") -> None:
        """Take a repository, and the folder of the project in it; "" is the repository itself."""
        self._repository = tree if folder else None
        self._tree = tree = FolderTree(tree, folder) if folder else tree
        # Names with control characters or other encodings than UTF-8 name no part of a project that
        # anything here looks for, and would be carried into what is printed.
        self.paths = tuple(path for path in tree.paths() if path.isprintable())
        self._known = frozenset(self.paths)
        self._texts: dict[str, str] = {}
        self._parsed: dict[str, Any] = {}

    def has_file(self, path: str) -> bool:
        return path in self._known

    def find_named(self, *names: str) -> list[str]:
        """All files of these names, those nearest to the root first."""
        found = (path for path in self.paths if path.rpartition("/")[2] in names)
        return sorted(found, key=lambda path: (path.count("/"), path))

    def text(self, path: str) -> str:
        """Text of a file, undecodable bytes replaced; empty when there is no such file."""
        if not self.has_file(path):
            return ""
        if path not in self._texts:
            content = self._tree.read(path)
            is_read = len(content) <= _MOST_BYTES
            self._texts[path] = content.decode("utf-8-sig", "replace") if is_read else ""
        return self._texts[path]

    def _parse(self, path: str, parse: Callable[[str], Parsed], empty: Parsed) -> Parsed:
        """Parse a file once; empty where there is none, or where it cannot be read."""
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
        """Return a YAML file that is a mapping; empty where there is none that can be read."""
        return documents.as_map(self._parse(path, documents.parse_yaml, {}))

    @property
    def is_repository(self) -> bool:
        """Whether this is the whole repository, and no folder of it."""
        return self._repository is None

    @cached_property
    def hooks_place(self) -> "ProjectFiles":
        """Where the hooks of pre-commit are: here, or in the repository whose folder this is."""
        if self._repository is None or self.has_file(HOOKS_FILE):
            return self
        return ProjectFiles(self._repository)

    @cached_property
    def hooks(self) -> list[tuple[dict[str, Any], dict[str, Any]]]:
        """The hooks of pre-commit, each behind its repository; none where these cannot be read."""
        found = self.hooks_place.yaml(HOOKS_FILE).get("repos")
        repositories = map(documents.as_map, documents.as_list(found))
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
        """The settings of pytest, found in the order in which pytest itself looks for them."""
        for path in filter(self.has_file, ("pytest.toml", ".pytest.toml")):
            return PytestSettings(documents.table(self.toml(path), "pytest"))
        for path in filter(self.has_file, ("pytest.ini", ".pytest.ini")):
            return PytestSettings(self.ini(path).get("pytest", {}))
        tool = documents.table(self.pyproject, "tool")
        if "pytest" in tool:
            own = documents.table(tool, "pytest")
            return PytestSettings(documents.as_map(own.get("ini_options", own)))
        settings = self.ini("tox.ini").get("pytest", self.ini("setup.cfg").get("tool:pytest"))
        return PytestSettings(settings)

    @cached_property
    def setup_call(self) -> dict[str, list[str]]:
        """Arguments of setup() in setup.py: for each keyword its literal texts."""
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
        """Paths of the first conftest.py files, those nearest to the root."""
        return self.find_named("conftest.py")[:_MOST_CONFTESTS]


def _list_texts(node: ast.expr, constants: dict[str, ast.expr]) -> list[str]:
    """List the texts in an expression of lists, dicts and constants of the module, without keys."""
    texts, waiting = [], [node]
    while waiting:
        at = waiting.pop(0)
        if isinstance(at, ast.Constant) and isinstance(at.value, str):
            texts.append(at.value)
        elif isinstance(at, ast.Name):
            # Each is followed once, since one may name itself.
            waiting += [constants.pop(at.id)] if at.id in constants else []
        else:
            below = at.values if isinstance(at, ast.Dict) else ast.iter_child_nodes(at)
            waiting += [part for part in below if isinstance(part, ast.expr)]
    return texts
