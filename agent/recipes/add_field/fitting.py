"""Whether a value fits the field or the option it is stated for; pure."""

from __future__ import annotations

import ast
import decimal
import ipaddress
import re
from collections.abc import Callable

from agent.recipes import word_lists
from agent.recipes.add_field import field_types, values
from agent.recipes.add_field.field_types import FieldType
from agent.recipes.add_field.parameters import Value

_FITTING_SYMBOLS = {
    ("django.utils.timezone", "now"): {"datetime"},
    ("datetime", "date.today"): {"date"},
    ("django.utils.timezone", "localdate"): {"date"},
    ("uuid", "uuid4"): {"uuid"},
    ("", "dict"): {"json"},
    ("", "list"): {"json"},
}
_FITTING_CALLS = {
    "Decimal": {"decimal"},
    "date": {"date"},
    "time": {"time"},
    "timedelta": {"duration"},
    "UUID": {"uuid"},
    "datetime.fromisoformat": {"datetime"},
}


def misfit(value: Value, kind: FieldType, options: dict[str, Value]) -> str | None:
    """Say why a default does not fit the field, or nothing."""
    shown = f"`{value.said()}`"
    if kind.family == "many":
        return "a ManyToManyField takes no default: every row starts with an empty set"
    if value.kind == "symbol":
        fitting = _FITTING_SYMBOLS.get((value.module, value.name), set())
        return (
            None
            if kind.family in fitting
            else f"{shown} is no value of {field_types.with_article(kind)}"
        )
    if value.kind == "call" and (value.module, value.name) in _FITTING_SYMBOLS:
        return (
            f"{shown} would be worked out once, when the code is loaded; "
            f"without the parentheses it is worked out for each row"
        )
    if value.kind == "call":
        fitting = _FITTING_CALLS.get(value.name, set())
        if kind.family not in fitting:
            return f"{shown} is no value of {field_types.with_article(kind)}"
        return _decimal_misfit(value, options) if value.name == "Decimal" else None
    if value.kind == "local":
        return f"{shown} is neither a literal nor a known callable"
    content = values.plain(value)
    if content is None:
        allowed = options.get("null", values.NONE).text == "True"
        return None if allowed else f"{shown} does not fit a field that is not null"
    problem = _CONTENT[kind.family](content, kind, options)
    if problem is None and isinstance(content, str | int):
        problem = _outside_choices(content, options)
    return f"{shown} {problem}" if problem else None


def _outside_choices(content: object, options: dict[str, Value]) -> str | None:
    choices = options.get("choices")
    if choices is None or choices.kind != "literal" or content == "":
        return None
    known: list[object] = []
    for entry in _entries(values.plain(choices)):
        if isinstance(entry, tuple | list) and len(entry) == 2:
            nested = entry[1]
            if isinstance(nested, tuple | list):
                known += [pair[0] for pair in nested if isinstance(pair, tuple | list) and pair]
            else:
                known.append(entry[0])
    listed = ", ".join(repr(one) for one in known)
    return None if content in known else f"is none of the choices ({listed})"


def _entries(choices: object) -> list[object]:
    if isinstance(choices, dict):
        return list(choices.items())
    return list(choices) if isinstance(choices, tuple | list) else []


def _number(options: dict[str, Value], name: str) -> int | None:
    value = options.get(name)
    content = values.plain(value) if value is not None else None
    return content if isinstance(content, int) and not isinstance(content, bool) else None


def _text(content: object, kind: FieldType, options: dict[str, Value]) -> str | None:
    if not isinstance(content, str):
        return f"is no text, which {field_types.with_article(kind)} holds; write it in quotes"
    longest = _number(options, "max_length")
    if longest is not None and len(content) > longest:
        return f"has {len(content)} characters, more than max_length={longest}"
    if kind.name == "SlugField" and not re.fullmatch(r"[-\w]*", content):
        return "is no slug: only letters, numbers, underscores and hyphens"
    if kind.name == "EmailField" and content and "@" not in content:
        return "is no e-mail address"
    if kind.name == "URLField" and content and not _WEB_ADDRESS.match(content):
        return "is no URL that begins with http, https, ftp or ftps"
    return None


def _file(content: object, kind: FieldType, options: dict[str, Value]) -> str | None:
    if problem := _text(content, kind, options):
        return problem
    return _leaves_its_folder(str(content))


