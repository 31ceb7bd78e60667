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
from agent.recipes import modules, word_lists
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
            _same_field(operation, parameters)
            return (carrier.app_label, model), ""
        if model == f"historical{carrier.model.lower()}":
            _same_history(operation, parameters)
            note = f"The history table of {carrier.model} follows: AddField on {model}."
            return (carrier.app_label, model), note
    return None, ""


def _same_field(operation: migration_file.Operation, parameters: Parameters) -> None:
    call = operation.words.get("field")
    path = operation.path
    if not isinstance(call, ast.Call):
        raise EditFailed(f"{path}: the field that is added cannot be read.")
    field = parameters.field
    written = (modules.name_of(call.func) or "").rpartition(".")[2]
    if written != field.type_name:
        raise EditFailed(f"{path} adds a {written}, but a {field.type_name} was asked for.")
    words = {word.arg: word.value for word in call.keywords if word.arg}
    if not field.own_type:  # how a foreign type writes itself down is its own affair, mostly
        _foreign_defaults(operation, words, parameters)
        return
    if not migration_file.dotted(call.func).startswith(("models.", "django.")) or call.args:
        raise EditFailed(
            f"{path}: `{migration_file.cut(call)}` is not how Django writes a {written}."
        )
    asked = {one.name: one for one in field.options}
    one_off = _is_one_off(operation)
    for option in field.options:
        if option.name == "default" and one_off and parameters.existing is not None:
            continue  # for this one step the value of existing rows stands in its place
        if problem := _differs(option, words, field.target):
            raise EditFailed(f"{path}: {problem}")
    allowed = set(asked) | field_types.IMPLIED.get(field.type_name, frozenset())
    if one_off and parameters.existing is not None:
        allowed |= {"default"}
        if problem := _differs(Option(name="default", value=parameters.existing), words):
            raise EditFailed(f"{path}: for existing rows, {problem}")
    elif one_off:
        raise EditFailed(f"{path} fills existing rows with a value that nobody asked for.")
    if more := sorted(set(words) - allowed):
        raise EditFailed(f"{path} gives the field {', '.join(more)}, which nobody asked for.")


def _foreign_defaults(
    operation: migration_file.Operation, words: dict[str, ast.expr], parameters: Parameters
) -> None:
    """Refuse code that runs for every row, where the type's own default is no plain value."""
    asked = parameters.field.option("default")
    if parameters.existing is not None and _is_one_off(operation):
        asked = parameters.existing
    if "db_default" in words and parameters.field.option("db_default") is None:
        raise EditFailed(f"{operation.path} gives the field db_default, which nobody asked for.")
    default = words.get("default")
    if default is None:
        return
    if asked is not None:
        problem = _differs(Option(name="default", value=asked), words)
        if problem is None:
            return
        if isinstance(default, ast.Call | ast.Attribute | ast.Name):
            raise EditFailed(f"{operation.path}: {problem}")
    if _literal_of(default) is _NOT_LITERAL and ast.unparse(default) not in _PLAIN_DEFAULTS:
        raise EditFailed(f"{operation.path} gives the field default, which nobody asked for.")


_PLAIN_DEFAULTS = word_lists.words(
    "django.utils.timezone.now uuid.uuid4 datetime.date.today dict list"
)


def _same_history(operation: migration_file.Operation, parameters: Parameters) -> None:
    """Hold the column of a history table against what was asked; relations and keys loosen."""
    field, call, path = parameters.field, operation.words.get("field"), operation.path
    if not isinstance(call, ast.Call):
        raise EditFailed(f"{path}: the field that is added cannot be read.")
    written = migration_file.dotted(call.func).rpartition(".")[2]
    if written not in (field.type_name, *_HISTORY_TYPES.get(field.type_name, ())):
        raise EditFailed(f"{path} adds a {written}, but a {field.type_name} was asked for.")
    words = {word.arg: word.value for word in call.keywords if word.arg}
    if not field.own_type:
        _foreign_defaults(operation, words, parameters)
        return
    asked = {one.name: one for one in field.options}
    if _is_one_off(operation):
        if parameters.existing is None:
            raise EditFailed(f"{path} fills existing rows with a value that nobody asked for.")
        asked["default"] = Option(name="default", value=parameters.existing)
    for name, option in asked.items():
        if name in words and name not in _HISTORY_FREE:
            if problem := _differs(option, words, field.target):
                raise EditFailed(f"{path}: {problem}")
    implied = field_types.IMPLIED.get(field.type_name, frozenset())
    if more := sorted(set(words) - set(asked) - implied - _HISTORY_FREE):
        raise EditFailed(f"{path} gives the field {', '.join(more)}, which nobody asked for.")


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


def _is_one_off(operation: migration_file.Operation) -> bool:
    preserved = operation.words.get("preserve_default")
    return isinstance(preserved, ast.Constant) and preserved.value is False


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
