"""Our records of a conversation as pydantic-ai's messages, and its replies as ours."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Literal

from pydantic import TypeAdapter
from pydantic_ai import messages as theirs
from pydantic_ai.models import ModelRequestParameters
from pydantic_ai.tools import ToolDefinition

from agent.chat import Answered, Asked, ChatRequest, Reply, Returned, ToolCall, Usage

_RESPONSE = TypeAdapter(theirs.ModelResponse)

Finish = Literal["stop", "calls", "length", "refused"]


def parameters(request: ChatRequest) -> ModelRequestParameters:
    """Say which tools there are."""
    return ModelRequestParameters(
        function_tools=[
            ToolDefinition(
                name=tool.name,
                description=tool.description,
                parameters_json_schema=tool.parameters,
            )
            for tool in request.tools
        ]
    )


def history(request: ChatRequest) -> list[theirs.ModelMessage]:
    """Write the conversation; replies go back as they came, with what their provider needs."""
    found: list[theirs.ModelMessage] = []
    for message in request.messages:
        if isinstance(message, Answered):
            found.append(_as_it_came(message.reply))
        else:
            parts = list(_parts(message))
            found.append(theirs.ModelRequest(parts=parts, instructions=request.system))
    return found


def _parts(message: Asked | Returned) -> Iterator[theirs.ModelRequestPart]:
    if isinstance(message, Returned):
        for result in message.results:
            yield theirs.ToolReturnPart(
                tool_name=result.name,
                content=result.content,
                tool_call_id=result.call_id,
                outcome="failed" if result.failed else "success",
            )
    if message.text:
        yield theirs.UserPromptPart(content=message.text)


def _as_it_came(reply: Reply) -> theirs.ModelResponse:
    return _RESPONSE.validate_json(reply.raw)


def reply(
    response: theirs.ModelResponse, model: str, seconds: float, cost_usd: float | None
) -> Reply:
    """Read a whole reply."""
    calls = tuple(
        ToolCall(
            call_id=part.tool_call_id,
            name=part.tool_name,
            arguments=_arguments(part.args),
        )
        for part in response.parts
        if isinstance(part, theirs.ToolCallPart)
    )
    texts = [part.content for part in response.parts if isinstance(part, theirs.TextPart)]
    return Reply(
        model=model,
        text="\n".join(text for text in texts if text),
        calls=calls,
        finish=_finish(response, calls),
        usage=usage(response),
        cost_usd=cost_usd,
        seconds=round(seconds, 3),
        raw=_RESPONSE.dump_json(response).decode(),
    )


def usage(response: theirs.ModelResponse) -> Usage:
    """Count what a reply used."""
    counted = response.usage
    return Usage(
        input_tokens=counted.input_tokens,
        output_tokens=counted.output_tokens,
        cache_read_tokens=counted.cache_read_tokens,
        cache_write_tokens=counted.cache_write_tokens,
    )


def _arguments(given: object) -> str:
    if isinstance(given, str):
        return given
    return json.dumps({} if given is None else given)


def _finish(response: theirs.ModelResponse, calls: tuple[ToolCall, ...]) -> Finish:
    if response.finish_reason == "content_filter":
        return "refused"
    if response.finish_reason == "length":
        return "length"
    return "calls" if calls else "stop"
