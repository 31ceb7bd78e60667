"""Read Python code in a ticket, which may only contain literals, names and calls of names.

Django checks the options when it makes the migration.
"""

import ast
import builtins

from agent.recipes.add_field.find_models import Model
from agent.recipes.add_field.parameters import Expression
from agent.text import sanitise

#: Imports that are added to a model's file if it lacks them, by the name that the code uses.
_IMPORTS = {
    "models": "from django.db import models",
    "timezone": "from django.utils import timezone",
    "settings": "from django.conf import settings",
    "Decimal": "from decimal import Decimal",
    "datetime": "import datetime",
    "uuid": "import uuid",
}
_PLAIN = (
    *(ast.Constant, ast.Name, ast.List, ast.Tuple, ast.Set, ast.UnaryOp, ast.USub),
    *(ast.keyword, ast.expr_context),
)
#: Options that may give existing rows a value.
_GIVING = frozenset({"default", "db_default", "auto_now", "null", "blank"})
_DEEPEST, MOST_PARTS = 60, 1_000


class UnfitError(ValueError):
    """The ticket's code cannot be used; the message says why."""


def write_definition(call: ast.Call, model: Model) -> Expression:
    """Write the definition of a field for the file of its model.

    UnfitError: it has more than literals, known names and calls.
    """
    require_bounded(call)
    names, imports = model.names, list[str]()
    if isinstance(call.func, ast.Name) and call.func.id not in names:
        func = ast.Attribute(ast.Name("models"), call.func.id)
        call = ast.Call(func, call.args, call.keywords)
    for part in ast.walk(call):
        _require_plain(part)
        if not isinstance(part, ast.Name) or part.id in names:
            continue
        if part.id in _IMPORTS:
            imports.append(_IMPORTS[part.id])
        elif part.id not in ("dict", "list") and (hasattr(builtins, part.id) or "*" not in names):
            raise UnfitError(f"`{part.id}` is not known in {model.path}; text needs quotes")
    return Expression(code=ast.unparse(call), imports=tuple(dict.fromkeys(imports)))


def asks_existing(call: ast.Call, model: Model) -> bool:
    """Whether the options show that Django will ask for a value for existing rows."""
    first = ast.unparse(call.func).partition(".")[0]
    return (
        model.names.get(first, "django.").startswith("django.")
        and "ManyToMany" not in ast.dump(call.func)
        and not any(
            word.arg in _GIVING and getattr(word.value, "value", True) is not False
            for word in call.keywords
        )
    )


def require_bounded(node: ast.AST) -> None:
    """Raise RecursionError if the code is nested so deeply, or so long, that LibCST could crash."""
    level = [node]
    for _ in range(_DEEPEST):
        families = [(parent, [*ast.iter_child_nodes(parent)]) for parent in level]
        if any(
            isinstance(parent, ast.expr) and len(parts) > MOST_PARTS for parent, parts in families
        ):
            raise RecursionError
        level = [part for _, parts in families for part in parts]
    if level:
        raise RecursionError


def _require_plain(node: ast.AST) -> None:
    match node:
        case ast.Call(keywords=words) if len({word.arg for word in words} - {None}) < len(words):
            raise UnfitError("an option is given twice, or through `**`")
        case ast.Call(func=ast.expr() as named) | (ast.Attribute() as named):
            is_plain = read_dotted_name(named) is not None
        case ast.Dict(keys=keys):
            is_plain = None not in keys
        case _:
            is_plain = isinstance(node, _PLAIN)
    if not is_plain:
        raise UnfitError(f"`{format_code(node, 80)}` is not a literal, a name or a call")


def read_dotted_name(node: ast.expr) -> str | None:
    """Return a dotted name such as `models.CharField`; None: it is another expression."""
    inner = node
    while isinstance(inner, ast.Attribute):
        inner = inner.value
    return ast.unparse(node) if isinstance(inner, ast.Name) else None


def format_code(node: ast.AST, most: int = 2_000) -> str:
    try:
        return sanitise.shorten(ast.unparse(node), most)
    except (ValueError, RecursionError, MemoryError):
        return "…"
