"""What a module does, without what only readers and type checkers see."""

import ast
import re
from functools import lru_cache
from typing import Literal

from repo_config import foreign_python
from repo_config.foreign_python import FunctionNode

UNREADABLE = (SyntaxError, ValueError, RecursionError, MemoryError)
Annotations = Literal["all", "read", "none"]
"""Which annotations count: something may read those of modules, of classes and of
decorated functions; where a library reads signatures, it may be any."""
_MODULES = r"(?:typing|typing_extensions|collections\.abc|__future__)"
_OF_TYPES = re.compile(rf"from {_MODULES} .*|import {_MODULES}(?: as \w+)?")


def strip(content: bytes, annotations: Annotations = "read") -> ast.Module:
    """Parse a module and take out docstrings, and what is there for type checkers alone.

    Args:
        annotations: The kept ones; calls in others are kept, too.

    Raises:
        SyntaxError, ValueError, RecursionError, MemoryError: It cannot be read.
    """
    module: ast.Module = _Reducer(annotations).visit(foreign_python.parse_module(content))
    return module


def is_same(before: bytes | None, after: bytes | None, annotations: Annotations = "read") -> bool:
    """Whether two versions of a module do the same; what cannot be read does not."""
    try:
        return _describe(before or b"", annotations) == _describe(after or b"", annotations)
    except UNREADABLE:
        return False


@lru_cache(maxsize=4)  # many versions of a file are compared with the same
def _describe(content: bytes, annotations: Annotations) -> str:
    return ast.dump(strip(content, annotations))


class _Reducer(ast.NodeTransformer):
    def __init__(self, annotations: Annotations) -> None:
        self._annotations = annotations
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
        is_read = node.decorator_list and self._annotations == "read"
        if not is_read and self._annotations != "all":
            arguments = (part for part in ast.walk(node.args) if isinstance(part, ast.arg))
            for argument in arguments:
                argument.annotation = _keep_calls(argument.annotation)
            node.returns = _keep_calls(node.returns)
        return node

    visit_AsyncFunctionDef = visit_FunctionDef  # noqa: N815

    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.stmt | None:
        if self._annotations != "none" and not self._is_in_function:
            return node
        return ast.Assign([node.target], node.value, lineno=node.lineno) if node.value else None


def _keep_calls(annotation: ast.expr | None) -> ast.expr | None:
    """Drop an annotation without a call; one with a call does something, or is there to be read."""
    parts = ast.walk(annotation) if annotation else ()
    return annotation if any(isinstance(part, ast.Call) for part in parts) else None
