"""What the steps of a conversation leave behind, as records."""

from __future__ import annotations

from agent.chat import ToolResult
from agent.domain import Change, Reason, Record


class Opening(Record):
    """The first message of a conversation."""

    text: str


class Objection(Record):
    """What is wrong with a form that was handed in."""

    text: str
    """For the model: precise, with the way out."""
    reason: Reason = Reason.EDIT_FAILED
    """With which the run ends if nothing better comes."""


class Called(Record):
    """What became of the calls of one reply."""

    results: tuple[ToolResult, ...]
    change: Change | None
    """Against the base commit, after the calls; None: as it was before them."""
    form: str = ""
    """The form that ends the conversation, as JSON."""
    objections: tuple[Objection, ...] = ()
    """To forms that were handed in and do not end it."""
