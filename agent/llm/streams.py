"""Tells the tool calls of a streamed reply apart, for hosts that number or repeat them wrongly.

On the wire of chat completions a call comes in pieces, which its index holds together. Some hosts
send every call with the same index, or the name of its tool with each piece: joined by the index
alone, three calls would become one of a tool that does not exist.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable

    from openai.types.chat.chat_completion_chunk import Choice, ChoiceDeltaToolCall
    from pydantic_ai.messages import ModelResponseStreamEvent
    from pydantic_ai.models import Model


@dataclass
class StreamedCalls:
    """The calls of one reply so far: each gets an index of its own, and one name."""

    _indexes: dict[tuple[int | None, str], int] = field(default_factory=dict)
    """By the index and the id that the host gives."""
    _latest: dict[int | None, int] = field(default_factory=dict)
    """Of those, the last one with an index of the host."""
    _named: set[int] = field(default_factory=set)

    def mend(self, piece: ChoiceDeltaToolCall) -> None:
        """Give a piece the index of its call, and no name where the call has one."""
        given, name = piece.index, piece.function.name if piece.function else None
        last = self._latest.get(given)
        # Without an id a piece goes on with the call before it.
        key = (given, piece.id or "") if piece.id or last is None else None
        index = last if key is None else self._indexes.get(key)
        if index is None:
            index = len(self._indexes)
        if key is not None:
            self._indexes[key] = index
        self._latest[given] = piece.index = index
        if name and piece.function and index in self._named:
            piece.function.name = None
        elif name:
            self._named.add(index)


class _ToolCallRepairMixin:
    """Comes before the library's class of a streamed reply, whichever that is."""

    def _map_part_delta(self, choice: Choice) -> Iterable[ModelResponseStreamEvent]:
        calls: StreamedCalls = self.__dict__.setdefault("_streamed_calls", StreamedCalls())
        for piece in choice.delta.tool_calls or ():
            calls.mend(piece)
        found: Iterable[ModelResponseStreamEvent] = super()._map_part_delta(choice)  # type: ignore[misc]
        return found


def tell_calls_apart(model: Model) -> Model:
    """Have a model tell its streamed calls apart, where it is one of chat completions."""
    kind: Any = type(model)
    # To ask for its class would load a provider that may not be in use.
    if (stream := getattr(model, "_streamed_response_cls", None)) is not None:
        own = type(stream.__name__, (_ToolCallRepairMixin, stream), {})
        model.__class__ = type(kind.__name__, (kind,), {"_streamed_response_cls": own})
    return model
