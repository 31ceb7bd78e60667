"""Hold queries to the manager that the configuration names for a model.

Where `django.managers` says `Order: active`, `Order.objects` brings back the rows that the
project hides (deleted ones, other tenants') and reads like any other query. Names are followed
through aliases, imports and `get_model`; calls on the name of the model itself block. Django's own
ways past it (`get_object_or_404(Order)`, the `order_set` of another model, the model of a generic
view) use the model's default manager, and are for the reviewer where that is another one.
Migrations and tests are left alone: they have to see all rows.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from agent.domain import Finding, Severity
from agent.policy.django import files, model_classes
from agent.policy.names import constant_text
from agent.policy.proposal import Hit, Proposal
from agent.policy.rule import Rule
from agent.policy.view import View, Visit

MANAGER = Rule(
    id="django-manager",
    demands="A model that `django.managers` names is asked for through the manager named there.",
    severity=Severity.BLOCK,
    bad="Order.objects.filter(paid=True)  # and managers is {Order: active}",
    good="Order.active.filter(paid=True)",
)
IMPLICIT_MANAGER = Rule(
    id="django-implicit-manager",
    demands="What uses the default manager of a model that `django.managers` names is looked at.",
    severity=Severity.REVIEW,
    bad="get_object_or_404(Order, pk=pk)  # and managers is {Order: active}",
    good="get_object_or_404(Order.active, pk=pk)",
)
RULES = (MANAGER, IMPLICIT_MANAGER)

_USUAL = frozenset({"objects", "_default_manager", "_base_manager"})
_GET_MODEL = frozenset(
    {"django.apps.apps.get_model", "django.apps.registry.apps.get_model"}
    | {"django.apps.apps.get_registered_model"}
)
_SHORTCUTS = frozenset(
    f"django.shortcuts.{name}{kind}_or_404"
    for name in ("get_", "aget_")
    for kind in ("object", "list")
)
_QUERY_METHODS = frozenset(
    {"all", "filter", "exclude", "get", "first", "last", "count", "exists", "values", "iterator"}
    | {"values_list", "order_by", "aggregate", "annotate", "select_related", "prefetch_related"}
    | {"latest", "earliest", "in_bulk", "update", "delete"}
)
_GENERIC_VIEWS = "django.views.generic."


@dataclass(frozen=True)
class _Wanted:
    """What the configuration says of one model."""

    key: str
    manager: str

    @property
    def model(self) -> str:
        return self.key.rpartition(".")[2]

    def is_named_by(self, names: frozenset[str]) -> bool:
        """Whether an expression of these meanings may be the class itself."""
        if "." in self.key:
            return self.key in names
        return any(name.rpartition(".")[2] == self.key for name in names)


def check(proposal: Proposal) -> Iterator[Finding]:
    """Yield a finding for every new query through another manager."""
    managers = proposal.config.django.managers
    if not managers:
        return
    wanted = [_Wanted(key, manager) for key, manager in managers.items()]

    def named(view: View) -> Iterator[Hit]:
        return _named(view, wanted)

    for file, hit in proposal.fresh(named, among=files.is_application):
        yield MANAGER.at(
            file.path,
            hit.message,
            "Use the manager that is configured, or change django.managers first.",
            hit.line,
        )
    passed = [one for one in wanted if not _is_default(one, proposal)]
    related = _related_names(passed, proposal) if passed and proposal.python else {}

    def implicit(view: View) -> Iterator[Hit]:
        yield from _passed(view, passed)
        yield from _through_related(view, related)

    for file, hit in proposal.fresh(implicit, among=files.is_application):
        yield IMPLICIT_MANAGER.at(
            file.path, hit.message, "See that no rows come in that are to stay hidden.", hit.line
        )


# --- by the name of the model -----------------------------------------------------------------


def _named(view: View, wanted: list[_Wanted]) -> Iterator[Hit]:
    for visit in view.all(ast.Attribute):
        node = visit.node
        if node.attr not in _USUAL:
            continue
        one = _asked_for(node.value, visit, view, wanted)
        if one and node.attr != one.manager:
            yield Hit(
                f"asks for {one.model} through {node.attr}; the manager here is {one.manager}",
                node.lineno,
            )


def _asked_for(
    node: ast.expr, visit: Visit[ast.Attribute], view: View, wanted: list[_Wanted]
) -> _Wanted | None:
    names = view.names(node, visit.scope)
    if isinstance(node, ast.Call) and view.names(node.func, visit.scope) & _GET_MODEL:
        return _got(node, wanted)
    return next((one for one in wanted if one.is_named_by(names)), None)


def _got(call: ast.Call, wanted: list[_Wanted]) -> _Wanted | None:
    """Return the model that `get_model("shop", "Order")` or `get_model("shop.Order")` gives."""
    texts = [constant_text(argument) or "" for argument in call.args]
    label, _, model = ".".join(texts).rpartition(".")
    for one in wanted:
        # A dotted key begins with the app, if it is as apps usually are.
        is_app = "." not in one.key or label in one.key.split(".")
        if model.lower() == one.model.lower() and is_app:
            return one
    return None


# --- by what Django does itself ---------------------------------------------------------------


def _is_default(one: _Wanted, proposal: Proposal) -> bool:
    """Whether the manager is the one that Django uses by itself."""
    families = [
        [made.node, *view.ancestors(made.node, made.scope)]
        for view, made in model_classes.found(proposal, one.model)
    ]
    # A namesake that does not have this manager is another model.
    meant = [family for family in families if one.manager in model_classes.own_names(family)]
    return bool(meant) and all(
        model_classes.default_manager(family) == one.manager for family in meant
    )


def _passed(view: View, wanted: list[_Wanted]) -> Iterator[Hit]:
    """Yield the places where the class is handed to what asks for rows by itself."""
    for call in view.all(ast.Call):
        if not call.node.args or not view.names(call.node.func, call.scope) & _SHORTCUTS:
            continue
        names = view.names(call.node.args[0], call.scope)
        for one in wanted:
            if one.is_named_by(names):
                yield _hit(one, model_classes.kind(call.node), call.node.lineno)
    for assigned in view.all(ast.Assign):
        targets = {target.id for target in assigned.node.targets if isinstance(target, ast.Name)}
        made = assigned.up.node if assigned.up else None
        if "model" not in targets or not isinstance(made, ast.ClassDef) or _has_queryset(made):
            continue
        names = view.names(assigned.node.value, assigned.scope)
        for one in wanted:
            if one.is_named_by(names) and _is_generic(made, assigned, view):
                yield _hit(one, made.name, assigned.node.lineno)


def _hit(one: _Wanted, through: str, line: int) -> Hit:
    return Hit(
        f"asks for {one.model} through {through}, which uses its default manager and not "
        f"{one.manager}",
        line,
    )


def _has_queryset(node: ast.ClassDef) -> bool:
    """Whether a view says itself which rows it shows."""
    return any(
        (isinstance(line, ast.FunctionDef) and line.name == "get_queryset")
        or (
            isinstance(line, ast.Assign)
            and any(isinstance(to, ast.Name) and to.id == "queryset" for to in line.targets)
        )
        for line in node.body
    )


def _is_generic(made: ast.ClassDef, inside: Visit[ast.Assign], view: View) -> bool:
    scope = inside.scope.parent or inside.scope
    return any(name.startswith(_GENERIC_VIEWS) for name in view.lineage(made, scope))


def _related_names(wanted: list[_Wanted], proposal: Proposal) -> dict[str, _Wanted]:
    """Return the attributes of other models that lead back to these."""
    found: dict[str, _Wanted] = {}
    for one in wanted:
        for _, made in model_classes.found(proposal, one.model):
            for _, kind, call in model_classes.relations(made.node):
                given = [word.value for word in call.keywords if word.arg == "related_name"]
                if kind == "OneToOneField":
                    continue
                name = constant_text(given[0]) if given else f"{one.model.lower()}_set"
                if name and not name.endswith("+") and "%" not in name:
                    found[name] = one
    return found


def _through_related(view: View, related: Mapping[str, _Wanted]) -> Iterator[Hit]:
    for call in view.all(ast.Call):
        match call.node.func:
            case ast.Attribute(attr=method, value=ast.Attribute(attr=name)) if (
                method in _QUERY_METHODS and name in related
            ):
                yield _hit(related[name], f".{name}", call.node.lineno)
