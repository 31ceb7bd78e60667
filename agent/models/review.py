"""Evidence for a change: tests that notice it, and the review of a second model."""

from typing import Literal

from agent.models.change import Finding
from agent.models.checks import AnyComparison, CheckReport
from agent.models.record import Record


class Remark(Record):
    text: str
    path: str = ""
    line: int | None = None
    blocking: bool = False

    @property
    def place(self) -> str:
        return f"{self.path}:{self.line}" if self.line else self.path


class SettledFinding(Record):
    """A finding that the reviewer accepts, with the reason."""

    finding: Finding
    why: str


class ReviewNotes(Record):
    """The review of a second model, or the sentence why there is none."""

    ran: bool
    sentence: str
    approves: bool = False
    remarks: tuple[Remark, ...] = ()
    settled: tuple[SettledFinding, ...] = ()
    model: str = ""
    unfinished: bool = False
    """Whether a review began and did not finish."""

    @property
    def open(self) -> bool:
        return self.unfinished or (self.ran and not self.approves)

    @property
    def blocking(self) -> tuple[Remark, ...]:
        return tuple(remark for remark in self.remarks if remark.blocking)


class ProofRow(Record):
    """Outcomes, as in a CheckItem, of one of the change's tests: without the change and with it."""

    name: str
    without: str
    """Outcome on the base commit with the change's tests alone."""
    error: str = ""
    with_change: str

    @property
    def is_proof(self) -> bool:
        return self.without in ("failed", "error") and self.with_change == "passed"


class SourcePart(Record):
    """A part of the change that a test should notice, or a mistake put into it."""

    path: str
    line: int
    """1-based, in the new file."""
    text: str = ""
    """Its first line, cut; the name of an emptied function; a description of a mistake."""
    kind: Literal["revert", "empty", "mistake"] = "revert"
    is_near_only: bool = False
    """Whether only the tests near the change ran, since time was short."""
    is_removal: bool = False

    @property
    def name(self) -> str:
        place = f"{self.path}:{self.line}"
        return f"{place} ({self.text})" if self.text else place


class Proof(Record):
    rows: tuple[ProofRow, ...] = ()
    """Results of new and changed tests, those that prove the change first."""
    missing: str = ""
    """Why its own tests do not prove the change; empty: they do, or none have to."""
    exemption: str = ""
    """Why no proof is required."""
    needed: tuple[SourcePart, ...] = ()
    """Parts that a test needs: it fails without them."""
    unneeded_parts: tuple[SourcePart, ...] = ()
    untried: tuple[SourcePart, ...] = ()
    """Parts without a result: time was short, or the run had no clear result."""
    notes: tuple[SourcePart, ...] = ()
    """Parts that need no test: comments, types, imports, removed functions."""
    is_refactoring: bool = False
    """Whether the plan is a refactoring, so that a reviewer may accept parts that no test needs."""
    unexecuted: tuple[str, ...] = ()
    """`path:first-last` of added lines that no test near the change runs."""

    @property
    def is_shown(self) -> bool:
        return bool(self.needed) or any(row.is_proof for row in self.rows)


class Judgement(Record):
    ran: CheckReport
    compared: tuple[AnyComparison, ...]
    proof: Proof = Proof()
    is_partial: bool = False
    """Whether it ended early because a check failed; it is never published."""
