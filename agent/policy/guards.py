"""Cut away from a module what one Python version would never evaluate.

What is behind `sys.version_info`, `TYPE_CHECKING`, `hasattr` or an import that may fail is
allowed to be newer than the oldest supported Python, and so are annotations that stay text.
Leaves to `python_syntax` what is then found in the rest.
"""

from __future__ import annotations

import ast
import operator
import re
from collections.abc import Callable

from agent.policy import source

Version = tuple[int, int]

_IMPORT_ERRORS = frozenset({"ImportError", "ModuleNotFoundError", "Exception", "BaseException"})
_NAME_ERRORS = frozenset({"AttributeError", "NameError"})
_FLAG = re.compile(r"_?(?:HAS_|IS_|GTE_)?(?:PY|PYTHON)_?3_?(\d+)(?:_PLUS|_OR_\w+)?")
_ENDS = (ast.Return, ast.Raise, ast.Continue, ast.Break)
_COMPARE: dict[type[ast.cmpop], Callable[..., object]] = {
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.In: lambda item, several: item in several,
}


class _UnknownError(Exception):
    """An expression whose value does not follow from the version."""


def prune_module(module: ast.Module, version: Version) -> frozenset[str]:
    """Cut the module, in place, to what runs on this version.

    Returns:
        The names bound by imports that were cut: whoever uses them has a fallback.
    """
    pruner = _Pruner(module, version)
    pruner.visit(module)
    return frozenset(pruner.guarded)


def is_type_checking(test: ast.expr) -> bool:
    """Whether a condition is `TYPE_CHECKING`, which no running code ever finds true."""
    return source.get_last_name(test) == "TYPE_CHECKING"


def is_caught(handler: ast.ExceptHandler, names: frozenset[str]) -> bool:
    """Whether a handler catches one of these exceptions."""
    if handler.type is None:
        return "Exception" in names
    several = handler.type.elts if isinstance(handler.type, ast.Tuple) else [handler.type]
    return any(source.get_last_name(one) in names for one in several)


def _ends(statement: ast.stmt) -> bool:
    """Whether nothing behind a statement is reached."""
    if isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Call):
        return source.get_last_name(statement.value.func) in {"exit", "_exit", "abort", "skip"}
    return isinstance(statement, _ENDS)


