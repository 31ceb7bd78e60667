"""Gemini's wire: `generateContent`, as a stream.

Source: the reference of the Gemini API, as the SDK of the lock file sends and reads it.
"""

import json
import re
from collections.abc import Iterator
from typing import Any

from tests.scripted.script import Call, Said, Seen

PATH = re.compile(r"/v1(?:beta)?/models/(?P<model>[^/:]+):(?P<stream>stream)?[gG]enerateContent")
_FINISH = {"length": "MAX_TOKENS", "refused": "SAFETY"}
_PIECE = 24


def tools(body: dict[str, Any]) -> tuple[str, ...]:
    return tuple(
        declared["name"]
        for group in body.get("tools") or ()
        for declared in group["functionDeclarations"]
    )


def read(body: dict[str, Any]) -> tuple[str, list[tuple[str, str]]]:
    messages: list[tuple[str, str]] = []
    for content in body["contents"]:
        role = "assistant" if content["role"] == "model" else "user"
        for part in content["parts"]:
            if "functionCall" in part:
                call = part["functionCall"]
                messages.append(("call", f"{call['name']} {json.dumps(call.get('args') or {})}"))
            elif "functionResponse" in part:
                response = part["functionResponse"]["response"].values()
                messages.append(("result", "\n".join(map(str, response))))
            elif not part.get("thought"):
                messages.append((role, part["text"]))
    system = body.get("systemInstruction", {}).get("parts", ())
    return "\n".join(part["text"] for part in system), messages


def events(
    request: Seen, reply: Said, calls: list[tuple[str, Call]], tokens: Any
) -> Iterator[tuple[str, dict[str, Any]]]:
    for thought in _thought(reply):
        yield "", _object(request, reply, [thought], None)
    for at in range(0, len(reply.text), _PIECE):
        yield "", _object(request, reply, [{"text": reply.text[at : at + _PIECE]}], None)
    for call in _calls(reply, calls):
        yield "", _object(request, reply, [call], None)
    yield "", _object(request, reply, [], tokens)


def _thought(reply: Said) -> list[dict[str, Any]]:
    return [{"text": reply.thought, "thought": True}] if reply.thought else []


def _calls(reply: Said, calls: list[tuple[str, Call]]) -> list[dict[str, Any]]:
    """Write the calls; the first carries the signature of the thought."""
    parts: list[dict[str, Any]] = [
        {"functionCall": {"id": call_id, "name": call.name, "args": json.loads(call.text)}}
        for call_id, call in calls
    ]
    if reply.thought and parts:
        parts[0]["thoughtSignature"] = reply.signature
    return parts


def _object(
    request: Seen, reply: Said, parts: list[dict[str, Any]], tokens: tuple[int, int] | None
) -> dict[str, Any]:
    """Write one object; with tokens it is the last one."""
    candidate: dict[str, Any] = {"index": 0, "content": {"role": "model", "parts": parts}}
    made: dict[str, Any] = {"candidates": [candidate], "modelVersion": request.model}
    made["responseId"] = f"response-{request.number}"
    if tokens is not None:
        sent, written = tokens
        candidate["finishReason"] = _FINISH.get(reply.finish, "STOP")
        made["usageMetadata"] = {
            "promptTokenCount": sent,
            "candidatesTokenCount": written,
            "totalTokenCount": sent + written,
            "cachedContentTokenCount": reply.cached_tokens,
        }
    return made
