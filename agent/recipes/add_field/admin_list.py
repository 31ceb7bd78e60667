"""Find the admin class of a model, and say how the new field gets into its list.

Static; the edit itself is made by `edits`.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator

from agent.recipes import modules
from agent.recipes.add_field.models_index import Model, ModelsIndex
from agent.recipes.add_field.parameters import LISTED_IN, Listing, Place
from agent.recipes.modules import FoundClass, Module


class UnsettledError(ValueError):
    """The code does not say where the field is listed; the message says why."""


def find_admin_list(
    models: tuple[Model, ...], wanted: str | None, field: str, index: ModelsIndex
) -> Listing:
    """Settle where the admin of a model lists fields.

    Args:
        models: The model, or for an abstract one its children.
        wanted: Name of the class, where the ticket names one.

    Raises:
        UnsettledError: None, several, or one that cannot be edited safely.
    """
    found = _drop_duplicates(_find_admins(models, index))
    shown = " or ".join(model.label for model in models) or "the model"
    if wanted:
        named = [one for one in found if one.node.name == wanted.rpartition(".")[2]]
        known = f"; known are {_format_places(found)}" if found else ""
        if not named:
            raise UnsettledError(f"{shown} has no ModelAdmin `{wanted}`{known}")
        found = named
    real = [one for one in found if "test" not in one.module.path.lower()] or found
    if not real:
        raise UnsettledError(f"{shown} has no ModelAdmin class")
    if len(real) > 1:
        raise UnsettledError(f"{shown} has several ModelAdmin classes: {_format_places(real)}")
    return _extend_list(real[0], field)


def _format_places(found: Iterable[FoundClass]) -> str:
    return ", ".join(_make_place(one).format() for one in found)


def _make_place(found: FoundClass) -> Place:
    return Place(path=found.module.path, class_name=found.node.name, line=found.node.lineno)


def _drop_duplicates(found: Iterable[FoundClass]) -> list[FoundClass]:
    seen = {(one.module.path, one.node.lineno): one for one in found}
    return [seen[key] for key in sorted(seen)]


def _find_files_of(
    index: ModelsIndex, models: tuple[Model, ...], *words: bytes
) -> Iterator[Module]:
    names = [model.name.encode() for model in models]
    for path in index.modules.files:
        if "/migrations/" in f"/{path}":
            continue
        content = index.modules.read_text(path)
        if all(word in content for word in words) and any(name in content for name in names):
            if module := index.modules.read_module(path):
                yield module


def _find_admins(models: tuple[Model, ...], index: ModelsIndex) -> Iterator[FoundClass]:
    for module in _find_files_of(index, models, b"register"):
        for statement in modules.iterate_statements(module.node.body):
            if isinstance(statement, ast.ClassDef):
                for decorator in statement.decorator_list:
                    if _get_registered_admin(decorator, module, models, index) is not None:
                        yield FoundClass(module, statement)
            elif isinstance(statement, ast.Expr):
                given = _get_registered_admin(statement.value, module, models, index)
                dotted = modules.read_dotted_name(given) if given is not None else None
                target = index.modules.resolve(module, dotted) if dotted else None
                if isinstance(target, FoundClass):
                    yield target


def _get_registered_admin(
    node: ast.expr, module: Module, models: tuple[Model, ...], index: ModelsIndex
) -> ast.expr | None:
    """The admin class a call registers one of the models with; the call itself without one."""
    if not isinstance(node, ast.Call):
        return None
    called = modules.read_dotted_name(node.func) or ""
    if called.rpartition(".")[2] != "register" or not node.args:
        return None
    first = node.args[0]
    named = list(first.elts) if isinstance(first, ast.List | ast.Tuple) else list(node.args)
    dotted = [name for argument in named if (name := modules.read_dotted_name(argument))]
    if not any(index.find_model(module, name) in models for name in dotted):
        return None
    for word in node.keywords:
        if word.arg == "admin_class":
            return word.value
    if len(node.args) > 1 and modules.read_dotted_name(node.args[1]):
        return node.args[1]
    return node


def _extend_list(found: FoundClass, field: str) -> Listing:
    place = _make_place(found)
    methods = {one.name for one in found.node.body if isinstance(one, ast.FunctionDef)}
    if "get_list_display" in methods:
        raise UnsettledError(f"{place.format()} works its list out in get_list_display()")
    values = modules.find_values(found.node, LISTED_IN)
    value = values[0] if len(values) == 1 else None
    if not values:
        raise UnsettledError(f"{place.format()} has no {LISTED_IN} of its own to extend")
    if not isinstance(value, ast.List | ast.Tuple):
        raise UnsettledError(
            f"{place.format()} works its {LISTED_IN} out; only a literal can be extended safely"
        )
    is_there = any(isinstance(one, ast.Constant) and one.value == field for one in value.elts)
    return Listing(place=place, has_field=is_there)
