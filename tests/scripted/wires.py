"""The wires: how a request is read, and a reply written, whole or as events of a stream.

Sources: the API references of OpenAI (chat completions, responses) and Anthropic (messages), as the
SDKs of the lock file send and read them.
"""

import json
from collections.abc import Iterator
from typing import Any

from tests.scripted import gemini
from tests.scripted.script import Call, Said, Seen

Event = tuple[str, dict[str, Any]]
"""Name (empty: none) and data."""

_PATHS = {"/v1/chat/completions": "chat", "/v1/responses": "responses", "/v1/messages": "anthropic"}
_PIECE = 24


def of(path: str) -> str | None:
    """Name the wire of an address; None: there is none."""
    return "gemini" if gemini.PATH.fullmatch(path) else _PATHS.get(path)


def seen(number: int, path: str, raw: bytes, key: str) -> Seen:
    body, wire = json.loads(raw), of(path) or ""
    system, messages = _READERS[wire](body)
    if named := gemini.PATH.fullmatch(path):
        model, stream, tools = named["model"], bool(named["stream"]), gemini.tools(body)
    else:
        model, stream = body["model"], bool(body.get("stream"))
        offered = body.get("tools") or ()
        tools = tuple(str(tool.get("name") or tool["function"]["name"]) for tool in offered)
    return Seen(
        number=number,
        wire=wire,
        model=model,
        stream=stream,
        system=system,
        tools=tools,
        messages=tuple(messages),
        key=key,
        body=body,
        characters=len(raw.decode()),
    )


def _plain(content: Any) -> str:
    """Join the texts of a content, which is one or a list of blocks."""
    if isinstance(content, str) or content is None:
        return content or ""
    return "\n".join(str(block.get("text", "")) for block in content)


Messages = list[tuple[str, str]]


def _read_chat(body: dict[str, Any]) -> tuple[str, Messages]:
    system, messages = [], Messages()
    for message in body["messages"]:
        role, text = message["role"], _plain(message.get("content"))
        if role in ("system", "developer"):
            system.append(text)
        elif role == "tool":
            messages.append(("result", text))
        else:
            if text or role == "user":
                messages.append((role, text))
            for call in message.get("tool_calls") or ():
                function = call["function"]
                messages.append(("call", f"{function['name']} {function['arguments']}"))
    return "\n".join(system), messages


def _read_responses(body: dict[str, Any]) -> tuple[str, Messages]:
    system, messages = [body.get("instructions") or ""], Messages()
    for item in body["input"]:
        match item.get("type", "message"):
            case "function_call":
                messages.append(("call", f"{item['name']} {item['arguments']}"))
            case "function_call_output":
                messages.append(("result", _plain(item["output"])))
            case "message" if item["role"] in ("system", "developer"):
                system.append(_plain(item["content"]))
            case "message":
                messages.append((item["role"], _plain(item["content"])))
    return "\n".join(part for part in system if part), messages


def _read_anthropic(body: dict[str, Any]) -> tuple[str, Messages]:
    messages = Messages()
    for message in body["messages"]:
        content = message["content"]
        blocks = [{"type": "text", "text": content}] if isinstance(content, str) else content
        for block in blocks:
            match block["type"]:
                case "tool_use":
                    messages.append(("call", f"{block['name']} {json.dumps(block['input'])}"))
                case "tool_result":
                    messages.append(("result", _plain(block["content"])))
                case "text":
                    messages.append((message["role"], block["text"]))
    return _plain(body.get("system")), messages


_READERS = {
    "chat": _read_chat,
    "responses": _read_responses,
    "anthropic": _read_anthropic,
    "gemini": gemini.read,
}


# --- replies ----------------------------------------------------------------------------------


def whole(request: Seen, reply: Said) -> dict[str, Any]:
    """Write a reply in one piece, as servers do that have no streams."""
    assert request.wire == "chat", "the other providers are asked for streams"
    return _whole_chat(request, reply)


