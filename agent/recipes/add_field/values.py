"""Read the types and values that a definition states, as data.

Nothing is evaluated: literals go through `ast.literal_eval`, and of names and calls only a small
table is known. Whether a value fits its field is for Django to say.
"""

from __future__ import annotations

import ast
import datetime as dt
import decimal
import re
import sys
import uuid
from collections.abc import Callable
from dataclasses import dataclass

from agent.recipes.add_field.models_index import Model, ModelsIndex
from agent.recipes.add_field.parameters import Value

NONE = Value(kind="literal", text="None")

TEXTS = frozenset(
    (
        *("CharField", "TextField", "EmailField", "URLField", "SlugField"),
        *("FilePathField", "FileField", "ImageField"),
    )
)
"""Django fills rows of these with an empty text where the field may be blank."""
RELATIONS = frozenset({"ForeignKey", "OneToOneField", "ManyToManyField"})
OF_DJANGO = (
    TEXTS
    | RELATIONS
    | {
        *("IntegerField", "BigIntegerField", "SmallIntegerField", "PositiveIntegerField"),
        *("PositiveBigIntegerField", "PositiveSmallIntegerField", "FloatField", "DecimalField"),
        *("BooleanField", "DateField", "DateTimeField", "TimeField", "DurationField"),
        *("UUIDField", "JSONField", "BinaryField", "GenericIPAddressField"),
    }
)
"""Types of `django.db.models` that a filled table can be given."""
REQUIRED = {
    "CharField": ("max_length",),
    "DecimalField": ("max_digits", "decimal_places"),
    "ForeignKey": ("to", "on_delete"),
    "OneToOneField": ("to", "on_delete"),
    "ManyToManyField": ("to",),
}
"""Options without which Django refuses the type."""
_USER = Value(kind="symbol", module="django.conf", name="settings.AUTH_USER_MODEL")
_USERS = frozenset({"user", "auth.user", "settings.auth_user_model"})

_NOW = Value(kind="symbol", module="django.utils.timezone", name="now")
_TODAY = Value(kind="symbol", module="datetime", name="date.today")
_UUID4 = Value(kind="symbol", module="uuid", name="uuid4")
_SYMBOLS = {
    "timezone.now": _NOW,
    "django.utils.timezone.now": _NOW,
    "date.today": _TODAY,
    "datetime.date.today": _TODAY,
    "timezone.localdate": Value(kind="symbol", module="django.utils.timezone", name="localdate"),
    "uuid4": _UUID4,
    "uuid.uuid4": _UUID4,
    "dict": Value(kind="symbol", name="dict"),
    "list": Value(kind="symbol", name="list"),
    "settings.AUTH_USER_MODEL": Value(
        kind="symbol", module="django.conf", name="settings.AUTH_USER_MODEL"
    ),
}
_CALLS: dict[str, tuple[str, Callable[..., object]]] = {
    "Decimal": ("decimal", decimal.Decimal),
    "date": ("datetime", dt.date),
    "time": ("datetime", dt.time),
    "timedelta": ("datetime", dt.timedelta),
    "UUID": ("uuid", uuid.UUID),
}
_TRANSLATED = frozenset({"_", "gettext_lazy", "gettext"})
#: A class of the model's file, or what it holds: `Status`, `Status.choices`, `Status.NEW`.
_LOCAL = re.compile(r"_?[A-Z]\w*(?:\.\w+)*")
ON_DELETE = ("CASCADE", "PROTECT", "RESTRICT", "SET_NULL", "SET_DEFAULT", "DO_NOTHING")


class UnreadableError(ValueError):
    """The text is not one of the values a ticket may state; the message says why."""


def make_literal(python_value: object) -> Value:
    """Make a literal of a Python value.

    Raises:
        UnreadableError: It cannot be written down so that it is read back as it was.
    """
    try:
        text = repr(python_value)
        same = ast.literal_eval(text) == python_value
    except (ValueError, TypeError, SyntaxError, RecursionError, MemoryError):
        same = False
    if not same:
        raise UnreadableError(
            "is infinite, nested too deeply, or has more than "
            f"{sys.get_int_max_str_digits():,} digits"
        )
    return Value(kind="literal", text=text)


def get_plain_value(value: Value) -> object:
    """Return the Python value of a literal; of anything else its text."""
    return ast.literal_eval(value.text) if value.kind == "literal" else value.format()


