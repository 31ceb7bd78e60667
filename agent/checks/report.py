"""Read the report that our scripts write in a sandbox: JSON lines, within limits.

`sandbox_scripts/mergewright_report.py` writes it. Each check knows the meaning of its events.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Annotated, Any, Literal, TypeVar, Union

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, TypeAdapter

from agent.models.sandbox import SANDBOX_OUT, SandboxResult
from agent.text import sanitise

PATH = f"{SANDBOX_OUT}/report.jsonl"
REQUEST_PATH = "/tmp/mergewright-request.json"  # noqa: S108 - in the sandbox, whose /tmp is its own
_MOST_LINES = 500_000
_LONGEST_ID = 1000
_LONGEST_TEXT = 4100

_E = TypeVar("_E", bound="ReportEvent")


def clean_id(text: str) -> str:
    """Make an id printable, on one line and bounded; two different ids stay different."""
    if len(text) <= _LONGEST_ID and text.isascii() and text.isprintable():
        return text  # the fast path for nearly all ids; large suites have many
    shown = sanitise.strip_terminal_codes(" ".join(text.split("\n")))
    if len(shown) <= _LONGEST_ID:
        return shown
    digest = hashlib.sha256(shown.encode("utf-8", "surrogatepass")).hexdigest()[:12]
    return f"{shown[:_LONGEST_ID]}…{digest}"


def clean_text(text: str) -> str:
    return sanitise.strip_terminal_codes(text)[:_LONGEST_TEXT]


# The validators run after the strict check of the type.
Id = Annotated[str, AfterValidator(clean_id)]
Text = Annotated[str, AfterValidator(clean_text)]


class ReportEvent(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class ExitEvent(ReportEvent):
    """The script ends with this exit code."""

    event: Literal["exit"]
    code: int


class BrokenEvent(ReportEvent):
    """An exception ended the script, for example because Django could not load the project."""

    event: Literal["broken"]
    text: Text
    place: Text = ""

    @property
    def words(self) -> str:
        return f"{self.text} ({self.place})" if self.place else self.text


@dataclass(frozen=True)
class Report:
    """The events of a sandbox, in order."""

    events: tuple[ReportEvent, ...]
    problem: str
    """Why the report is incomplete; "": it is complete."""

    def iterate_events(self, kind: type[_E]) -> Iterator[_E]:
        return (event for event in self.events if isinstance(event, kind))

    def first(self, kind: type[_E]) -> _E | None:
        return next(self.iterate_events(kind), None)


def read_report(result: SandboxResult, kinds: tuple[type[ReportEvent], ...]) -> Report:
    """Read a report, up to the first line that is no valid event; an ExitEvent completes it."""
    content = result.files.get(PATH)
    if content is None:
        rejected = next((refusal for refusal in result.refused if PATH in refusal), "")
        ended = "" if result.exit_code is None else f" and ended with exit code {result.exit_code}"
        words = f"the report was rejected: {rejected}" if rejected else f"there is no report{ended}"
        return Report((), words)
    reader = _make_reader((*kinds, ExitEvent, BrokenEvent))
    events: list[ReportEvent] = []
    *lines, torn = content.split(b"\n")
    if len(lines) > _MOST_LINES:
        return Report((), f"the report has more than {_MOST_LINES} lines")
    for number, line in enumerate(lines, 1):
        try:
            events.append(reader.validate_json(line))
        except (ValueError, RecursionError):
            return Report(tuple(events), f"line {number} of the report cannot be read")
    if torn:
        return Report(tuple(events), "the last line of the report is incomplete")
    is_whole = bool(events) and isinstance(events[-1], ExitEvent)
    code = result.exit_code
    stopped = f"the test runner stopped before it finished its report (exit code {code})"
    return Report(tuple(events), "" if is_whole else stopped)


@cache
def _make_reader(kinds: tuple[type[ReportEvent], ...]) -> TypeAdapter[ReportEvent]:
    union: Any = Union[kinds]  # noqa: UP007 - made at run time
    return TypeAdapter(Annotated[union, Field(discriminator="event")])
