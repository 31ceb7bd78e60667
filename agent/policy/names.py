"""Say what the names in one Python module stand for: imports, aliases, attributes.

Read from the syntax tree; nothing is imported. A name is followed as far as the text of its
module shows: through `import x as y`, assignments, `importlib.import_module("x")`. Leaves to
`modules` where a name leads in the rest of the repository, and to the rules which names matter.
"""

from __future__ import annotations

import ast
import builtins
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

from agent.policy import guards, source

_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)
_COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)
DefinitionNode = ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef
_SCOPES = (*_FUNCTIONS, *_COMPREHENSIONS, ast.ClassDef)
#: What may bind a name; most of a file is none of it.
_BINDING = (
    ast.Import, ast.ImportFrom, ast.Assign, ast.AnnAssign, ast.NamedExpr, ast.withitem, ast.For,
    ast.AsyncFor, ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.ExceptHandler,
    ast.Global,
)  # fmt: skip
_MOST_DOTS = 12
_MOST_MEANINGS = 16
#: Functions that turn a text into a module or into something in one.
_LOADERS = frozenset(
    {
        "builtins.__import__",
        "importlib.import_module",
        "importlib.__import__",
        "pkgutil.resolve_name",
        "django.utils.module_loading.import_string",
        "werkzeug.utils.import_string",
        "pytest.importorskip",
    }
)
#: What stands around the class that an annotation means.
_WRAPPERS = frozenset(
    {"typing.Annotated", "typing_extensions.Annotated", "typing.Optional", "typing.Final"}
)
_MOST_ANNOTATION = 200


class Ref(NamedTuple):
    """What a name stands for: something in a module of the tree, or outside of it."""

    module: str | None
    """Path of the module in the tree; None: outside."""
    dotted: str
    """Outside the full dotted name; inside the name within the module, "" for itself."""

    def attribute(self, name: str) -> Ref:
        """Return what this attribute of it stands for."""
        return Ref(self.module, f"{self.dotted}.{name}" if self.dotted else name)


@dataclass
class Scope:
    """The names that one module, class or function binds."""

    parent: Scope | None = None
    is_class: bool = False
    names: dict[str, list[Ref]] = field(default_factory=dict)
    """An empty list: bound to something that cannot be followed."""
    stars: list[Ref] = field(default_factory=list)
    """Modules of which everything was imported."""
    outer: set[str] = field(default_factory=set)
    """Names declared `global`."""
    defined: dict[str, DefinitionNode] = field(default_factory=dict)
    """The classes and functions that are defined in it; of several the last."""

    def bind(self, name: str, refs: list[Ref]) -> None:
        """Add what a name may stand for; several assignments add up."""
        scope = self.module_scope() if name in self.outer else self
        known = scope.names.setdefault(name, [])
        # `x = x.y` in a row must not add up for ever.
        new = [ref for ref in refs if ref not in known and ref.dotted.count(".") < _MOST_DOTS]
        known.extend(new[: _MOST_MEANINGS - len(known)])

    def module_scope(self) -> Scope:
        """Return the outermost scope."""
        return self if self.parent is None else self.parent.module_scope()


class Places(Protocol):
    """Where imports of the repository lead within it (see `modules`)."""

    def find(self, dotted: str, importer: str) -> Ref | None:
        """Find what an absolute import names, if it is in the tree."""
        ...

    def relative(self, level: int, dotted: str, importer: str) -> Ref | None:
        """Find what a relative import names."""
        ...


