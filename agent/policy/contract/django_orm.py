"""What an expression is to Django's ORM: a model, a manager, a queryset, or a call of the database.

Models are known by their lineage, wherever in the repository they stand; querysets by the chain of
methods that leads to them. What cannot be followed is nothing to it, so that whoever asks here
hears only what is certain. When a query is out of place is left to the rules.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass

from agent.policy.modules import Definition
from agent.policy.names import Scope
from agent.policy.view import View

_OUTSIDE = re.compile(
    r"(django\.contrib\.(?:\w+\.)+models\.(?!Anonymous)[A-Z]\w*|django\.contrib\.auth\.get_user_model\.\(\))"
    r"\.(.+)"
)
_MODEL_BASES = frozenset(
    {
        "django.db.models.Model",
        "django.db.models.base.Model",
        "django.contrib.gis.db.models.Model",
        "django.contrib.auth.models.AbstractUser",
        "django.contrib.auth.models.AbstractBaseUser",
        "django.contrib.auth.base_user.AbstractBaseUser",
        "model_utils.models.TimeStampedModel",
        "django_extensions.db.models.TimeStampedModel",
        "mptt.models.MPTTModel",
        "polymorphic.models.PolymorphicModel",
    }
)
_MANAGER_BASES = (
    "django.db.models.Manager",
    "django.db.models.manager.",
    "django.db.models.QuerySet",
)
_MANAGERS = frozenset({"objects", "_default_manager", "_base_manager"})
_LAZY = frozenset(
    {
        "all", "alias", "annotate", "complex_filter", "cursor_paginate", "dates", "datetimes",
        "defer", "difference", "distinct", "exclude", "extra", "filter", "get_queryset",
        "intersection", "none", "only", "order_by", "prefetch_related", "reverse",
        "select_for_update", "select_related", "union", "using", "values", "values_list",
    }
)  # fmt: skip
_ONE = frozenset(
    {"create", "earliest", "first", "get", "last", "latest", "acreate", "aearliest", "afirst",
     "aget", "alast", "alatest"}
)  # fmt: skip
_QUERIES = frozenset(
    {
        "aggregate", "bulk_create", "bulk_update", "contains", "count", "create", "delete",
        "earliest", "exists", "explain", "first", "get", "get_or_create", "in_bulk", "last",
        "latest", "update", "update_or_create",
    }
)  # fmt: skip
_ON_INSTANCES = frozenset({"save", "delete", "refresh_from_db", "full_clean", "validate_unique"})
_HAVE_NO_TWIN = frozenset({"full_clean", "validate_unique"})
_TWINS = frozenset(f"a{name}" for name in (_QUERIES | _ON_INSTANCES) - _HAVE_NO_TWIN)
_ALL = _LAZY | _QUERIES | _TWINS | _ON_INSTANCES


@dataclass(frozen=True)
class Meaning:
    """What an expression is to the ORM."""

    kind: str
    """`queryset`, or `instance` of a row that a method gives; of methods that are not yet called
    `lazy` (gives a queryset), `query` (asks the database) or `async` (a coroutine function)."""
    what: str
    """As people write it: `Order.objects.get`."""
    plain: bool
    """Whether the manager is Django's own as far as is seen, so that methods are what they are."""

    @property
    def twin(self) -> str | None:
        """The async method that does the same, if there is one."""
        name = self.what.rpartition(".")[2]
        return f"a{name}" if f"a{name}" in _TWINS else None


