"""Mention queries that a loop makes once for each of its turns, where that is plain."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import get_args

from agent.models.change import Finding, Severity
from agent.policy import layout, source
from agent.policy.change_context import ChangeContext, Hit
from agent.policy.names import Ref, Scope, find_meaning
from agent.policy.rule import Rule
from agent.policy.view import View

QUERY_IN_LOOP = Rule(
    id="django-query-in-loop",
    demands="A loop does not ask the database anew at each turn.",
    severity=Severity.INFO,
    bad="for order in Order.objects.all():\n    print(order.customer.name)",
    good='for order in Order.objects.select_related("customer"):\n    print(order.customer.name)',
)
RULES = (QUERY_IN_LOOP,)

_ASKS = frozenset({
    "get", "first", "last", "exists", "count", "create", "aggregate", "get_or_create",
    "update_or_create", "latest", "earliest", "update", "delete",
})  # fmt: skip
#: With one of these a queryset brings more with it, or gives no rows of the model.
_BRINGS = frozenset({
    "select_related", "prefetch_related", "values", "values_list", "raw", "in_bulk", "aggregate",
    "dates", "datetimes", "only", "defer",
})  # fmt: skip
_FIX = "Ask once before the loop, or use select_related or prefetch_related."
_RELATIONS = frozenset({"ForeignKey", "OneToOneField", "ManyToManyField"})
_Loop = ast.For | ast.AsyncFor | ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp


def check_change(change_context: ChangeContext) -> Iterator[Finding]:
    managers = {"objects", "_default_manager", *change_context.config.django.managers.values()}

    def find(view: View) -> Iterator[Hit]:
        seen: set[ast.AST] = set()
        for items, item, parts, scope in _list_loops(view):
            related = _list_relations(find_meaning(items, scope), change_context)
            name = item.id if related and isinstance(item, ast.Name) else ""
            for node in (node for part in parts for node in ast.walk(part) if node not in seen):
                if says := _describe_query(node, managers) or _describe_read(node, name, related):
                    seen.add(node)
                    yield Hit(says, getattr(node, "lineno", 1))

    return QUERY_IN_LOOP.report_hits(change_context, find, _FIX, layout.is_application)


def _list_loops(view: View) -> Iterator[tuple[ast.expr, ast.expr, list[ast.AST], Scope]]:
    """Yield what loops go over, what takes each item, and what is done at each turn."""
    for kind in get_args(_Loop):
        for visit in view.list_visits(kind):
            node = visit.node
            head = node if isinstance(node, ast.For | ast.AsyncFor) else node.generators[0]
            if isinstance(node, ast.For | ast.AsyncFor):
                parts: list[ast.AST] = [*node.body]
            else:
                inner = (one for one in ast.iter_child_nodes(node) if one is not head)
                parts = [*node.generators[0].ifs, *inner]
            if not _is_fixed(head.iter):
                yield head.iter, head.target, parts, visit.scope


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


def _describe_read(node: ast.AST, name: str, related: set[str]) -> str:
    """Say which relation of an item is read, the first time."""
    match node:
        case ast.Attribute(value=ast.Name(id=owner), attr=read) if owner == name:
            if read in related:
                related.remove(read)
                return f"reads {name}.{read}, which asks the database at each turn of a loop"
    return ""


def _list_relations(refs: list[Ref], change_context: ChangeContext) -> set[str]:
    """Return the relations of the model that a queryset gives; none where that is not certain."""
    found: set[str] = set()
    for ref in refs:
        model, asked, methods = ref.dotted.partition(".objects.")
        is_plain = asked and "." not in model and methods.endswith(".()")
        if not is_plain or _BRINGS & set(methods.split(".")):
            return set()
        for one in change_context.places.find_definitions(Ref(ref.module, model)):
            for statement in one.node.body:
                match statement:
                    case (
                        ast.Assign(targets=[ast.Name(id=name)], value=ast.Call(func=func))
                        | ast.AnnAssign(target=ast.Name(id=name), value=ast.Call(func=func))
                    ):
                        kind = source.get_last_name(func)
                        if name == "objects" and kind != "Manager":
                            return set()  # it may bring relations with it
                        found |= {name} if kind in _RELATIONS else set()
    return found
