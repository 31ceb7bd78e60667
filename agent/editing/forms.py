"""Forms that a model fills in: tools with records as arguments."""

from collections.abc import Mapping
from typing import Any, TypeVar

from pydantic import ConfigDict, Field, ValidationError

from agent.errors import EditFailed
from agent.models.chat import ToolCall, ToolSpec
from agent.models.record import Record

R = TypeVar("R", bound="Form")

MOST_SUMMARY = 1_500
MOST_BEHAVIOUR, LONGEST_BEHAVIOUR = 6, 200
#: Seconds of a command: maximum and default.
MOST_SECONDS, SECONDS = 1_800, 120
_MOST_PROBLEMS = 5
_MOST_NAME = 64
_MOST_TEXT = 300


class Form(Record):
    """Arguments of a tool; the model sees the docstrings of the class and its fields."""

    model_config = ConfigDict(use_attribute_docstrings=True)


def show_limits(default: Any = ..., /, **facts: Any) -> Any:
    """Make a field with limits in its schema, which are not checked: longer values are cut."""
    return Field(default, json_schema_extra=lambda schema: schema.update(facts))


def make_tool_spec(name: str, kind: type[Form], more: str = "") -> ToolSpec:
    schema = kind.model_json_schema()
    words = " ".join(f"{schema.pop('description')} {more}".split())
    return ToolSpec(name=name, description=words, parameters=schema)


def read_arguments(call: ToolCall, kind: type[R]) -> R:
    """Parse the arguments of a call. Raises EditFailed with the first problems."""
    try:
        return kind.model_validate_json(call.arguments.strip() or "{}")
    except ValidationError as invalid:
        problems = []
        for error in invalid.errors(include_url=False, include_context=False)[:_MOST_PROBLEMS]:
            place = ".".join(flatten_text(str(part)) for part in error["loc"]) or "the arguments"
            problems.append(f"`{place}`: {flatten_text(error['msg'], _MOST_TEXT)}")
        there = f"there are {', '.join(kind.model_fields)}"
        raise EditFailed("; ".join((*dict.fromkeys(problems), there))) from invalid


def flatten_text(text: str, most: int = _MOST_NAME) -> str:
    """Return a model's text on one line, escaped and shortened, for our own texts."""
    text = " ".join(text.split())
    shown = text if text.isprintable() else text.encode("unicode_escape", "replace").decode()
    return f"{shown[:most]}…" if len(shown) > most else shown


# --- forms of the tools -----------------------------------------------------------------------


class Bash(Form):
    """Run a shell command in the root of the repository."""

    command: str
    seconds: int = show_limits(0, default=SECONDS, maximum=MOST_SECONDS)
    """After which it is ended. Without it: 120, or 1.5 times what the tests take."""


class Edit(Form):
    """Replace text in a file. The result shows the lines as they are then."""

    path: str
    old: str
    """Has to occur exactly once in the file."""
    new: str


class Write(Form):
    """Create a file, or replace all of it. The result shows its lines."""

    path: str
    text: str


class Rebuild(Form):
    """Update the lock file and build the environment that your change declares; takes minutes."""


class SubmittedBehaviour(Form):
    before: str = show_limits(maxLength=LONGEST_BEHAVIOUR)
    """What a user or caller saw, on one line."""
    after: str = show_limits(maxLength=LONGEST_BEHAVIOUR)
    """What they see now."""


class Submit(Form):
    """Update the lock files, then run all checks on your change."""

    summary: str = show_limits(maxLength=MOST_SUMMARY)
    """For the reviewer: why so, and what to look at; paragraphs and lists stay."""
    behaviour: tuple[SubmittedBehaviour, ...] = ()
    """What behaves differently with the change, the most important first; nothing if all behaves as
    before."""
    left_out: str = show_limits("", maxLength=MOST_SUMMARY)
    """What the ticket asks for and the change does not do, and why."""


Forms = Mapping[str, type[Form]]
"""Forms that can be submitted, by the names of their tools."""
