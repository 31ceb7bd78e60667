"""Faults of requests on demand: which request is hit, and with what. `serving` carries them out.

    answer       `status` (default 500), `headers` and `body` (JSON or text); nothing is performed
    limit        a rate limit: `status` (403 or 429), Retry-After of `seconds` (None: no header);
                 with `hourly` the limit of an hour, whose headers say when it ends
    slow         `seconds` pass, then the request is performed
    drop         the connection is closed without a byte; nothing is performed
    lose_answer  performed; then as `answer` where there is a `status`, else as `drop`

Git's HTTP library and some others send a request again by themselves when a kept connection ends
without a byte: for one lost push take `count` None and remove the fault afterwards.
"""

from __future__ import annotations

import json
import threading
import time
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any, Literal

Kind = Literal["answer", "limit", "slow", "drop", "lose_answer"]
_LIMITED = (
    "You have exceeded a secondary rate limit. Please wait a few minutes before you try again."
)


@dataclass
class Fault:
    """One fault: it lets the first `after` requests pass and then hits `count` of them."""

    kind: Kind
    method: str = "*"
    path: str = "*"
    """Shell pattern over the whole path, such as `/api/v3/repos/*/pulls`."""
    contains: str = ""
    """Text that the body has."""
    after: int = 0
    count: int | None = 1
    """None: until it is removed."""
    status: int | None = None
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)
    seconds: float | None = None
    hourly: bool = False
    id: int = 0
    hits: int = 0

    def answer(self) -> tuple[int, dict[str, str], bytes]:
        """Give status, headers and body in place of the true answer."""
        status = self.status or (403 if self.kind == "limit" else 500)
        headers, body = dict(self.headers), self.body
        if self.kind == "limit" and self.hourly:
            headers |= {
                "X-RateLimit-Limit": "5000",
                "X-RateLimit-Remaining": "0",
                "X-RateLimit-Reset": str(int(time.time() + (self.seconds or 0))),
            }
            body = {"message": "API rate limit exceeded for installation ID 1."}
        elif self.kind == "limit":
            body = {"message": _LIMITED}
            headers |= {} if self.seconds is None else {"Retry-After": str(int(self.seconds))}
        if isinstance(body, str):
            return status, {"Content-Type": "text/html; charset=utf-8", **headers}, body.encode()
        if body is None:
            body = {"message": "Server Error"}
        if isinstance(body, dict):
            body = {"documentation_url": "https://docs.github.com", "status": str(status), **body}
        return status, {"Content-Type": "application/json", **headers}, json.dumps(body).encode()


class Faults:
    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._faults: list[Fault] = []
        self._last = 0

    def add(self, fault: Fault) -> None:
        """Add a fault, and number it."""
        with self._lock:
            self._last += 1
            fault.id = self._last
            self._faults.append(fault)

    def remove(self, number: int | None = None) -> None:
        """Take away one fault, or all."""
        with self._lock:
            self._faults = [one for one in self._faults if number not in (None, one.id)]

    def strike(self, method: str, path: str, body: bytes) -> Fault | None:
        """Give the fault that hits a request, and count it."""
        with self._lock:
            for fault in self._faults:
                if fault.method not in ("*", method) or not fnmatchcase(path, fault.path):
                    continue
                if fault.contains.encode() not in body:
                    continue
                if fault.count is not None and fault.hits >= fault.count:
                    continue
                if fault.after > 0:
                    fault.after -= 1
                    continue
                fault.hits += 1
                return fault
        return None
