"""Mention loops that go through the same data once more for each of its items."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from agent.models.change import Finding, Severity
from agent.policy import source
from agent.policy.change_context import ChangeContext, Hit
from agent.policy.layout import is_apart
from agent.policy.rule import Rule
from agent.policy.view import View, Visit

NESTED_SCAN = Rule(
    id="nested-scan",
    demands="No loop goes through its own data again for each item.",
    severity=Severity.INFO,
    bad="for one in orders:\n    for other in orders:\n        compare(one, other)",
    good="by_key = group(orders)\nfor one in orders:\n    compare(one, by_key[one.key])",
)
RULES = (NESTED_SCAN,)

_LOOKS = frozenset({"index", "count", "remove"})


def check_change(change_context: ChangeContext) -> Iterator[Finding]:
    fix = "Keep the items in a dict or a set beforehand."
    return NESTED_SCAN.report_hits(
        change_context, _find_scans, fix, lambda path: not is_apart(path)
    )


def _find_scans(view: View) -> Iterator[Hit]:
    loops: list[Visit[ast.For] | Visit[ast.AsyncFor]] = [
        *view.list_visits(ast.For),
        *view.list_visits(ast.AsyncFor),
    ]
    for loop in loops:
        data = _name_data(loop.node.iter)
        if data and data in _list_outer(loop):
            yield Hit(f"again {data}", loop.node.lineno, f"goes through {data} for each item of it")
    for call in view.list_visits(ast.Call):
        function = call.node.func
        if isinstance(function, ast.Attribute) and function.attr in _LOOKS:
            data = _name_data(function.value)
            if data and data in _list_outer(call):
                said = f"asks {data} for {function.attr}() for each item of it"
                yield Hit(f"{function.attr} {data}", call.node.lineno, said)


def _name_data(node: ast.expr) -> str:
    """Name what is gone through; "" where each time it may be something else."""
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and len(node.args) == 1:
        if node.func.id in ("enumerate", "list", "sorted", "reversed", "tuple", "iter"):
            return _name_data(node.args[0])
    if isinstance(node, (ast.Name, ast.Attribute)):
        return source.format_node(node)
    return ""


def _list_outer(visit: Visit[ast.AST]) -> set[str]:
    """Return what the loops around a place go through, in the same function."""
    found: set[str] = set()
    inner: ast.AST = visit.node
    for around in visit.walk_up():
        node = around.node
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda, ast.ClassDef)):
            break
        if isinstance(node, (ast.For, ast.AsyncFor)) and inner in node.body:
            found.add(_name_data(node.iter))
        elif isinstance(node, (ast.ListComp, ast.SetComp, ast.GeneratorExp, ast.DictComp)):
            found |= {_name_data(one.iter) for one in node.generators if one.iter is not inner}
        inner = node
    return found - {""}