def _integer(content: object, kind: FieldType, options: dict[str, Value]) -> str | None:
    if not isinstance(content, int) or isinstance(content, bool):
        return f"is no whole number, which {field_types.with_article(kind)} holds"
    if kind.lowest is not None and content < kind.lowest:
        return f"is less than {field_types.with_article(kind)} holds ({kind.lowest})"
    if kind.highest is not None and content > kind.highest:
        return f"is more than {field_types.with_article(kind)} holds ({kind.highest})"
    return None


def _float(content: object, kind: FieldType, options: dict[str, Value]) -> str | None:
    fits = isinstance(content, int | float) and not isinstance(content, bool)
    return None if fits else f"is no number, which {field_types.with_article(kind)} holds"


def _decimal(content: object, kind: FieldType, options: dict[str, Value]) -> str | None:
    if not isinstance(content, int) or isinstance(content, bool):
        return f'is no exact decimal number; write it as Decimal("{content}")'
    value = Value(kind="call", module="decimal", name="Decimal", text=repr(str(content)))
    return _decimal_misfit(value, options)


def _decimal_misfit(value: Value, options: dict[str, Value]) -> str | None:
    digits, places = _number(options, "max_digits"), _number(options, "decimal_places")
    try:
        number = decimal.Decimal(str(ast.literal_eval(value.text)))
    except (decimal.InvalidOperation, ValueError, SyntaxError):
        return f"`{value.shown()}` is no decimal number"
    if not number.is_finite():
        return f"`{value.shown()}` is no finite number"
    _, figures, exponent = number.as_tuple()
    fraction = max(-int(exponent), 0)
    whole = max(len(figures) + min(int(exponent), 0), 0) + max(int(exponent), 0)
    if number == 0:
        whole = 0
    if places is not None and fraction > places:
        return f"`{value.shown()}` has more than decimal_places={places} places"
    if digits is not None and whole > digits - (places or 0):
        return f"`{value.shown()}` has more digits than max_digits={digits} allows"
    return None


def _boolean(content: object, kind: FieldType, options: dict[str, Value]) -> str | None:
    return None if isinstance(content, bool) else f"is neither True nor False ({kind.name})"


def _json(content: object, kind: FieldType, options: dict[str, Value]) -> str | None:
    return None


def _binary(content: object, kind: FieldType, options: dict[str, Value]) -> str | None:
    return (
        None
        if isinstance(content, bytes)
        else f'is no bytes, which {field_types.with_article(kind)} holds: b"..."'
    )


def _address(content: object, kind: FieldType, options: dict[str, Value]) -> str | None:
    try:
        ipaddress.ip_address(content if isinstance(content, str) else "")
    except ValueError:
        return f"is no IP address, which {field_types.with_article(kind)} holds"
    return None


def _key(content: object, kind: FieldType, options: dict[str, Value]) -> str | None:
    fits = isinstance(content, int | str) and not isinstance(content, bool)
    return None if fits else f"is no primary key, which {field_types.with_article(kind)} refers to"


def _needs(what: str) -> Callable[[object, FieldType, dict[str, Value]], str | None]:
    def check(content: object, kind: FieldType, options: dict[str, Value]) -> str:
        return f"is no {what}, which {field_types.with_article(kind)} holds"

    return check


_CONTENT: dict[str, Callable[[object, FieldType, dict[str, Value]], str | None]] = {
    "text": _text,
    "file": _file,
    "integer": _integer,
    "float": _float,
    "decimal": _decimal,
    "boolean": _boolean,
    "json": _json,
    "binary": _binary,
    "ip": _address,
    "relation": _key,
    "date": _needs("date such as 2024-01-31"),
    "datetime": _needs("moment such as 2024-01-31T10:00:00+00:00"),
    "time": _needs("time such as 10:30"),
    "duration": _needs("duration such as timedelta(days=1)"),
    "uuid": _needs("UUID"),
}


_WEB_ADDRESS = re.compile(r"(?i)(?:https?|ftps?)://")
#: Names that Django hands to the database; in quotes they would reach it as they are.
_DATABASE_NAMES = frozenset({"db_column", "db_table", "db_tablespace", "db_collation"})
_LONGEST_PATTERN = 200