class Reader:
    """Reads one module: collects what its scopes bind, and says what expressions stand for."""

    def __init__(self, places: Places, path: str) -> None:
        self._places = places
        self._path = path

    # --- bindings -----------------------------------------------------------------------------

    def collect(self, body: list[ast.stmt], scope: Scope) -> None:
        """Collect what a block binds in its own scope, without those nested in it."""
        for statement in body:
            for node in _within(statement):
                if isinstance(node, _BINDING):
                    self._bind(node, scope)

    def _bind(self, node: ast.AST, scope: Scope) -> None:  # noqa: C901, PLR0912 - one case each
        match node:
            case ast.Import(names=aliases):
                for alias in aliases:
                    self._bind_import(alias, scope)
            case ast.ImportFrom():
                for name, ref in self.imported(node):
                    if name == "*":
                        scope.stars.append(ref)
                    else:
                        scope.bind(name, [ref])
            case ast.Assign(targets=targets, value=value):
                for target in targets:
                    self.bind_target(target, value, scope)
            case (
                ast.AnnAssign(target=target, value=value)
                | ast.NamedExpr(target=target, value=value)
            ):
                self.bind_target(target, value, scope)
            case ast.withitem(context_expr=value, optional_vars=ast.expr() as target):
                self.bind_target(target, value, scope)
            case ast.For(target=target, iter=items) | ast.AsyncFor(target=target, iter=items):
                self.bind_item(target, items, scope)
            case (
                ast.FunctionDef(name=name)
                | ast.AsyncFunctionDef(name=name)
                | ast.ClassDef(name=name)
            ):
                scope.defined[name] = node
                # Of the module itself it can be imported by this name, and asked for elsewhere.
                scope.bind(name, [] if scope.parent else [Ref(self._path, name)])
            case ast.ExceptHandler(name=str(name)):
                scope.bind(name, [])
            case ast.Global(names=outer):
                scope.outer.update(outer)

    def _bind_import(self, alias: ast.alias, scope: Scope) -> None:
        if alias.asname:
            scope.bind(alias.asname, [self.absolute(alias.name)])
        else:
            root = alias.name.partition(".")[0]
            scope.bind(root, [self.absolute(root)])

    def bind_target(self, target: ast.expr, value: ast.expr | None, scope: Scope) -> None:
        """Bind what is assigned to; without a value to something that cannot be followed."""
        if isinstance(target, ast.Name):
            scope.bind(target.id, self.meaning(value, scope) if value is not None else [])
        elif isinstance(target, (ast.Tuple, ast.List)):
            same = isinstance(value, (ast.Tuple, ast.List)) and len(value.elts) == len(target.elts)
            values = value.elts if same and isinstance(value, (ast.Tuple, ast.List)) else None
            for place, item in enumerate(target.elts):
                self.bind_target(item, values[place] if values else None, scope)
        elif isinstance(target, ast.Starred):
            self.bind_target(target.value, None, scope)
        elif own := _own_attribute(target):
            # `self.session = ...` in one method is read in another one.
            scope.module_scope().bind(own, self.meaning(value, scope) if value else [])

    def bind_item(self, target: ast.expr, items: ast.expr, scope: Scope) -> None:
        """Bind what takes one item after the other: any of those that are written out."""
        if isinstance(items, (ast.Tuple, ast.List, ast.Set)) and items.elts:
            for item in items.elts[:_MOST_MEANINGS]:
                self.bind_target(target, item, scope)
        elif isinstance(target, ast.Name):
            scope.bind(target.id, [ref.attribute("[]") for ref in self.meaning(items, scope)])
        else:
            self.bind_target(target, None, scope)

    def imported(self, node: ast.ImportFrom) -> Iterator[tuple[str, Ref]]:
        """Yield the bound name and its meaning for each name of a `from` import."""
        if node.level:
            origin = self._places.relative(node.level, node.module or "", self._path)
        else:
            origin = self.absolute(node.module or "")
        for alias in node.names:
            if origin is None:
                # A relative import of what is not there: it stands for nothing outside.
                if alias.name != "*":
                    yield alias.asname or alias.name, Ref(f"{self._path}/", "missing")
            elif alias.name == "*":
                yield "*", origin
            else:
                yield alias.asname or alias.name, origin.attribute(alias.name)

    def absolute(self, dotted: str) -> Ref:
        """Say what an absolute import of this name stands for."""
        return self._places.find(dotted, self._path) or Ref(None, dotted)

    # --- meanings -----------------------------------------------------------------------------

    def meaning(self, node: ast.expr | None, scope: Scope) -> list[Ref]:
        """Say what an expression stands for; several where it may be one or the other."""
        found: list[Ref] = []
        match node:
            case ast.Name(id=name):
                found = self._lookup(name, scope)
            case ast.Attribute():
                found = self._attribute(node, scope)
            case ast.Call():
                found = self._result(node, scope)
            case ast.Await(value=value) | ast.NamedExpr(value=value) | ast.Starred(value=value):
                found = self.meaning(value, scope)
            case ast.IfExp(body=body, orelse=orelse):
                found = self.meaning(body, scope) + self.meaning(orelse, scope)
            case ast.BoolOp(values=parts):
                found = [ref for part in parts for ref in self.meaning(part, scope)]
            case ast.BinOp(left=left, op=ast.BitOr(), right=right):
                found = self.meaning(left, scope) + self.meaning(right, scope)
            case ast.Subscript(value=value, slice=index):
                # Asked once: twice at each of many subscripts in a row would never end.
                held = self.meaning(value, scope)
                tables = {ref.dotted for ref in held if ref.module is None}
                if "sys.modules" in tables:
                    text = constant_text(index)
                    found = [self.absolute(text)] if text else []
                elif tables & _WRAPPERS:
                    inner = index.elts[0] if isinstance(index, ast.Tuple) and index.elts else index
                    found = self.meaning(inner, scope)
                else:
                    found = [ref.attribute("[]") for ref in held]
        return found

    def annotated(self, node: ast.expr | None, scope: Scope) -> list[Ref]:
        """Say what the class is that an annotation names, also one that is written as a text."""
        text = constant_text(node) if node is not None else None
        if text and len(text) < _MOST_ANNOTATION:
            try:
                node = ast.parse(text.strip(), mode="eval").body
            except (SyntaxError, ValueError):
                return []
        return self.meaning(node, scope)

    def _attribute(self, node: ast.Attribute, scope: Scope) -> list[Ref]:
        own = _own_attribute(node)
        if own and own in scope.module_scope().names:
            return scope.module_scope().names[own]
        return [ref.attribute(node.attr) for ref in self.meaning(node.value, scope)]

    def _lookup(self, name: str, scope: Scope) -> list[Ref]:
        at: Scope | None = scope
        while at is not None:
            if name in at.names and (at is scope or not at.is_class):
                return at.names[name]
            at = at.parent
        stars = scope.module_scope().stars
        if hasattr(builtins, name):
            return [Ref(None, f"builtins.{name}")]
        return [star.attribute(name) for star in stars]

    def _result(self, node: ast.Call, scope: Scope) -> list[Ref]:
        functions = self.meaning(node.func, scope)
        outside = {ref.dotted for ref in functions if ref.module is None}
        if outside & _LOADERS:
            loaded = self.loaded(node)
            if loaded and "builtins.__import__" in outside and loaded.module is None:
                # `__import__("a.b")` gives a.
                loaded = self.absolute(loaded.dotted.partition(".")[0])
            return [loaded] if loaded else []
        if "builtins.getattr" in outside and len(node.args) > 1:
            text = constant_text(node.args[1])
            owners = self.meaning(node.args[0], scope)
            return [ref.attribute(text) for ref in owners] if text else []
        return [ref.attribute("()") for ref in functions]

    def loaded(self, node: ast.Call) -> Ref | None:
        """Say what a call that imports by text names, where the text is written out."""
        values = [*node.args, *(word.value for word in node.keywords if word.arg == "name")]
        text = constant_text(values[0]) if values else None
        if not text:
            return None
        dotted = text.replace(":", ".")
        level = len(dotted) - len(dotted.lstrip("."))
        if level:
            return self._places.relative(level, dotted[level:], self._path)
        return self.absolute(dotted)


def constant_text(node: ast.expr) -> str | None:
    """Return a text that is written out, also in parts joined by `+`."""
    if isinstance(node, ast.Constant):
        return node.value if isinstance(node.value, str) else None
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        left, right = constant_text(node.left), constant_text(node.right)
        return None if left is None or right is None else left + right
    return None


def _own_attribute(node: ast.expr) -> str | None:
    if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
        return f"self.{node.attr}" if node.value.id in {"self", "cls"} else None
    return None


def _within(node: ast.AST) -> Iterator[ast.AST]:
    """Walk a statement without what is only read by type checkers, or is another scope."""
    waiting: list[ast.AST] = [node]
    while waiting:
        at = waiting.pop()
        yield at
        if isinstance(at, (*_SCOPES, ast.Name, ast.Constant)):
            continue
        if isinstance(at, ast.If) and guards.is_type_checking(at.test):
            waiting.extend(reversed(at.orelse))
        else:
            waiting.extend(reversed(source.children(at)))
