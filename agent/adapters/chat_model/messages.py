"""Our records of a conversation as pydantic-ai's messages, and its replies as ours."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any, Literal

from pydantic import TypeAdapter, ValidationError
from pydantic_ai import messages as theirs
from pydantic_ai.models import ModelRequestParameters
from pydantic_ai.tools import ToolDefinition
from pydantic_core import PydanticSerializationError

from agent.chat import Answered, Asked, ChatRequest, Reply, Returned, ToolCall, ToolSpec, Usage

_RESPONSE = TypeAdapter(theirs.ModelResponse)
#: What every provider takes back as the name of a tool, or as the id of a call.
_SENDABLE = re.compile(r"[a-zA-Z0-9_-]{1,64}")

Finish = Literal["stop", "calls", "length", "refused"]


def parameters(request: ChatRequest) -> ModelRequestParameters:
    """Say which tools there are, and whether one has to be called.

    A model that cannot be made to is asked for it by the prompt alone.
    """
    return ModelRequestParameters(
        function_tools=[
            ToolDefinition(
                name=tool.name,
                description=tool.description,
                parameters_json_schema=tool.parameters,
                # Elsewhere a provider cannot hold a model to the letter, and words for it are idle.
                strict=None if _count(tool, "required") == _count(tool, "properties") else False,
            )
            for tool in request.tools
        ],
        allow_text_output=not (request.must_call and request.tools),
    )


def history(request: ChatRequest, *, failures: bool = False) -> list[theirs.ModelMessage]:
    """Write the conversation; replies go back as they came, with what their provider needs.

    Args:
        failures: Whether the wire marks calls that failed. Elsewhere the library would wrap their
            words into JSON, in which every line break is written out.
    """
    found: list[theirs.ModelMessage] = []
    for message in request.messages:
        if isinstance(message, Answered):
            found.append(_as_it_came(message.reply))
        else:
            parts = list(_parts(message, failures=failures))
            found.append(theirs.ModelRequest(parts=parts, instructions=request.system))
    return found


def _count(tool: ToolSpec, key: str) -> int:
    return len(tool.parameters.get(key, ()))


def _parts(message: Asked | Returned, *, failures: bool) -> Iterator[theirs.ModelRequestPart]:
    if isinstance(message, Returned):
        for result in message.results:
            yield theirs.ToolReturnPart(
                tool_name=_sendable(result.name),
                content=result.content,
                tool_call_id=result.call_id,
                outcome="failed" if result.failed and failures else "success",
            )
    if message.text:
        yield theirs.UserPromptPart(content=message.text)


def _as_it_came(reply: Reply) -> theirs.ModelResponse:
    try:
        known = _RESPONSE.validate_json(reply.raw)
    except ValidationError:
        # Of a record that was made without the library, or redacted, its words and calls are left.
        known = theirs.ModelResponse(parts=list(_anew(reply)))
    return replace(known, parts=[_nameable(part) for part in known.parts])


def _anew(reply: Reply) -> Iterator[theirs.TextPart | theirs.ToolCallPart]:
    if reply.text or not reply.calls:
        yield theirs.TextPart(reply.text or "(nothing)")
    for call in reply.calls:
        yield theirs.ToolCallPart(call.name, call.arguments, call.call_id)


def _nameable(part: theirs.ModelResponsePart) -> theirs.ModelResponsePart:
    if isinstance(part, theirs.ToolCallPart) and not _SENDABLE.fullmatch(part.tool_name):
        name = _sendable(part.tool_name)
        return theirs.ToolCallPart(name, part.args_as_json_str(), part.tool_call_id)
    return part


def _sendable(name: str) -> str:
    """A name that providers take back, for a tool that a model has made up."""
    if _SENDABLE.fullmatch(name):
        return name
    return re.sub(r"[^a-zA-Z0-9_-]", "_", name)[:64] or "_"


def tidied(response: theirs.ModelResponse, request: ChatRequest) -> theirs.ModelResponse:
    """Give each call an id of its own, by which it can be answered and sent back.

    Halves of surrogate pairs, which no text can be sent or kept with, are written out.
    """
    response = _writable(response)
    taken = {
        call.call_id
        for message in request.messages
        if isinstance(message, Answered)
        for call in message.reply.calls
    }
    parts = [
        replace(part, tool_call_id=_take_id(part.tool_call_id, taken))
        if isinstance(part, theirs.ToolCallPart)
        else part
        for part in response.parts
    ]
    return replace(response, parts=parts)


def _writable(response: theirs.ModelResponse) -> theirs.ModelResponse:
    try:
        _RESPONSE.dump_json(response)
    except PydanticSerializationError:
        return _RESPONSE.validate_python(_written_out(_RESPONSE.dump_python(response)))
    return response


def _written_out(value: Any) -> Any:
    match value:
        case str():
            return value.encode("utf-8", "backslashreplace").decode()
        case dict():
            return {_written_out(key): _written_out(one) for key, one in value.items()}
        case list():
            return [_written_out(one) for one in value]
    return value


def _take_id(call_id: str, taken: set[str]) -> str:
    if not _SENDABLE.fullmatch(call_id) or call_id in taken:
        stem = _sendable(call_id)[:50]
        call_id = next(one for n in range(1, 10**6) if (one := f"{stem}-{n}") not in taken)
    taken.add(call_id)
    return call_id


def reply(
    response: theirs.ModelResponse,
    model: str,
    seconds: float,
    used: Usage,
    cost_usd: float | None,
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
    refusal = (response.provider_details or {}).get("refusal")
    return Reply(
        model=model,
        text="\n".join(text for text in texts if text) or str(refusal or ""),
        calls=calls,
        finish=_finish(response, calls),
        usage=used,
        cost_usd=cost_usd,
        seconds=round(seconds, 3),
        raw=_RESPONSE.dump_json(response).decode(),
    )


def usage(response: theirs.ModelResponse, request: ChatRequest) -> Usage:
    """Count what a reply used; where its server counts nothing, the most that it can be."""
    counted = response.usage
    if counted.unmeasured_requests or not (counted.input_tokens or counted.output_tokens):
        said = len(_RESPONSE.dump_json(response))
        return Usage(
            input_tokens=request.bytes, output_tokens=max(1, min(said, request.most_tokens))
        )
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
