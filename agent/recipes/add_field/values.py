"""Read the values a ticket states, as data.

Nothing is evaluated: literals go through `ast.literal_eval`, and of names and calls only a small
table is known. Whether a value fits its field is left to `fitting`, writing it into a file to
`rendering`.
"""

from __future__ import annotations

import ast
import datetime as dt
import decimal
import re
import sys
import uuid
from collections.abc import Callable

from agent.recipes.add_field.field_types import FieldType
from agent.recipes.add_field.parameters import Value

NONE = Value(kind="literal", text="None")
TRUE = Value(kind="literal", text="True")
FALSE = Value(kind="literal", text="False")

_NOW = Value(kind="symbol", module="django.utils.timezone", name="now")
_TODAY = Value(kind="symbol", module="datetime", name="date.today")
_SYMBOLS = {
    "timezone.now": _NOW,
    "django.utils.timezone.now": _NOW,
    "now": _NOW,
    "date.today": _TODAY,
    "datetime.date.today": _TODAY,
    "today": _TODAY,
    "timezone.localdate": Value(kind="symbol", module="django.utils.timezone", name="localdate"),
    "uuid4": Value(kind="symbol", module="uuid", name="uuid4"),
    "uuid.uuid4": Value(kind="symbol", module="uuid", name="uuid4"),
    "dict": Value(kind="symbol", name="dict"),
    "list": Value(kind="symbol", name="list"),
}
_CALLS = {
    "Decimal": ("decimal", "Decimal"),
    "date": ("datetime", "date"),
    "time": ("datetime", "time"),
    "timedelta": ("datetime", "timedelta"),
    "UUID": ("uuid", "UUID"),
}
_TRANSLATED = frozenset({"_", "gettext_lazy", "gettext", "ugettext_lazy"})


class UnreadableError(ValueError):
    """The text is not one of the values a ticket may state; the message says what it may be."""


