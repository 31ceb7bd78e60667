"""Make small mistakes in functions, for the tests of a ticket that asks for tests. Pure."""

import ast
from collections.abc import Collection, Iterator
from itertools import islice

from agent.checks.hunk_reverts import Unit
from agent.checks.imports import read_module
from agent.models.change import ChangedFile
from agent.models.review import SourcePart
from repo_config import foreign_python

_OPPOSITE: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Eq: ast.NotEq, ast.NotEq: ast.Eq, ast.Lt: ast.GtE, ast.GtE: ast.Lt, ast.Gt: ast.LtE,
    ast.LtE: ast.Gt, ast.In: ast.NotIn, ast.NotIn: ast.In, ast.Is: ast.IsNot, ast.IsNot: ast.Is,
}  # fmt: skip
_MOST_OF_FUNCTION = 3


def list_called_names(test: bytes) -> frozenset[str]:
    """Return what a test file calls, by the last part of each name."""
    nodes = ast.walk(read_module(test))
    calls = (node.func for node in nodes if isinstance(node, ast.Call))
    return frozenset(ast.unparse(called).rpartition(".")[2] for called in calls)


def make_mistakes(path: str, source: bytes, names: Collection[str]) -> Iterator[Unit]:
    """Yield a file with one mistake each, in its functions of these names."""
    lines = source.splitlines(keepends=True)
    file = ChangedFile(path=path, before=source, after=source)
    for name, node in foreign_python.list_functions(read_module(source)):
        if name.rpartition(".")[2] in names:
            wrong = (made for inner in ast.walk(node) if (made := _make_wrong(inner)))
            for old, new in islice(wrong, _MOST_OF_FUNCTION):
                words = f"{ast.unparse(new)} in place of {ast.unparse(old)}"
                part = SourcePart(path=path, line=old.lineno, text=words, kind="mistake")
                place = range(old.lineno, (old.end_lineno or old.lineno) + 1)
                first, last = lines[place.start - 1], lines[place.stop - 2]
                text = first[: old.col_offset] + ast.unparse(new).encode()
                yield Unit(part, file, ((place, text + last[old.end_col_offset :]),))


def _make_wrong(node: ast.AST) -> tuple[ast.expr, ast.expr] | None:
    """Return an expression, and what a mistake makes of it."""
    match node:
        case ast.Compare(left=left, ops=[op], comparators=values) if type(op) in _OPPOSITE:
            return node, ast.Compare(left, [_OPPOSITE[type(op)]()], values)
        case ast.BoolOp(op=op, values=values):
            return node, ast.BoolOp(ast.Or() if isinstance(op, ast.And) else ast.And(), values)
        case ast.Return(value=ast.expr() as value) if ast.unparse(value) != "None":
            return value, ast.Constant(None)
        case ast.Constant(value=int() as number) if not isinstance(number, bool):
            return node, ast.Constant(number + 1)
    return None
