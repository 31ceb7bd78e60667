"""What tools returned long ago is cut, in batches, so that the rest of a conversation stays."""

from __future__ import annotations

from agent.editing.trimming import trim_messages
from agent.models.chat import Answered, Asked, Returned, ToolResult
from agent.testing import make_reply

LONG = "first line\n" + "x" * 2_000


def conversation(turns, content=LONG):
    messages = [Asked(text="Go.")]
    for number in range(1, turns + 1):
        result = ToolResult(call_id="c0", name="read", content=f"{number} {content}")
        messages += [Answered(reply=make_reply(("read", {}))), Returned(results=(result,))]
    return tuple(messages)


def whole(messages):
    """Number the turns whose results are whole."""
    results = [message.results[0] for message in messages if isinstance(message, Returned)]
    return [number for number, result in enumerate(results, 1) if len(result.content) > 2_000]


def test_what_was_cut_stays_so_for_several_turns():
    seen = {turn: whole(trim_messages(conversation(turn - 1), turn)) for turn in range(1, 16)}
    assert seen[1] == []
    assert seen[6] == [1, 2, 3, 4, 5]
    assert seen[7] == [3, 4, 5, 6]
    assert seen[12] == [3, 4, 5, 6, 7, 8, 9, 10, 11]
    assert seen[13] == [9, 10, 11, 12]
    assert seen[15] == [9, 10, 11, 12, 13, 14]


def test_within_a_batch_a_request_begins_as_the_one_before_it():
    for turn in range(8, 13):
        before = trim_messages(conversation(turn - 2), turn - 1)
        assert trim_messages(conversation(turn - 1), turn)[: len(before)] == before


def test_what_is_short_stays():
    assert trim_messages(conversation(12, "done"), 13) == conversation(12, "done")