def read_expression(source: str) -> Value:
    """Read a value written as Python.

    Raises:
        UnreadableError: It is neither a literal nor one of the known names and calls.
    """
    try:
        node = ast.parse(source.strip(), mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        raise UnreadableError("is not a Python value; text needs quotes") from None
    return read_node(node)


def read_node(node: ast.expr) -> Value:
    """Read a value from the syntax tree.

    Raises:
        UnreadableError: It is neither a literal nor one of the known names and calls.
    """
    if _is_literal(node):
        return make_literal(ast.literal_eval(node))
    try:
        source = ast.unparse(node)
    except (ValueError, RecursionError, MemoryError):
        raise UnreadableError("is too large or nested too deeply") from None
    if source in _SYMBOLS:
        return _SYMBOLS[source]
    if _LOCAL.fullmatch(source):
        return Value(kind="local", text=source)
    if isinstance(node, ast.Call):
        return _read_call(node, source)
    raise UnreadableError("is neither a literal nor a known name; text needs quotes")


def read_on_delete(node: ast.expr) -> Value:
    """Read what becomes of a row whose target is deleted, as in `models.CASCADE`.

    Raises:
        UnreadableError: Django has no such rule.
    """
    bare = ast.unparse(node).strip("'\"").rpartition(".")[2]
    if bare not in ON_DELETE:
        raise UnreadableError(f"is none of {', '.join(ON_DELETE)}")
    return Value(kind="symbol", module="django.db.models", name=bare)


def _read_call(node: ast.Call, source: str) -> Value:
    called = ast.unparse(node.func)
    if called in _SYMBOLS:
        raise UnreadableError(
            "would be worked out once, when the code is loaded; leave the parentheses out"
        )
    literals = all(_is_literal(arg) for arg in node.args) and all(
        word.arg and _is_literal(word.value) for word in node.keywords
    )
    bare = called.rpartition(".")[2]
    arguments = source[len(called) + 1 : -1]
    if literals and bare in _CALLS:
        return _make_known(node, bare, arguments)
    if literals and called in _TRANSLATED and len(node.args) == 1 and not node.keywords:
        return Value(
            kind="call", module="django.utils.translation", name="gettext_lazy", text=arguments
        )
    raise UnreadableError(f"is a call; known are {', '.join((*_CALLS, '_'))} with literals")


def _make_known(node: ast.Call, bare: str, arguments: str) -> Value:
    """Read one of the known calls, after making the value: its arguments may be wrong."""
    module, make = _CALLS[bare]
    try:
        made = make(
            *(ast.literal_eval(one) for one in node.args),
            **{word.arg or "": ast.literal_eval(word.value) for word in node.keywords},
        )
    except (ValueError, TypeError, ArithmeticError, AttributeError) as problem:
        raise UnreadableError(f"cannot be made: {type(problem).__name__}") from None
    if isinstance(made, dt.date):
        arguments = f"{made.year}, {made.month}, {made.day}"
    return Value(kind="call", module=module, name=bare, text=arguments)


def _is_literal(node: ast.expr) -> bool:
    try:
        ast.literal_eval(node)
    except (ValueError, TypeError, SyntaxError, RecursionError, MemoryError):
        return False
    return True


# --- the target of a relation -----------------------------------------------------------------


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
        return Target(make_literal("self"), model.label)
    label, _, name = text.rpartition(".")
    app = (label or model.app.label).removesuffix(".models")
    found = [one for one in index.models if one.name == name and not one.test_only]
    found = [one for one in found if one.app.label == app] or (found if not label else [])
    if len(found) > 1:
        raise UnreadableError(f"may be {', '.join(sorted(one.label for one in found))}")
    if found:
        is_name = isinstance(node, ast.Name)
        return Target(_write_target(found[0], model, index, is_name=is_name), found[0].label)
    if text.lower() in _USERS:
        return Target(_USER, "")
    if not label:
        raise UnreadableError("is no model of this repository; state it as in `app.Model`")
    return Target(make_literal(text), "")


def _write_target(target: Model, model: Model, index: ModelsIndex, *, is_name: bool) -> Value:
    """Write the target as it was stated, if the file of the model has that name by then."""
    above = target.path == model.path and target.line < model.line
    bound = target.path != model.path and target.name in model.module.scope.names
    imported = bound and index.find_model(model.module, target.name) is target
    if is_name and (above or imported):
        return Value(kind="local", text=target.name)
    if target.app.label == model.app.label and not model.abstract:
        return make_literal(target.name)
    return make_literal(target.label)
