"""The Python that a ticket states, kept as it is, after a walk that says what it may contain.

Whether options are there and fit together is for Django to say, when it makes the migration.
"""

import ast
import builtins
import copy
from collections.abc import Iterator

from agent.recipes.add_field.models_index import Model, ModelsIndex, read_dotted_name
from agent.recipes.add_field.parameters import Expression
from agent.text import sanitise
from repo_config import foreign_python

#: Imports that are added where the file lacks them.
_IMPORTS = {
    "models": "from django.db import models",
    "timezone": "from django.utils import timezone",
    "settings": "from django.conf import settings",
    "Decimal": "from decimal import Decimal",
    "datetime": "import datetime",
    "uuid": "import uuid",
}
_CALLABLES = frozenset({"dict", "list"})
#: Options by which rows may get a value; whether they do is for Django to say.
_GIVING = frozenset({"default", "db_default", "auto_now", "null", "blank"})


class UnfitError(ValueError):
    """The code is not what a ticket may state; the message says why."""


def read_value(source: str) -> ast.expr:
    """Read a value written as Python; UnfitError: it is none."""
    try:
        body = foreign_python.parse_module(f"({source.strip()}\n)").body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        body = []
    if len(body) != 1 or not isinstance(body[0], ast.Expr):
        raise UnfitError(
            f"`{sanitise.shorten(source, 80)}` is not a Python value; text needs quotes"
        )
    return body[0].value


def write_value(node: ast.expr, model: Model) -> Expression:
    """Write a value for the file of a model.

    Raises:
        UnfitError: It contains more than literals, names and calls, or a name that nobody knows.
    """
    node = copy.deepcopy(node)
    imports: list[str] = []
    for name in _walk_names(node):
        if name.id in model.names or name.id in model.scope.names:
            continue
        if line := _IMPORTS.get(name.id):
            origin = line.removeprefix("from ").replace(" import ", ".").removeprefix("import ")
            known = [bound for bound, meant in model.scope.names.items() if origin in meant]
            name.id = known[0] if known else name.id
            imports += [] if known else [line]
        elif name.id not in _CALLABLES and (hasattr(builtins, name.id) or not model.scope.stars):
            raise UnfitError(f"`{name.id}` is not known in {model.path}; text needs quotes")
    return Expression(code=ast.unparse(node), imports=tuple(dict.fromkeys(imports)))


def write_definition(call: ast.Call, model: Model, index: ModelsIndex) -> Expression:
    """Write the definition of a field for the file of its model; UnfitError as `write_value`."""
    call = copy.deepcopy(call)
    if isinstance(call.func, ast.Name) and not _is_bound_above(call.func.id, model):
        call.func = ast.Attribute(ast.Name("models"), call.func.id)
    stated = [word.value for word in call.keywords if word.arg == "to"]
    for target in (*stated, *call.args[:1]):
        if isinstance(target, ast.Name) and not _is_bound_above(target.id, model):
            # A text is looked up when all models are there.
            labels = {other.label for other in index.models if other.name == target.id}
            known = "self" if target.id == model.name else labels.pop() if len(labels) == 1 else ""
            target.id = repr(known) if known else target.id
    return write_value(foreign_python.parse_expression(ast.unparse(call)), model)


def _is_bound_above(name: str, model: Model) -> bool:
    node = model.scope.defined.get(name)
    return name in model.scope.names and (node is None or node.lineno < model.line)


def asks_existing(call: ast.Call, model: Model) -> bool:
    """Whether Django will ask what rows get that are there already, as far as options show."""
    first, _, _ = (read_dotted_name(call.func) or "").partition(".")
    origins = model.scope.find_name(first) or ["django."]
    return (
        any(origin.startswith("django.") for origin in origins)
        and "ManyToMany" not in ast.dump(call.func)
        and not any(
            word.arg in _GIVING and getattr(word.value, "value", True) is not False
            for word in call.keywords
        )
    )


def _walk_names(node: ast.expr) -> Iterator[ast.Name]:
    """Yield the names that an expression of literals, names and calls hangs on; else UnfitError."""
    inner: list[ast.expr] = []
    match node:
        case ast.Constant() | ast.UnaryOp(ast.USub(), ast.Constant(value=int() | float())):
            pass
        case ast.Name():
            yield node
        case ast.Attribute() if read_dotted_name(node):
            yield from (part for part in ast.walk(node) if isinstance(part, ast.Name))
        case ast.Call(func=func, args=args, keywords=words) if read_dotted_name(func):
            names = [word.arg for word in words]
            if len({*names} - {None}) < len(names):
                raise UnfitError("an option is given twice, or through `**`")
            inner = [func, *args, *(word.value for word in words)]
        case ast.List(elts=elements) | ast.Tuple(elts=elements) | ast.Set(elts=elements):
            inner = elements
        case ast.Dict(keys=keys, values=values) if None not in keys:
            inner = [*filter(None, keys), *values]
        case _:
            raise UnfitError(f"`{format_code(node, 80)}` is not a literal, a name or a call")
    for part in inner:
        yield from _walk_names(part)


def format_code(node: ast.expr, most: int = 2_000) -> str:
    try:
        return sanitise.shorten(ast.unparse(node), most)
    except (ValueError, RecursionError, MemoryError):
        return "…"
