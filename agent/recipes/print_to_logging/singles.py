"""Which expressions are surely no tuple, so that `"%s" % x` may be logged lazily.

A tuple fills the places of a `%` format one by one; as a lazy argument it would be one value.
"""

from __future__ import annotations

import ast

from agent.recipes import modules

_NO_TUPLES = (
    ast.JoinedStr, ast.List, ast.ListComp, ast.Set, ast.SetComp, ast.Dict, ast.DictComp,
    ast.GeneratorExp, ast.Lambda, ast.Compare, ast.UnaryOp,
)  # fmt: skip
_CALLS = frozenset({"str", "repr", "len", "int", "float", "round", "type", "id", "sorted"})
_TYPES = frozenset({"str", "int", "float", "bool", "bytes", "Path", "Decimal", "UUID"})
_Function = ast.FunctionDef | ast.AsyncFunctionDef


class Singles:
    """What is known within one function."""

    def __init__(self, function: _Function | None, exception: str, own: frozenset[str]) -> None:
        """Look at a function.

        Args:
            function: The one around the call, if there is one.
            exception: The name of the exception that is handled where the call is.
            own: What the file itself gives a meaning to, so that `len` may be another.
        """
        nodes = list(ast.walk(function)) if function else []
        stored = {n.id for n in nodes if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}
        self._plain = {
            node.arg
            for node in nodes
            if isinstance(node, ast.arg) and node.annotation and _is_plain_type(node.annotation)
        } - stored
        self._plain |= {exception} - {""}
        self._calls = _CALLS - own

    def sure(self, node: ast.expr) -> bool:
        """Whether an expression is surely no tuple."""
        if isinstance(node, ast.Constant):
            return not isinstance(node.value, tuple)
        if isinstance(node, ast.BinOp):
            if isinstance(node.op, ast.Add):
                return self.sure(node.left) or self.sure(node.right)
            if isinstance(node.op, ast.Mult):
                return self.sure(node.left) and self.sure(node.right)
            return True  # a tuple has no other operator, and a text gives a text
        if isinstance(node, ast.IfExp):
            return self.sure(node.body) and self.sure(node.orelse)
        if isinstance(node, ast.Call):
            return (modules.name_of(node.func) or "") in self._calls
        return isinstance(node, _NO_TUPLES) or (
            isinstance(node, ast.Name) and node.id in self._plain
        )


def _is_plain_type(node: ast.expr) -> bool:
    """Whether an annotation names nothing but types that are no tuples."""
    if isinstance(node, ast.BinOp):
        return _is_plain_type(node.left) and _is_plain_type(node.right)
    if isinstance(node, ast.Constant):
        return node.value is None or node.value in _TYPES
    return (modules.name_of(node) or "").rpartition(".")[2] in _TYPES
