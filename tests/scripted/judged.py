"""What providers refuse with 400 in a conversation that is sent to them, each on its own wire."""

import json
import re
from collections.abc import Iterator
from typing import Any, NamedTuple

_NAME = re.compile(r"[a-zA-Z0-9_-]{1,64}")


class _Turn(NamedTuple):
    """One message: what it calls, as id, name and arguments, or which ids it answers."""

    calls: tuple[tuple[str, str, Any], ...] = ()
    answers: tuple[str, ...] = ()


def objection(wire: str, body: dict[str, Any]) -> str | None:
    """Return what is wrong with a request; None: nothing."""
    waiting: list[str] = []
    seen: set[str] = set()
    for turn in _TURNS[wire](body):
        for answered in turn.answers:
            if answered not in waiting:
                return f"{answered!r} answers no call before it"
            waiting.remove(answered)
        if waiting and not turn.answers:
            return f"calls without an answer: {waiting}"
        for call_id, name, arguments in turn.calls:
            if not _NAME.fullmatch(name):
                return f"the name {name!r} is not of the form"
            if not isinstance(arguments, dict):
                return f"the arguments of {name} are no object"
            if not call_id or (wire != "gemini" and call_id in seen):
                return f"the id {call_id!r} is used twice"
            waiting.append(call_id)
            seen.add(call_id)
    return f"calls without an answer: {waiting}" if waiting else None


def _chat(body: dict[str, Any]) -> Iterator[_Turn]:
    for message in body["messages"]:
        if message["role"] == "tool":
            yield _Turn(answers=(message["tool_call_id"],))
        else:
            made = [
                (call["id"], call["function"]["name"], json.loads(call["function"]["arguments"]))
                for call in message.get("tool_calls") or ()
            ]
            yield _Turn(calls=tuple(made))


def _responses(body: dict[str, Any]) -> Iterator[_Turn]:
    # Each call is an item of its own, and so is each answer; calls of a turn follow each other.
    calls: list[tuple[str, str, Any]] = []
    for item in body["input"]:
        if item.get("type") == "function_call":
            calls.append((item["call_id"], item["name"], json.loads(item["arguments"])))
            continue
        if calls:
            yield _Turn(calls=tuple(calls))
            calls = []
        if item.get("type") == "function_call_output":
            yield _Turn(answers=(item["call_id"],))
        elif item.get("type", "message") == "message":
            yield _Turn()
    yield _Turn(calls=tuple(calls))


def _anthropic(body: dict[str, Any]) -> Iterator[_Turn]:
    for message in body["messages"]:
        blocks = message["content"] if isinstance(message["content"], list) else []
        yield _Turn(
            calls=tuple(
                (b["id"], b["name"], b["input"]) for b in blocks if b["type"] == "tool_use"
            ),
            answers=tuple(b["tool_use_id"] for b in blocks if b["type"] == "tool_result"),
        )


def _gemini(body: dict[str, Any]) -> Iterator[_Turn]:
    for content in body["contents"]:
        calls = [part["functionCall"] for part in content["parts"] if "functionCall" in part]
        responses = [p["functionResponse"] for p in content["parts"] if "functionResponse" in p]
        yield _Turn(
            calls=tuple((c.get("id") or c["name"], c["name"], c.get("args") or {}) for c in calls),
            answers=tuple(response.get("id") or response["name"] for response in responses),
        )


_TURNS = {"chat": _chat, "responses": _responses, "anthropic": _anthropic, "gemini": _gemini}
