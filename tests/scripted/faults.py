"""What providers answer in the place of a reply, in the words of each.

Sources: the references of errors of OpenAI (https://developers.openai.com/api/docs/guides/
error-codes), Anthropic (https://platform.claude.com/docs/en/api/errors) and Gemini
(https://ai.google.dev/gemini-api/docs/troubleshooting), with the messages that their servers send.
"""

import json
from typing import Any, Literal

from tests.scripted.script import Fault

#: Looks like a provider's, so that a place that prints it is found.
KEY = "sk-scripted-0f3a9c5b7d1e4826a0c94e5d"
Kind = Literal["key", "name", "money", "full", "request", "limited", "overloaded", "broken"]

#: Status, type, code and message. The wire `responses` has the same.
_OPENAI: dict[Kind, tuple[int, str, str | None, str]] = {
    "key": (401, "invalid_request_error", "invalid_api_key", "Incorrect API key provided."),
    "request": (400, "invalid_request_error", "invalid_value", "Invalid value: 'tool'."),
    "full": (
        *(400, "invalid_request_error", "context_length_exceeded"),
        "This model's maximum context length is 128000 tokens.",
    ),
    "limited": (429, "tokens", "rate_limit_exceeded", "Rate limit reached for requests."),
}
#: Status, type and message.
_ANTHROPIC: dict[Kind, tuple[int, str, str]] = {
    "name": (404, "not_found_error", "model: scripted"),
    "money": (400, "invalid_request_error", "Your credit balance is too low to access the API."),
    "request": (400, "invalid_request_error", "messages.0: text content blocks must be non-empty"),
    "full": (400, "invalid_request_error", "prompt is too long: 200010 tokens > 200000 maximum"),
    "limited": (429, "rate_limit_error", "This request would exceed your rate limit."),
    "overloaded": (529, "overloaded_error", "Overloaded"),
    "broken": (500, "api_error", "Internal server error"),
}
_ABOUT_THE_KEY = {
    "@type": "type.googleapis.com/google.rpc.ErrorInfo",
    "reason": "API_KEY_INVALID",
    "domain": "googleapis.com",
}
#: Status, its name, message and details.
_GEMINI: dict[Kind, tuple[int, str, str, list[dict[str, Any]]]] = {
    "key": (400, "INVALID_ARGUMENT", "API key not valid.", [_ABOUT_THE_KEY]),
    "full": (
        *(400, "INVALID_ARGUMENT"),
        "The input token count (1048577) exceeds the maximum number of tokens allowed (1048576).",
        [],
    ),
}


def fault(wire: str, kind: Kind, *, after: int | None = None, late: bool = False) -> Fault:
    """Make what the provider behind a wire answers."""
    status, body = _told(wire, kind)
    headers = {} if after is None else {"Retry-After": str(after)}
    return Fault(status=status, headers=headers, body=json.dumps(body), late=late)


def _told(wire: str, kind: Kind) -> tuple[int, dict[str, Any]]:
    # Some repeat the key that they were sent, and it must get no further.
    repeated = f" You sent {KEY}."
    if wire == "anthropic":
        status, named, message = _ANTHROPIC[kind]
        message += repeated
        return status, {"type": "error", "error": {"type": named, "message": message}}
    if wire == "gemini":
        status, named, message, details = _GEMINI[kind]
        message += repeated
        error = {"code": status, "message": message, "status": named, "details": [*details]}
        return status, {"error": error}
    status, named, code, message = _OPENAI[kind]
    message += repeated
    return status, {"error": {"message": message, "type": named, "param": None, "code": code}}
