"""Fields that a ticket declares in Python: `nickname = models.CharField(...)`.

Reads the syntax tree and evaluates nothing; what the declarations mean is left to `facts`.
"""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass


@dataclass(frozen=True)
class Declaration:
    """`name = models.CharField(...)`, as found in code."""

    name: str
    type_name: str
    call: ast.Call
    class_name: str | None


def fields(source: str) -> tuple[list[Declaration], list[ast.stmt]]:
    """Field declarations in a piece of Python, and what else it would do."""
    try:
        body = ast.parse(_dedent(source)).body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return [], []
    found: list[Declaration] = []
    others: list[ast.stmt] = []
    for statement in body:
        inner = statement.body if isinstance(statement, ast.ClassDef) else [statement]
        owner = statement.name if isinstance(statement, ast.ClassDef) else None
        for line in inner:
            if one := _declaration(line, owner):
                found.append(one)
            elif not _does_nothing(line):
                others.append(line)
    return found, others


def _does_nothing(line: ast.stmt) -> bool:
    filler = isinstance(line, ast.Expr) and isinstance(line.value, ast.Constant)
    return filler or isinstance(line, ast.Pass | ast.Import | ast.ImportFrom)


def _dedent(source: str) -> str:
    lines = [line for line in source.splitlines() if line.strip()]
    margin = min((len(line) - len(line.lstrip()) for line in lines), default=0)
    return "\n".join(line[margin:] for line in source.splitlines())


def _declaration(line: ast.stmt, owner: str | None) -> Declaration | None:
    if isinstance(line, ast.Assign) and len(line.targets) == 1:
        target: ast.expr = line.targets[0]
        value: ast.expr | None = line.value
    elif isinstance(line, ast.AnnAssign):
        target, value = line.target, line.value
    else:
        return None
    if not isinstance(target, ast.Name) or not isinstance(value, ast.Call):
        return None
    called = written(value.func)
    bare = called.rpartition(".")[2]
    if not re.search(r"(Field|ForeignKey)$", bare):
        return None
    return Declaration(target.id, bare, value, owner)


def written(node: ast.AST) -> str:
    """Code as text; empty where Python itself cannot write it."""
    try:
        return ast.unparse(node)
    except (ValueError, RecursionError, MemoryError):
        return ""
