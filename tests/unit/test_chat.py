"""Requests to a model: what their digest and their length depend on."""

from __future__ import annotations

import pytest

from agent.models.chat import (
    Answered,
    Asked,
    ChatRequest,
    Reply,
    Returned,
    ToolCall,
    ToolResult,
    ToolSpec,
    Usage,
)

READ = ToolSpec(name="read", description="Read a file.", parameters={"type": "object"})
REPLY = Reply(
    model="openai:big",
    text="Let me look.",
    calls=(ToolCall(call_id="c1", name="read", arguments='{"path": "a.py"}'),),
    finish="calls",
    usage=Usage(input_tokens=10, output_tokens=5),
    cost_usd=0.01,
    seconds=1.0,
    raw="{}",
)
RESULT = ToolResult(call_id="c1", name="read", content="1 x = 1")
REQUEST = ChatRequest(
    role="editor",
    system="You edit.",
    tools=(READ,),
    messages=(Asked(text="Do it."), Answered(reply=REPLY), Returned(results=(RESULT,))),
)


def with_reply(**changes: object) -> ChatRequest:
    asked, answered, returned = REQUEST.messages
    assert isinstance(answered, Answered)
    told = Answered(reply=answered.reply.model_copy(update=changes))
    return REQUEST.model_copy(update={"messages": (asked, told, returned)})


@pytest.mark.parametrize(
    "other",
    [
        REQUEST.model_copy(
            update={
                "messages": (
                    *REQUEST.messages[:2],
                    Returned(results=(RESULT.model_copy(update={"content": "1 x = 2"}),)),
                )
            }
        ),
        with_reply(calls=()),
    ],
    ids=["one byte of a result", "calls"],
)
def test_what_a_model_is_shown_changes_the_digest(other):
    assert other.digest != REQUEST.digest
