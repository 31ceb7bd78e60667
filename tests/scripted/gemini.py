"""Gemini's wire: `generateContent`, whole or as a stream.

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
    found: list[tuple[str, str]] = []
    for content in body["contents"]:
        role = "assistant" if content["role"] == "model" else "user"
        for part in content["parts"]:
            if "functionCall" in part:
                call = part["functionCall"]
                found.append(("call", f"{call['name']} {json.dumps(call.get('args') or {})}"))
            elif "functionResponse" in part:
                told = part["functionResponse"]["response"].values()
                found.append(("result", "\n".join(map(str, told))))
            elif not part.get("thought"):
                found.append((role, part["text"]))
    system = body.get("systemInstruction", {}).get("parts", ())
    return "\n".join(part["text"] for part in system), found


def whole(request: Seen, said: Said, calls: list[tuple[str, Call]], tokens: Any) -> dict[str, Any]:
    parts: list[dict[str, Any]] = [{"text": said.text}] if said.text else []
    return _object(request, said, _thought(said) + parts + _calls(said, calls), tokens)


def events(
    request: Seen, said: Said, calls: list[tuple[str, Call]], tokens: Any
) -> Iterator[tuple[str, dict[str, Any]]]:
    for thought in _thought(said):
        yield "", _object(request, said, [thought], None)
    for at in range(0, len(said.text), _PIECE):
        yield "", _object(request, said, [{"text": said.text[at : at + _PIECE]}], None)
    for call in _calls(said, calls):
        yield "", _object(request, said, [call], None)
    yield "", _object(request, said, [], tokens)


def _thought(said: Said) -> list[dict[str, Any]]:
    return [{"text": said.thought, "thought": True}] if said.thought else []


def _calls(said: Said, calls: list[tuple[str, Call]]) -> list[dict[str, Any]]:
    """Write the calls; the first carries the signature of the thought."""
    parts: list[dict[str, Any]] = [
        {"functionCall": {"id": call_id, "name": call.name, "args": json.loads(call.text)}}
        for call_id, call in calls
    ]
    if said.thought and parts:
        parts[0]["thoughtSignature"] = said.signature
    return parts


def _object(
    request: Seen, said: Said, parts: list[dict[str, Any]], tokens: tuple[int, int] | None
) -> dict[str, Any]:
    """Write one object; with tokens it is the last one."""
    candidate: dict[str, Any] = {"index": 0, "content": {"role": "model", "parts": parts}}
    made: dict[str, Any] = {"candidates": [candidate], "modelVersion": request.model}
    made["responseId"] = f"response-{request.number}"
    if tokens is not None:
        sent, written = tokens
        candidate["finishReason"] = _FINISH.get(said.finish, "STOP")
        made["usageMetadata"] = {
            "promptTokenCount": sent,
            "candidatesTokenCount": written,
            "totalTokenCount": sent + written,
            "cachedContentTokenCount": said.cached_tokens,
        }
    return made
