"""Hold a column that a migration adds against the one that was asked for.

Owns how Django writes options down, defaults for existing rows and history tables. The form of
the file is left to `migration_file`.
"""

from __future__ import annotations

import ast
import datetime as dt
import decimal
import uuid
from collections.abc import Callable

from agent.errors import EditFailed
from agent.recipes import word_lists
from agent.recipes.add_field import field_types, migration_file, values
from agent.recipes.add_field.parameters import Carrier, Option, Parameters, Value


def judge(
    operation: migration_file.Operation, parameters: Parameters, carriers: list[Carrier]
) -> tuple[tuple[str, str] | None, str]:
    """The carrier an operation serves, or None for one nobody asked for; and a note."""
    field = parameters.field
    second = parameters.existing is not None and field.option("default") is not None
    kinds = ("AddField", "AlterField") if second else ("AddField",)
    if operation.kind not in kinds or operation.word("name") != field.name:
        return None, ""
    model = operation.word("model_name")
    for carrier in carriers:
        if model == carrier.model.lower():
            _hold_field(operation, parameters, is_history=False)
            return (carrier.app_label, model), ""
        if model == f"historical{carrier.model.lower()}":
            _hold_field(operation, parameters, is_history=True)
            note = f"The history table of {carrier.model} follows: AddField on {model}."
            return (carrier.app_label, model), note
    return None, ""


def _hold_field(
    operation: migration_file.Operation, parameters: Parameters, *, is_history: bool
) -> None:
    """Hold a column against what was asked; in a history table relations and keys loosen."""
    field, path, call = parameters.field, operation.path, operation.words.get("field")
    written = migration_file.dotted(call.func) if isinstance(call, ast.Call) else ""
    kind = written.rpartition(".")[2]
    if kind not in (field.type_name, *(_HISTORY_TYPES.get(field.type_name, ()) * is_history)):
        raise EditFailed(f"{path} adds a {kind or written}, but a {field.type_name} was asked for.")
    assert isinstance(call, ast.Call)  # noqa: S101  it has a name
    words = {word.arg: word.value for word in call.keywords if word.arg}
    asked = {one.name: one for one in field.options}
    preserved = operation.words.get("preserve_default")
    if isinstance(preserved, ast.Constant) and preserved.value is False:
        if parameters.existing is None:
            raise EditFailed(f"{path} fills existing rows with a value that nobody asked for.")
        # For this one step the value of existing rows stands in place of the default.
        asked["default"] = Option(name="default", value=parameters.existing)
    free = _HISTORY_FREE if is_history else frozenset[str]()
    if not field.own_type:  # how a foreign type writes itself down is its own affair, mostly
        default = words.get("default")
        is_plain = default is None or _literal_of(default) is not _NOT_LITERAL
        free |= set(words) - {"default", "db_default"}
        free |= (
            {"default"} if is_plain or ast.unparse(words["default"]) in _PLAIN_DEFAULTS else set()
        )
    elif call.args or not written.startswith(("models.", "django.")):
        raise EditFailed(f"{path}: `{migration_file.cut(call)}` is not how Django writes a {kind}.")
    for name, option in asked.items():
        is_free = name in free or (name not in words and (is_history or not field.own_type))
        if not is_free and (problem := _differs(option, words, field.target)):
            raise EditFailed(f"{path}: {problem}")
    implied = field_types.IMPLIED.get(field.type_name, frozenset())
    if more := sorted(set(words) - set(asked) - implied - free):
        raise EditFailed(f"{path} gives the field {', '.join(more)}, which nobody asked for.")


_PLAIN_DEFAULTS = word_lists.words(
    "django.utils.timezone.now uuid.uuid4 datetime.date.today dict list"
)
#: What a history table keeps of types that cannot be there twice.
_HISTORY_TYPES = {
    "FileField": ("TextField", "CharField"),
    "ImageField": ("TextField", "CharField"),
    "OneToOneField": ("ForeignKey",),
}
_HISTORY_FREE = word_lists.words(
    "on_delete related_name related_query_name null blank unique db_index db_constraint "
    "auto_now auto_now_add editable upload_to max_length"
)


def _differs(option: Option, words: dict[str, ast.expr], target: str = "") -> str | None:
    """Say how an option was written down differently, or nothing."""
    node = words.get(option.name)
    if node is None:
        if option.name in _DROPPED_WHEN_DEFAULT:
            return None
        return f"`{option.name}` was asked for and is missing."
    value, written = option.value, ast.unparse(node)
    if option.name == "to":
        wanted = target.lower() or "settings.auth_user_model"
        same = written.lower().strip("'\"") in (wanted, "settings.auth_user_model")
    elif value.kind == "symbol":
        same = written in (f"{value.module}.{value.name}".lstrip("."), *_also_written(value))
    elif value.name == "gettext_lazy":
        same = _literal_of(node) == _literal_of(ast.parse(value.text, mode="eval").body)
    elif value.kind == "call":
        same = _same_call(node, value)
    elif value.kind == "local":
        # What a class of the repository holds: Django writes it out.
        same = isinstance(node, ast.List | ast.Tuple | ast.Dict | ast.Constant)
    else:
        same = _literal_of(node) == _listed(values.plain(value))
    return None if same else f"`{option.name}` is {written}, not {value.shown()}."


def _also_written(value: Value) -> tuple[str, ...]:
    if value.module != "django.db.models":
        return ()
    return (f"django.db.models.deletion.{value.name}", f"models.{value.name}")


_BUILT: dict[str, Callable[..., object]] = {
    "date": dt.date,
    "time": dt.time,
    "timedelta": dt.timedelta,
    "Decimal": decimal.Decimal,
    "UUID": uuid.UUID,
}


def _same_call(node: ast.expr, value: Value) -> bool:
    """Whether a written call gives the asked value: Django writes spans in units of its own."""
    asked = ast.parse(f"{value.name}({value.text})", mode="eval").body
    built = _built(node)
    wanted = _built(asked)
    return built is not None and type(built) is type(wanted) and built == wanted


def _built(node: ast.expr) -> object:
    """The date, number or identifier that a call with literal arguments makes; else None."""
    name = migration_file.dotted(node.func).rpartition(".")[2] if isinstance(node, ast.Call) else ""
    if name not in _BUILT or not isinstance(node, ast.Call):
        return None
    try:
        words: dict[str, object] = {}
        for word in node.keywords:
            words[word.arg or ""] = ast.literal_eval(word.value)
        return _BUILT[name](*(ast.literal_eval(one) for one in node.args), **words)
    except (ValueError, TypeError, OverflowError, ArithmeticError, AttributeError):
        return None


def _literal_of(node: ast.expr) -> object:
    try:
        return _listed(ast.literal_eval(node))
    except (ValueError, TypeError, SyntaxError, RecursionError, MemoryError):
        return _NOT_LITERAL


_NOT_LITERAL = object()


def _listed(value: object) -> object:
    """A value with all sequences as lists, and choices that are a dict as pairs."""
    if isinstance(value, bool) or value is None:
        return repr(value)  # True is not 1
    if isinstance(value, list | tuple):
        return [_listed(one) for one in value]
    if isinstance(value, dict):
        return [[_listed(key), _listed(one)] for key, one in value.items()]
    return value


#: Options that Django leaves out of a migration where they say what holds anyway.
_DROPPED_WHEN_DEFAULT = word_lists.words(
    "blank editable max_length db_index null unique upload_to allow_unicode protocol "
    "path match recursive allow_files allow_folders unpack_ipv4 db_constraint "
    "symmetrical help_text related_query_name db_tablespace limit_choices_to to_field "
    "auto_now auto_now_add through db_table"
)
