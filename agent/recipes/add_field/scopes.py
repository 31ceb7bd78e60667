"""Say what the names in one Python module stand for, as dotted names: imports, aliases, attributes.

A name is followed as far as the text of its module shows; further on by `modules`. What a call
returns has `.()` after the name of what is called, an item `.[]`.
"""

from __future__ import annotations

import ast
import builtins
from dataclasses import dataclass, field

DefinitionNode = ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef
_MOST_DOTS = 12
_MOST_MEANINGS = 16
#: What may wrap the class that an annotation means.
_WRAPPERS = frozenset(
    {"typing.Annotated", "typing_extensions.Annotated", "typing.Optional", "typing.Final"}
)


@dataclass
class NameScope:
    """The names that one module, class or function binds."""

    parent: NameScope | None = None
    names: dict[str, list[str]] = field(default_factory=dict)
    """An empty list: bound to something that cannot be followed."""
    stars: list[str] = field(default_factory=list)
    """Modules of which everything was imported."""
    defined: dict[str, DefinitionNode] = field(default_factory=dict)
    """The classes and functions that are defined in it; of several the last."""

    def bind(self, name: str, meanings: list[str]) -> None:
        """Add what a name may stand for; several assignments add up."""
        known = self.names.setdefault(name, [])
        # `x = x.y` in a row must not add up for ever.
        new = [
            meaning
            for meaning in meanings
            if meaning not in known and meaning.count(".") < _MOST_DOTS
        ]
        known.extend(new[: _MOST_MEANINGS - len(known)])

    def find_name(self, name: str) -> list[str]:
        """Return what a name means at a place in this scope."""
        if name in self.names:
            return self.names[name]
        if self.parent is not None:
            return self.parent.find_name(name)
        known = [f"builtins.{name}"] if hasattr(builtins, name) else []
        return known or [f"{star}.{name}" for star in self.stars]


def bind_target(target: ast.expr, value: ast.expr | None, scope: NameScope) -> None:
    """Bind what is assigned to; without a value, or a part of one, to what cannot be followed."""
    if isinstance(target, ast.Name):
        scope.bind(target.id, find_meaning(value, scope))
    elif isinstance(target, ast.Tuple | ast.List | ast.Starred):
        for name in ast.walk(target):
            if isinstance(name, ast.Name):
                scope.bind(name.id, [])


def find_meaning(node: ast.expr | None, scope: NameScope) -> list[str]:
    """Return what an expression means; several where it may be one or the other."""
    match node:
        case ast.Name(id=name):
            return scope.find_name(name)
        case ast.Attribute(value=owner, attr=name):
            return [f"{meaning}.{name}" for meaning in find_meaning(owner, scope)]
        case ast.Call(func=func):
            return [f"{meaning}.()" for meaning in find_meaning(func, scope)]
        case ast.Await(value=value):
            return find_meaning(value, scope)
        case ast.IfExp(body=left, orelse=right) | ast.BinOp(left=left, op=ast.BitOr(), right=right):
            return find_meaning(left, scope) + find_meaning(right, scope)
        case ast.BoolOp(values=parts):
            return [meaning for part in parts for meaning in find_meaning(part, scope)]
        case ast.Subscript(value=value, slice=index):
            meanings = find_meaning(value, scope)
            if not _WRAPPERS.isdisjoint(meanings):
                inner = index.elts[0] if isinstance(index, ast.Tuple) and index.elts else index
                return find_meaning(inner, scope)
            return [f"{meaning}.[]" for meaning in meanings]
    return []
