"""What a module does, without what only readers and type checkers see."""

import ast
import re

from repo_config import foreign_python
from repo_config.foreign_python import FunctionNode

UNREADABLE = (SyntaxError, ValueError, RecursionError, MemoryError)
_MODULES = r"(?:typing|typing_extensions|collections\.abc|__future__)"
_OF_TYPES = re.compile(rf"from {_MODULES} .*|import {_MODULES}(?: as \w+)?")


def strip(content: bytes, *, reads_signatures: bool = False) -> ast.Module:
    """Parse a module and take out docstrings, and what is there for type checkers alone.

    Annotations of modules, of classes and of decorated functions stay, since code may read them.

    Args:
        reads_signatures: Whether all annotations stay, as where a library reads signatures; else
            of other functions those with calls.

    Raises:
        SyntaxError, ValueError, RecursionError, MemoryError: It cannot be read.
    """
    module: ast.Module = _Reducer(reads_signatures=reads_signatures).visit(
        foreign_python.parse_module(content)
    )
    return module


def is_same(before: bytes, after: bytes, *, reads_signatures: bool) -> bool:
    """Whether two versions of a module do the same; what cannot be read does not."""
    try:
        first, second = (
            ast.dump(strip(side, reads_signatures=reads_signatures)) for side in (before, after)
        )
    except UNREADABLE:
        return False
    return first == second


class _Reducer(ast.NodeTransformer):
    def __init__(self, *, reads_signatures: bool) -> None:
        self._reads_signatures = reads_signatures
        self._is_in_function = False

    def visit_Expr(self, node: ast.Expr) -> ast.Expr | None:
        return None if isinstance(node.value, ast.Constant) else node

    def visit_Pass(self, node: ast.Pass) -> None:
        return None

    def visit_Import(self, node: ast.Import | ast.ImportFrom) -> ast.stmt | None:
        return None if _OF_TYPES.fullmatch(ast.unparse(node)) else node

    visit_ImportFrom = visit_Import  # noqa: N815 - as ast calls it

    def visit_If(self, node: ast.If) -> ast.AST | list[ast.stmt]:
        self.generic_visit(node)
        is_of_types = re.fullmatch(r"(?:\w+\.)?TYPE_CHECKING", ast.unparse(node.test))
        return node.orelse if is_of_types else node

    def visit_FunctionDef(self, node: FunctionNode) -> FunctionNode:
        around, self._is_in_function = self._is_in_function, True
        self.generic_visit(node)
        self._is_in_function = around
        if not (node.decorator_list or self._reads_signatures):
            arguments = (part for part in ast.walk(node.args) if isinstance(part, ast.arg))
            for argument in arguments:
                argument.annotation = _keep_calls(argument.annotation)
            node.returns = _keep_calls(node.returns)
        return node

    visit_AsyncFunctionDef = visit_FunctionDef  # noqa: N815

    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.stmt | None:
        if not self._is_in_function:
            return node
        return ast.Assign([node.target], node.value, lineno=node.lineno) if node.value else None


def _keep_calls(annotation: ast.expr | None) -> ast.expr | None:
    """Drop an annotation without a call; one with a call does something, or is there to be read."""
    parts = ast.walk(annotation) if annotation else ()
    return annotation if any(isinstance(part, ast.Call) for part in parts) else None
