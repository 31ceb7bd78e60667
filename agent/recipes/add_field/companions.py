"""Find the admin, form or serializer of a model, and say how the new field gets into its list.

Static; the edit itself is made by `placement`.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from typing import Literal

from agent.recipes import modules
from agent.recipes.add_field.model_classes import Model
from agent.recipes.add_field.models_index import ModelsIndex
from agent.recipes.add_field.parameters import Listing, Place
from agent.recipes.modules import External, FoundClass, Module

Kind = Literal["admin", "filter", "form", "serializer"]

_WORDS = {
    "admin": "ModelAdmin",
    "filter": "ModelAdmin",
    "form": "ModelForm",
    "serializer": "ModelSerializer",
}
_OF_ADMINS = {"admin": "list_display", "filter": "list_filter"}
_PLAIN_ADMINS = frozenset({"ModelAdmin", "GISModelAdmin", "OSMGeoAdmin", "GeoModelAdmin"})


class UnsettledError(ValueError):
    """It cannot be said from the code; the message is the question to ask."""


def find(
    kind: Kind, models: tuple[Model, ...], wanted: str | None, field: str, index: ModelsIndex
) -> Listing:
    """Settle where a model's field list is.

    Args:
        models: The model, or for an abstract one its children.
        wanted: Name of the class, where the ticket names one.

    Raises:
        UnsettledError: None, several, or one that cannot be edited safely.
    """
    found = _unique(_admins(models, index) if kind in _OF_ADMINS else _lists(kind, models, index))
    shown = " or ".join(model.label for model in models) or "the model"
    if wanted:
        named = [one for one in found if one.node.name == wanted.rpartition(".")[2]]
        if not named:
            known = f" Known are {_places(found)}." if found else ""
            raise UnsettledError(
                f"There is no {_WORDS[kind]} `{wanted}` for {shown}.{known} Which one is meant?"
            )
        found = named
    real = [one for one in found if not _in_tests(one)] or found
    if not real:
        without = _registered_alone(models, index) if kind in _OF_ADMINS else None
        if without:
            raise UnsettledError(
                f"{shown} is registered without a ModelAdmin class ({without}), so there is no "
                f"{_OF_ADMINS[kind]} to add `{field}` to. Give it a ModelAdmin class first, or "
                "leave the admin list out."
            )
        raise UnsettledError(
            f"No {_WORDS[kind]} for {shown} was found. Which class is to list `{field}`? "
            "If there is none yet, it is a ticket of its own."
        )
    if len(real) > 1:
        raise UnsettledError(
            f"{shown} has several {_WORDS[kind]} classes: {_places(real)}. "
            f"Which one is to list `{field}`?"
        )
    return (
        _admin_listing(kind, real[0], field, index)
        if kind in _OF_ADMINS
        else _fields_listing(kind, real[0], field, index)
    )


def _places(found: Iterable[FoundClass]) -> str:
    return ", ".join(_place(one).shown() for one in found)


def _place(found: FoundClass) -> Place:
    return Place(path=found.module.path, class_name=found.node.name, line=found.node.lineno)


def _in_tests(found: FoundClass) -> bool:
    return "test" in found.module.path.lower()


def _unique(found: Iterable[FoundClass]) -> list[FoundClass]:
    seen: dict[tuple[str, int], FoundClass] = {}
    for one in found:
        seen.setdefault((one.module.path, one.node.lineno), one)
    return [seen[key] for key in sorted(seen)]


def _files(index: ModelsIndex, models: tuple[Model, ...], *words: bytes) -> Iterator[Module]:
    names = [model.name.encode() for model in models]
    for path in index.modules.paths:
        if "/migrations/" in f"/{path}":
            continue
        content = index.modules.content(path)
        if all(word in content for word in words) and any(name in content for name in names):
            if module := index.modules.parse(path):
                yield module


# --- admin -----------------------------------------------------------------------------------


def _admins(models: tuple[Model, ...], index: ModelsIndex) -> Iterator[FoundClass]:
    for module in _files(index, models, b"register"):
        for statement in modules.flat(module.node.body):
            if isinstance(statement, ast.ClassDef):
                for decorator in statement.decorator_list:
                    if _registers(decorator, module, models, index) is not None:
                        yield FoundClass(module, statement)
            elif isinstance(statement, ast.Expr):
                given = _registers(statement.value, module, models, index)
                dotted = modules.name_of(given) if given is not None else None
                target = index.modules.resolve(module, dotted) if dotted else None
                if isinstance(target, FoundClass):
                    yield target


def _registered_alone(models: tuple[Model, ...], index: ModelsIndex) -> str | None:
    for module in _files(index, models, b"register"):
        for statement in modules.flat(module.node.body):
            if isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Call):
                if _registers(statement.value, module, models, index) is statement.value:
                    return f"{module.path}:{statement.lineno}"
    return None


def _registers(
    node: ast.expr, module: Module, models: tuple[Model, ...], index: ModelsIndex
) -> ast.expr | None:
    """The admin class a call registers one of the models with; the call itself without one."""
    if not isinstance(node, ast.Call):
        return None
    called = modules.name_of(node.func) or ""
    if called.rpartition(".")[2] != "register" or not node.args:
        return None
    first = node.args[0]
    named = list(first.elts) if isinstance(first, ast.List | ast.Tuple) else list(node.args)
    for argument in named:
        dotted = modules.name_of(argument)
        if dotted and index.model_of(module, dotted) in models:
            break
    else:
        return None
    for word in node.keywords:
        if word.arg == "admin_class":
            return word.value
    if len(node.args) > 1 and modules.name_of(node.args[1]):
        return node.args[1]
    return node


def _bases(found: FoundClass, index: ModelsIndex) -> Iterator[tuple[str, FoundClass | str]]:
    for base in found.node.bases:
        dotted = modules.name_of(base)
        if dotted is None:
            continue
        target = index.modules.resolve(found.module, dotted)
        if isinstance(target, FoundClass):
            yield dotted, target
        else:
            yield dotted, target.dotted if isinstance(target, External) else dotted


def _values(node: ast.ClassDef, name: str) -> list[ast.expr]:
    found: list[ast.expr] = []
    for statement in node.body:
        if isinstance(statement, ast.Assign):
            for target in statement.targets:
                if isinstance(target, ast.Name) and target.id == name:
                    found.append(statement.value)
        elif isinstance(statement, ast.AnnAssign) and statement.value is not None:
            if isinstance(statement.target, ast.Name) and statement.target.id == name:
                found.append(statement.value)
    return found


def _defines(node: ast.ClassDef, method: str) -> bool:
    return any(
        isinstance(one, ast.FunctionDef | ast.AsyncFunctionDef) and one.name == method
        for one in node.body
    )


def _line_of(found: FoundClass, index: ModelsIndex, name: str) -> list[FoundClass]:
    """The class and its bases of the tree, nearest first."""
    line = [found]
    for _, base in _bases(found, index):
        if isinstance(base, FoundClass) and all(base.node is not one.node for one in line):
            line += _line_of(base, index, name)
    return line


def _admin_listing(kind: Kind, found: FoundClass, field: str, index: ModelsIndex) -> Listing:
    place, name = _place(found), _OF_ADMINS[kind]
    for one in _line_of(found, index, name):
        if _defines(one.node, f"get_{name}"):
            raise UnsettledError(
                f"{place.shown()} works its list out in get_{name}() "
                f"({one.module.path}:{one.node.lineno}). How is `{field}` to get into the list?"
            )
    own = _values(found.node, name)
    if own:
        return _literal_listing(kind, place, own, name, field)
    plain = True
    for source, base in _bases(found, index):
        if isinstance(base, FoundClass):
            for one in _line_of(base, index, name):
                if above := _values(one.node, name):
                    if any(field in _strings(value) for value in above):
                        return _nothing(kind, place, f"{one.node.name} lists it already")
                    return Listing(
                        kind=kind,
                        place=place,
                        action="inherit",
                        parent=f"{source}.{name}",
                    )
            plain = plain and _ends_in_model_admin(base, index)
        elif base.rpartition(".")[2] not in _PLAIN_ADMINS and not base.endswith("Mixin"):
            if not base.endswith("Admin"):
                plain = False
                continue
            return Listing(kind=kind, place=place, action="inherit", parent=f"{source}.{name}")
    if not plain:
        raise UnsettledError(
            f"{place.shown()} has no {name} of its own, and its bases are not known here. "
            f"Which list is `{field}` to join?"
        )
    return Listing(kind=kind, place=place, action="create")


def _ends_in_model_admin(found: FoundClass, index: ModelsIndex) -> bool:
    return all(
        _ends_in_model_admin(base, index)
        if isinstance(base, FoundClass)
        else base.rpartition(".")[2] in _PLAIN_ADMINS or base.endswith("Mixin")
        for _, base in _bases(found, index)
    )


def _nothing(kind: Kind, place: Place, why: str) -> Listing:
    return Listing(kind=kind, place=place, action="nothing", why=why)


def _strings(value: ast.expr) -> set[str]:
    if not isinstance(value, ast.List | ast.Tuple):
        return set()
    return {
        one.value
        for one in value.elts
        if isinstance(one, ast.Constant) and isinstance(one.value, str)
    }


def _literal_listing(
    kind: Kind, place: Place, values: list[ast.expr], name: str, field: str
) -> Listing:
    if len(values) > 1:
        raise UnsettledError(
            f"{place.shown()} sets {name} {len(values)} times. Which one is to get `{field}`?"
        )
    value = values[0]
    if not isinstance(value, ast.List | ast.Tuple):
        raise UnsettledError(
            f"{place.shown()} works its {name} out (`{_cut(ast.unparse(value))}`); only a literal "
            f"tuple or list can be extended safely. How is `{field}` to get into it?"
        )
    if field in _strings(value):
        return _nothing(kind, place, f"its {name} has it already")
    return Listing(kind=kind, place=place, action="insert")


def _cut(text: str) -> str:
    return text if len(text) <= 60 else text[:57] + "..."


# --- forms and serializers -------------------------------------------------------------------


def _lists(kind: Kind, models: tuple[Model, ...], index: ModelsIndex) -> Iterator[FoundClass]:
    word = b"Form" if kind == "form" else b"Serializer"
    for module in _files(index, models, b"Meta", word):
        for node in module.classes.values():
            found = FoundClass(module, node)
            meta = _meta_of(node)
            if meta is None or _kind_of(found, index, set()) != kind:
                continue
            if _model_of_meta(found, meta, index) in models:
                yield found


def _meta_of(node: ast.ClassDef) -> ast.ClassDef | None:
    return next(
        (one for one in node.body if isinstance(one, ast.ClassDef) and one.name == "Meta"), None
    )


def _kind_of(found: FoundClass, index: ModelsIndex, seen: set[int]) -> str | None:
    if id(found.node) in seen:
        return None
    seen.add(id(found.node))
    for _, base in _bases(found, index):
        if isinstance(base, FoundClass):
            if kind := _kind_of(base, index, seen):
                return kind
        elif base.endswith("Serializer"):
            return "serializer"
        elif base.endswith("Form"):
            return "form"
    return None


def _model_of_meta(found: FoundClass, meta: ast.ClassDef, index: ModelsIndex) -> Model | None:
    for value in _values(meta, "model"):
        dotted = modules.name_of(value)
        return index.model_of(found.module, dotted) if dotted else None
    for above, inner in _metas_above(found, meta, index):
        return _model_of_meta(above, inner, index)
    return None


def _metas_above(
    found: FoundClass, meta: ast.ClassDef, index: ModelsIndex
) -> Iterator[tuple[FoundClass, ast.ClassDef]]:
    for base in meta.bases:
        dotted = modules.name_of(base) or ""
        if dotted.endswith(".Meta"):
            target = index.modules.resolve(found.module, dotted.removesuffix(".Meta"))
            if isinstance(target, FoundClass) and target.node is not found.node:
                if inner := _meta_of(target.node):
                    yield target, inner


def _fields_listing(kind: Kind, found: FoundClass, field: str, index: ModelsIndex) -> Listing:
    place = _place(found)
    meta = _meta_of(found.node)
    if meta is None:
        raise UnsettledError(f"{place.shown()} has no Meta. Where is `{field}` to be listed?")
    own = _values(meta, "fields")
    if own:
        return _everything(kind, place, own) or _literal_listing(kind, place, own, "fields", field)
    if excluded := _values(meta, "exclude"):
        if any(field in _strings(value) for value in excluded):
            raise UnsettledError(f"{place.shown()} excludes `{field}`. Is it to be shown or not?")
        if all(isinstance(value, ast.List | ast.Tuple) for value in excluded):
            return _nothing(kind, place, "it shows all fields but those it excludes")
    for above, inner in _metas_above(found, meta, index):
        values = _values(inner, "fields")
        if not values:
            continue
        if everything := _everything(kind, place, values):
            return everything
        if any(field in _strings(value) for value in values):
            return _nothing(kind, place, f"{above.node.name} lists it already")
        source = ast.unparse(meta.bases[0])
        return Listing(kind=kind, place=place, action="inherit", parent=f"{source}.fields")
    raise UnsettledError(
        f"{place.shown()} has neither `fields` nor `exclude` that can be read. "
        f"Where is `{field}` to be listed?"
    )


def _everything(kind: Kind, place: Place, values: list[ast.expr]) -> Listing | None:
    for value in values:
        named = (modules.name_of(value) or "").rpartition(".")[2]
        if named == "ALL_FIELDS" or (isinstance(value, ast.Constant) and value.value == "__all__"):
            return _nothing(kind, place, "it shows all fields")
    return None
