"""Convert our records of a conversation into pydantic-ai's messages, and its replies into ours."""

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from itertools import chain, count
from typing import Literal, cast

from pydantic import TypeAdapter, ValidationError
from pydantic_ai import messages as theirs
from pydantic_ai.models import Model, ModelRequestParameters, infer_model_profile
from pydantic_ai.profiles import prompt_cache_outlook
from pydantic_ai.settings import ModelSettings, ThinkingLevel
from pydantic_ai.tools import ToolDefinition

from agent.llm import failures
from agent.models.chat import (
    ChatRequest,
    ModelTurn,
    Reply,
    Thinking,
    ToolCall,
    ToolTurn,
    Usage,
    UserTurn,
    split_level,
)

_RESPONSE = TypeAdapter(theirs.ModelResponse)
#: Half of a surrogate pair; a text with one can be neither sent nor stored.
_HALF = re.compile("[\ud800-\udfff]")


def make_parameters(request: ChatRequest) -> ModelRequestParameters:
    """Return the tools of a request, and whether a call is required, where that can be forced."""
    return ModelRequestParameters(
        function_tools=[
            ToolDefinition(
                name=tool.name, parameters_json_schema=tool.parameters, description=tool.description
            )
            for tool in request.tools
        ],
        allow_text_output=not (request.must_call and request.tools),
    )


def make_thinking(
    level: Thinking, model: Model, request: ChatRequest, most_tokens: int
) -> ModelSettings:
    """Return the settings for a level of thought, for a reply of `most_tokens` tokens."""
    thinking: ThinkingLevel = {"on": True, "off": False}.get(level, cast(ThinkingLevel, level))
    is_adaptive = model.profile.get("anthropic_supports_adaptive_thinking", False)
    if model.system != "anthropic" or is_adaptive or not thinking:
        return ModelSettings(thinking=thinking)
    # These models need a number of tokens for thought, less than those of the reply. They refuse to
    # think if the last reply has calls but none of their thoughts: another model's reply.
    from pydantic_ai.models.anthropic import AnthropicModelSettings
    from pydantic_ai.profiles.anthropic import ANTHROPIC_THINKING_BUDGET_MAP

    replies = [turn.reply for turn in request.messages if isinstance(turn, ModelTurn)]
    if replies and replies[-1].calls:
        made = _restore_reply(replies[-1]).parts
        if not any(
            isinstance(part, theirs.ThinkingPart) and part.provider_name == model.system
            for part in made
        ):
            return ModelSettings()
    tokens = min(ANTHROPIC_THINKING_BUDGET_MAP[thinking], most_tokens // 2)
    return AnthropicModelSettings(anthropic_thinking={"type": "enabled", "budget_tokens": tokens})


def make_history(request: ChatRequest) -> list[theirs.ModelMessage]:
    """Return the conversation; replies are sent back unchanged, with their provider's data."""
    return [
        _restore_reply(message.reply)
        if isinstance(message, ModelTurn)
        else theirs.ModelRequest([*_make_parts(message)], instructions=request.system)
        for message in request.messages
    ]


def _make_parts(message: UserTurn | ToolTurn) -> Iterator[theirs.ModelRequestPart]:
    if isinstance(message, ToolTurn):
        for result in message.results:
            # The content says that a call failed. Marked as failed, it would become JSON with
            # escaped line breaks in some protocols.
            yield theirs.ToolReturnPart(result.name, result.content, result.call_id)
    if message.text:
        yield theirs.UserPromptPart(content=message.text)


def _restore_reply(reply: Reply) -> theirs.ModelResponse:
    try:
        return _RESPONSE.validate_json(reply.raw)
    except ValidationError:
        # A record that was redacted, or made without the library, has only text and calls.
        calls = [
            theirs.ToolCallPart(call.name, call.arguments, call.call_id) for call in reply.calls
        ]
        text = reply.text or ("" if calls else "(nothing)")
        return theirs.ModelResponse(parts=[*([theirs.TextPart(text)] if text else []), *calls])


def is_cache_cold(reply: Reply, model: str, now: float) -> bool:
    """Whether the provider's cache of this reply's request is known to have expired."""
    try:
        profile = infer_model_profile(split_level(model)[0])
    except failures.KNOWN:
        return False
    moment = datetime.fromtimestamp(now, UTC)
    return prompt_cache_outlook([_restore_reply(reply)], profile=profile, now=moment) == "cold"


def normalise_reply(response: theirs.ModelResponse, request: ChatRequest) -> theirs.ModelResponse:
    """Make ids of calls unique; replace invalid names of tools and halves of surrogate pairs."""
    dumped = json.dumps(_RESPONSE.dump_python(response, mode="json"), ensure_ascii=False)
    if _HALF.search(dumped):
        written = _HALF.sub(lambda half: f"\\\\u{ord(half[0]):x}", dumped)
        response = _RESPONSE.validate_json(written)
    taken = {
        call.call_id
        for message in request.messages
        if isinstance(message, ModelTurn)
        for call in message.reply.calls
    }
    parts = [
        _tidy_call(part, taken) if isinstance(part, theirs.ToolCallPart) else part
        for part in response.parts
    ]
    return replace(response, parts=parts)


def _tidy_call(part: theirs.ToolCallPart, taken: set[str]) -> theirs.ToolCallPart:
    stem, name = _clean_name(part.tool_call_id), _clean_name(part.tool_name)
    numbered = (f"{stem[:50]}-{number}" for number in count(1))
    call_id = next(name for name in chain([stem], numbered) if name not in taken)
    taken.add(call_id)
    if name != part.tool_name:
        return theirs.ToolCallPart(name, part.args, call_id)
    return replace(part, tool_call_id=call_id)


def _clean_name(name: str) -> str:
    """Replace characters of a name or id that not every provider accepts; cut it to 64."""
    return re.sub(r"[^a-zA-Z0-9_-]", "_", name)[:64] or "_"


def read_reply(
    response: theirs.ModelResponse, model: str, seconds: float, used: Usage, cost_usd: float | None
) -> Reply:
    calls = tuple(
        ToolCall(
            call_id=part.tool_call_id,
            name=part.tool_name,
            arguments=part.args if isinstance(part.args, str) else json.dumps(part.args or {}),
        )
        for part in response.tool_calls
    )
    finish: dict[str | None, Literal["refused", "length"]] = {
        "content_filter": "refused",
        "length": "length",
    }
    refusal = (response.provider_details or {}).get("refusal")
    return Reply(
        model=model,
        text=response.text or str(refusal or ""),
        calls=calls,
        finish=finish.get(response.finish_reason, "calls" if calls else "stop"),
        usage=used,
        cost_usd=cost_usd,
        seconds=round(seconds, 3),
        raw=_RESPONSE.dump_json(response).decode(),
    )


def count_usage(response: theirs.ModelResponse, worst: Usage) -> Usage:
    """Return the tokens of a request and its reply; the maximum if the server counted none."""
    counted = response.usage
    if counted.unmeasured_requests or not (counted.input_tokens or counted.output_tokens):
        size = len(_RESPONSE.dump_json(response))
        written = max(1, min(size, worst.output_tokens))
        return Usage(input_tokens=worst.input_tokens, output_tokens=written)
    return Usage(**{name: getattr(counted, name) for name in Usage.model_fields})
