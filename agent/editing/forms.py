"""Forms that a model fills in: a tool whose arguments are a record of ours.

Owns how a record is told to a model, in few characters, and how what came back is read: whatever
a model wrote, the answer is the record or a short sentence that says what is wrong with it.
"""

from __future__ import annotations

from typing import Any, TypeVar, cast

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from agent.chat import ToolCall, ToolSpec
from agent.domain import Record

R = TypeVar("R", bound=Record)

#: Nobody writes an edit or a plan of this length.
MOST_CHARACTERS = 400_000
_MOST_PROBLEMS = 5
_MOST_NAME = 60
_MOST_TEXT = 300
#: What a model has no use for; what it must not add is said when it does.
_LEFT_OUT = frozenset({"title", "default", "additionalProperties", "$defs"})


def form(name: str, description: str, kind: type[Record]) -> ToolSpec:
    """Make a tool of a record: the shortest schema that tells its fields.

    The docstring of the record is left out; fields may have descriptions.
    """
    schema = kind.model_json_schema()
    told = _told(schema, schema.get("$defs", {}))
    told.pop("description", None)
    return ToolSpec(name=name, description=description, parameters=told)


def read(call: ToolCall, kind: type[R]) -> R | str:
    """Read the arguments of a call, or say what is wrong with them; what is said is bounded."""
    if (count := len(call.arguments)) > MOST_CHARACTERS:
        return f"the arguments have {count:,} characters; {MOST_CHARACTERS:,} are the most"
    try:
        return kind.model_validate_json(call.arguments.strip() or "{}")
    except ValidationError as problem:
        errors = problem.errors(include_url=False, include_context=False)
        said = [_said(error, kind) for error in errors[:_MOST_PROBLEMS]]
        more = len(errors) - len(said)
        return "; ".join(dict.fromkeys(said)) + (f"; and {more} more" if more else "")


def _said(error: ErrorDetails, kind: type[Record]) -> str:
    """Put one problem in words, without what was given."""
    place = ".".join(plain(str(part)) for part in error["loc"])
    match error["type"]:
        case "json_invalid":
            return f"the arguments are no JSON: {plain(error['msg'], _MOST_TEXT)}"
        case "string_unicode":
            return "the arguments are no JSON: they have half of a surrogate pair"
        case "model_type" if not place:
            return "the arguments have to be a JSON object"
        case "missing":
            return f"`{place}` is missing"
        case "extra_forbidden" if len(error["loc"]) == 1:
            return f"`{place}` is no argument; there are {', '.join(kind.model_fields) or 'none'}"
        case _:
            return f"`{place}`: {plain(error['msg'], _MOST_TEXT)}"


def plain(text: str, most: int = _MOST_NAME) -> str:
    """Give what a model wrote on one line and bounded, for words of ours."""
    shown = text if text.isprintable() else text.encode("unicode_escape", "replace").decode()
    return f"{shown[:most]}…" if len(shown) > most else shown


def _told(schema: Any, definitions: dict[str, Any]) -> dict[str, Any]:
    """Leave of a schema what a model needs: definitions in place, and no word twice."""
    if reference := schema.get("$ref"):
        return _told(definitions[reference.rpartition("/")[2]], definitions)
    choices = [one for one in schema.get("anyOf", ()) if one.get("type") != "null"]
    if len(choices) == 1:
        rest = {key: value for key, value in schema.items() if key != "anyOf"}
        return _told({**choices[0], **rest}, definitions)
    told: dict[str, Any] = {}
    for key, value in schema.items():
        if key in _LEFT_OUT:
            continue
        if key == "properties":
            told[key] = {name: _told(one, definitions) for name, one in value.items()}
        else:
            told[key] = _value(value, definitions)
    return told


def _value(value: Any, definitions: dict[str, Any]) -> Any:
    if isinstance(value, dict):
        return _told(cast("dict[str, Any]", value), definitions)
    if isinstance(value, list):
        return [_value(one, definitions) for one in value]
    return value
