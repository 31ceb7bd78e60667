"""A stand-in for a model: what it says is read from a script, over the wire of a real provider."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

_NAME = "openai-chat:scripted-stand-in"
_REVIEWS, _ANSWERS = "Your part: review the diff", "Your part: answer the review"


@dataclass(frozen=True)
class Line:
    """What it says to one matter."""

    to: str
    """Words that the matter has."""
    became: str
    """`done`, `answered`, `beyond` or `person`."""
    words: str


@dataclass(frozen=True)
class Script:
    """What it does when it is asked to see to a pull request."""

    path: str
    old: str
    new: str
    lines: tuple[Line, ...]


@contextmanager
def serving(script: Script) -> Iterator[dict[str, str]]:
    """Serve the script while the block runs; give the settings with which every role is it."""

    class Handler(_Handler):
        told = script

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as http:
        http.daemon_threads = True
        thread = threading.Thread(target=http.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        try:
            yield {
                "MERGEWRIGHT_MODEL": _NAME,
                "MERGEWRIGHT_MODEL_STREAM": "off",
                # What has no price is bounded in tokens.
                "MERGEWRIGHT_MODEL_TOKENS": "1000000",
                "OPENAI_BASE_URL": f"http://127.0.0.1:{http.server_address[1]}/v1",
                "OPENAI_API_KEY": "none-is-needed",
            }
        finally:
            http.shutdown()
            thread.join()


def reply(script: Script, messages: list[dict[str, Any]]) -> list[tuple[str, dict[str, Any]]]:
    """Return the tools that are called next in a conversation, with their arguments.

    Args:
        messages: As a request of chat-completions has them.
    """
    text = [one["content"] for one in messages if isinstance(one.get("content"), str)]
    system = "\n".join(text[:1])
    if _REVIEWS in system:
        return [("submit_review", {"approve": True, "remarks": []})]
    if _ANSWERS not in system:
        return []
    if not any(one["role"] == "assistant" for one in messages):
        return [("bash", {"command": f"cat {script.path}"})]
    edit = {"path": script.path, "old": script.old, "new": script.new}
    answers = [
        {"matter": matter, "became": line.became, "words": line.words}
        for line in script.lines
        if (matter := _matter(line.to, "\n".join(text[1:]))) is not None
    ]
    return [("edit", edit), ("submit", {"summary": "", "answers": answers})]


def _matter(words: str, opening: str) -> int | None:
    """Find the number of the matter that has some words."""
    parts = re.split(r"^Matter (\d+) \(data\)$", opening, flags=re.MULTILINE)
    numbered = zip(parts[1::2], parts[2::2], strict=True)
    return next((int(number) for number, said in numbered if words in said), None)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    told: Script

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Print nothing."""

    def do_POST(self) -> None:
        """Answer a request of chat-completions."""
        raw = self.rfile.read(int(self.headers["Content-Length"]))
        asked = json.loads(raw)
        called = reply(self.told, asked["messages"])
        message: dict[str, Any] = {"role": "assistant", "content": None}
        if called:
            message["tool_calls"] = [
                {
                    "id": f"call_{len(asked['messages'])}_{place}",
                    "type": "function",
                    "function": {"name": name, "arguments": json.dumps(arguments)},
                }
                for place, (name, arguments) in enumerate(called)
            ]
        else:
            message["content"] = "The script has nothing for this."
        written = json.dumps(message)
        finish = "tool_calls" if called else "stop"
        usage = {"prompt_tokens": len(raw) // 4, "completion_tokens": len(written) // 4}
        body = json.dumps(
            {
                "id": f"chatcmpl-{len(raw)}",
                "object": "chat.completion",
                "created": 1_750_000_000,
                "model": asked["model"],
                "choices": [{"index": 0, "message": message, "finish_reason": finish}],
                "usage": {**usage, "total_tokens": sum(usage.values())},
            }
        ).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
