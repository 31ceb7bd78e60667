"""Mention queries that a loop makes once for each of its turns, where that is plain."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import get_args

from agent.models.change import Finding, Severity
from agent.policy import layout, source
from agent.policy.change_context import ChangeContext, Hit
from agent.policy.rule import Rule
from agent.policy.view import View

QUERY_IN_LOOP = Rule(
    id="django-query-in-loop",
    demands="A loop does not ask the database anew at each turn.",
    severity=Severity.INFO,
    bad="for code in codes:\n    print(Order.objects.get(code=code))",
    good="for order in Order.objects.filter(code__in=codes):\n    print(order)",
)
RULES = (QUERY_IN_LOOP,)

_ASKS = frozenset({
    "get", "first", "last", "exists", "count", "create", "aggregate", "get_or_create",
    "update_or_create", "latest", "earliest", "update", "delete",
})  # fmt: skip
_FIX = "Ask once before the loop."
_Loop = ast.For | ast.AsyncFor | ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp


def check_change(change_context: ChangeContext) -> Iterator[Finding]:
    managers = {"objects", "_default_manager", *change_context.config.django.managers.values()}

    def find(view: View) -> Iterator[Hit]:
        seen: set[ast.AST] = set()
        for node in (node for part in _list_turns(view) for node in ast.walk(part)):
            if node not in seen and (says := _describe_query(node, managers)):
                seen.add(node)
                yield Hit(says, getattr(node, "lineno", 1))

    return QUERY_IN_LOOP.report_hits(change_context, find, _FIX, layout.is_application)


def _list_turns(view: View) -> Iterator[ast.AST]:
    """Yield what loops do at each turn."""
    for kind in get_args(_Loop):
        for node in (visit.node for visit in view.list_visits(kind)):
            parts: list[ast.AST] = []
            if isinstance(node, ast.For | ast.AsyncFor):
                items = node.iter
                parts += node.body
            else:
                first = node.generators[0]
                items = first.iter
                parts += [*first.ifs, *(one for one in ast.iter_child_nodes(node) if one != first)]
            if not _is_fixed(items):
                yield from parts


def _is_fixed(items: ast.expr) -> bool:
    """Whether a loop has as many turns as the code says: tries, or a list that is written out."""
    match items:
        case ast.Call(func=ast.Name(id="range"), args=bounds):
            return all(isinstance(one, ast.Constant) for one in bounds)
    return isinstance(items, (ast.Tuple, ast.List, ast.Set))


def _describe_query(node: ast.AST, managers: set[str]) -> str:
    """Say what a call asks through a manager; "" for anything else."""
    match node:
        case ast.Call(func=ast.Attribute(value=at, attr=asked)) if asked in _ASKS:
            while isinstance(at, ast.Call) and isinstance(at.func, ast.Attribute):
                at = at.func.value
            if isinstance(at, ast.Attribute) and at.attr in managers:
                return (
                    f"asks {source.format_node(node.func).partition('(')[0]} at each turn of a loop"
                )
    return ""
