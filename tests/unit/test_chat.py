"""Requests to a model: what their digest and their length depend on."""

from __future__ import annotations

from agent.models.chat import ChatRequest, ModelTurn, ToolResult, ToolSpec, ToolTurn, UserTurn
from tests.fakes import make_reply

READ = ToolSpec(name="read", description="Read a file.", parameters={"type": "object"})
CALL = ("read", {"path": "a.py"})


def shown(*calls: tuple[str, dict[str, object]], result: str) -> str:
    """Give the digest of a request that goes on after one answer."""
    given = ToolResult(call_id="c0", name="read", content=result)
    messages = (
        UserTurn(text="Do it."),
        ModelTurn(reply=make_reply(*calls)),
        ToolTurn(results=(given,)),
    )
    request = ChatRequest(role="editor", system="You edit.", tools=(READ,), messages=messages)
    return request.digest


def test_one_byte_of_a_result_changes_the_digest_and_so_does_a_call():
    assert (
        len({shown(CALL, result="x = 1"), shown(CALL, result="x = 2"), shown(result="x = 1")}) == 3
    )
