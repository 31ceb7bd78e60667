"""Find the admin, form or serializer of a model, and say how the new field gets into its list.

Static; the edit itself is made by `placement`.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from typing import Literal

from agent.recipes import modules
from agent.recipes.add_field.models_index import Model, ModelsIndex
from agent.recipes.add_field.parameters import Listing, Place
from agent.recipes.modules import External, FoundClass, Module

Kind = Literal["admin", "form", "serializer"]

_WORDS = {"admin": "ModelAdmin", "form": "ModelForm", "serializer": "ModelSerializer"}


class UnsettledError(ValueError):
    """The code does not say where the field is listed; the message says why."""


def find_companion(
    kind: Kind, models: tuple[Model, ...], wanted: str | None, field: str, index: ModelsIndex
) -> Listing:
    """Settle where a model's field list is.

    Args:
        models: The model, or for an abstract one its children.
        wanted: Name of the class, where the ticket names one.

    Raises:
        UnsettledError: None, several, or one that cannot be edited safely.
    """
    found = _drop_duplicates(
        _find_admins(models, index) if kind == "admin" else _find_lists(kind, models, index)
    )
    shown = " or ".join(model.label for model in models) or "the model"
    if wanted:
        named = [one for one in found if one.node.name == wanted.rpartition(".")[2]]
        known = f"; known are {_format_places(found)}" if found else ""
        if not named:
            raise UnsettledError(f"{shown} has no {_WORDS[kind]} `{wanted}`{known}")
        found = named
    real = [one for one in found if "test" not in one.module.path.lower()] or found
    if not real:
        raise UnsettledError(f"{shown} has no {_WORDS[kind]} class")
    if len(real) > 1:
        raise UnsettledError(f"{shown} has several {_WORDS[kind]} classes: {_format_places(real)}")
    if kind == "admin":
        return _list_in_admin(real[0], field)
    return _list_in_meta(kind, real[0], field)


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
    for path in index.modules.paths:
        if "/migrations/" in f"/{path}":
            continue
        content = index.modules.read_content(path)
        if all(word in content for word in words) and any(name in content for name in names):
            if module := index.modules.parse(path):
                yield module


# --- admin -----------------------------------------------------------------------------------


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


def _list_bases(found: FoundClass, index: ModelsIndex) -> Iterator[FoundClass | str]:
    for base in found.node.bases:
        if dotted := modules.read_dotted_name(base):
            target = index.modules.resolve(found.module, dotted)
            if isinstance(target, FoundClass):
                yield target
            else:
                yield target.dotted if isinstance(target, External) else dotted


def _list_in_admin(found: FoundClass, field: str) -> Listing:
    place, name = _make_place(found), "list_display"
    if any(isinstance(n, ast.FunctionDef) and n.name == f"get_{name}" for n in found.node.body):
        raise UnsettledError(f"{place.format()} works its list out in get_{name}()")
    return _extend_listing("admin", place, modules.find_values(found.node, name), name, field)


def _make_empty_listing(kind: Kind, place: Place, why: str) -> Listing:
    return Listing(kind=kind, place=place, action="nothing", why=why)


def _list_texts(value: ast.expr) -> set[str]:
    if not isinstance(value, ast.List | ast.Tuple):
        return set()
    return {str(one.value) for one in value.elts if isinstance(one, ast.Constant)}


def _extend_listing(
    kind: Kind, place: Place, values: list[ast.expr], name: str, field: str
) -> Listing:
    value = values[0] if len(values) == 1 else None
    if not values:
        raise UnsettledError(f"{place.format()} has no {name} of its own to extend")
    if not isinstance(value, ast.List | ast.Tuple):
        raise UnsettledError(
            f"{place.format()} works its {name} out; only a literal can be extended safely"
        )
    if field in _list_texts(value):
        return _make_empty_listing(kind, place, f"its {name} has it already")
    return Listing(kind=kind, place=place, action="insert")


# --- forms and serializers -------------------------------------------------------------------


def _find_lists(kind: Kind, models: tuple[Model, ...], index: ModelsIndex) -> Iterator[FoundClass]:
    word = b"Form" if kind == "form" else b"Serializer"
    for module in _find_files_of(index, models, b"Meta", word):
        for node in module.classes.values():
            found = FoundClass(module, node)
            meta = _find_meta(node)
            if meta is None or _find_kind(found, index, set()) != kind:
                continue
            if _find_meta_model(found, meta, index) in models:
                yield found


def _find_meta(node: ast.ClassDef) -> ast.ClassDef | None:
    return next(
        (one for one in node.body if isinstance(one, ast.ClassDef) and one.name == "Meta"), None
    )


def _find_kind(found: FoundClass, index: ModelsIndex, seen: set[int]) -> str | None:
    if id(found.node) in seen:
        return None
    seen.add(id(found.node))
    for base in _list_bases(found, index):
        if isinstance(base, FoundClass):
            if kind := _find_kind(base, index, seen):
                return kind
        elif base.endswith("Serializer"):
            return "serializer"
        elif base.endswith("Form"):
            return "form"
    return None


def _find_meta_model(found: FoundClass, meta: ast.ClassDef, index: ModelsIndex) -> Model | None:
    for value in modules.find_values(meta, "model"):
        dotted = modules.read_dotted_name(value)
        return index.find_model(found.module, dotted) if dotted else None
    return None


def _list_in_meta(kind: Kind, found: FoundClass, field: str) -> Listing:
    place, meta = _make_place(found), _find_meta(found.node)
    values = modules.find_values(meta, "fields") if meta else []
    return _make_full_listing(kind, place, values) or _extend_listing(
        kind, place, values, "fields", field
    )


def _make_full_listing(kind: Kind, place: Place, values: list[ast.expr]) -> Listing | None:
    for value in values:
        named = (modules.read_dotted_name(value) or "").rpartition(".")[2]
        if named == "ALL_FIELDS" or (isinstance(value, ast.Constant) and value.value == "__all__"):
            return _make_empty_listing(kind, place, "it shows all fields")
    return None
