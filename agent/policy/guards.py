"""Cut away from a module what only some Pythons evaluate.

What is behind `sys.version_info`, `TYPE_CHECKING`, `hasattr` or an import that may fail is
allowed to be newer than the oldest supported Python, and so are annotations that stay text. A
condition is not worked out: both of its halves are cut, so a guard of the wrong version passes.
Leaves to `python_syntax` what is then found in the rest.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Collection

from agent.policy import source

Version = tuple[int, int]

_IMPORT_ERRORS = frozenset({"ImportError", "ModuleNotFoundError", "Exception", "BaseException"})
_NAME_ERRORS = frozenset({"AttributeError", "NameError"})
_FLAG = re.compile(r"_?(?:HAS_|IS_|GTE_)?(?:PY|PYTHON)_?3_?(\d+)(?:_PLUS|_OR_\w+)?")
_ENDS = (ast.Return, ast.Raise, ast.Continue, ast.Break)
_CONDITIONS = frozenset({"version_info", "hexversion", "hasattr"})


def prune_module(module: ast.Module) -> frozenset[str]:
    """Cut the module, in place, to what every Python runs.

    Returns:
        The names bound by imports that were cut: whoever uses them has a fallback.
    """
    pruner = _Pruner(module)
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
    def __init__(self, module: ast.Module) -> None:
        self.guarded: set[str] = set()
        self._text_annotations = any(
            isinstance(node, ast.ImportFrom)
            and node.module == "__future__"
            and any(alias.name == "annotations" for alias in node.names)
            for node in module.body
        )
        self._in_function = False
        self._may_fail = 0
        self._flags = {
            node.targets[0].id
            for node in ast.walk(module)
            if isinstance(node, ast.Assign)
            and isinstance(node.targets[0], ast.Name)
            and _asks_for_version(node.value, frozenset())
        }

    def _is_guard(self, test: ast.expr) -> bool:
        return _asks_for_version(test, self._flags)

    def visit(self, node: ast.AST) -> ast.AST:
        """Visit what is reached: nothing behind a condition on the version that ends its block."""
        for field in ("body", "orelse", "finalbody"):
            block = getattr(node, field, None)
            for place, statement in enumerate(block if isinstance(block, list) else ()):
                if isinstance(statement, ast.If) and self._is_guard(statement.test):
                    halves = (statement.body, statement.orelse)
                    if any(half and _ends(half[-1]) for half in halves):
                        setattr(node, field, block[: place + 1])  # type: ignore[index]
                        break
        visited: ast.AST = super().visit(node)
        return visited

    def visit_If(self, node: ast.If) -> ast.AST:
        if is_type_checking(node.test):
            self._forget(node.body)
            node.body = [_nothing(node)]
        elif self._is_guard(node.test):
            self._forget([*node.body, *node.orelse])
            return _nothing(node)
        return self.generic_visit(node)

    def visit_IfExp(self, node: ast.IfExp) -> ast.AST:
        is_guard = self._is_guard(node.test)
        return ast.copy_location(ast.Constant(None), node) if is_guard else self.generic_visit(node)

    def visit_BoolOp(self, node: ast.BoolOp) -> ast.AST:
        guards = [place for place, part in enumerate(node.values) if self._is_guard(part)]
        node.values = node.values[: guards[0] + 1] if guards else node.values
        return self.generic_visit(node)

    def visit_Try(self, node: ast.Try) -> ast.AST:
        if any(is_caught(handler, _NAME_ERRORS) for handler in node.handlers):
            self._forget(node.body)
            node.body = [_nothing(node)]
        # The handler's own imports are the other half of the pair, whichever half is newer.
        for_imports = any(is_caught(handler, _IMPORT_ERRORS) for handler in node.handlers)
        return self._visit_imports(node, may_fail=for_imports)

    def visit_With(self, node: ast.With) -> ast.AST:
        calls = [item.context_expr for item in node.items]
        return self._visit_imports(
            node,
            may_fail=any(
                isinstance(call, ast.Call)
                and source.get_last_name(call.func) == "suppress"
                and any(source.get_last_name(one) in _IMPORT_ERRORS for one in call.args)
                for call in calls
            ),
        )

    def _visit_imports(self, node: ast.AST, *, may_fail: bool) -> ast.AST:
        self._may_fail += may_fail
        self.generic_visit(node)
        self._may_fail -= may_fail
        return node

    def visit_Import(self, node: ast.Import) -> ast.AST:
        return self._import(node)

    def visit_ImportFrom(self, node: ast.ImportFrom) -> ast.AST:
        return self._import(node)

    def _import(self, node: ast.Import | ast.ImportFrom) -> ast.AST:
        if not self._may_fail:
            return node
        self._forget([node])
        return _nothing(node)

    def _forget(self, block: list[ast.stmt]) -> None:
        """Note the names that imports in a cut block would have bound."""
        for node in (node for statement in block for node in ast.walk(statement)):
            if isinstance(node, (ast.Import, ast.ImportFrom)):
                names = (alias.asname or alias.name for alias in node.names)
                self.guarded |= {name.partition(".")[0] for name in names}

    # --- functions and annotations ------------------------------------------------------------

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        return self._scope(node, is_function=True)

    def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> ast.AST:
        return self._scope(node, is_function=True)

    def visit_ClassDef(self, node: ast.ClassDef) -> ast.AST:
        return self._scope(node, is_function=False)

    def _scope(
        self, node: ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef, *, is_function: bool
    ) -> ast.AST:
        # Such as `skipif(sys.version_info < (3, 11))`.
        if any(self._is_guard(decorator) for decorator in node.decorator_list):
            node.body = [_nothing(node)]
        if self._text_annotations and not isinstance(node, ast.ClassDef):
            node.returns = None
        outside, self._in_function = self._in_function, is_function
        self.generic_visit(node)
        self._in_function = outside
        return node

    def visit_arg(self, node: ast.arg) -> ast.AST:
        if self._text_annotations:
            node.annotation = None
        return self.generic_visit(node)

    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.AST:
        if self._text_annotations or self._in_function:
            node.annotation = ast.copy_location(ast.Constant(None), node)
        return self.generic_visit(node)


def _asks_for_version(test: ast.expr, flags: Collection[str]) -> bool:
    names = {
        source.get_last_name(node)
        for node in ast.walk(test)
        if isinstance(node, (ast.Name, ast.Attribute))
    }
    return any(name in _CONDITIONS or name in flags or _FLAG.fullmatch(name) for name in names)


def _nothing(node: ast.AST) -> ast.Pass:
    return ast.copy_location(ast.Pass(), node)
