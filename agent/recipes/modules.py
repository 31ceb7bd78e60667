"""Python modules of a tree for recipes: which class a name stands for, wherever it is from.

Static: no code runs. Names are followed as rules follow them (`agent.policy.modules`).
"""

from __future__ import annotations

import ast
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property

from agent.policy import modules as places
from agent.policy.names import Scope
from agent.policy.source import UnreadableError
from repo_config.detect import Tree


@dataclass(eq=False)
class Module:
    path: str
    dotted: str
    node: ast.Module
    scope: Scope

    @cached_property
    def classes(self) -> dict[str, ast.ClassDef]:
        found = self.scope.defined.items()
        return {name: node for name, node in found if isinstance(node, ast.ClassDef)}

    def imports(self, name: str) -> bool:
        """Whether a name of the file is the module that is called so."""
        return self.scope.names.get(name) == [name]


@dataclass(frozen=True)
class FoundClass:
    module: Module
    node: ast.ClassDef


@dataclass(frozen=True)
class External:
    """Something that lives outside the tree."""

    dotted: str


Found = FoundClass | External


class Modules(places.Modules):
    most_modules, most_bytes = 20_000, 200_000_000

    def __init__(self, tree: Tree, python_path: Iterable[str] = ()) -> None:
        self._renamed: dict[str, str] = {}
        self._read: dict[str, Module | None] = {}
        self.unreadable: dict[str, str] = {}
        """Files that could not be parsed, with the reason."""
        packages = {os.path.dirname(path) for path in tree.paths() if path.endswith("__init__.py")}
        around = {os.path.dirname(folder) for folder in packages} - packages
        super().__init__(tree, {*(root.strip("/") for root in python_path), *around})
        self.files = tuple(path for path in tree.paths() if path.endswith(".py"))
        self._named: dict[str, list[str]] = {}
        """By name; in one tree there may be two of a name, and each project means its own."""
        for path in self.files:
            # A folder may be imported without being a package.
            for name in (self.name_module(path), places.make_dotted(path)):
                self._named.setdefault(name, []).append(path)
                self._paths.setdefault(name, path)

    def name_module(self, path: str) -> str:
        """Return the name under which a file is imported."""
        above = [folder for folder in self._renamed if path.startswith(f"{folder}/")]
        if above:
            folder = max(above, key=len)
            inner = places.make_dotted(path[len(folder) + 1 :])
            return ".".join(filter(None, (self._renamed[folder], inner)))
        return super().name_module(path)

    def rename_package(self, folder: str, dotted: str) -> None:
        """Say under which name a folder is imported, where its `__init__.py` files do not."""
        self._renamed[folder] = dotted
        for path in self.files:
            if path.startswith(f"{folder}/"):
                self._paths[self.name_module(path)] = path
                self._named.setdefault(self.name_module(path), []).insert(0, path)

    def read_module(self, path: str) -> Module | None:
        if path not in self._read:
            self._read[path] = None
            try:
                node = self.parse(self.read_text(path))
            except UnreadableError as problem:
                where = f" (line {problem.line})" if problem.line else ""
                self.unreadable[path] = f"{problem.message}{where}"
            else:
                scope = self.get_scope(path) or Scope()
                self._read[path] = Module(path, self.name_module(path), node, scope)
        return self._read[path]

    def find_module(self, dotted: str, near: str) -> Module | None:
        """Find the module of a name that is nearest to a file."""
        paths = self._named.get(dotted, [])
        path = max(paths, key=lambda one: len(os.path.commonpath((one, near))), default="")
        return self.read_module(path) if path else None

    def resolve(self, module: Module, dotted: str) -> Found | None:
        """Say what a dotted name stands for at the module level of a file."""
        first, dot, rest = dotted.partition(".")
        if first in module.classes:
            return _find_nested(module, module.classes[first], rest)
        meant = [f"{one}{dot}{rest}" for one in module.scope.look_up(first)]
        names = sorted(frozenset[str]().union(*map(self.list_names, meant)))
        for name in names:
            if found := self._find_class(name, module.path):
                return found
        outside = [name for name in names if not self.find_path(name)]
        return External(outside[0]) if outside else None

    def _find_class(self, dotted: str, near: str) -> FoundClass | None:
        named = self._find_module(dotted)
        module = self.find_module(named, near)
        first, _, rest = dotted.removeprefix(f"{named}.").partition(".")
        node = module.classes.get(first) if module else None
        return _find_nested(module, node, rest) if module and node else None


def _find_nested(module: Module, node: ast.ClassDef, rest: str) -> FoundClass | None:
    for name in filter(None, rest.split(".")):
        inner = [one for one in node.body if isinstance(one, ast.ClassDef) and one.name == name]
        if not inner:
            return None
        node = inner[-1]
    return FoundClass(module, node)


def iterate_statements(body: list[ast.stmt]) -> Iterator[ast.stmt]:
    """Yield the statements of a body and of the ifs, tries and withs in it, in their order."""
    waiting = body[::-1]
    while waiting:
        statement = waiting.pop()
        yield statement
        if isinstance(statement, ast.If | ast.Try | ast.With):
            inner = [*statement.body, *getattr(statement, "orelse", [])]
            inner += getattr(statement, "finalbody", [])
            inner += (one for each in getattr(statement, "handlers", []) for one in each.body)
            waiting += inner[::-1]


def find_values(node: ast.ClassDef, name: str) -> list[ast.expr]:
    found: list[ast.expr] = []
    for statement in node.body:
        if isinstance(statement, ast.Assign | ast.AnnAssign) and statement.value is not None:
            targets = statement.targets if isinstance(statement, ast.Assign) else [statement.target]
            if any(isinstance(one, ast.Name) and one.id == name for one in targets):
                found.append(statement.value)
    return found


def read_dotted_name(node: ast.expr) -> str | None:
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        before = read_dotted_name(node.value)
        return f"{before}.{node.attr}" if before else None
    if isinstance(node, ast.Subscript):  # Generic[...] in bases
        return read_dotted_name(node.value)
    return None
