"""Faults on demand: decide which request is hit, and do it to the connection.

What each kind does is told in the package's docstring.
"""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass, field
from fnmatch import fnmatchcase
from typing import Any, Literal

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from agent.demo.simulator.limits import SECONDARY_WORDS

Kind = Literal[
    "refuse", "primary", "secondary", "html", "redirect", "delay", "drop",
    "perform_refuse", "perform_drop", "cut", "truncate", "expire", "uninstall",
]  # fmt: skip

_PAGE = "<!DOCTYPE html>\n<html><head><title>Unicorn!</title></head><body>Oops</body></html>\n"


@dataclass
class Fault:
    """One fault; see the package for its kinds."""

    kind: Kind
    method: str = "*"
    path: str = "*"
    contains: str = ""
    after: int = 0
    count: int | None = 1
    status: int | None = None
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)
    seconds: float | None = None
    location: str = ""
    id: int = 0
    hits: int = 0
    """How often it struck."""


class Faults:
    """The faults that wait for a request."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._faults: list[Fault] = []
        self._last = 0

    def add(self, fault: Fault) -> int:
        """Add a fault; give its number."""
        with self._lock:
            self._last += 1
            fault.id = self._last
            self._faults.append(fault)
            return fault.id

    def remove(self, number: int | None = None) -> None:
        """Take away one fault, or all."""
        with self._lock:
            self._faults = [one for one in self._faults if number not in (None, one.id)]

    def listing(self) -> list[dict[str, object]]:
        """Give all faults, with how often each struck."""
        with self._lock:
            return [asdict(one) for one in self._faults]

    def needs_body(self) -> bool:
        """Tell whether any fault looks into bodies."""
        with self._lock:
            return any(one.contains for one in self._faults)

    def strike(self, method: str, path: str, body: bytes) -> Fault | None:
        """Give the fault that hits a request, and count it."""
        with self._lock:
            for fault in self._faults:
                if fault.method not in ("*", method) or not fnmatchcase(path, fault.path):
                    continue
                if fault.contains and fault.contains.encode() not in body:
                    continue
                if fault.count is not None and fault.hits >= fault.count:
                    continue
                if fault.after > 0:
                    fault.after -= 1
                    continue
                fault.hits += 1
                return fault
        return None


class Dropped(Exception):
    """The connection is to be closed without an answer."""


Close = Callable[[Scope], None]


async def apply(
    fault: Fault, app: ASGIApp, scope: Scope, receive: Receive, send: Send, close: Close
) -> None:
    """Answer a request with a fault.

    Raises:
        Dropped: The connection has been closed; nothing more can be sent.
    """
    if fault.kind == "delay":
        await asyncio.sleep(fault.seconds or 0)
        await app(scope, receive, send)
    elif fault.kind in ("drop", "perform_drop"):
        if fault.kind == "perform_drop":
            await _perform(app, scope, receive)
        close(scope)
        raise Dropped
    elif fault.kind in ("cut", "truncate"):
        await _spoil(fault, app, scope, receive, send, close)
    else:
        if fault.kind == "perform_refuse":
            await _perform(app, scope, receive)
        else:
            await _read_all(receive)
        status, headers, body = _answer(fault)
        await _send(send, status, headers, body)


def _answer(fault: Fault) -> tuple[int, dict[str, str], bytes]:
    said = fault.body
    headers = {"content-type": "application/json; charset=utf-8"}
    if fault.kind == "html":
        headers["content-type"] = "text/html; charset=utf-8"
        return fault.status or 200, {**headers, **fault.headers}, _PAGE.encode()
    if fault.kind == "redirect":
        headers["location"] = fault.location
        said = said or {"message": "Moved Permanently", "url": fault.location}
    elif fault.kind == "primary":
        reset = int(time.time() + (3600 if fault.seconds is None else fault.seconds))
        headers |= {
            "x-ratelimit-limit": "5000",
            "x-ratelimit-remaining": "0",
            "x-ratelimit-used": "5000",
            "x-ratelimit-reset": str(reset),
            "x-ratelimit-resource": "core",
        }
        said = said or {"message": "API rate limit exceeded for installation ID 1."}
    elif fault.kind == "secondary":
        if fault.seconds is not None:
            headers["retry-after"] = str(int(fault.seconds))
        said = said or {"message": SECONDARY_WORDS}
    default = {"redirect": 301, "primary": 403, "secondary": 403, "refuse": 500}
    status = fault.status or default.get(fault.kind, 502)
    if said is None:
        said = {"message": "Server Error"}
    if isinstance(said, str):
        headers["content-type"] = "text/plain; charset=utf-8"
        return status, {**headers, **fault.headers}, said.encode()
    if isinstance(said, dict):
        said = {"documentation_url": "https://docs.github.com/rest", "status": str(status), **said}
    return status, {**headers, **fault.headers}, json.dumps(said).encode()


async def _perform(app: ASGIApp, scope: Scope, receive: Receive) -> tuple[Message, bytes]:
    """Let the application answer, and keep the answer back."""
    start: Message = {}
    parts: list[bytes] = []

    async def keep(message: Message) -> None:
        if message["type"] == "http.response.start":
            start.update(message)
        elif message["type"] == "http.response.body":
            parts.append(message.get("body", b""))

    await app(scope, receive, keep)
    return start, b"".join(parts)


async def _spoil(
    fault: Fault, app: ASGIApp, scope: Scope, receive: Receive, send: Send, close: Close
) -> None:
    start, body = await _perform(app, scope, receive)
    half = body[: len(body) // 2]
    length = len(half) if fault.kind == "cut" else len(body)
    headers = [(k, v) for k, v in start["headers"] if k.lower() != b"content-length"]
    headers.append((b"content-length", str(length).encode()))
    await send({**start, "headers": headers})
    await send({"type": "http.response.body", "body": half, "more_body": fault.kind == "truncate"})
    if fault.kind == "truncate":
        await asyncio.sleep(0.05)
        close(scope)
        raise Dropped


async def _read_all(receive: Receive) -> None:
    """Take in what a client still sends, so that it sees the answer and not a broken pipe."""
    while True:
        message = await receive()
        if message["type"] != "http.request" or not message.get("more_body"):
            return


async def _send(send: Send, status: int, headers: dict[str, str], body: bytes) -> None:
    raw = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
    raw.append((b"content-length", str(len(body)).encode()))
    await send({"type": "http.response.start", "status": status, "headers": raw})
    await send({"type": "http.response.body", "body": body})


def replaying(body: bytes) -> Callable[[], Awaitable[Message]]:
    """Give a receiver that hands out a body once, for an application that comes after us."""
    given = False

    async def receive() -> Message:
        nonlocal given
        if given:
            return {"type": "http.disconnect"}
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return receive
