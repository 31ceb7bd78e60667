"""Walk once over a repository's Python, and keep what it does and where. Nothing is executed.

Owns which files are the application, its tests, or neither, and what short names mean within one
file, which is enough to count by; where names have to be followed, `facts.Evidence.view` reads a
file as the rules do.
"""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal, NamedTuple

from agent.policy import guards, layout
from repo_config import foreign_python
from repo_config.suites import ASIDE
from repo_config.tree import Tree

Role = Literal["application", "tests", "aside"]

_MOST_FILES = 6000
_MOST_BYTES = 256 * 1024
#: Of the application: its syntax trees take twenty times as much.
_MOST_TOTAL = 20 * 1024**2
#: Folders of what others wrote, and of what nobody imports.
_FOREIGN = ASIDE | {"vendored", "_vendor", "extern", "third_party", "contrib", "site-packages"}
_IMPORTED = re.compile(
    r"^[ \t]*(?:import[ \t]+(?P<module>[\w.]+)"
    r"|from[ \t]+(?P<home>[\w.]+)[ \t]+import[ \t]+(?P<name>\w+))",
    re.MULTILINE,
)
FunctionNode = ast.FunctionDef | ast.AsyncFunctionDef


class Place(NamedTuple):
    """A line of a file."""

    path: str
    line: int

    def __str__(self) -> str:
        return f"{self.path}:{self.line}"


@dataclass
class Source:
    """One file of the application, or of its tests, which are read for their imports alone."""

    path: str
    role: Role
    module: ast.Module
    names: dict[str, str] = field(default_factory=dict)
    """What an import binds, by the short name; relative imports keep their dots."""
    imports: list[tuple[str, int]] = field(default_factory=list)
    """Full names that are imported, with their lines; not those for type checkers."""
    functions: list[FunctionNode] = field(default_factory=list)
    """All functions and methods, as all that follows without what only type checkers read."""
    calls: list[ast.Call] = field(default_factory=list)

    def at(self, node: ast.stmt | ast.expr) -> Place:
        """Where a node stands."""
        return Place(self.path, node.lineno)

    def dotted(self, node: ast.expr | None) -> str:
        """The full name of `a.b.c` as far as imports of this file tell; "" for anything else."""
        parts: list[str] = []
        while isinstance(node, ast.Attribute):
            parts.append(node.attr)
            node = node.value
        if not isinstance(node, ast.Name):
            return ""
        return ".".join([self.names.get(node.id, node.id), *reversed(parts)])


class Survey:
    """The Python files of a folder of a repository."""

    def __init__(self, tree: Tree, folder: str = "") -> None:
        start = f"{folder}/" if folder else ""
        self.sources: list[Source] = []
        paths = [
            path
            for path in tree.paths()
            if path.endswith(".py") and path.startswith(start) and path.isprintable()
        ]
        left = _MOST_TOTAL
        for path in paths[:_MOST_FILES]:
            role = role_of(path.removeprefix(start))
            if role == "aside":
                continue
            content = tree.read(path)
            if role == "application":
                left -= len(content)
            if left >= 0 and (source := _read(path, role, content)) is not None:
                self.sources.append(source)

    @cached_property
    def application(self) -> list[Source]:
        """What the project is."""
        return [source for source in self.sources if source.role == "application"]

    @cached_property
    def tests(self) -> list[Source]:
        """What tests it."""
        return [source for source in self.sources if source.role == "tests"]


def role_of(path: str) -> Role:
    """Say what a file is for, by its path relative to the project."""
    folders = {*path.lower().split("/")[:-1]}
    if folders & _FOREIGN:
        return "aside"
    if layout.is_test(path):
        return "tests"
    return "aside" if layout.is_apart(path) else "application"


def _read(path: str, role: Role, content: bytes) -> Source | None:
    if len(content) > _MOST_BYTES:
        return None
    source = Source(path, role, ast.Module([], []))
    if role == "tests":
        # Only what they import is asked for, which their lines tell; suites are large.
        text = content.decode("utf-8", "replace")
        for found in _IMPORTED.finditer(text):
            name = found["module"] or f"{found['home']}.{found['name']}"
            source.imports.append((name, text.count("\n", 0, found.start()) + 1))
        return source
    try:
        source.module = foreign_python.parse(content, path)
        _collect(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
    return source


def _collect(source: Source) -> None:
    """Walk a file once, without what only type checkers read."""
    waiting: list[ast.AST] = [source.module]
    while waiting:
        node = waiting.pop()
        match node:
            case ast.Import() | ast.ImportFrom():
                _bind(source, node)
                continue
            case ast.If() if guards.is_type_checking(node.test):
                waiting += reversed(node.orelse)
                continue
            case ast.Name() | ast.Constant():
                continue
            case ast.FunctionDef() | ast.AsyncFunctionDef():
                source.functions.append(node)
            case ast.Call():
                source.calls.append(node)
        waiting += reversed([*ast.iter_child_nodes(node)])


def _bind(source: Source, node: ast.Import | ast.ImportFrom) -> None:
    for alias in node.names:
        if isinstance(node, ast.Import):
            full = alias.name
            bound = alias.asname or alias.name.partition(".")[0]
            source.names[bound] = full if alias.asname else bound
        else:
            full = f"{'.' * node.level}{node.module or ''}"
            full = full + alias.name if full.endswith(".") else f"{full}.{alias.name}"
            source.names[alias.asname or alias.name] = full
        source.imports.append((full, node.lineno))