def literal(python_value: object) -> Value:
    """A Python value as a literal.

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
            "the value is no number or text that can be written into code: it is infinite, or "
            f"has more than {sys.get_int_max_str_digits():,} digits, or is nested too deeply"
        )
    return Value(kind="literal", text=text)


def plain(value: Value) -> object:
    """The Python value of a literal; of anything else its text."""
    return ast.literal_eval(value.text) if value.kind == "literal" else value.shown()


def meaning(value: Value) -> object:
    """What two values have in common that say the same: 0, 0.00 and Decimal('0')."""
    if value.kind == "call" and value.name == "Decimal":
        try:
            return decimal.Decimal(ast.literal_eval(value.text))
        except (ArithmeticError, TypeError, ValueError, SyntaxError):
            return value
    content = plain(value)
    if isinstance(content, int) and not isinstance(content, bool):
        return decimal.Decimal(content)
    return value


def from_expression(source: str) -> Value:
    """Read a value written as Python.

    Raises:
        UnreadableError: It is neither a literal nor one of the known names and calls.
    """
    try:
        node = ast.parse(source.strip(), mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        raise UnreadableError(
            f"`{_short(source)}` is not a Python value; text needs quotes"
        ) from None
    return from_node(node)


def from_node(node: ast.expr) -> Value:
    """Read a value from the syntax tree.

    Raises:
        UnreadableError: It is neither a literal nor one of the known names and calls.
    """
    if _is_literal(node):
        return literal(ast.literal_eval(node))
    try:
        source = ast.unparse(node)
    except (ValueError, RecursionError, MemoryError):
        raise UnreadableError(
            "the value is too large or nested too deeply to be a value that a ticket may state"
        ) from None
    if source in _SYMBOLS:
        return _SYMBOLS[source]
    if re.fullmatch(r"[A-Za-z_]\w*\.choices", source):
        return Value(kind="local", text=source)
    if isinstance(node, ast.Call):
        return _call(node, source)
    raise UnreadableError(
        f"`{_short(source)}` is neither a literal nor one of the values a ticket may name "
        "(timezone.now, date.today, uuid.uuid4, dict, list); "
        "text needs quotes"
    )


def _call(node: ast.Call, source: str) -> Value:
    called = ast.unparse(node.func)
    if called in _SYMBOLS and not node.args and not node.keywords:
        return _SYMBOLS[called].model_copy(update={"kind": "call"})
    literals = all(_is_literal(arg) for arg in node.args) and all(
        word.arg and _is_literal(word.value) for word in node.keywords
    )
    bare = called.rpartition(".")[2]
    arguments = source[len(called) + 1 : -1]
    if literals and bare in _CALLS:
        return _made(node, source, bare, arguments)
    translated = literals and bare in _TRANSLATED and len(node.args) == 1 and not node.keywords
    if translated and isinstance(ast.literal_eval(node.args[0]), str):
        return Value(
            kind="call", module="django.utils.translation", name="gettext_lazy", text=arguments
        )
    raise UnreadableError(
        f"`{_short(source)}` is a call that a ticket cannot state; known are "
        f"{', '.join((*_CALLS, '_'))} with literal arguments"
    )


def _made(node: ast.Call, source: str, bare: str, arguments: str) -> Value:
    """Read one of the known calls, after making the value: its arguments may be wrong."""
    module, name = _CALLS[bare]
    try:
        made = _MAKERS[bare](
            *(ast.literal_eval(one) for one in node.args),
            **{word.arg or "": ast.literal_eval(word.value) for word in node.keywords},
        )
    except (ValueError, TypeError, ArithmeticError, AttributeError) as problem:
        raise UnreadableError(
            f"`{_short(source)}` cannot be made: {_short(str(problem)) or type(problem).__name__}"
        ) from None
    if isinstance(made, dt.date):
        arguments = f"{made.year}, {made.month}, {made.day}"
    return Value(kind="call", module=module, name=name, text=arguments)


_MAKERS: dict[str, Callable[..., object]] = {
    "Decimal": decimal.Decimal,
    "date": dt.date,
    "time": dt.time,
    "timedelta": dt.timedelta,
    "UUID": uuid.UUID,
}


def _is_literal(node: ast.expr) -> bool:
    try:
        ast.literal_eval(node)
    except (ValueError, TypeError, SyntaxError, RecursionError, MemoryError):
        return False
    return True


def _short(source: str) -> str:
    line = " ".join(source.split())
    return line if len(line) <= 60 else line[:57] + "..."


def from_words(text: str, kind: FieldType | None) -> Value:
    """Read a default as people write it: text without quotes, yes and no, dates, numbers.

    Raises:
        UnreadableError: It is no value of that type.
    """
    bare = text.strip()
    if len(bare) > 1 and bare[0] == bare[-1] == "`":
        bare = bare.strip("`").strip()
    if bare.lower() in ("null", "none"):
        return NONE
    if bare.lower() in ("empty string", "the empty string", "an empty string", "empty"):
        return literal("")
    family = kind.family if kind else ""
    reader = _READERS.get(family)
    unquoted = bare[1:-1] if re.fullmatch(r"'[^']*'|\"[^\"]*\"", bare) else bare
    if reader and (read := reader(unquoted)):
        return read
    try:
        value = from_expression(bare)
    except UnreadableError:
        if family in {"text", "file"}:
            return literal(bare)
        raise
    if family == "decimal" and value.name == "Decimal":
        return _read_decimal(value.text.strip("'\"")) or value
    if family in ("text", "file") and not isinstance(plain(value), str):
        return literal(bare)
    if family in ("text", "file") and value.kind != "literal":
        return literal(bare)
    return value


_INSTRUCTION = re.compile(
    r"(?i)\b(?:from|copy|copied|values?\s+of|same\s+as|derived?|computed?|calculated?|based\s+on|"
    r"according\s+to|depend(?:s|ing)|leave|keep|whatever|should|must)\b|^(?:tbd|todo|unchanged)$|"
    r"^\?{2,}$|\w\?$|^\w+\([^)]*\)$"
)


def is_instruction(text: str) -> bool:
    """Whether unquoted words say where a value comes from, instead of being one."""
    quoted = re.fullmatch(r"'[^']*'|\"[^\"]*\"", text) is not None
    return not quoted and _INSTRUCTION.search(text) is not None and not _is_call(text)


def _is_call(text: str) -> bool:
    try:
        return from_expression(text).kind in ("call", "symbol")
    except UnreadableError:
        return False


def _read_boolean(text: str) -> Value | None:
    if text.lower() in ("true", "yes", "on"):
        return TRUE
    if text.lower() in ("false", "no", "off"):
        return FALSE
    return None


def _read_decimal(text: str) -> Value | None:
    try:
        number = decimal.Decimal(text)
    except decimal.InvalidOperation:
        return None
    if not number.is_finite():
        return None
    if number == number.to_integral_value() and re.fullmatch(r"[+-]?\d+", text):
        return _whole(text)
    return Value(kind="call", module="decimal", name="Decimal", text=repr(text))


def _read_date(text: str) -> Value | None:
    try:
        day = dt.date.fromisoformat(text)
    except ValueError:
        return None
    return Value(
        kind="call", module="datetime", name="date", text=f"{day.year}, {day.month}, {day.day}"
    )


def _read_moment(text: str) -> Value | None:
    try:
        moment = dt.datetime.fromisoformat(text)
    except ValueError:
        return None
    if moment.tzinfo is None:
        raise UnreadableError(
            f"`{text}` leaves the time zone open; state it as in `2024-01-31T10:00:00+00:00`"
        )
    return Value(
        kind="call",
        module="datetime",
        name="datetime.fromisoformat",
        text=repr(moment.isoformat()),
    )


def _read_time(text: str) -> Value | None:
    try:
        clock = dt.time.fromisoformat(text)
    except ValueError:
        return None
    parts = [clock.hour, clock.minute] + ([clock.second] if clock.second else [])
    return Value(
        kind="call", module="datetime", name="time", text=", ".join(str(part) for part in parts)
    )


def _read_uuid(text: str) -> Value | None:
    try:
        number = uuid.UUID(text)
    except ValueError:
        return None
    return Value(kind="call", module="uuid", name="UUID", text=repr(str(number)))


def _read_number(text: str) -> Value | None:
    plain_text = text.replace(",", "") if re.fullmatch(r"\d{1,3}(,\d{3})+", text) else text
    return _whole(plain_text) if re.fullmatch(r"[+-]?\d+", plain_text) else None


def _whole(digits: str) -> Value:
    try:
        return literal(int(digits))
    except ValueError:
        raise UnreadableError(
            f"`{_short(digits)}` has too many digits for a number that a ticket may state"
        ) from None


_READERS: dict[str, Callable[[str], Value | None]] = {
    "boolean": _read_boolean,
    "decimal": _read_decimal,
    "date": _read_date,
    "datetime": _read_moment,
    "time": _read_time,
    "uuid": _read_uuid,
    "integer": _read_number,
}
