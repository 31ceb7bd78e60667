"""Make small mistakes in code that tests are about, so that they can be seen to notice. Pure."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator

from agent.checks.hunks import Hunk
from repo_config import foreign_python

_UNREADABLE = (SyntaxError, ValueError, RecursionError, MemoryError)
_OPPOSITE: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Eq: ast.NotEq, ast.NotEq: ast.Eq, ast.Lt: ast.GtE, ast.GtE: ast.Lt, ast.Gt: ast.LtE,
    ast.LtE: ast.Gt, ast.In: ast.NotIn, ast.NotIn: ast.In, ast.Is: ast.IsNot, ast.IsNot: ast.Is,
}  # fmt: skip
_ARITHMETIC: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Add, ast.Div: ast.Mult,
}  # fmt: skip
_MOST_OF_FUNCTION = 3
_LONGEST = 40


def names_in(test: bytes) -> frozenset[str]:
    """Return the names that a test file uses."""
    try:
        module = foreign_python.parse_module(test)
    except _UNREADABLE:
        return frozenset()
    nodes = ast.walk(module)
    return frozenset(
        node.id if isinstance(node, ast.Name) else node.attr
        for node in nodes
        if isinstance(node, ast.Name | ast.Attribute)
    )


def make_mutants(path: str, source: bytes, names: Iterable[str]) -> Iterator[Hunk]:
    """Yield a file with one mistake each, in its functions of these names."""
    try:
        module = foreign_python.parse_module(source)
    except _UNREADABLE:
        return
    wanted = frozenset(names)
    starts = [0]
    for line in source.splitlines(keepends=True):
        starts.append(starts[-1] + len(line))
    for node in ast.walk(module):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name in wanted:
            found = (one for inner in ast.walk(node) if (one := _mistake(inner)) is not None)
            for (old, new), _ in zip(found, range(_MOST_OF_FUNCTION), strict=False):
                # Columns count bytes of UTF-8.
                start = starts[old.lineno - 1] + old.col_offset
                end = starts[(old.end_lineno or old.lineno) - 1] + (old.end_col_offset or 0)
                text = f"({ast.unparse(new)})".encode()
                wrong = source[:start] + text + source[end:]
                mistake = " in place of ".join(map(_shorten_code, (new, old)))
                yield Hunk(path, old.lineno, source, wrong, mistake)


def _mistake(node: ast.AST) -> tuple[ast.expr, ast.expr] | None:
    """Return an expression and what a mistake makes of it."""
    match node:
        case ast.Compare(ops=[op]) if opposite := _OPPOSITE.get(type(op)):
            return node, ast.Compare(node.left, [opposite()], node.comparators)
        case ast.BinOp(op=op) if other := _ARITHMETIC.get(type(op)):
            return node, ast.BinOp(node.left, other(), node.right)
        case ast.BoolOp(op=op):
            return node, ast.BoolOp(ast.Or() if isinstance(op, ast.And) else ast.And(), node.values)
        case ast.Return(value=ast.expr() as value) if not _is_none(value):
            return value, ast.Constant(None)
    return None


def _shorten_code(node: ast.expr) -> str:
    text = ast.unparse(node).partition("\n")[0]
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"


def _is_none(value: ast.expr) -> bool:
    return isinstance(value, ast.Constant) and value.value is None
