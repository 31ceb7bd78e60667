"""Make small mistakes in functions, for tests to notice, and hide the text of source from them."""

import ast
from collections.abc import Collection, Iterator
from itertools import islice
from typing import Any

from agent.checks.edit_text import Pair
from agent.checks.edits import Edit, Versions, alter, quote
from agent.models.change import ChangedFile
from agent.models.record import replace
from agent.policy import meaning
from repo_config import foreign_python

_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
_OPPOSITE: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Eq: ast.NotEq, ast.NotEq: ast.Eq, ast.Lt: ast.GtE, ast.GtE: ast.Lt, ast.Gt: ast.LtE,
    ast.LtE: ast.Gt, ast.In: ast.NotIn, ast.NotIn: ast.In, ast.Is: ast.IsNot, ast.IsNot: ast.Is,
}  # fmt: skip
_ARITHMETIC: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Add, ast.Div: ast.Mult,
}  # fmt: skip
_MOST_OF_FUNCTION = 3


def list_called_names(test: bytes, functions: Collection[str]) -> frozenset[str]:
    """Return what functions of a test file call; these are named as in `Case.test_it`."""
    try:
        every = foreign_python.list_functions(foreign_python.parse_module(test))
    except meaning.UNREADABLE:
        return frozenset()
    nodes = (inner for name, node in every if name in functions for inner in ast.walk(node))
    calls = (inner.func for inner in nodes if isinstance(inner, ast.Call))
    return frozenset(ast.unparse(called).rpartition(".")[2] for called in calls)


def make_mutants(path: str, source: bytes, names: Collection[str]) -> Iterator[Edit]:
    """Yield a file with one mistake each, in its functions of these names."""
    versions = Versions(path, source, source)
    try:
        nodes = [*ast.walk(versions.now)]
    except meaning.UNREADABLE:
        return
    for node in nodes:
        if isinstance(node, _FUNCTIONS) and node.name in names:
            made = (each for inner in ast.walk(node) if (each := _mistake(inner)))
            for old, name, value in islice(made, _MOST_OF_FUNCTION):
                new = alter(old, name, value)
                mistake = f"{quote(new)} in place of {quote(old)}"
                yield Edit(versions, old.lineno, sets=((old, name, value),), mistake=mistake)


def _mistake(node: ast.AST) -> tuple[ast.expr | ast.stmt, str, Any] | None:
    """Return a node with a field, and what a mistake makes of that."""
    match node:
        case ast.Compare(ops=[Pair() as pair]) if wrong := _OPPOSITE.get(type(pair.first)):
            return node, "ops", [Pair(wrong(), pair.second)]
        case ast.BinOp(op=op) if other := _ARITHMETIC.get(type(op)):
            return node, "op", other()
        case ast.BoolOp(op=op):
            return node, "op", ast.Or() if isinstance(op, ast.And) else ast.And()
        case ast.Return(value=ast.expr() as value) if ast.unparse(value) != "None":
            return node, "value", ast.Constant(None)
    return None


def hide_text(file: ChangedFile) -> ChangedFile:
    """Let a file do the same, with no more of its text than base has, and with other bytecode."""
    try:
        module = foreign_python.parse_module(file.after or b"")
    except meaning.UNREADABLE:
        return file
    for node in ast.walk(module):
        if isinstance(node, _FUNCTIONS):
            # A list that nothing keeps: the compiler leaves it in, also behind a docstring.
            at = 1 if ast.get_docstring(node, clean=False) is not None else 0
            node.body.insert(at, ast.Expr(ast.List([ast.Constant(...)], ast.Load())))
    code = ast.unparse(module).encode().hex()
    runs = f"exec(compile(bytes.fromhex('{code}'), __file__, 'exec', 0, True))\n"
    words = (b"# " + line for line in (file.before or b"").splitlines(keepends=True))
    return replace(file, after=b"".join([runs.encode(), *words]))
