"""Find the one admin class of a model, whose list the new field joins; static."""

import ast
from collections.abc import Iterator

from agent.recipes.add_field.definition import UnfitError
from agent.recipes.add_field.models_index import Model, ModelsIndex, read_dotted_name
from agent.recipes.add_field.parameters import LISTED_IN, ModelPlace


def find_admin(model: Model, field: str, index: ModelsIndex) -> ModelPlace:
    """Find the one admin class with a literal list for the field; UnfitError: there is none."""
    found = dict(_find_admins(model, index))
    if len(found) != 1:
        places = ", ".join(place.format() for place in found) or "none in its app"
        raise UnfitError(
            f"{model.label} has {places}, but `show in admin list` needs exactly one ModelAdmin"
            " class: add one, or remove the option"
        )
    ((place, node),) = found.items()
    value = find_list(node)
    if value is None:
        raise UnfitError(f"{place.format()} has no literal {LISTED_IN} to extend")
    if any(isinstance(item, ast.Constant) and item.value == field for item in value.elts):
        raise UnfitError(f"{place.format()} already lists {field}")
    return place


def find_list(node: ast.ClassDef) -> ast.List | ast.Tuple | None:
    for line in node.body:
        match line:
            case ast.Assign(targets=[ast.Name(id=name)], value=ast.List() | ast.Tuple() as value):
                if name == LISTED_IN:
                    return value
    return None


def _find_admins(model: Model, index: ModelsIndex) -> Iterator[tuple[ModelPlace, ast.ClassDef]]:
    """Find classes that are registered by a decorator, or by a call in their file."""
    folder = f"{model.app_folder}/".lstrip("/")
    for path in index.paths:
        text = index.modules.read_text(path) if path.startswith(folder) else b""
        scope = index.modules.get_scope(path) if b"register" in text else None
        if scope is None:
            continue
        calls = [(call, node) for node in scope.defined.values() for call in node.decorator_list]
        for line in ast.walk(index.modules.parse(text)):
            match line:
                case ast.Expr(value=ast.Call(args=[_, ast.Name(id=name)])) if name in scope.defined:
                    calls.append((line.value, scope.defined[name]))
        for call, node in calls:
            if isinstance(node, ast.ClassDef) and _is_registration(call, model, path, index):
                yield ModelPlace(path=path, class_name=node.name, line=node.lineno), node


def _is_registration(node: ast.expr, model: Model, path: str, index: ModelsIndex) -> bool:
    """Whether a call registers an admin class for the model."""
    called = read_dotted_name(node.func) if isinstance(node, ast.Call) else None
    if not isinstance(node, ast.Call) or not called or called.rpartition(".")[2] != "register":
        return False
    given = [item for argument in node.args for item in getattr(argument, "elts", [argument])]
    names = filter(None, map(read_dotted_name, given))
    return any(index.find_model(path, name) is model for name in names)
