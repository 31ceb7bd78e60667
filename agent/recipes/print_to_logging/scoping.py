"""The names of a file: what it binds, and where its imports end. Syntax trees alone."""

from __future__ import annotations

import ast
import io
import tokenize

from agent.recipes.print_to_logging.calls import Context


def import_end(module: ast.Module) -> int:
    """The last line of the imports at the head of a module; 0: it has none."""
    end = 0
    for statement in module.body:
        if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            break
        if isinstance(statement, ast.Import | ast.ImportFrom):
            end = statement.end_lineno or statement.lineno
        elif isinstance(statement, ast.If | ast.Try) and any(
            isinstance(inner, ast.Import | ast.ImportFrom) for inner in ast.walk(statement)
        ):
            if not _is_guard(statement):
                end = statement.end_lineno or statement.lineno
    return end


def _is_guard(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.If) and "__main__" in ast.unparse(statement.test)


def bound(module: ast.Module) -> frozenset[str]:
    """Every name that a file itself binds, at whatever level."""
    found: set[str] = set()
    for node in ast.walk(module):
        found |= _bound(node)
    return frozenset(found)


def _bound(node: ast.AST) -> set[str]:
    if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store | ast.Del):
        return {node.id}
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return {node.name}
    if isinstance(node, ast.arg):
        return {node.arg}
    if isinstance(node, ast.Import | ast.ImportFrom):
        return {(alias.asname or alias.name).partition(".")[0] for alias in node.names}
    if isinstance(node, ast.ExceptHandler) and node.name:
        return {node.name}
    return set()


def of_functions(context: Context, module: ast.Module) -> frozenset[str]:
    """The names that the functions around a call bind for themselves."""
    names = {one.name.value for one in context.functions}
    found: set[str] = set()
    for node in ast.walk(module):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name in names:
            declared: set[str] = set()
            for inner in ast.walk(node):
                if inner is not node:
                    found |= _bound(inner)
                if isinstance(inner, ast.Global):
                    declared |= set(inner.names)
            found -= declared
    return frozenset(found)


def in_text(text: str) -> set[str]:
    """Every word of the code that could be a name."""
    lines = io.StringIO(text.lstrip("\ufeff"))
    return {
        token.string
        for token in tokenize.generate_tokens(lines.readline)
        if token.type == tokenize.NAME
    }
