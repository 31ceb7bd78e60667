"""Notice that a model turns in circles: the same turns again, or turns without any effect."""

from __future__ import annotations

from dataclasses import dataclass, field

from agent.chat import ToolCall, ToolResult

#: A turn that says the same and gets the same answer may come so often.
_SAME = 3
#: So many turns in a row may bring nothing new.
_IDLE = 8
#: One that came before may be repeated so often in all.
_AGAIN = 6


@dataclass
class Watch:
    """Looks at each turn of a conversation, in order."""

    _turns: list[object] = field(default_factory=list)
    _known: set[tuple[str, str]] = field(default_factory=set)
    _states: set[str] = field(default_factory=set)
    _idle: int = 0
    _silent: int = 0
    """Turns in a row without a call."""

    def turn(
        self, calls: tuple[ToolCall, ...], results: tuple[ToolResult, ...], state: str
    ) -> None:
        """Take note of a turn.

        Args:
            state: Digest of the change after it.
        """
        self._silent = 0 if calls else self._silent + 1
        said = tuple((call.name, call.arguments) for call in calls)
        answers = tuple((result.content, result.failed) for result in results)
        fresh = [
            pair
            for pair, result in zip(said, results, strict=False)
            if not result.failed and pair not in self._known
        ]
        self._idle = 0 if fresh or state not in self._states else self._idle + 1
        self._known.update(fresh)
        self._states.add(state)
        self._turns.append((said, answers, state))

    @property
    def circles(self) -> str:
        """Say how the conversation turns in circles; empty: it does not."""
        turns = self._turns
        last = turns[-1:]
        if self._silent >= _SAME:
            return (
                f"the model answered {self._silent} times without calling a tool; another model"
                " may do"
            )
        if len(turns) >= _SAME and turns[-_SAME:] == last * _SAME:
            return f"the same turn came {_SAME} times in a row"
        if len(turns) >= 6 and turns[-2:] == turns[-4:-2] == turns[-6:-4]:
            return "two turns came in alternation, three times"
        if last and turns.count(last[0]) >= _AGAIN:
            return f"the same turn came {_AGAIN} times"
        if self._idle >= _IDLE:
            return f"{_IDLE} turns in a row brought nothing new"
        return ""

    @property
    def warning(self) -> str:
        """Words for the model shortly before it is stopped; empty: there is no need."""
        turns = self._turns
        if (len(turns) >= _SAME - 1 and turns[-1] == turns[-2]) or self._idle == _IDLE // 2:
            return (
                "Nothing new came of the last turns. Do something else, or finish with what there"
                " is; otherwise you are stopped."
            )
        return ""
