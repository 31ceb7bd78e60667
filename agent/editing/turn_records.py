"""What the steps of a conversation leave behind, as records."""

from __future__ import annotations

from agent.models.change import Change
from agent.models.chat import ToolResult
from agent.models.record import Record


class OpeningMessage(Record):
    """What we say first in a conversation, or to what was handed in."""

    text: str


class CallResults(Record):
    """What became of the calls of one reply."""

    results: tuple[ToolResult, ...]
    """One for each call, in their order."""
    change: Change | None
    """Against the base commit, after the calls; None: as it was before them."""
    handed: str = ""
    """Name of the form that was handed in; empty: none was."""
    at: int = 0
    """Which of the calls that was."""
    form: str = ""
    """The form as JSON."""
    text: str = ""
    """What we say besides."""
