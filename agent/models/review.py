"""What shows that a change is right: tests that notice it, and a second model's view."""

from agent.models.change import Finding
from agent.models.record import Record


class Remark(Record):
    text: str
    path: str = ""
    line: int | None = None
    """1-based, in the new file."""
    blocking: bool = False

    @property
    def place(self) -> str:
        """`path:line`, as far as they are known."""
        return f"{self.path}:{self.line}" if self.line else self.path


class SettledFinding(Record):
    """A finding of the gate that the reviewer has decided on."""

    finding: Finding
    why: str
    """Its words."""


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
        """Whether it leaves something for a person to look at first."""
        return self.unfinished or (self.ran and not self.approves)

    @property
    def blocking(self) -> tuple[Remark, ...]:
        """The remarks that ask for another edit."""
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
        """Whether it shows that the change does something."""
        return self.without in ("failed", "error") and self.with_change == "passed"


class SourcePart(Record):
    """A part of the source that a test should notice: an edit of the change, or a mistake."""

    path: str
    line: int
    before: str = ""
    after: str = ""
    """Its text on both sides, cut; equal where it has moved; a function that has parts is
    its name."""
    mistake: str = ""
    """In words; empty: it was taken back."""
    breaks: bool = False
    """Whether the function was emptied, not taken back."""

    @property
    def removed(self) -> str:
        """What the change only removes."""
        return "" if self.after else self.before

    @property
    def name(self) -> str:
        place = f"{self.path}:{self.line}"
        about = self.mistake or (f"{self.removed} was removed" if self.removed else self.after)
        if self.before and self.after:
            is_moved = self.before == self.after
            about = f"{self.after} was moved" if is_moved else f"{self.before} → {self.after}"
        return f"{place} ({about})" if about else place


class RevertTrials(Record):
    noticed: tuple[SourcePart, ...] = ()
    unnoticed: tuple[SourcePart, ...] = ()
    untried: tuple[SourcePart, ...] = ()
    """There was no time left, or its run proved nothing."""
    typed: tuple[SourcePart, ...] = ()
    """Annotations alone."""
    unmissed: tuple[SourcePart, ...] = ()
    """Parts that no test near them notices, although it notices what they are parts of."""
    readers: tuple[str, ...] = ()
    """Tests that fail where the change runs, but its text is not in the files: they notice
    nothing."""

    @property
    def tried(self) -> tuple[SourcePart, ...]:
        return (*self.noticed, *self.unnoticed)


class Proof(Record):
    rows: tuple[ProofRow, ...] = ()
    """Results of its new and changed tests; the ones that show something come first."""
    missing: str = ""
    """Why the change is not proved, in words; empty: it is, or need not be."""
    unneeded: str = ""
    is_refactoring: bool = False
    """By its plan, and no test tells it from base: its functions were broken."""
    hunks: RevertTrials = RevertTrials()
