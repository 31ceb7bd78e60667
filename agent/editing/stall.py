"""Notice that a model turns in circles: turns without any effect, or without a call."""

from __future__ import annotations

from dataclasses import dataclass, field

from agent.models.chat import ToolCall, ToolResult

#: So many turns in a row may bring nothing new; one that came before word for word counts as more.
_IDLE = 8
_AGAIN = 4
#: So many may have no call.
_SILENT = 3


@dataclass
class Watch:
    """Looks at each turn of a conversation, in order."""

    _known: set[object] = field(default_factory=set)
    """Answers that calls had, states, and whole turns."""
    _idle: int = 0
    _silent: int = 0
    """Turns in a row without a call."""

    def turn(
        self, calls: tuple[ToolCall, ...], results: tuple[ToolResult, ...], state: str
    ) -> None:
        """Take note of a turn: new is a state, or an answer that its call had not before.

        Args:
            state: Digest of the change after it.
        """
        self._silent = 0 if calls else self._silent + 1
        pairs = zip(calls, results, strict=False)
        whole = tuple((call.name, call.arguments, result.content) for call, result in pairs)
        worked = {said for said, result in zip(whole, results, strict=False) if not result.failed}
        more = _AGAIN if (whole, state) in self._known else 1
        self._idle = 0 if {state, *worked} - self._known else self._idle + more
        self._known |= {state, (whole, state), *worked}

    @property
    def circles(self) -> str:
        """Say how the conversation turns in circles; empty: it does not."""
        if self._silent >= _SILENT:
            return (
                f"the model answered {self._silent} times without calling a tool; another model"
                " may do"
            )
        return "the last turns brought nothing new" if self._idle >= _IDLE else ""

    @property
    def warning(self) -> str:
        """Words for the model before it is stopped; empty: there is no need."""
        if not _IDLE // 2 <= self._idle < _IDLE:
            return ""
        return (
            "Nothing new came of the last turns. Do something else, or finish with what there is;"
            " otherwise you are stopped."
        )
