"""Cut what tools returned long ago out of what is sent again, in batches.

Each cut changes the beginning of a conversation, which providers keep in a cache as long as it
stays the same; so nothing is cut for several turns, and then all at once. What is cut can be had
again by the same call.
"""

from __future__ import annotations

from agent.models.chat import Message, Returned, ToolResult

#: Turns between one cut and the next.
_BATCH = 6
#: Turns that a cut leaves whole.
_WHOLE = 4
#: What is shorter stays.
_SHORT = 300


def trim_messages(messages: tuple[Message, ...], turn: int) -> tuple[Message, ...]:
    """Return the messages for the request of a turn (1-based), old results cut.

    What comes out depends on the turn and the messages alone: the same again after a restart.
    """
    left = (turn - 1) // _BATCH * _BATCH - _WHOLE
    cut: list[Message] = []
    for message in messages:
        if isinstance(message, Returned) and left > 0:
            left -= 1
            results = tuple(map(_make_stub, message.results))
            cut.append(message.model_copy(update={"results": results}))
        else:
            cut.append(message)
    return tuple(cut)


def _make_stub(result: ToolResult) -> ToolResult:
    if len(result.content) <= _SHORT:
        return result
    first = result.content.partition("\n")[0][:120]
    words = f"{first}\n[{len(result.content):,} characters cut; call again if you need them]"
    return result.model_copy(update={"content": words})
