"""Follow names through the modules of the repository to what is outside of it.

A module is read only when a name leads there. Nothing is imported.
"""

from __future__ import annotations

import ast
import posixpath
import sys
from collections.abc import Iterator
from dataclasses import dataclass

from agent.models.change import Change
from agent.policy import source
from agent.policy.names import DefinitionNode, Ref, Scope, bind_item, bind_target
from repo_config.detect import Project, Tree

#: How much is parsed in following names, over a whole change: about a second.
_MOST_MODULES = 300
_MOST_BYTES = 8_000_000
#: For one name; what is longer than this leads in a circle.
_MOST_STEPS = 500
_MOST_DOTS = 24
#: They mean the library unless a module of that name lies right below a root: a folder `requests/`
#: with tests in it is none.
_LIBRARIES = frozenset(sys.stdlib_module_names) | {
    "aiohttp", "celery", "channels", "django", "factory", "fastapi", "flask", "httpx", "jinja2",
    "ninja", "pydantic", "pytest", "redis", "requests", "rest_framework", "sqlalchemy", "sqlmodel",
    "starlette", "tornado", "typing_extensions", "werkzeug", "yaml",
}  # fmt: skip
_SCOPES = (
    ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda, ast.ClassDef, ast.ListComp, ast.SetComp,
    ast.DictComp, ast.GeneratorExp,
)  # fmt: skip


@dataclass(frozen=True)
class Definition:
    """A class or function of the tree."""

    path: str
    node: DefinitionNode
    scope: Scope
    """Of its module."""


