"""What a module does, without what only readers and type checkers see."""

from __future__ import annotations

import ast
from functools import lru_cache
from typing import Literal, TypeVar

from repo_config import foreign_python

UNREADABLE = (SyntaxError, ValueError, RecursionError, MemoryError)
OF_TYPES = frozenset({"typing", "typing_extensions", "collections.abc", "__future__"})
_DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
_Block = TypeVar("_Block", ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
_Function = TypeVar("_Function", ast.FunctionDef, ast.AsyncFunctionDef)


Annotations = Literal["all", "read", "none"]
"""Which annotations count: something may read those of modules, of classes and of
decorated functions; where a library reads signatures, it may be any."""


def strip(content: bytes, annotations: Annotations = "read") -> ast.Module:
    """Parse a module and take out docstrings, and what is there for type checkers alone.

    Args:
        annotations: The kept ones.

    Raises:
        SyntaxError, ValueError, RecursionError, MemoryError: It cannot be read.
    """
    whole = foreign_python.parse_module(content)
    module: ast.Module = _MeaningReducer(whole, annotations).visit(whole)
    return module


def is_same(before: bytes | None, after: bytes | None, annotations: Annotations = "read") -> bool:
    """Whether two versions of a module do the same; what cannot be read does not."""
    try:
        one, other = (_describe(content or b"", annotations) for content in (before, after))
    except UNREADABLE:
        return False
    return one == other


@lru_cache(maxsize=4)  # many versions of a file are compared with the same
def _describe(content: bytes, annotations: Annotations) -> str:
    return ast.dump(strip(content, annotations))


class _MeaningReducer(ast.NodeTransformer):
    def __init__(self, module: ast.Module, annotations: Annotations) -> None:
        self._annotations = annotations
        imports = [node for node in ast.walk(module) if isinstance(node, ast.ImportFrom)]
        self._of_typing = {
            alias.asname or alias.name: alias.name
            for node in imports
            if node.module in OF_TYPES
            for alias in node.names
        }
        self._is_in_function = False

    def visit_Module(self, node: ast.Module) -> ast.Module:
        return self._drop_docstring(node)

    def visit_ClassDef(self, node: ast.ClassDef) -> ast.ClassDef:
        around, self._is_in_function = self._is_in_function, False
        self._drop_docstring(node)
        self._is_in_function = around
        return node

    def visit_FunctionDef(self, node: _Function) -> _Function | None:
        # For type checkers: the function after it replaces it.
        if any(self._is_of_typing(part, "overload") for part in node.decorator_list):
            return None
        if self._annotations == "none" or (self._annotations == "read" and not node.decorator_list):
            _remove_annotations(node)
        around, self._is_in_function = self._is_in_function, True
        self._drop_docstring(node)
        self._is_in_function = around
        return node

    visit_AsyncFunctionDef = visit_FunctionDef  # noqa: N815 - as ast calls it

    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.stmt | None:
        if self._annotations != "none" and not self._is_in_function:
            return node
        if node.value is not None:
            return ast.copy_location(ast.Assign([node.target], node.value), node)
        node.annotation = ast.Constant(None)
        return None if self._is_in_function else node

    def visit_TypeAlias(self, node: ast.stmt) -> ast.stmt | None:  # from Python 3.12 on
        return None if self._annotations == "none" else node

    def _is_of_typing(self, node: ast.expr, name: str) -> bool:
        """Whether an expression is a name of the standard library's module for types."""
        if isinstance(node, ast.Name):
            return self._of_typing.get(node.id) == name
        return ast.unparse(node) in (f"typing.{name}", f"typing_extensions.{name}")

    def visit_Pass(self, node: ast.Pass) -> None:
        return None

    def visit_Import(self, node: ast.Import) -> ast.Import | None:
        return None if {alias.name for alias in node.names} <= OF_TYPES else node

    def visit_ImportFrom(self, node: ast.ImportFrom) -> ast.ImportFrom | None:
        return None if node.module in OF_TYPES else node

    def visit_If(self, node: ast.If) -> ast.AST | list[ast.stmt]:
        self.generic_visit(node)
        return node.orelse if self._is_of_typing(node.test, "TYPE_CHECKING") else node

    def _drop_docstring(self, node: _Block) -> _Block:
        self.generic_visit(node)
        first = node.body[0] if node.body else None
        if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant):
            node.body = node.body[1:]
        return node


def _remove_annotations(node: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
    """Take out annotations, but for calls: these do something, or are there to be read."""
    node.returns = None if not _has_call(node.returns) else node.returns
    for argument in ast.walk(node.args):
        if isinstance(argument, ast.arg) and not _has_call(argument.annotation):
            argument.annotation = None


def _has_call(node: ast.expr | None) -> bool:
    return node is not None and any(isinstance(part, ast.Call) for part in ast.walk(node))