class Orm:
    """Asks about the expressions of one file; each model is looked up once."""

    def __init__(self, view: View) -> None:
        self._view = view
        self._models: dict[tuple[str, str], bool] = {}

    def meanings(self, node: ast.expr | None, scope: Scope) -> Iterator[Meaning]:
        """Yield what an expression is, for each model that it may belong to.

        Models themselves and their rows are not told, only what is taken from them.
        """
        if not any(_may_ask(ref.dotted) for ref in self._view.refs(node, scope)):
            return
        for place, rest in self._view.owners(node, scope):
            if isinstance(place.node, ast.ClassDef) and self._is_model(place):
                own = _own_names(place.node)
                managers = _MANAGERS | self._managers(place) if rest else _MANAGERS
                found = _walk(rest, managers, own)
                if found:
                    what = f"{place.node.name}.{rest}" if rest else place.node.name
                    yield Meaning(found, _written(what), plain="objects" not in own)
        for name in self._view.names(node, scope):
            if match := _OUTSIDE.fullmatch(name):
                found = _walk(match[2], _MANAGERS, frozenset())
                model = "User" if match[1].endswith(")") else match[1].rpartition(".")[2]
                if found:
                    yield Meaning(found, _written(f"{model}.{match[2]}"), plain=True)

    def is_(self, kind: str, node: ast.expr | None, scope: Scope) -> Meaning | None:
        """Return the first meaning of a kind."""
        return next((one for one in self.meanings(node, scope) if one.kind == kind), None)

    def _is_model(self, place: Definition) -> bool:
        key = (place.path, place.node.name)
        if key not in self._models:
            self._models[key] = not _MODEL_BASES.isdisjoint(self._view.lineage_at(place))
        return self._models[key]

    def _managers(self, place: Definition) -> frozenset[str]:
        """Return the managers that a model declares, and its fields with many others."""
        found: set[str] = set()
        for statement in place.node.body:
            if not isinstance(statement, ast.Assign) or not isinstance(statement.value, ast.Call):
                continue
            names = self._view.names_at(place, statement.value.func)
            for inner, _ in self._view.owners_at(place, statement.value.func):
                names |= self._view.lineage_at(inner)
            is_many = any(name.endswith("models.ManyToManyField") for name in names)
            if is_many or any(name.startswith(_MANAGER_BASES) for name in names):
                found.update(one.id for one in statement.targets if isinstance(one, ast.Name))
        return frozenset(found)


def _may_ask(dotted: str) -> bool:
    """Whether a name ends in a method of the ORM; cheap, before any model is read."""
    steps = dotted.rsplit(".", 2)
    last = steps[-2] if steps[-1] == "()" and len(steps) > 1 else steps[-1]
    return last in _ALL


def _own_names(node: ast.ClassDef) -> frozenset[str]:
    """Return what a class defines itself, so that it may be anything."""
    found: set[str] = set()
    for statement in node.body:
        if isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef)):
            found.add(statement.name)
        elif isinstance(statement, ast.Assign):
            found.update(one.id for one in statement.targets if isinstance(one, ast.Name))
        elif isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name):
            found.add(statement.target.id)
    return frozenset(found)


def _walk(rest: str, managers: frozenset[str], own: frozenset[str]) -> str:
    """Follow a chain of attributes and calls from a model; "" where it cannot be followed."""
    kind, last = "model", ""
    for step in rest.split(".") if rest else ():
        if step == "()":
            kind = _result(kind, last)
        elif kind in ("manager", "queryset"):
            kind = _method(step)
        elif kind == "model":
            kind = "manager" if step in managers else ""
        elif kind == "instance":
            kind = _of_instance(step, managers, own)
        else:
            kind = ""
        last = step
    return kind


def _result(kind: str, last: str) -> str:
    if kind == "model":
        return "instance"
    if kind == "lazy":
        return "queryset"
    return "instance" if kind in ("query", "async") and last in _ONE else ""


def _method(name: str) -> str:
    if name in _LAZY:
        return "lazy"
    if name in _QUERIES:
        return "query"
    return "async" if name in _TWINS else ""


def _of_instance(name: str, managers: frozenset[str], own: frozenset[str]) -> str:
    if name in managers - _MANAGERS or name.endswith("_set"):
        return "manager"
    if name in own:
        return ""
    if name in _ON_INSTANCES:
        return "query"
    return "async" if name in _TWINS and name[1:] in _ON_INSTANCES else ""


def _written(name: str) -> str:
    return name.replace(".()", "()")
