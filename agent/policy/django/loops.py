"""Mention queries that a loop makes once for each of its turns.

A hundred orders are then a hundred and one queries. Said only where it is plain: a call that asks
the database stands in the body of a loop, or the loop goes over a queryset whose model has a
relation that the body reads, and the queryset neither selects nor prefetches anything. It may be
right (a few rows, a script), so it is no more than a remark.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from agent.domain import Finding, Severity
from agent.policy import source
from agent.policy.django import files, model_classes
from agent.policy.names import Ref
from agent.policy.proposal import Hit, Proposal
from agent.policy.rule import Rule
from agent.policy.view import View, Visit

QUERY_IN_LOOP = Rule(
    id="django-query-in-loop",
    demands="A loop does not ask the database anew at each turn.",
    severity=Severity.INFO,
    bad="for order in Order.objects.all():\n    print(order.customer.name)",
    good='for order in Order.objects.select_related("customer"):\n    print(order.customer.name)',
)
RULES = (QUERY_IN_LOOP,)

_ASKS = frozenset(
    {"get", "first", "last", "exists", "count", "create", "aggregate", "get_or_create"}
    | {"update_or_create", "latest", "earliest", "update", "delete"}
)
_USUAL = frozenset({"objects", "_default_manager"})
#: With one of these a queryset brings more with it, or gives no rows of the model.
_BRINGS = frozenset(
    {"select_related", "prefetch_related", "values", "values_list", "raw", "in_bulk", "aggregate"}
    | {"dates", "datetimes", "only", "defer"}
)
_COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)


def check(proposal: Proposal) -> Iterator[Finding]:
    """Yield a remark for every query that is newly made in a loop."""
    managers = _USUAL | frozenset(proposal.config.django.managers.values())

    def find(view: View) -> Iterator[Hit]:
        for call in view.all(ast.Call):
            func = call.node.func
            if isinstance(func, ast.Attribute) and func.attr in _ASKS:
                if _manager(func.value) in managers and _is_in_loop(call):
                    asked = source.written(func).partition("(")[0]
                    yield Hit(f"asks {asked} at each turn of a loop", call.node.lineno)
        yield from _relations(view, proposal)

    for file, hit in proposal.fresh(find, among=files.is_application):
        yield QUERY_IN_LOOP.at(
            file.path, hit.message, "Ask once before the loop, or use select_related or "
            "prefetch_related.", hit.line,
        )  # fmt: skip


def _manager(node: ast.expr) -> str:
    """Return the manager that a chain of calls begins at, as `objects`; "" where there is none."""
    at = node
    while isinstance(at, ast.Call) and isinstance(at.func, ast.Attribute):
        at = at.func.value
    is_of_class = isinstance(at, ast.Attribute) and isinstance(at.value, (ast.Name, ast.Attribute))
    return at.attr if is_of_class and isinstance(at, ast.Attribute) else ""


def _is_in_loop(visit: Visit[ast.Call]) -> bool:
    """Whether it stands in what a loop does at each turn, in the same function."""
    inner: ast.AST = visit.node
    in_iterable = False
    for around in visit.around():
        node = around.node
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)):
            return False
        if isinstance(node, (ast.For, ast.AsyncFor)) and inner in node.body:
            return not _is_fixed(node.iter)
        if isinstance(node, ast.comprehension):
            in_iterable = inner is node.iter
        elif isinstance(node, _COMPREHENSIONS):
            if not (in_iterable and inner is node.generators[0]):
                return not _is_fixed(node.generators[0].iter)
            in_iterable = False
        inner = node
    return False


def _is_fixed(items: ast.expr) -> bool:
    """Whether a loop has as many turns as the code says: tries, or a list that is written out."""
    if isinstance(items, (ast.Tuple, ast.List, ast.Set)):
        return True
    match items:
        case ast.Call(func=ast.Name(id="range"), args=bounds):
            return all(isinstance(one, ast.Constant) for one in bounds)
    return False


# --- relations --------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Loop:
    """A loop with one name for what it takes at each turn."""

    target: ast.expr
    items: ast.expr
    parts: Sequence[ast.AST]
    """What is done at each turn."""
    visit: Visit[ast.AST]


def _loops(view: View) -> Iterator[_Loop]:
    for loop in view.all(ast.For):
        yield _Loop(loop.node.target, loop.node.iter, loop.node.body, loop)
    for waiting in view.all(ast.AsyncFor):
        yield _Loop(waiting.node.target, waiting.node.iter, waiting.node.body, waiting)
    for pairs in view.all(ast.DictComp):
        node = pairs.node
        yield _comprehension(node.generators, [node.key, node.value], pairs)
    for items in view.all(ast.ListComp):
        yield _comprehension(items.node.generators, [items.node.elt], items)
    for single in view.all(ast.SetComp):
        yield _comprehension(single.node.generators, [single.node.elt], single)
    for lazy in view.all(ast.GeneratorExp):
        yield _comprehension(lazy.node.generators, [lazy.node.elt], lazy)


def _comprehension(
    generators: list[ast.comprehension], made: list[ast.expr], visit: Visit[ast.AST]
) -> _Loop:
    first, *others = generators
    return _Loop(first.target, first.iter, [*first.ifs, *others, *made], visit)


def _relations(view: View, proposal: Proposal) -> Iterator[Hit]:
    """Yield the relations that a loop over a plain queryset reads."""
    for loop in _loops(view):
        if isinstance(loop.target, ast.Name):
            related = _related_to(view.refs(loop.items, loop.visit.scope), proposal)
            if related:
                yield from _read(loop.target.id, related, loop.parts)


def _read(name: str, related: set[str], parts: Sequence[ast.AST]) -> Iterator[Hit]:
    told: set[str] = set()
    for part in parts:
        for node in ast.walk(part):
            match node:
                case ast.Attribute(value=ast.Name(id=owner), attr=attribute, ctx=ast.Load()):
                    if owner == name and attribute in related - told:
                        told.add(attribute)
                        yield Hit(
                            f"reads {name}.{attribute} at each turn of a loop, which asks the "
                            "database each time",
                            node.lineno,
                        )


def _related_to(refs: list[Ref], proposal: Proposal) -> set[str]:
    """Return the relations of the model that a queryset gives; none where that is not certain."""
    found: set[str] = set()
    for ref in refs:
        model, asked, methods = ref.dotted.partition(".objects.")
        if not asked or "." in model or not methods.endswith(".()"):
            return set()
        if _BRINGS & set(methods.split(".")):
            return set()
        for one in proposal.places.definitions(Ref(ref.module, model)):
            if not isinstance(one.node, ast.ClassDef) or _own_manager(one.node):
                return set()
            found |= {name for name, _, _ in model_classes.relations(one.node)}
    return found


def _own_manager(node: ast.ClassDef) -> bool:
    """Whether `objects` is a manager of the model's own, which may bring relations with it."""
    given = dict(model_classes.fields(node)).get("objects")
    return given is not None and model_classes.kind(given) != "Manager"