class Modules:
    """The Python modules of the tree with the change applied."""

    def __init__(self, change: Change, project: Project, tree: Tree) -> None:
        """Index the paths; nothing is read yet. New contents of the change win over the tree's."""
        self._parsed: dict[bytes, ast.Module] = {}
        self._tree = tree
        self._changed = {file.path: file.after for file in change.files}
        paths = {path for path in tree.paths() if path not in self._changed}
        paths |= {path for path, content in self._changed.items() if content is not None}
        self._paths = frozenset(path for path in paths if path.endswith(".py"))
        python_path = project.django.python_path if project.django else ()
        inner = (project.root, f"{project.root}/src") if project.root else ()
        self._roots = tuple(dict.fromkeys(("", "src", *inner, *python_path)))
        self._folders = frozenset(_list_folders(self._paths))
        self._scopes: dict[str, Scope | None] = {}
        self._texts: dict[str, bytes] = {}
        self._read_bytes = 0
        self._led: dict[Ref, tuple[Ref, ...]] = {}

    def parse(self, content: bytes) -> ast.Module:
        """Parse a file, once for all who only read the tree.

        Raises:
            UnreadableError: It does not parse.
        """
        if content not in self._parsed:
            self._parsed[content] = source.parse_module(content)
        return self._parsed[content]

    @property
    def paths(self) -> tuple[str, ...]:
        """Every module, by path."""
        return tuple(sorted(self._paths))

    def read_text(self, path: str) -> bytes:
        """Return the content of a module after the change."""
        if path not in self._texts:
            changed = self._changed.get(path)
            self._texts[path] = self._tree.read(path) if changed is None else changed
        return self._texts[path]

    def find(self, dotted: str, importer: str) -> Ref | None:
        """Find what an absolute import names within the tree.

        Args:
            dotted: As in `import a.b.c`; its last parts may be attributes.
            importer: Path of the importing module; scripts import from their own folder.
        """
        roots = list(self._roots)
        is_known = dotted.partition(".")[0] in _LIBRARIES
        folder = "" if is_known else posixpath.dirname(importer)
        while folder:
            # A folder that is a package is imported through its parent.
            if f"{folder}/__init__.py" not in self._paths:
                roots.append(folder)
            folder = posixpath.dirname(folder)
        parts = dotted.split(".")
        for root in roots:
            found = self._find_below(root, parts)
            if found and not (is_known and (found.module or "").endswith("/")):
                return found
        return None

    def resolve_relative(self, level: int, dotted: str, importer: str) -> Ref | None:
        """Find what `from ..a.b import` names."""
        folder = importer
        for _ in range(level):
            folder = posixpath.dirname(folder)
        if not dotted:
            package = posixpath.join(folder, "__init__.py")
            return Ref(package, "") if package in self._paths else Ref(f"{folder}/", "")
        return self._find_below(folder, dotted.split("."))

    def _find_below(self, folder: str, parts: list[str]) -> Ref | None:
        """Find the longest run of parts that is a module; the others are attributes."""
        for length in range(len(parts), 0, -1):
            stem = posixpath.join(folder, *parts[:length])
            for path in (f"{stem}/__init__.py", f"{stem}.py"):
                if path in self._paths:
                    return Ref(path, ".".join(parts[length:]))
            if stem in self._folders:
                return Ref(f"{stem}/", ".".join(parts[length:]))
        return None

    def list_names(self, ref: Ref) -> tuple[str, ...]:
        """Return all names by which it could be imported, in the tree and outside of it.

        After 300 modules or 8 MB nothing more is read.
        """
        return tuple(self._find_importable(at) for at in self._list_ways(ref))

    def find_definitions(self, ref: Ref) -> Iterator[Definition]:
        """Yield the classes and functions of the tree that a name leads to."""
        return (found for found, rest in self.find_owners(ref) if not rest)

    def find_owners(self, ref: Ref) -> Iterator[tuple[Definition, str]]:
        """Yield the classes and functions of the tree that a name begins with, and its rest.

        Of `app.models.Order.objects.get` that is the class `Order`, and `objects.get`.
        """
        for at in self._list_ways(ref):
            head, _, rest = at.dotted.partition(".")
            if at.module is None or at.module.endswith("/") or not head:
                continue
            scope = self._get_scope(at.module)
            if scope and (node := scope.defined.get(head)):
                yield Definition(at.module, node, scope), rest

    def _find_importable(self, ref: Ref) -> str:
        if ref.module is None:
            return ref.dotted
        stem = ref.module.removesuffix("/").removesuffix(".py").removesuffix("/__init__")
        roots = [root for root in self._roots if root and stem.startswith(f"{root}/")]
        below = stem[len(max(roots, key=len)) + 1 :] if roots else stem
        return ".".join(part for part in (below.replace("/", "."), ref.dotted) if part)

    def _list_ways(self, ref: Ref) -> tuple[Ref, ...]:
        if ref not in self._led:
            self._led[ref] = tuple(self._follow(ref))
        return self._led[ref]

    def _follow(self, ref: Ref) -> Iterator[Ref]:
        seen: set[Ref] = set()
        waiting = [ref]
        while waiting:
            at = waiting.pop()
            if at in seen or at.dotted.count(".") > _MOST_DOTS:
                continue
            seen.add(at)
            if len(seen) > _MOST_STEPS:
                return
            yield at
            if at.module is not None and at.dotted:
                waiting.extend(self._follow_once(at.module, at.dotted))

    def _follow_once(self, module: str, dotted: str) -> Iterator[Ref]:
        """Yield what a name in a module stands for, one step further."""
        head, _, rest = dotted.partition(".")
        if module.endswith(("__init__.py", "/")):
            if inner := self._find_below(posixpath.dirname(module), [head]):
                yield Ref(inner.module, rest)
        scope = None if module.endswith("/") else self._get_exporting_scope(module, head)
        if scope is None:
            return
        if head in scope.names:
            found = scope.names[head]
        else:
            found = [star.get_attribute(head) for star in scope.stars]
        for one in found:
            yield one.get_attribute(rest) if rest else one

    def _get_exporting_scope(self, path: str, name: str) -> Scope | None:
        """Return the names of a module, unless a look at its text rules this name out."""
        text = self.read_text(path)
        if name.encode("utf-8", "replace") not in text and b"*" not in text:
            return None
        return self._get_scope(path)

    def _get_scope(self, path: str) -> Scope | None:
        if path in self._scopes:
            return self._scopes[path]
        text = self.read_text(path)
        self._read_bytes += len(text)
        if len(self._scopes) >= _MOST_MODULES or self._read_bytes > _MOST_BYTES:
            return None
        self._scopes[path] = None
        try:
            scope = Scope()
            self.bind_block(self.parse(text).body, scope, path)
            self._scopes[path] = scope
        except (source.UnreadableError, RecursionError):
            pass
        return self._scopes[path]

    # --- what a module binds --------------------------------------------------------------------

    def bind_block(self, body: list[ast.stmt], scope: Scope, path: str) -> None:
        """Collect what a block of a module binds in its own scope, without those nested in it."""
        for statement in body:
            for node in _walk_runtime(statement):
                self._bind(node, scope, path)

    def _bind(self, node: ast.AST, scope: Scope, path: str) -> None:
        match node:
            case ast.Import(names=aliases):
                for alias in aliases:
                    name = alias.name if alias.asname else alias.name.partition(".")[0]
                    scope.bind(alias.asname or name, [self.resolve_absolute(name, path)])
            case ast.ImportFrom():
                for name, ref in self.find_imported(node, path):
                    if name == "*":
                        scope.stars.append(ref)
                    else:
                        scope.bind(name, [ref])
            case ast.Assign(targets=targets, value=value):
                for target in targets:
                    bind_target(target, value, scope)
            case (
                ast.AnnAssign(target=target, value=value)
                | ast.NamedExpr(target=target, value=value)
                | ast.withitem(context_expr=value, optional_vars=ast.expr() as target)
            ):
                bind_target(target, value, scope)
            case ast.For(target=target, iter=items) | ast.AsyncFor(target=target, iter=items):
                bind_item(target, items, scope)
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
                scope.defined[node.name] = node
                # Of the module itself it can be imported by this name, and asked for elsewhere.
                scope.bind(node.name, [] if scope.parent else [Ref(path, node.name)])

    def find_imported(self, node: ast.ImportFrom, path: str) -> Iterator[tuple[str, Ref]]:
        """Yield the bound name and its meaning for each name of a `from` import."""
        if node.level:
            origin = self.resolve_relative(node.level, node.module or "", path)
        else:
            origin = self.resolve_absolute(node.module or "", path)
        # A relative import of what is not there stands for nothing outside.
        origin = origin or Ref(f"{path}/", "missing")
        for alias in node.names:
            star = alias.name == "*"
            bound = "*" if star else alias.asname or alias.name
            yield bound, origin if star else origin.get_attribute(alias.name)

    def resolve_absolute(self, dotted: str, path: str) -> Ref:
        """Say what an absolute import of this name stands for in a module."""
        return self.find(dotted, path) or Ref(None, dotted)


def _walk_runtime(node: ast.AST) -> Iterator[ast.AST]:
    """Walk a statement without what is only read by type checkers, or is another scope."""
    waiting: list[ast.AST] = [node]
    while waiting:
        at = waiting.pop()
        yield at
        if isinstance(at, (*_SCOPES, ast.Name, ast.Constant)):
            continue
        if isinstance(at, ast.If) and source.is_type_checking(at.test):
            waiting.extend(reversed(at.orelse))
        else:
            waiting.extend(reversed([*ast.iter_child_nodes(at)]))


def _list_folders(paths: frozenset[str]) -> set[str]:
    """Return every folder that holds Python modules, at whatever depth."""
    parts = (path.split("/") for path in paths)
    return {"/".join(one[:count]) for one in parts for count in range(1, len(one))}
