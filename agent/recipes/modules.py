"""Python modules of a tree, and what a name in one of them stands for. Static: no code runs.

Follows imports, aliases, re-exports through packages and star imports. Knows nothing of Django.
"""

from __future__ import annotations

import ast
import itertools
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from repo_config import foreign_python
from repo_config.detect import Tree


@dataclass(frozen=True)
class Binding:
    """What an import binds a name to."""

    module: str
    name: str | None
    """None: the module itself."""


@dataclass(eq=False)
class Module:
    path: str
    dotted: str
    node: ast.Module
    bindings: dict[str, Binding] = field(default_factory=dict)
    stars: list[str] = field(default_factory=list)
    classes: dict[str, ast.ClassDef] = field(default_factory=dict)
    assigned: set[str] = field(default_factory=set)
    """Names that are bound at module level in any other way."""

    @property
    def is_package(self) -> bool:
        return os.path.basename(self.path) == "__init__.py"


@dataclass(frozen=True)
class FoundClass:
    module: Module
    node: ast.ClassDef


@dataclass(frozen=True)
class External:
    """Something that lives outside the tree."""

    dotted: str


Found = FoundClass | External


class Modules:
    def __init__(self, tree: Tree, python_path: Iterable[str] = ()) -> None:
        self._tree = tree
        self.paths = tuple(path for path in tree.paths() if path.endswith(".py"))
        self._packages = {os.path.dirname(p) for p in self.paths if p.endswith("__init__.py")}
        self._parsed: dict[str, Module | None] = {}
        self._by_name: dict[str, list[str]] = {}
        self._renamed: dict[str, str] = {}
        self.unreadable: dict[str, str] = {}
        """Files that could not be parsed, with the reason."""
        roots = tuple(root.strip("/") for root in python_path)
        for path in self.paths:
            names = {
                self._climb_packages(path),
                *(_get_dotted_name(path, root) for root in ("", *roots)),
            }
            for dotted in names - {None, ""}:
                self._by_name.setdefault(str(dotted), []).append(path)

    def read_content(self, path: str) -> bytes:
        return self._tree.read(path)

    def rename_package(self, folder: str, dotted: str) -> None:
        """Say under which name a folder is imported, where its `__init__.py` files do not."""
        self._renamed[folder] = dotted
        for path in self.paths:
            if path.startswith(f"{folder}/"):
                name = _make_dotted(dotted, path[len(folder) + 1 :])
                known = self._by_name.setdefault(name, [])
                if path not in known:
                    known.insert(0, path)

    def _climb_packages(self, path: str) -> str:
        folder = os.path.dirname(path)
        while folder in self._packages and os.path.dirname(folder) != folder:
            folder = os.path.dirname(folder)
        return _get_dotted_name(path, folder) or ""

    def get_dotted_name(self, path: str) -> str:
        """The name under which a file is imported."""
        above = [f for f in self._renamed if path.startswith(f"{f}/")]
        if above:
            folder = max(above, key=len)
            return _make_dotted(self._renamed[folder], path[len(folder) + 1 :])
        return self._climb_packages(path)

    def parse(self, path: str) -> Module | None:
        if path not in self._parsed:
            self._parsed[path] = self._read(path)
        return self._parsed[path]

    def _read(self, path: str) -> Module | None:
        try:
            node = foreign_python.parse_module(self._tree.read(path), path)
        except (SyntaxError, ValueError, RecursionError, MemoryError) as problem:
            self.unreadable[path] = str(problem)
            return None
        return read_names(path, node, self.get_dotted_name(path))

    def find_module(self, dotted: str, near: str = "") -> Module | None:
        candidates = self._by_name.get(dotted, [])
        if not candidates:
            return None
        folders = near.split("/")

        def shared(path: str) -> int:
            pairs = itertools.takewhile(
                lambda one: one[0] == one[1], zip(path.split("/"), folders, strict=False)
            )
            return sum(1 for _ in pairs)

        return self.parse(max(candidates, key=shared))

    def resolve(self, module: Module, dotted: str) -> Found | None:
        """Say what a dotted name stands for at the module level of a file."""
        return self._resolve(module, tuple(dotted.split(".")), set())

    def _resolve(
        self, module: Module, parts: tuple[str, ...], seen: set[tuple[str, str]]
    ) -> Found | None:
        first, rest = parts[0], parts[1:]
        if (module.path, first) in seen:
            return None
        seen.add((module.path, first))
        if first in module.classes:
            return _find_nested(module, module.classes[first], rest)
        if bound := module.bindings.get(first):
            if bound.name is None:
                return self._walk(bound.module, rest, module.path, seen)
            return self._resolve_attribute(bound.module, bound.name, rest, module.path, seen)
        for star in module.stars:
            if source := self.find_module(star, module.path):
                if found := self._resolve(source, parts, seen):
                    return found
            elif first not in module.assigned and star.startswith("django."):
                return External(".".join((star, *parts)))
        return None

    def _resolve_attribute(
        self,
        dotted: str,
        name: str,
        rest: tuple[str, ...],
        near: str,
        seen: set[tuple[str, str]],
    ) -> Found | None:
        source = self.find_module(dotted, near)
        if source and (found := self._resolve(source, (name, *rest), seen)):
            return found
        if self.find_module(f"{dotted}.{name}", near):
            return self._walk(f"{dotted}.{name}", rest, near, seen)
        return None if source else External(".".join((dotted, name, *rest)))

    def _walk(
        self, dotted: str, rest: tuple[str, ...], near: str, seen: set[tuple[str, str]]
    ) -> Found | None:
        module = self.find_module(dotted, near)
        if not rest:
            return None if module else External(dotted)
        return self._resolve_attribute(dotted, rest[0], rest[1:], near, seen)


