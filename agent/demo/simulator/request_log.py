"""Remember what was asked, for call counts and for looking into a surprise."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from fnmatch import fnmatchcase


@dataclass(frozen=True)
class Asked:
    number: int
    at: float
    method: str
    path: str
    query: str
    status: int
    """0: the connection was closed without an answer."""
    seconds: float
    caller: str
    """"installation:7", "user:ada", "app:5", "anonymous" ..."""
    agent: str
    fault: str | None
    body: str
    """Of calls of the API."""


class RequestLog:
    """All requests, oldest first."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._asked: list[Asked] = []
        self._number = 0

    def next_number(self) -> int:
        with self._lock:
            self._number += 1
            return self._number

    def add(self, asked: Asked) -> None:
        with self._lock:
            self._asked.append(asked)

    def find(self, path: str = "*", since: int = 0, method: str = "*") -> list[Asked]:
        """Give requests whose path meets a shell pattern and whose number is higher."""
        with self._lock:
            return [
                one
                for one in self._asked
                if one.number > since
                and fnmatchcase(one.path, path)
                and method in ("*", one.method)
            ]

    def clear(self) -> None:
        """Forget all requests; numbers go on."""
        with self._lock:
            self._asked.clear()
