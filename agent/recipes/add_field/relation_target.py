"""Which model a relation points to, and how the file of the model writes it."""

from __future__ import annotations

import ast
from dataclasses import dataclass

from agent.recipes.add_field import values
from agent.recipes.add_field.model_classes import Model
from agent.recipes.add_field.models_index import ModelsIndex
from agent.recipes.add_field.parameters import Value

_USER = Value(kind="symbol", module="django.conf", name="settings.AUTH_USER_MODEL")
_USERS = frozenset({"user", "auth.user", "settings.auth_user_model"})


@dataclass(frozen=True)
class Target:
    """The model at the other end."""

    written: Value
    label: str
    """As in `shop.Shop`; "" where the settings or an installed package decide which it is."""


def find_target(node: ast.expr, model: Model, index: ModelsIndex) -> Target:
    """Settle the target of a relation on a model.

    Raises:
        UnreadableError: There is none of that name, or several.
    """
    text = ast.unparse(node).strip("'\"")
    if text in ("self", model.name):
        return Target(values.make_literal("self"), model.label)
    label, _, name = text.rpartition(".")
    app = (label or model.app.label).removesuffix(".models")
    found = [one for one in index.models if one.name == name and not one.test_only]
    found = [one for one in found if one.app.label == app] or (found if not label else [])
    if len(found) > 1:
        raise values.UnreadableError(f"may be {', '.join(sorted(one.label for one in found))}")
    if found:
        is_name = isinstance(node, ast.Name)
        return Target(_write_target(found[0], model, index, is_name=is_name), found[0].label)
    if text.lower() in _USERS:
        return Target(_USER, "")
    if not label:
        raise values.UnreadableError("is no model of this repository; state it as in `app.Model`")
    return Target(values.make_literal(text), "")


def _write_target(target: Model, model: Model, index: ModelsIndex, *, is_name: bool) -> Value:
    """Write the target as it was stated, if the file of the model has that name by then."""
    above = target.path == model.path and target.line < model.line
    bound = target.name in model.module.bindings
    imported = bound and index.model_of(model.module, target.name) is target
    if is_name and (above or imported):
        return Value(kind="local", text=target.name)
    if target.app.label == model.app.label and not model.abstract:
        return values.make_literal(target.name)
    return values.make_literal(target.label)