def _get_dotted_name(path: str, root: str) -> str | None:
    if root and not path.startswith(f"{root}/"):
        return None
    return _make_dotted("", path[len(root) + 1 :] if root else path)


def _make_dotted(prefix: str, path: str) -> str:
    parts = path.removesuffix(".py").split("/")
    if parts[-1] == "__init__":
        parts.pop()
    return ".".join([prefix, *parts] if prefix else parts)


def _find_nested(module: Module, node: ast.ClassDef, rest: tuple[str, ...]) -> Found | None:
    for name in rest:
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


def read_names(path: str, node: ast.Module, dotted: str = "") -> Module:
    module = Module(path, dotted, node)
    for statement in iterate_statements(node.body):
        _bind_statement(module, statement)
    return module


def _bind_statement(module: Module, statement: ast.stmt) -> None:
    if isinstance(statement, ast.ClassDef):
        module.classes.setdefault(statement.name, statement)
    elif isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef):
        module.assigned.add(statement.name)
    elif isinstance(statement, ast.Import):
        for alias in statement.names:
            bound = alias.asname or alias.name.partition(".")[0]
            module.bindings[bound] = Binding(alias.name if alias.asname else bound, None)
    elif isinstance(statement, ast.ImportFrom):
        source = resolve_from_import(module, statement)
        for alias in statement.names:
            if alias.name == "*":
                module.stars.append(source)
            else:
                module.bindings.setdefault(alias.asname or alias.name, Binding(source, alias.name))
    elif isinstance(statement, ast.Assign | ast.AnnAssign):
        targets = statement.targets if isinstance(statement, ast.Assign) else [statement.target]
        for target in targets:
            module.assigned |= {n.id for n in ast.walk(target) if isinstance(n, ast.Name)}


def resolve_from_import(module: Module, statement: ast.ImportFrom) -> str:
    """The full name of the module that a from-import names."""
    if not statement.level:
        return statement.module or ""
    parts = module.dotted.split(".") if module.dotted else []
    up = statement.level - (1 if module.is_package else 0)
    parts = parts[: len(parts) - up] if up else parts
    return ".".join([*parts, *([statement.module] if statement.module else [])])


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