class _Pruner(ast.NodeTransformer):
    def __init__(self, module: ast.Module, version: Version) -> None:
        self.guarded: set[str] = set()
        self._version = version
        self._text_annotations = any(
            isinstance(node, ast.ImportFrom)
            and node.module == "__future__"
            and any(alias.name == "annotations" for alias in node.names)
            for node in module.body
        )
        self._in_function = False
        self._may_fail = 0
        self._flags: dict[str, bool] = {}
        for node in ast.walk(module):
            if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
                truth = self._truth(node.value)
                if truth is not None:
                    self._flags[node.targets[0].id] = truth

    # --- conditions ---------------------------------------------------------------------------

    def _truth(self, test: ast.expr) -> bool | None:
        """Return what a condition is on this version; None where that is open."""
        if isinstance(test, ast.Constant):
            return None
        try:
            return bool(self._value(test))
        except (_UnknownError, TypeError, IndexError):
            mentions = any(
                source.get_last_name(node) in {"version_info", "hexversion"}
                for node in ast.walk(test)
                if isinstance(node, (ast.Attribute, ast.Name))
            )
            # A check of the version that cannot be worked out is a check all the same.
            return False if mentions else None

    def _value(self, node: ast.expr) -> object:
        if isinstance(node, ast.Constant):
            return node.value
        if isinstance(node, (ast.Name, ast.Attribute)):
            return self._resolve_name(node)
        if isinstance(node, ast.Tuple):
            return tuple(self._value(item) for item in node.elts)
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
            return not self._value(node.operand)
        if isinstance(node, ast.BoolOp):
            return self._combine_values(node)
        if isinstance(node, ast.Compare) and len(node.ops) == 1:
            compare = _COMPARE.get(type(node.ops[0]))
            if compare is not None:
                return compare(self._value(node.left), self._value(node.comparators[0]))
        if isinstance(node, ast.Subscript):
            return self._subscript(node)
        if isinstance(node, ast.Call) and source.get_last_name(node.func) == "hasattr":
            return False  # what is asked for may be missing: that is what the code provides for
        raise _UnknownError

    def _resolve_name(self, node: ast.Name | ast.Attribute) -> object:
        name = source.get_last_name(node)
        info = (*self._version, 0, "final", 0)
        if name == "version_info":
            return info
        if name == "hexversion":
            return self._version[0] << 24 | self._version[1] << 16 | 0xF0
        if is_type_checking(node) or name == "PY2":
            return False
        if name == "PY3":
            return True
        if isinstance(node, ast.Attribute):
            if source.get_last_name(node.value) == "version_info" and name in {"major", "minor"}:
                return self._version[name == "minor"]
        elif node.id in self._flags:
            return self._flags[node.id]
        if name and (flag := _FLAG.fullmatch(name)):
            return self._version >= (3, int(flag.group(1)))
        raise _UnknownError

    def _combine_values(self, node: ast.BoolOp) -> object:
        """Work out `and` and `or`, where one known part may decide."""
        decisive = isinstance(node.op, ast.Or)
        open_parts = False
        for part in node.values:
            try:
                if bool(self._value(part)) is decisive:
                    return decisive
            except _UnknownError:
                open_parts = True
        if open_parts:
            raise _UnknownError
        return not decisive

    def _subscript(self, node: ast.Subscript) -> object:
        value = self._value(node.value)
        if not isinstance(value, tuple):
            raise _UnknownError
        if not isinstance(node.slice, ast.Slice):
            index = self._value(node.slice)
            if not isinstance(index, int):
                raise _UnknownError
            return value[index]
        if node.slice.lower or node.slice.step or node.slice.upper is None:
            raise _UnknownError
        upper = self._value(node.slice.upper)
        if not isinstance(upper, int):
            raise _UnknownError
        return value[:upper]

    # --- statements ---------------------------------------------------------------------------

    def generic_visit(self, node: ast.AST) -> ast.AST:
        for field in ("body", "orelse", "finalbody"):
            block = getattr(node, field, None)
            if isinstance(block, list):
                setattr(node, field, self._cut_block(block))
        return super().generic_visit(node)

    def _cut_block(self, block: list[ast.stmt]) -> list[ast.stmt]:
        """Cut a block after a condition that leaves it on this version."""
        for place, statement in enumerate(block):
            if isinstance(statement, ast.If):
                truth = self._truth(statement.test)
                taken = statement.body if truth else statement.orelse
                if truth is not None and taken and _ends(taken[-1]):
                    return block[: place + 1]
        return block

    def visit_If(self, node: ast.If) -> ast.AST:
        truth = self._truth(node.test)
        if truth is not None:
            self._forget(node.orelse if truth else node.body)
            if truth:
                node.orelse = []
            else:
                node.body = [ast.copy_location(ast.Pass(), node)]
        return self.generic_visit(node)

    def visit_IfExp(self, node: ast.IfExp) -> ast.AST:
        truth = self._truth(node.test)
        if truth is None:
            return self.generic_visit(node)
        taken: ast.AST = self.visit(node.body if truth else node.orelse)
        return taken

    def visit_BoolOp(self, node: ast.BoolOp) -> ast.AST:
        stop = isinstance(node.op, ast.Or)
        for place, part in enumerate(node.values):
            if self._truth(part) is stop:
                node.values = node.values[: place + 1]
                break
        return self.generic_visit(node)

    def visit_Try(self, node: ast.Try) -> ast.AST:
        return self._prune_try(node)

    def visit_TryStar(self, node: ast.AST) -> ast.AST:
        return self._prune_try(node)

    def _prune_try(self, node: ast.AST) -> ast.AST:
        handlers: list[ast.ExceptHandler] = getattr(node, "handlers", [])
        for_names = any(is_caught(handler, _NAME_ERRORS) for handler in handlers)
        for_imports = any(is_caught(handler, _IMPORT_ERRORS) for handler in handlers)
        if for_names and isinstance(node, ast.Try):
            self._forget(node.body)
            node.body = [ast.copy_location(ast.Pass(), node)]
        # The handler's own imports are the other half of the pair, whichever half is newer.
        self._may_fail += for_imports
        self.generic_visit(node)
        self._may_fail -= for_imports
        return node

    def visit_With(self, node: ast.With) -> ast.AST:
        suppressed = any(
            isinstance(item.context_expr, ast.Call)
            and source.get_last_name(item.context_expr.func) == "suppress"
            and any(
                source.get_last_name(argument) in _IMPORT_ERRORS
                for argument in item.context_expr.args
            )
            for item in node.items
        )
        self._may_fail += suppressed
        self.generic_visit(node)
        self._may_fail -= suppressed
        return node

    def visit_Import(self, node: ast.Import) -> ast.AST:
        return self._import(node)

    def visit_ImportFrom(self, node: ast.ImportFrom) -> ast.AST:
        return self._import(node)

    def _import(self, node: ast.Import | ast.ImportFrom) -> ast.AST:
        if not self._may_fail:
            return node
        self._forget([node])
        return ast.copy_location(ast.Pass(), node)

    def _forget(self, block: list[ast.stmt]) -> None:
        """Note the names that imports in a cut block would have bound."""
        for statement in block:
            for node in ast.walk(statement):
                if isinstance(node, (ast.Import, ast.ImportFrom)):
                    self.guarded |= {
                        (alias.asname or alias.name).partition(".")[0] for alias in node.names
                    }

    # --- functions and annotations ------------------------------------------------------------

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        return self._function(node)

    def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> ast.AST:
        return self._function(node)

    def _function(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> ast.AST:
        if any(self._is_skipped(decorator) for decorator in node.decorator_list):
            node.body = [ast.copy_location(ast.Pass(), node)]
        if self._text_annotations:
            node.returns = None
        outside, self._in_function = self._in_function, True
        self.generic_visit(node)
        self._in_function = outside
        return node

    def visit_ClassDef(self, node: ast.ClassDef) -> ast.AST:
        if any(self._is_skipped(decorator) for decorator in node.decorator_list):
            node.body = [ast.copy_location(ast.Pass(), node)]
        outside, self._in_function = self._in_function, False
        self.generic_visit(node)
        self._in_function = outside
        return node

    def _is_skipped(self, decorator: ast.expr) -> bool:
        """Whether a decorator skips the test on this version."""
        if not isinstance(decorator, ast.Call) or not decorator.args:
            return False
        truth = self._truth(decorator.args[0])
        name = source.get_last_name(decorator.func).lower()
        return (name == "skipif" and truth is True) or (name == "skipunless" and truth is False)

    def visit_arg(self, node: ast.arg) -> ast.AST:
        if self._text_annotations:
            node.annotation = None
        return self.generic_visit(node)

    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.AST:
        if self._text_annotations or self._in_function:
            node.annotation = ast.copy_location(ast.Constant(None), node)
        return self.generic_visit(node)
