"""Remove old tool results from a conversation that fills the model's context window. Pure.

Providers cache the prefix of a conversation, so nothing is removed until most of the window is
used. Then many old results are removed at once, so that the prefix changes once and not every few
turns.
"""

from agent.models.chat import Message, ModelTurn, ToolResult, ToolTurn
from agent.models.record import replace
from agent.text import sanitise

#: Shares of the context window: above the first, results are removed down to the second.
_FULL_SHARE, _LEFT_SHARE = 0.6, 0.3
#: Estimated tokens per character of text or code.
_TOKENS_A_CHARACTER = 0.3
#: Results of at most so many characters stay: the notice in their place would save little.
_SHORT_RESULT = 400
PLAN = "plan"
"""Tool that submits a plan; its answer has the commands of the checks."""
_TOOLS = ("bash", "edit", "write")


def shorten_messages(messages: tuple[Message, ...], window: int) -> tuple[Message, ...]:
    """Remove the oldest tool results if the conversation fills most of the window.

    Answers to forms are removed last. The answer to the plan, the last answer to each form, and
    results that the model has not seen yet stay.

    Args:
        window: Tokens of the context window.
    """
    tokens = _estimate_tokens(messages)
    if tokens <= _FULL_SHARE * window:
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
        if tokens <= _LEFT_SHARE * window:
            break
        if last.get(result.name) is not result:
            where = "call again" if result.name in _TOOLS else "it was about an earlier change"
            omission = sanitise.format_omission(len(result.content), where)
            removed[id(result)] = replace(result, content=omission)
            tokens -= int((len(result.content) - len(omission)) * _TOKENS_A_CHARACTER)
    return tuple(
        replace(message, results=tuple(removed.get(id(old), old) for old in message.results))
        if isinstance(message, ToolTurn)
        else message
        for message in messages
    )


def _estimate_tokens(messages: tuple[Message, ...]) -> int:
    """Estimate tokens: counted up to the last reply, then by the size of newer messages."""
    counted = fresh = 0
    for message in messages:
        if isinstance(message, ModelTurn):
            counted, fresh = message.reply.usage.tokens, 0
        else:
            fresh += len(message.text)
            if isinstance(message, ToolTurn):
                fresh += sum(len(result.content) for result in message.results)
    return counted + int(fresh * _TOKENS_A_CHARACTER)