def _harm(name: str, text: str) -> str | None:
    """Say what a text would do besides being one, or nothing."""
    if name == "upload_to":
        return _leaves_its_folder(text)
    if name == "path":
        return _leaves_its_folder(text) and (
            "is a folder outside the project, whose files would be listed to whoever sees the "
            "form; state one below the project"
        )
    if name in _DATABASE_NAMES and not re.fullmatch(r"\w[\w$.@ -]{0,62}", text, re.ASCII):
        return "is no plain name for a database: letters, digits and _ $ . @ - are"
    if name == "help_text" and re.search(r"<[A-Za-z/!?]|&\w+;|&#", text):
        return "holds markup, which Django shows in forms unescaped; state it as plain text"
    if name == "match":
        return _no_pattern(text)
    if name == "through" and not re.fullmatch(r"(?:[a-z_]\w*\.)?[A-Za-z_]\w*", text, re.ASCII):
        return "names no model; state it as in `app.Model`"
    if name in _OF_FIELDS and not re.fullmatch(r"[a-z_]\w*", text, re.ASCII):
        return "names no field"
    if name in ("related_name", "related_query_name") and not _REVERSE_NAME.fullmatch(text):
        return "is no name that Python code could use"
    if any(ord(letter) < 32 and letter not in "\n\t" for letter in text):
        return "holds control characters"
    return None


_OF_FIELDS = word_lists.words(
    "to_field unique_for_date unique_for_month unique_for_year width_field height_field"
)
_REVERSE_NAME = re.compile(
    r"\+|[A-Za-z_](?:\w|%\((?:class|app_label|model_name)\)s)*\+?|"
    r"(?:\w|%\((?:class|app_label|model_name)\)s)+\+?",
    re.ASCII,
)


def _leaves_its_folder(path: str) -> str | None:
    """Say why a path does not stay below the folder it starts in, or nothing."""
    steps = re.split(r"[/\\\\]", path)
    if ".." in (step.strip() for step in steps) or re.match(r"[/\\\\~]|[A-Za-z]:", path.strip()):
        return "leaves the folder of uploads; state a path below it, without `..`"
    if any(ord(letter) < 32 for letter in path):
        return "holds control characters"
    return None


def _no_pattern(text: str) -> str | None:
    if len(text) > _LONGEST_PATTERN or re.search(r"[+*}]\)[+*{]", text):
        return "is a pattern that can take very long to match; state a simpler one"
    try:
        re.compile(text)
    except (re.error, OverflowError, RecursionError):
        return "is no regular expression"
    return None


def option_misfit(name: str, value: Value) -> str | None:
    """Say why a value does not fit an option other than a default, or nothing."""
    shown = f"`{name}={value.shown()}`"
    content = values.plain(value) if value.kind == "literal" else None
    literal_given = value.kind == "literal"
    if name in field_types.BOOLEAN_OPTIONS:
        fits = literal_given and (isinstance(content, bool) or (name == "symmetrical"))
        return None if fits else f"{shown}: this option is True or False"
    if name in field_types.NUMBER_OPTIONS:
        whole = literal_given and isinstance(content, int) and not isinstance(content, bool)
        lowest = 0 if name == "decimal_places" else 1
        if whole and isinstance(content, int) and content >= lowest:
            return None
        return f"{shown}: this option is a whole number from {lowest} up"
    if name in field_types.TEXT_OPTIONS:
        if value.name == "gettext_lazy" and name in ("verbose_name", "help_text"):
            content = ast.literal_eval(value.text)
        if not isinstance(content, str):
            return f"{shown}: this option is a text"
        problem = _harm(name, content)
        return f"{shown} {problem}" if problem else None
    if name in field_types.MAPPING_OPTIONS:
        return None if isinstance(content, dict) else f"{shown}: this option is a dict of literals"
    if name == "choices":
        return (
            None
            if value.kind == "local" or _is_choices(content)
            else (f"{shown}: choices are a list of (value, label) pairs")
        )
    if name == "db_default" and not literal_given:
        return f"{shown}: a database default in a ticket is a literal"
    return None


def _is_choices(content: object) -> bool:
    entries = _entries(content)
    return bool(entries) and all(
        isinstance(entry, tuple | list) and len(entry) == 2 for entry in entries
    )
