"""Which model a relation points to, and how the file of the model writes it."""

from __future__ import annotations

from dataclasses import dataclass

from agent.recipes import modules
from agent.recipes.add_field import field_types, values
from agent.recipes.add_field.model_classes import Model
from agent.recipes.add_field.models_index import ModelsIndex
from agent.recipes.add_field.parameters import Value

_USER = Value(kind="symbol", module="django.conf", name="settings.AUTH_USER_MODEL")
_FOREIGN_TARGETS = {
    "auth.group": "auth.Group",
    "auth.permission": "auth.Permission",
    "contenttypes.contenttype": "contenttypes.ContentType",
    "sites.site": "sites.Site",
}
_USER_NAMES = frozenset({"user", "auth.user", "settings.auth_user_model", "auth_user_model"})
_SAME = frozenset({"self", "the same model", "itself"})


class UnknownError(ValueError):
    """The target is not certain; the message is the question to ask."""


@dataclass(frozen=True)
class Target:
    """The model at the other end."""

    written: Value
    model: Model | None
    """None for a model outside the tree."""
    label: str
    """"" where the settings decide which model it is."""


def find(text: str, model: Model | None, index: ModelsIndex) -> Target:
    """Settle the target of a relation on a model.

    Raises:
        UnknownError: There is none of that name, or several.
    """
    if text in _SAME:
        return Target(values.literal("self"), model, model.label if model else "")
    found = [one for one in index.models if _is_named(one, text)]
    found = [one for one in found if not one.test_only] or found
    if len(found) > 1:
        listed = ", ".join(sorted(one.where for one in found))
        raise UnknownError(f"`{text}` may be {listed}. To which model does it point?")
    if found and found[0].abstract:
        raise UnknownError(
            f"{found[0].where} is abstract and has no rows to point to. Which model?"
        )
    if found:
        return Target(_written(found[0], model, index), found[0], found[0].label)
    lower = text.lower().removeprefix("models.")
    if lower in _USER_NAMES:
        return Target(_USER, None, "")
    if lower in _FOREIGN_TARGETS:
        label = _FOREIGN_TARGETS[lower]
        return Target(values.literal(label), None, label)
    real = tuple(one.name for one in index.models if not one.test_only)
    near = field_types.nearest(text.rpartition(".")[2], real)
    hint = f" Nearest: {', '.join(near)}." if near else ""
    raise UnknownError(f"There is no model `{text}` to point to in this repository.{hint}")


def _written(target: Model, model: Model | None, index: ModelsIndex) -> Value:
    """The target as the file of the model writes its relations."""
    if model is None or model is target:
        return values.literal("self" if model is target else target.label)
    relations = [
        one.call.args[0]
        for other in index.models
        if other.path == model.path
        for one in other.fields.values()
        if one.call.args and one.type_name in ("ForeignKey", "OneToOneField", "ManyToManyField")
    ]
    by_name = sum(modules.name_of(one) is not None for one in relations)
    above = target.path == model.path and target.line < model.line
    bound = target.name in model.module.bindings
    imported = bound and index.model_of(model.module, target.name) is target
    if by_name * 2 > len(relations) and (above or imported):
        return Value(kind="local", text=target.name)
    if target.app.label == model.app.label and not model.abstract:
        return values.literal(target.name)
    return values.literal(target.label)


def _is_named(model: Model, text: str) -> bool:
    before, _, bare = text.rpartition(".")
    label = before.rpartition(".")[2] if before.endswith(".models") else before
    same = not before or label.lower() in (
        model.app.label.lower(),
        model.module.dotted.lower(),
        model.app.dotted.lower(),
    )
    return same and bare.lower() == model.name.lower()
