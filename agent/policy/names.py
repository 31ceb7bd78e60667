"""Say what the names in one Python module stand for: imports, aliases, attributes.

A name is followed as far as the text of its module shows; further on by `modules`.
"""

from __future__ import annotations

import ast
import builtins
from dataclasses import dataclass, field
from typing import NamedTuple

DefinitionNode = ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef
_MOST_DOTS = 12
_MOST_MEANINGS = 16
#: What stands around the class that an annotation means.
_WRAPPERS = frozenset(
    {"typing.Annotated", "typing_extensions.Annotated", "typing.Optional", "typing.Final"}
)


class Ref(NamedTuple):
    """What a name stands for: something in a module of the tree, or outside of it."""

    module: str | None
    """Path of the module in the tree; None: outside."""
    dotted: str
    """Outside the full dotted name; inside the name within the module, "" for itself."""

    def get_attribute(self, name: str) -> Ref:
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
    defined: dict[str, DefinitionNode] = field(default_factory=dict)
    """The classes and functions that are defined in it; of several the last."""

    def bind(self, name: str, refs: list[Ref]) -> None:
        """Add what a name may stand for; several assignments add up."""
        known = self.names.setdefault(name, [])
        # `x = x.y` in a row must not add up for ever.
        new = [ref for ref in refs if ref not in known and ref.dotted.count(".") < _MOST_DOTS]
        known.extend(new[: _MOST_MEANINGS - len(known)])

    def get_module_scope(self) -> Scope:
        """Return the outermost scope."""
        return self if self.parent is None else self.parent.get_module_scope()


def bind_target(target: ast.expr, value: ast.expr | None, scope: Scope) -> None:
    """Bind what is assigned to; without a value, or a part of one, to what cannot be followed."""
    if isinstance(target, ast.Name):
        scope.bind(target.id, find_meaning(value, scope))
    elif isinstance(target, ast.Tuple | ast.List | ast.Starred):
        for name in ast.walk(target):
            if isinstance(name, ast.Name):
                scope.bind(name.id, [])


def bind_item(target: ast.expr, items: ast.expr, scope: Scope) -> None:
    """Bind what takes one item after the other: any of those that are written out."""
    written = items.elts if isinstance(items, ast.Tuple | ast.List | ast.Set) else [None]
    for item in written[:_MOST_MEANINGS]:
        bind_target(target, item, scope)


def find_meaning(node: ast.expr | None, scope: Scope) -> list[Ref]:
    """Say what an expression stands for; several where it may be one or the other."""
    found: list[Ref] = []
    match node:
        case ast.Name(id=name):
            found = _look_up(name, scope)
        case ast.Attribute(value=owner, attr=name):
            found = [ref.get_attribute(name) for ref in find_meaning(owner, scope)]
        case ast.Call(func=ast.Name(id="getattr"), args=[owner, ast.Constant(value=str(name)), *_]):
            found = [ref.get_attribute(name) for ref in find_meaning(owner, scope)]
        case ast.Call(func=func):
            found = [ref.get_attribute("()") for ref in find_meaning(func, scope)]
        case ast.Await(value=value) | ast.NamedExpr(value=value) | ast.Starred(value=value):
            found = find_meaning(value, scope)
        case ast.IfExp(body=left, orelse=right) | ast.BinOp(left=left, op=ast.BitOr(), right=right):
            found = find_meaning(left, scope) + find_meaning(right, scope)
        case ast.BoolOp(values=parts):
            found = [ref for part in parts for ref in find_meaning(part, scope)]
        case ast.Subscript(value=value, slice=index):
            held = find_meaning(value, scope)
            if any(ref.module is None and ref.dotted in _WRAPPERS for ref in held):
                inner = index.elts[0] if isinstance(index, ast.Tuple) and index.elts else index
                found = find_meaning(inner, scope)
            else:
                found = [ref.get_attribute("[]") for ref in held]
    return found


def _look_up(name: str, scope: Scope) -> list[Ref]:
    at: Scope | None = scope
    while at is not None:
        if name in at.names and (at is scope or not at.is_class):
            return at.names[name]
        at = at.parent
    if hasattr(builtins, name):
        return [Ref(None, f"builtins.{name}")]
    return [star.get_attribute(name) for star in scope.get_module_scope().stars]


def read_constant_text(node: ast.expr) -> str | None:
    """Return a text that is written out, also in parts joined by `+`."""
    if isinstance(node, ast.Constant):
        return node.value if isinstance(node.value, str) else None
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        left, right = read_constant_text(node.left), read_constant_text(node.right)
        return None if left is None or right is None else left + right
    return None
