"""What a second model has said of a change."""

from __future__ import annotations

from agent.models.record import Record


class Remark(Record):
    text: str
    path: str = ""
    line: int | None = None
    """1-based, in the new file."""
    blocking: bool = False


class ReviewNotes(Record):
    """A second model's view, or the word that there was none."""

    ran: bool
    sentence: str
    approves: bool = False
    remarks: tuple[Remark, ...] = ()
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
