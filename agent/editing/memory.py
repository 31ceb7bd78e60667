"""What a conversation keeps of its tool results once they fill the model's context window. Pure.

Providers cache the prefix of a conversation, so all of it is sent until most of the window is used.
Then many old results are removed at once: one new prefix, not one every few turns.
"""

from agent.models.chat import Message, ModelTurn, ToolResult, ToolTurn
from agent.models.record import replace
from agent.text import sanitise

#: Parts of the context window: above the first, results are removed until the second is left.
_FULL_SHARE, _LEFT_SHARE = 0.6, 0.3
#: Tokens of a character, where no reply has shown how many they are, and the most they can be.
_USUAL_TOKENS, _MOST_TOKENS = 0.3, 1.0
#: Shorter results are not worth a notice.
_SHORT_RESULT = 400
PLAN = "plan"
"""The tool that submits a plan; its answer has the commands of the checks."""
_TOOLS = ("bash", "edit", "write")


def shorten_messages(
    messages: tuple[Message, ...], window: int, *, is_rejected: bool = False
) -> tuple[Message, ...]:
    """Remove the oldest tool results, if the conversation fills most of the window.

    Old answers to forms go last. That to the plan, the last of each form, and results that the
    model has not seen yet stay.

    Args:
        is_rejected: The provider says that the request is too long, whatever was estimated.
    """
    tokens, rate = _measure(messages)
    left = min(_LEFT_SHARE * window, tokens / 2 if is_rejected else tokens)
    if not is_rejected and tokens <= _FULL_SHARE * window:
        return messages
    removable = [
        result
        for message in messages[:-1]
        for result in (message.results if isinstance(message, ToolTurn) else ())
        if len(result.content) > _SHORT_RESULT and result.name != PLAN
    ]
    last = {result.name: result for result in removable if result.name not in _TOOLS}
    removed: dict[int, ToolResult] = {}
    for result in sorted(removable, key=lambda result: result.name not in _TOOLS):
        if tokens <= left:
            break
        if last.get(result.name) is not result:
            removed[id(result)] = _remove_content(result)
            tokens -= int((len(result.content) - len(removed[id(result)].content)) * rate)
    return tuple(_replace_results(message, removed) for message in messages)


def _measure(messages: tuple[Message, ...]) -> tuple[int, float]:
    """Estimate the tokens of a request, and of each of its characters, by the last reply."""
    known, rate, fresh = 0, _USUAL_TOKENS, 0
    for message in messages:
        if isinstance(message, ModelTurn):
            reply = message.reply
            known, fresh = reply.usage.tokens, 0
            if reply.sent_bytes:
                rate = min(_MOST_TOKENS, reply.usage.input_tokens / reply.sent_bytes)
        else:
            fresh += count_characters((message,))
    return known + int(fresh * rate), rate


def count_characters(messages: tuple[Message, ...]) -> int:
    """Count the characters of what we send: no reply is ever shortened."""
    ours = [message for message in messages if not isinstance(message, ModelTurn)]
    results = (message.results for message in ours if isinstance(message, ToolTurn))
    return sum(len(message.text) for message in ours) + sum(
        len(result.content) for several in results for result in several
    )


def _remove_content(result: ToolResult) -> ToolResult:
    where = "call again" if result.name in _TOOLS else "it was about an earlier change"
    return replace(result, content=sanitise.format_omission(len(result.content), where))


def _replace_results(message: Message, removed: dict[int, ToolResult]) -> Message:
    if not isinstance(message, ToolTurn):
        return message
    results = tuple(removed.get(id(result), result) for result in message.results)
    return replace(message, results=results)
