"""Hold queries to the manager that the configuration names for a model.

Where `django.managers` says `Order: active`, `Order.objects` brings back the rows that the
project hides (deleted ones, other tenants') and reads like any other query. Names are followed
through aliases, imports and `get_model`. Migrations and tests are left alone: they have to see all
rows.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass

from agent.models.change import Finding, Severity
from agent.policy.django import files
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
RULES = (MANAGER,)

_USUAL = frozenset({"objects", "_default_manager", "_base_manager"})
_GET_MODEL = frozenset(
    {"django.apps.apps.get_model", "django.apps.registry.apps.get_model"}
    | {"django.apps.apps.get_registered_model"}
)


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