def events(request: Seen, reply: Said) -> Iterator[Event]:
    return _STREAMS[request.wire](request, reply)


def _ids(request: Seen, reply: Said) -> list[tuple[str, Call]]:
    return [
        (call.call_id or f"call_{request.number}_{place}", call)
        for place, call in enumerate(reply.calls)
    ]


def _tokens(request: Seen, reply: Said) -> tuple[int, int]:
    sent = request.characters // 4 if reply.input_tokens is None else reply.input_tokens
    written = len(reply.text) + sum(len(call.text) + len(call.name) for call in reply.calls)
    return sent, max(written // 4, 1) if reply.output_tokens is None else reply.output_tokens


def _pieces(text: str) -> Iterator[str]:
    # What is long goes out in a few hundred pieces all the same.
    most = max(_PIECE, len(text) // 500)
    for at in range(0, len(text), most):
        yield text[at : at + most]


def _chat_finish(reply: Said) -> str:
    reasons = {"length": "length", "refused": "content_filter"}
    return reasons.get(reply.finish, "tool_calls" if reply.calls else "stop")


def _chat_usage(request: Seen, reply: Said) -> dict[str, Any]:
    sent, written = _tokens(request, reply)
    return {
        "prompt_tokens": sent,
        "completion_tokens": written,
        "total_tokens": sent + written,
        "prompt_tokens_details": {"cached_tokens": reply.cached_tokens},
    }


def _whole_chat(request: Seen, reply: Said) -> dict[str, Any]:
    message: dict[str, Any] = {"role": "assistant", "content": reply.text or None}
    if reply.calls:
        message["tool_calls"] = [
            {"id": call_id, "type": "function", "function": {"name": c.name, "arguments": c.text}}
            for call_id, c in _ids(request, reply)
        ]
    return {
        "id": f"chatcmpl-{request.number}",
        "object": "chat.completion",
        "created": 1_750_000_000,
        "model": request.model,
        "choices": [{"index": 0, "message": message, "finish_reason": _chat_finish(reply)}],
        **({"usage": _chat_usage(request, reply)} if reply.counted else {}),
    }


def _stream_chat(request: Seen, reply: Said) -> Iterator[Event]:
    def chunk(delta: dict[str, Any], finish: str | None = None, **more: Any) -> Event:
        return "", {
            "id": f"chatcmpl-{request.number}",
            "object": "chat.completion.chunk",
            "created": 1_750_000_000,
            "model": request.model,
            "choices": [{"index": 0, "delta": delta, "finish_reason": finish}],
            **more,
        }

    yield chunk({"role": "assistant", "content": ""})
    for piece in _pieces(reply.thought):
        yield chunk({"reasoning_content": piece})
    for piece in _pieces(reply.text):
        yield chunk({"content": piece})
    for place, (call_id, call) in enumerate(_ids(request, reply)):
        start = {"index": place, "id": call_id, "type": "function"}
        named = {"name": call.name, "arguments": ""}
        yield chunk({"tool_calls": [{**start, "function": named}]})
        for piece in _pieces(call.text):
            yield chunk({"tool_calls": [{"index": place, "function": {"arguments": piece}}]})
    yield chunk({}, _chat_finish(reply))
    name, last = chunk({})
    if reply.counted:
        yield name, {**last, "choices": [], "usage": _chat_usage(request, reply)}


def _responses_output(request: Seen, reply: Said) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = []
    if reply.thought:
        items.append(
            {
                "id": f"rs_{request.number}",
                "type": "reasoning",
                "summary": [{"type": "summary_text", "text": reply.thought}],
                "encrypted_content": reply.signature,
            }
        )
    if reply.text or not reply.calls:
        kind = "refusal" if reply.finish == "refused" else "output_text"
        field = "refusal" if kind == "refusal" else "text"
        content = {"type": kind, field: reply.text}
        if kind == "output_text":
            content["annotations"] = []  # type: ignore[assignment]
        items.append(
            {
                "id": f"msg_{request.number}",
                "type": "message",
                "role": "assistant",
                "status": "completed",
                "content": [content],
            }
        )
    items += [
        {
            "id": f"fc_{request.number}_{place}",
            "type": "function_call",
            "call_id": call_id,
            "name": call.name,
            "arguments": call.text,
            "status": "completed",
        }
        for place, (call_id, call) in enumerate(_ids(request, reply))
    ]
    return items


def _whole_responses(request: Seen, reply: Said) -> dict[str, Any]:
    sent, written = _tokens(request, reply)
    cut = reply.finish == "length"
    return {
        "id": f"resp_{request.number}",
        "object": "response",
        "created_at": 1_750_000_000,
        "model": request.model,
        "status": "incomplete" if cut else "completed",
        "incomplete_details": {"reason": "max_output_tokens"} if cut else None,
        "error": None,
        "instructions": None,
        "metadata": {},
        "parallel_tool_calls": True,
        "temperature": None,
        "tool_choice": "auto",
        "tools": [],
        "top_p": None,
        "output": _responses_output(request, reply),
        "usage": {
            "input_tokens": sent,
            "input_tokens_details": {"cached_tokens": reply.cached_tokens},
            "output_tokens": written,
            "output_tokens_details": {"reasoning_tokens": 0},
            "total_tokens": sent + written,
        },
    }


def _stream_responses(request: Seen, reply: Said) -> Iterator[Event]:
    number = 0

    def event(kind: str, **data: Any) -> Event:
        nonlocal number
        number += 1
        return kind, {"type": kind, "sequence_number": number, **data}

    done = _whole_responses(request, reply)
    begun = {**done, "status": "in_progress", "output": [], "usage": None}
    yield event("response.created", response=begun)
    for place, item in enumerate(done["output"]):
        at = {"output_index": place, "item_id": item["id"]}
        if item["type"] == "message":
            (content,) = item["content"]
            bare = {**item, "status": "in_progress", "content": []}
            yield event("response.output_item.added", output_index=place, item=bare)
            part = {**at, "content_index": 0}
            if content["type"] == "output_text":
                empty = {**content, "text": ""}
                yield event("response.content_part.added", **part, part=empty)
                for piece in _pieces(content["text"]):
                    delta = {**part, "delta": piece, "logprobs": []}
                    yield event("response.output_text.delta", **delta)
                whole_text = {**part, "text": content["text"], "logprobs": []}
                yield event("response.output_text.done", **whole_text)
            else:
                empty = {**content, "refusal": ""}
                yield event("response.content_part.added", **part, part=empty)
                yield event("response.refusal.delta", **part, delta=content["refusal"])
                yield event("response.refusal.done", **part, refusal=content["refusal"])
            yield event("response.content_part.done", **part, part=content)
        elif item["type"] == "reasoning":
            bare = {**item, "summary": []}
            yield event("response.output_item.added", output_index=place, item=bare)
            part, (summary,) = {**at, "summary_index": 0}, item["summary"]
            empty = {**summary, "text": ""}
            yield event("response.reasoning_summary_part.added", **part, part=empty)
            for piece in _pieces(summary["text"]):
                yield event("response.reasoning_summary_text.delta", **part, delta=piece)
            yield event("response.reasoning_summary_part.done", **part, part=summary)
        else:
            bare = {**item, "status": "in_progress", "arguments": ""}
            yield event("response.output_item.added", output_index=place, item=bare)
            for piece in _pieces(item["arguments"]):
                yield event("response.function_call_arguments.delta", **at, delta=piece)
            ended = {**at, "name": item["name"], "arguments": item["arguments"]}
            yield event("response.function_call_arguments.done", **ended)
        yield event("response.output_item.done", output_index=place, item=item)
    kind = "response.incomplete" if reply.finish == "length" else "response.completed"
    yield event(kind, response=done)


def _anthropic_finish(reply: Said) -> str:
    reasons = {"length": "max_tokens", "refused": "refusal"}
    return reasons.get(reply.finish, "tool_use" if reply.calls else "end_turn")


def _anthropic_usage(request: Seen, reply: Said) -> dict[str, Any]:
    sent, written = _tokens(request, reply)
    return {
        "input_tokens": sent - reply.cached_tokens,
        "output_tokens": written,
        "cache_read_input_tokens": reply.cached_tokens,
        "cache_creation_input_tokens": 0,
    }


def _as_object(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return {"broken": text}


def _anthropic_thought(reply: Said) -> list[dict[str, Any]]:
    """Write a thought, and another one that is not shown."""
    if not reply.thought:
        return []
    shown = {"type": "thinking", "thinking": reply.thought, "signature": reply.signature}
    return [shown, {"type": "redacted_thinking", "data": reply.signature[::-1]}]


def _whole_anthropic(request: Seen, reply: Said) -> dict[str, Any]:
    content = _anthropic_thought(reply)
    content += [{"type": "text", "text": reply.text}] if reply.text else []
    content += [
        {"type": "tool_use", "id": call_id, "name": call.name, "input": _as_object(call.text)}
        for call_id, call in _ids(request, reply)
    ]
    return {
        "id": f"msg_{request.number}",
        "type": "message",
        "role": "assistant",
        "model": request.model,
        "content": content,
        "stop_reason": _anthropic_finish(reply),
        "stop_sequence": None,
        "usage": _anthropic_usage(request, reply),
    }


def _stream_anthropic(request: Seen, reply: Said) -> Iterator[Event]:
    def event(kind: str, **data: Any) -> Event:
        return kind, {"type": kind, **data}

    def block(
        place: int, start: dict[str, Any], deltas: Iterator[dict[str, Any]]
    ) -> Iterator[Event]:
        yield event("content_block_start", index=place, content_block=start)
        for delta in deltas:
            yield event("content_block_delta", index=place, delta=delta)
        yield event("content_block_stop", index=place)

    done = _whole_anthropic(request, reply)
    usage = done["usage"]
    begun = {**done, "content": [], "stop_reason": None, "usage": {**usage, "output_tokens": 1}}
    yield event("message_start", message=begun)
    place = 0
    for thought in _anthropic_thought(reply):
        start = {**thought, **dict.fromkeys({"thinking", "signature"} & thought.keys(), "")}
        yield from block(place, start, _thought_deltas(thought))
        place += 1
    if reply.text:
        deltas = ({"type": "text_delta", "text": piece} for piece in _pieces(reply.text))
        yield from block(place, {"type": "text", "text": ""}, deltas)
        place += 1
    for call_id, call in _ids(request, reply):
        start = {"type": "tool_use", "id": call_id, "name": call.name, "input": {}}
        parts = ({"type": "input_json_delta", "partial_json": p} for p in _pieces(call.text))
        yield from block(place, start, parts)
        place += 1
    ending = {"stop_reason": done["stop_reason"], "stop_sequence": None}
    yield event("message_delta", delta=ending, usage={"output_tokens": usage["output_tokens"]})
    yield event("message_stop")


def _thought_deltas(thought: dict[str, Any]) -> Iterator[dict[str, Any]]:
    if thought["type"] == "thinking":
        for piece in _pieces(thought["thinking"]):
            yield {"type": "thinking_delta", "thinking": piece}
        yield {"type": "signature_delta", "signature": thought["signature"]}


def _stream_gemini(request: Seen, reply: Said) -> Iterator[Event]:
    return gemini.events(request, reply, _ids(request, reply), _tokens(request, reply))


_STREAMS = {
    "chat": _stream_chat,
    "responses": _stream_responses,
    "anthropic": _stream_anthropic,
    "gemini": _stream_gemini,
}
