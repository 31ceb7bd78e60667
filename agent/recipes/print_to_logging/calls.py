"""Find the calls of `print` in a file, each with what is around it. Syntax trees alone."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass, replace

from agent.recipes.modules import read_dotted_name

Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True)
class Context:
    functions: tuple[Function, ...] = ()
    classes: tuple[ast.ClassDef, ...] = ()
    tests: tuple[ast.expr, ...] = ()
    """Conditions of the `if`s in whose body it is, within the innermost function."""
    main_guard: bool = False
    """Whether it is below `if __name__ == "__main__"`."""
    handler: ast.ExceptHandler | None = None
    """The innermost `except` it is in, within the innermost function."""


@dataclass(frozen=True)
class Call:
    node: ast.Call
    context: Context
    block: list[ast.stmt] | None
    """The statements that it is one of; None where its value is used."""


def walk_nodes(module: ast.Module) -> Iterator[tuple[ast.AST, Context, list[ast.stmt] | None]]:
    """Go through all nodes with what is around each, and the block that a statement stands in."""
    waiting: list[tuple[ast.AST, Context, list[ast.stmt] | None]] = [(module, Context(), None)]
    while waiting:
        node, around, block = waiting.pop()
        yield node, around, block
        inner = _enter_context(node, around)
        for name, value in ast.iter_fields(node):
            # The condition of an `if` counts for its body, not for what is done otherwise.
            context = around if isinstance(node, ast.If) and name != "body" else inner
            children = value if isinstance(value, list) else [value]
            beside = children if name in ("body", "orelse", "finalbody") else None
            waiting += [(one, context, beside) for one in children if isinstance(one, ast.AST)]


def _enter_context(node: ast.AST, around: Context) -> Context:
    if isinstance(node, Function):
        return replace(around, functions=(*around.functions, node), tests=(), handler=None)
    if isinstance(node, ast.ClassDef):
        return replace(around, classes=(*around.classes, node))
    if isinstance(node, ast.ExceptHandler):
        return replace(around, handler=node)
    if isinstance(node, ast.If):
        guard = around.main_guard or _is_main_guard(node.test)
        return replace(around, tests=(*around.tests, node.test), main_guard=guard)
    return around


def find_prints(module: ast.Module) -> list[Call]:
    found: list[Call] = []
    alone: dict[int, list[ast.stmt]] = {}
    for node, around, block in walk_nodes(module):
        if isinstance(node, ast.Expr) and block is not None:
            alone[id(node.value)] = block
        elif isinstance(node, ast.Call) and read_dotted_name(node.func) == "print":
            found.append(Call(node, around, alone.get(id(node))))
    return sorted(found, key=lambda call: (call.node.lineno, call.node.col_offset))


def _is_main_guard(test: ast.expr) -> bool:
    if not isinstance(test, ast.Compare):
        return False
    sides = [test.left, *test.comparators]
    return any(read_dotted_name(one) == "__name__" for one in sides) and any(
        isinstance(one, ast.Constant) and one.value == "__main__" for one in sides
    )


def list_bound(node: ast.AST) -> set[str]:
    """List the names that a node and all in it bind; methods are bound to their classes alone."""
    found: set[str] = set()
    for inner in ast.walk(node):
        if isinstance(inner, ast.ClassDef):
            found.add(inner.name)
        if not isinstance(inner, ast.ClassDef) and isinstance(
            body := getattr(inner, "body", None), list
        ):
            found |= {one.name for one in body if isinstance(one, Function)}
        if isinstance(inner, ast.Name) and isinstance(inner.ctx, ast.Store | ast.Del):
            found.add(inner.id)
        elif isinstance(inner, ast.arg):
            found.add(inner.arg)
        elif isinstance(inner, ast.Import | ast.ImportFrom):
            found |= {(one.asname or one.name).partition(".")[0] for one in inner.names}
        elif isinstance(inner, ast.ExceptHandler) and inner.name:
            found.add(inner.name)
    return found
