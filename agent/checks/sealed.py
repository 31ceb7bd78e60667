"""The order given to our scripts in a sandbox, and the sealed report they leave.

Owns names that nobody can guess, the seal over each line, and the bounds on what is read. The
other half is `sandbox_scripts/mergewright_report.py`; what the events mean is left to each check.
"""

import hashlib
import json
import secrets
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from typing import Annotated, Any, Literal, TypeVar, Union

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, TypeAdapter

from agent.models.sandbox import SANDBOX_OUT, SANDBOX_TREE, SandboxFile, SandboxResult
from agent.text import sanitise

ORDER_PATH = "/tmp/mergewright-order.json"  # noqa: S108 - in the sandbox, whose /tmp is its own
_MOST_LINES = 500_000
_LONGEST_ID = 1000
_LONGEST_TEXT = 4100

_E = TypeVar("_E", bound="ReportEvent")


_WORDS = (
    "account", "address", "amount", "archive", "basket", "branch", "cache", "card", "catalog",
    "channel", "client", "column", "company", "country", "customer", "date", "delivery", "draft",
    "event", "export", "filter", "folder", "form", "header", "image", "index", "invoice", "label",
    "layout", "letter", "limit", "line", "member", "message", "month", "notice", "offer", "order",
)  # fmt: skip


def _make_random_name(start: str = "") -> str:
    """Make up a name as people give, so that no pattern tells ours from theirs."""
    return start + "_".join(secrets.choice(_WORDS) for _ in range(5))


@dataclass(frozen=True)
class Secret:
    """Names and a key for one sandbox: known to nobody before, of no use afterwards."""

    key: str = field(default_factory=lambda: secrets.token_hex(32))
    report: str = field(default_factory=lambda: f"{SANDBOX_OUT}/{secrets.token_hex(16)}")
    module: str = field(default_factory=_make_random_name)
    must_pass: str = field(default_factory=lambda: _make_random_name("test_"))
    must_fail: str = field(default_factory=lambda: _make_random_name("test_"))

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the sentinels in this sandbox, which nothing else has."""
        return (self.module, self.must_pass, self.must_fail)

    def order_file(self, **more: object) -> SandboxFile:
        order = {
            "key": self.key,
            "report": self.report,
            "module": self.module,
            "must_pass": self.must_pass,
            "must_fail": self.must_fail,
            "tree": SANDBOX_TREE,
            **more,
        }
        return SandboxFile(path=ORDER_PATH, content=json.dumps(order).encode())


def clean_id(text: str) -> str:
    """Make an id printable, on one line and bounded, without two long ones becoming equal."""
    if len(text) <= _LONGEST_ID and text.isascii() and text.isprintable():
        return text  # as nearly all are, and large suites have many
    shown = sanitise.strip_terminal_codes(" ".join(text.split("\n")))
    if len(shown) <= _LONGEST_ID:
        return shown
    digest = hashlib.sha256(shown.encode("utf-8", "surrogatepass")).hexdigest()[:12]
    return f"{shown[:_LONGEST_ID]}…{digest}"


def clean_text(text: str) -> str:
    return sanitise.strip_terminal_codes(text)[:_LONGEST_TEXT]


# After the check of the type, which is strict.
Id = Annotated[str, AfterValidator(clean_id)]
Text = Annotated[str, AfterValidator(clean_text)]


class ReportEvent(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class ExitEvent(ReportEvent):
    """The script is about to end with this code."""

    event: Literal["exit"]
    code: int


class RefusedEvent(ReportEvent):
    """The tool is not what it should be."""

    event: Literal["refused"]
    text: Text


class BrokenEvent(ReportEvent):
    """The project could not even be entered."""

    event: Literal["broken"]
    text: Text
    place: Text = ""

    @property
    def words(self) -> str:
        return f"{self.text} ({self.place})" if self.place else self.text


@dataclass(frozen=True)
class SealedReport:
    """The sealed events of a sandbox, in order."""

    events: tuple[ReportEvent, ...]
    problem: str
    """Why this is not a whole report; empty when it is."""

    def iterate_events(self, kind: type[_E]) -> Iterator[_E]:
        return (event for event in self.events if isinstance(event, kind))

    def first(self, kind: type[_E]) -> _E | None:
        return next(self.iterate_events(kind), None)


def read_report(
    result: SandboxResult, secret: Secret, kinds: tuple[type[ReportEvent], ...]
) -> SealedReport:
    """Read a report as far as its seal is valid.

    A report that is whole ends with the exit code that the sandbox saw.
    """
    content = result.files.get(secret.report)
    if content is None:
        return SealedReport((), _explain_missing(result, secret))
    known = _make_reader((*kinds, ExitEvent, RefusedEvent, BrokenEvent))
    events: list[ReportEvent] = []
    last, key = b"", bytes.fromhex(secret.key)
    lines = content.split(b"\n")
    torn = lines.pop()
    if len(lines) > _MOST_LINES:
        return SealedReport((), f"the report has more than {_MOST_LINES} lines")
    for number, line in enumerate(lines, 1):
        digest, _, body = line.partition(b" ")
        expected = hashlib.blake2b(last + body, key=key, digest_size=16).hexdigest().encode()
        if not secrets.compare_digest(digest, expected):
            return SealedReport(tuple(events), f"line {number} of the report is forged")
        last = expected
        try:
            events.append(known.validate_json(body))
        except (ValueError, RecursionError):
            return SealedReport(tuple(events), f"line {number} of the report cannot be read")
    return SealedReport(tuple(events), _explain_unfinished(events, torn, result))


@cache
def _make_reader(kinds: tuple[type[ReportEvent], ...]) -> TypeAdapter[ReportEvent]:
    every: Any = Union[kinds]  # noqa: UP007 - made at run time
    return TypeAdapter(Annotated[every, Field(discriminator="event")])


def _explain_missing(result: SandboxResult, secret: Secret) -> str:
    for refusal in result.refused:
        if secret.report in refusal:
            return f"the report was rejected: {refusal}"
    ended = "" if result.exit_code is None else f" and ended with exit code {result.exit_code}"
    return f"there is no report{ended}"


def _explain_unfinished(events: list[ReportEvent], torn: bytes, result: SandboxResult) -> str:
    if torn:
        return "the last line of the report is incomplete"
    last = events[-1] if events else None
    if not isinstance(last, ExitEvent):
        return (
            f"the test runner stopped before it finished its report (exit code {result.exit_code})"
        )
    if last.code != result.exit_code:
        return f"the report has exit code {last.code}, but the process returned {result.exit_code}"
    return ""
