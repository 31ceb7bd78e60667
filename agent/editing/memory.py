"""What a conversation keeps of its tool results once they fill the model's context window. Pure.

Providers cache the prefix of a conversation, so all of it is sent until most of the window is used.
Then many old results are removed at once: one new prefix, not one every few turns.
"""

import posixpath
from collections.abc import Iterable, Iterator
from typing import NamedTuple

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
_REPEATABLE = "bash"


class _Place(NamedTuple):
    message: int
    result: int


def shorten_messages(
    messages: tuple[Message, ...],
    window: int,
    edited: Iterable[str] = (),
    *,
    is_rejected: bool = False,
) -> tuple[Message, ...]:
    """Remove the oldest tool results, if the conversation fills most of the window.

    The answer to the plan, the last submit and the results that the model has not seen yet stay.
    What it saw of the files that it edits goes last, and only if nothing else is left.

    Args:
        is_rejected: The provider says that the request is too long, whatever was estimated.
    """
    tokens, rate = _measure(messages)
    left = min(_LEFT_SHARE * window, tokens / 2 if is_rejected else tokens)
    if not is_rejected and tokens <= _FULL_SHARE * window:
        return messages
    removed: dict[_Place, ToolResult] = {}
    names = {posixpath.basename(path) for path in edited}
    groups = _list_removable(messages, names)
    for group, most in zip(groups, (left, _FULL_SHARE * window), strict=True):
        if tokens <= most:
            break
        for place, result in group:
            if tokens <= left:
                break
            removed[place] = _remove_content(result)
            tokens -= int((len(result.content) - len(removed[place].content)) * rate)
    return tuple(_replace_results(message, at, removed) for at, message in enumerate(messages))


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
            fresh += _count_in_message(message)
    return known + int(fresh * rate), rate


def count_characters(messages: tuple[Message, ...]) -> int:
    return sum(map(_count_in_message, messages))


def _count_in_message(message: Message) -> int:
    """Count the characters of what we send: no reply is ever shortened."""
    if isinstance(message, ModelTurn):
        return 0
    results = message.results if isinstance(message, ToolTurn) else ()
    return len(message.text) + sum(len(result.content) for result in results)


def _list_removable(
    messages: tuple[Message, ...], names: set[str]
) -> tuple[list[tuple[_Place, ToolResult]], list[tuple[_Place, ToolResult]]]:
    """List the results that may go, oldest first: others, and results that show edited files."""
    found = list(_list_results(messages))
    last = {result.name: place for place, result, _ in found}
    others: list[tuple[_Place, ToolResult]] = []
    shown: list[tuple[_Place, ToolResult]] = []
    for place, result, arguments in found:
        is_last = result.name != _REPEATABLE and last[result.name] == place
        is_new = place.message == len(messages) - 1
        if is_last or is_new or result.name == PLAN or len(result.content) <= _SHORT_RESULT:
            continue
        (shown if any(name in arguments for name in names) else others).append((place, result))
    return others, shown


def _list_results(messages: tuple[Message, ...]) -> Iterator[tuple[_Place, ToolResult, str]]:
    """Yield each result with the arguments of its call."""
    arguments: dict[str, str] = {}
    for number, message in enumerate(messages):
        if isinstance(message, ModelTurn):
            arguments |= {call.call_id: call.arguments for call in message.reply.calls}
        elif isinstance(message, ToolTurn):
            for at, result in enumerate(message.results):
                yield _Place(number, at), result, arguments.get(result.call_id, "")


def _remove_content(result: ToolResult) -> ToolResult:
    where = "call again" if result.name == _REPEATABLE else "it was about an earlier change"
    notice = sanitise.format_omission(len(result.content), where)
    return replace(result, content=notice)


def _replace_results(message: Message, at: int, removed: dict[_Place, ToolResult]) -> Message:
    if not isinstance(message, ToolTurn):
        return message
    results = tuple(
        removed.get(_Place(at, number), result) for number, result in enumerate(message.results)
    )
    return replace(message, results=results)
