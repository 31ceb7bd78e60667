"""Follow dotted names through the modules of the repository that import them again.

A module is read only when a name leads there. Nothing is imported.
"""

import ast
import posixpath
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from agent.policy.meaning import UNREADABLE
from agent.recipes.add_field.scopes import DefinitionNode, NameScope, bind_target
from repo_config import foreign_python
from repo_config.detect import Tree

#: For one name; what is longer than this leads in a circle.
_MOST_STEPS = 200
_MOST_DOTS = 24
_MOST_MODULES, _MOST_BYTES = 20_000, 200_000_000
_SCOPES = (
    ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda, ast.ClassDef, ast.ListComp, ast.SetComp,
    ast.DictComp, ast.GeneratorExp,
)  # fmt: skip


@dataclass(frozen=True)
class Definition:
    """A class or function of the tree."""

    path: str
    node: DefinitionNode
    scope: NameScope
    """Scope of its module."""


class Modules:
    """The modules of a tree, of which no more than 20,000 or 200 MB are read."""

    def __init__(self, tree: Tree, roots: Iterable[str] = ()) -> None:
        """Index the paths; nothing is read yet.

        Args:
            roots: Folders that modules are imported from, besides the tree's own.
        """
        self._tree = tree
        self._roots = sorted({*roots} - {""}, key=len, reverse=True)
        paths = (path for path in tree.paths() if path.endswith(".py"))
        self._paths = {self.name_module(path): path for path in paths}
        self._scopes: dict[str, NameScope | None] = {}
        self._read_bytes = 0
        self._names: dict[str, frozenset[str]] = {}

    def name_module(self, path: str) -> str:
        """Return the dotted name by which a file is imported, from the innermost root."""
        start = next((f"{root}/" for root in self._roots if path.startswith(f"{root}/")), "")
        return _make_dotted(path.removeprefix(start))

    def find_path(self, dotted: str) -> str:
        """Return the path of the module that a dotted name begins with; "" outside of the tree."""
        module = self._find_module(dotted)
        return self._paths[module] if module else ""

    def _find_module(self, dotted: str) -> str:
        """Return the longest name of a module that a dotted name begins with."""
        parts = dotted.split(".")
        names = (".".join(parts[:end]) for end in range(len(parts), 0, -1))
        return next((name for name in names if name in self._paths), "")

    def list_names(self, dotted: str) -> frozenset[str]:
        """Return a name with all others by which the same could be imported."""
        if dotted not in self._names:
            seen: set[str] = set()
            waiting = [dotted]
            while waiting and len(seen) < _MOST_STEPS:
                at = waiting.pop()
                if at not in seen and at.count(".") <= _MOST_DOTS:
                    seen.add(at)
                    waiting += self._follow(at)
            self._names[dotted] = frozenset(seen)
        return self._names[dotted]

    def find_definition(self, dotted: str) -> Definition | None:
        """Return the class or function of the tree that has exactly this name."""
        module, _, name = dotted.rpartition(".")
        path = self._paths.get(module)
        scope = self.get_scope(path) if path else None
        node = scope.defined.get(name) if scope else None
        return Definition(path, node, scope) if path and scope and node else None

    def _follow(self, dotted: str) -> list[str]:
        """Return what a name in a module of the tree means, one step further."""
        module = self._find_module(dotted)
        head, dot, rest = dotted.removeprefix(module).lstrip(".").partition(".")
        if not module or not head:
            return []
        path = self._paths[module]
        text = self.read_text(path)
        if head.encode("utf-8", "replace") not in text and b"*" not in text:
            return []
        scope = self.get_scope(path) or NameScope()
        found = scope.names.get(head, [f"{star}.{head}" for star in scope.stars])
        return [f"{meaning}{dot}{rest}" for meaning in found]

    def read_text(self, path: str) -> bytes:
        return self._tree.read(path)

    def get_scope(self, path: str) -> NameScope | None:
        """Read what a module binds; None: it cannot be read, or too much was read before."""
        if path not in self._scopes:
            text = self.read_text(path)
            self._read_bytes += len(text)
            if len(self._scopes) >= _MOST_MODULES or self._read_bytes > _MOST_BYTES:
                return None
            scope = NameScope()
            try:
                self.bind_block(foreign_python.parse_module(text).body, scope, path)
            except UNREADABLE:
                self._scopes[path] = None
            else:
                self._scopes[path] = scope
        return self._scopes[path]

    # --- what a module binds --------------------------------------------------------------------

    def bind_block(self, body: list[ast.stmt], scope: NameScope, path: str) -> None:
        """Collect what a block of a module binds in its own scope, without those nested in it."""
        for statement in body:
            for node in _walk_scope(statement):
                self.bind(node, scope, path)

    def bind(self, node: ast.AST, scope: NameScope, path: str) -> None:
        """Collect what a node itself binds."""
        match node:
            case ast.Import(names=aliases):
                for alias in aliases:
                    name = alias.name if alias.asname else alias.name.partition(".")[0]
                    scope.bind(alias.asname or name, [name])
            case ast.ImportFrom():
                origin = self.name_origin(node, path)
                for alias in node.names:
                    if alias.name == "*":
                        scope.stars.append(origin)
                    else:
                        scope.bind(alias.asname or alias.name, [f"{origin}.{alias.name}"])
            case ast.Assign(targets=targets, value=value):
                for target in targets:
                    bind_target(target, value, scope)
            case ast.AnnAssign(target=target, value=value):
                bind_target(target, value, scope)
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
                scope.defined[node.name] = node
                # It can be imported from the module itself by this name, and looked for elsewhere.
                own = f"{self.name_module(path)}.{node.name}"
                scope.bind(node.name, [] if scope.parent else [own])

    def name_origin(self, node: ast.ImportFrom, path: str) -> str:
        """Return the dotted name of the module that a `from` import takes from."""
        folder = path
        for _ in range(node.level):
            folder = posixpath.dirname(folder)
        above = self.name_module(f"{folder}/__init__.py") if node.level and folder else ""
        return ".".join(filter(None, (above, node.module)))


def _make_dotted(path: str) -> str:
    """Return the name of a module by its path; "" for the package of the root."""
    return f"/{path.removesuffix('.py')}".removesuffix("/__init__").strip("/").replace("/", ".")


def _walk_scope(node: ast.AST) -> Iterator[ast.AST]:
    """Walk what a scope binds: not what only type checkers read, and no other scope within."""
    waiting = [node]
    while waiting:
        at = waiting.pop()
        yield at
        inner: Iterable[ast.AST | None] = ast.iter_child_nodes(at)
        match at:
            case ast.If(test=ast.Name("TYPE_CHECKING") | ast.Attribute(attr="TYPE_CHECKING")):
                inner = at.orelse
            case ast.AnnAssign():
                inner = at.target, at.value
        if not isinstance(at, _SCOPES):
            waiting += [child for child in [*inner][::-1] if child is not None]
