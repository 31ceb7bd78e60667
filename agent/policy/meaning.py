"""What a module does, without what only readers and type checkers see."""

from __future__ import annotations

import ast
import copy
from typing import TypeVar

from repo_config import foreign_python

UNREADABLE = (SyntaxError, ValueError, RecursionError, MemoryError)
OF_TYPES = frozenset({"typing", "typing_extensions", "collections.abc", "__future__"})
_DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
_Block = TypeVar("_Block", ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
_Function = TypeVar("_Function", ast.FunctionDef, ast.AsyncFunctionDef)


def strip(content: bytes, *, keeps_fields: bool = True) -> ast.Module:
    """Parse a module and take out docstrings, and annotations and imports for type checkers alone.

    Args:
        keeps_fields: Leave annotations in classes where dataclasses and their kind could read them:
            with a decorator, a base or a metaclass.

    Raises:
        SyntaxError, ValueError, RecursionError, MemoryError: It cannot be read.
    """
    reducer = _MeaningReducer(keeps_fields=keeps_fields)
    module: ast.Module = reducer.visit(foreign_python.parse_module(content))
    return module


def is_same(before: bytes | None, after: bytes | None) -> bool:
    """Whether two versions of a module do the same; what cannot be read does not."""
    try:
        one, other = (ast.dump(strip(content or b"")) for content in (before, after))
    except UNREADABLE:
        return False
    return one == other


def list_bound(content: bytes) -> dict[str, list[ast.stmt]]:
    """Return the statements of a module that bind, alter or use each name, without docstrings."""
    found: dict[str, list[ast.stmt]] = {}
    for statement in strip(content).body:
        parts = [statement]
        if isinstance(statement, (ast.Import, ast.ImportFrom)):
            parts = [_keep_alias(statement, alias) for alias in statement.names]
        for part in parts:
            for name in _list_names(part):
                found.setdefault(name, []).append(part)
    return found


def _keep_alias(statement: ast.Import | ast.ImportFrom, alias: ast.alias) -> ast.stmt:
    kept = copy.copy(statement)
    kept.names = [alias]
    return kept


def list_edited(before: bytes, after: bytes) -> dict[str, int]:
    """Return the names of a module that no longer mean what they did, each with its last line."""
    old, new = (list_bound(content) for content in (before, after))
    return {
        name: new[name][-1].lineno
        for name in old.keys() & new.keys()
        if [*map(ast.dump, old[name])] != [*map(ast.dump, new[name])]
    }


def _list_names(statement: ast.stmt) -> set[str]:
    """Return the name of a function or class; of another statement all that it names."""
    if isinstance(statement, _DEFINITIONS):
        return {statement.name}
    parts = [*ast.walk(statement)]
    names = {part.id for part in parts if isinstance(part, ast.Name)}
    names |= {part.name for part in parts if isinstance(part, _DEFINITIONS)}
    imported = [part for part in parts if isinstance(part, ast.alias)]
    return names | {alias.asname or alias.name.partition(".")[0] for alias in imported}


class _MeaningReducer(ast.NodeTransformer):
    def __init__(self, *, keeps_fields: bool) -> None:
        self._keeps_fields = keeps_fields
        self._fields: set[ast.AnnAssign] = set()

    def visit_Module(self, node: ast.Module) -> ast.Module:
        return self._drop_docstring(node)

    def visit_ClassDef(self, node: ast.ClassDef) -> ast.ClassDef:
        if self._keeps_fields and (node.decorator_list or node.bases or node.keywords):
            self._fields.update(part for part in node.body if isinstance(part, ast.AnnAssign))
        return self._drop_docstring(node)

    def visit_FunctionDef(self, node: _Function) -> _Function | None:
        names = {ast.unparse(part).rpartition(".")[2] for part in node.decorator_list}
        if "overload" in names:  # for type checkers: the function after it replaces it
            return None
        _take_annotations(node)
        return self._drop_docstring(node)

    visit_AsyncFunctionDef = visit_FunctionDef  # noqa: N815 - as ast calls it

    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.stmt | None:
        if node in self._fields:
            return node
        is_alias = ast.unparse(node.annotation).rpartition(".")[2] == "TypeAlias"
        if node.value is None or is_alias:
            return None
        return ast.copy_location(ast.Assign([node.target], node.value), node)

    def visit_TypeAlias(self, node: ast.stmt) -> None:  # from Python 3.12 on
        return None

    def visit_Pass(self, node: ast.Pass) -> None:
        return None

    def visit_Import(self, node: ast.Import) -> ast.Import | None:
        return None if {alias.name for alias in node.names} <= OF_TYPES else node

    def visit_ImportFrom(self, node: ast.ImportFrom) -> ast.ImportFrom | None:
        return None if node.module in OF_TYPES else node

    def visit_Assign(self, node: ast.Assign) -> ast.Assign | None:
        # It tells readers and type checkers what is public.
        return None if [ast.unparse(target) for target in node.targets] == ["__all__"] else node

    def visit_If(self, node: ast.If) -> ast.AST | list[ast.stmt]:
        self.generic_visit(node)
        is_for_types = ast.unparse(node.test) in ("TYPE_CHECKING", "typing.TYPE_CHECKING")
        return node.orelse if is_for_types else node

    def _drop_docstring(self, node: _Block) -> _Block:
        self.generic_visit(node)
        first = node.body[0] if node.body else None
        if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant):
            node.body = node.body[1:]
        return node


def _take_annotations(node: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
    """Take out the annotations that nothing reads: decorators may, and calls are there for that."""
    if node.decorator_list:
        return
    node.returns = None if not _has_call(node.returns) else node.returns
    for argument in ast.walk(node.args):
        if isinstance(argument, ast.arg) and not _has_call(argument.annotation):
            argument.annotation = None


def _has_call(node: ast.expr | None) -> bool:
    return node is not None and any(isinstance(part, ast.Call) for part in ast.walk(node))
