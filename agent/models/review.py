"""What shows that a change is right: tests that notice it, and a second model's view."""

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
        """`path:line`, as far as they are known."""
        return f"{self.path}:{self.line}" if self.line else self.path


class SettledFinding(Record):
    """A finding of the gate that the reviewer has decided on."""

    finding: Finding
    why: str


class ReviewNotes(Record):
    """A second model's view, or the word that there was none."""

    ran: bool
    sentence: str
    approves: bool = False
    remarks: tuple[Remark, ...] = ()
    settled: tuple[SettledFinding, ...] = ()
    model: str = ""
    unfinished: bool = False
    """Whether a review was begun and did not come to its end."""

    @property
    def open(self) -> bool:
        return self.unfinished or (self.ran and not self.approves)

    @property
    def blocking(self) -> tuple[Remark, ...]:
        return tuple(remark for remark in self.remarks if remark.blocking)


class ProofRow(Record):
    """What one test of the change did without it, and with it; outcomes as in a CheckItem."""

    name: str
    without: str
    """With the tests of the change alone, on the base commit."""
    error: str = ""
    with_change: str

    @property
    def is_proof(self) -> bool:
        return self.without in ("failed", "error") and self.with_change == "passed"


class SourcePart(Record):
    """A part of the source that a test should notice: a part of the change, or a mistake."""

    path: str
    line: int
    """1-based, in the new file."""
    text: str = ""
    """Its first line, cut; the name of a function; a mistake in words."""
    kind: Literal["revert", "empty", "mistake"] = "revert"
    is_near_only: bool = False
    """Whether only tests near the change have been asked: there was no time for all."""
    is_removal: bool = False

    @property
    def name(self) -> str:
        place = f"{self.path}:{self.line}"
        return f"{place} ({self.text})" if self.text else place


class Proof(Record):
    rows: tuple[ProofRow, ...] = ()
    """Results of its new and changed tests; the ones that show something come first."""
    missing: str = ""
    """Why the change is not proved, in words; empty: it is, or need not be."""
    exemption: str = ""
    """Why no proof is asked for, in words."""
    needed: tuple[SourcePart, ...] = ()
    """Parts without which a test fails."""
    unneeded_parts: tuple[SourcePart, ...] = ()
    untried: tuple[SourcePart, ...] = ()
    """Parts without a result: there was no time, or the run proved nothing."""
    notes: tuple[SourcePart, ...] = ()
    """Parts for which no test is asked: comments, types, imports, functions that go."""
    is_refactoring: bool = False
    """By its plan: what no test needs, a reader may settle."""
    unexecuted: tuple[str, ...] = ()
    """`path:first-last` of added lines that the tests near the change have not run."""

    @property
    def is_shown(self) -> bool:
        return bool(self.needed) or any(row.is_proof for row in self.rows)


class Judgement(Record):
    ran: CheckReport
    compared: tuple[AnyComparison, ...]
    proof: Proof = Proof()
    is_partial: bool = False
    """Whether it was ended early, since a check had failed; it is never published."""
