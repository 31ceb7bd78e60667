"""A simulated GitHub on which requests and deliveries go wrong on demand, and all are remembered.

    answer       `status` (default 500), `headers` and `body` (JSON or text); nothing is performed
    slow         `seconds` pass, then the request is performed
    drop         the connection is closed without a byte; nothing is performed
    lose_answer  performed; then as `answer` where there is a `status`, else as `drop`

Git's HTTP library and some others send a request again by themselves when a kept connection ends
without a byte: for one lost push take `count` None and remove the fault afterwards.
"""

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, Literal

import httpx

from tests.demo import play
from tests.simulator.hooks import Delivery, Hooks
from tests.simulator.serving import Answer, Request
from tests.simulator.world import World

Kind = Literal["answer", "slow", "drop", "lose_answer"]


@dataclass
class Fault:
    """One fault, which hits `count` requests."""

    kind: Kind
    method: str = "*"
    path: str = "*"
    """Shell pattern over the whole path, such as `/api/v3/repos/*/pulls`."""
    sent: str = "*"
    """The same over path, query and body."""
    count: int | None = 1
    """None: until all are removed."""
    status: int | None = None
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)
    seconds: float = 0
    hits: int = 0

    def answer(self) -> tuple[int, dict[str, str], bytes]:
        """Return status, headers and body in place of the true answer."""
        status, headers, body = self.status or 500, self.headers, self.body
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

    def fail(self, name: str, kind: Kind, method: str, path: str, **more: Any) -> Fault:
        """Make requests fail; a path is below the API of this repository, or begins with a slash."""
        whole = path if path.startswith("/") else f"/api/v3/repos/{name}/{path}"
        fault = Fault(kind=kind, method=method, path=whole, **more)
        with self._lock:
            self._faults.append(fault)
        return fault

    def remove(self) -> None:
        """Remove all."""
        with self._lock:
            self._faults = []

    def strike(self, request: Request) -> Fault | None:
        """Return the fault that hits a request, and count it."""
        sent = f"{request.path}?{request.query}\n{request.body.decode(errors='replace')}"
        with self._lock:
            for fault in self._faults:
                if fault.method not in ("*", request.method):
                    continue
                if not (fnmatchcase(request.path, fault.path) and fnmatchcase(sent, fault.sent)):
                    continue
                if fault.count is not None and fault.hits >= fault.count:
                    continue
                fault.hits += 1
                return fault
        return None


# --- deliveries -------------------------------------------------------------------------------


class FaultyHooks(Hooks):
    def __init__(self, next_id: Callable[[], int], now: Callable[[], float]) -> None:
        super().__init__(next_id, now)
        self.lost: set[str] = set()
        """EVENT.ACTION of which the next delivery gets lost."""

    def send(self, client: httpx.Client, delivery: Delivery) -> None:
        name = f"{delivery.event}.{delivery.action}"
        if name in self.lost and not delivery.redelivery:
            self.lost.remove(name)
            delivery.state, delivery.delivered = "lost", time.time()
        else:
            super().send(client, delivery)


# --- what was asked -----------------------------------------------------------------------------


@dataclass(frozen=True)
class Asked:
    number: int
    method: str
    path: str
    query: str
    status: int
    """0: the connection was closed without an answer."""
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

    def add(self, request: Asked) -> None:
        with self._lock:
            self._asked.append(request)

    def find(self, path: str = "*", since: int = 0, method: str = "*") -> list[Asked]:
        """Return requests whose path meets a shell pattern and whose number is higher."""
        with self._lock:
            return [
                request
                for request in self._asked
                if request.number > since
                and fnmatchcase(request.path, path)
                and method in ("*", request.method)
            ]


# --- the whole ----------------------------------------------------------------------------------


class FaultyWorld(World):
    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.faults = Faults()
        self.requests = RequestLog()
        self.hooks: FaultyHooks = FaultyHooks(self.next_id, self.now)

    def carry_out(self, request: Request, answer: Callable[[], Answer]) -> Answer | None:
        number = self.requests.next_number()
        fault = self.faults.strike(request)
        answered: Answer | None = None
        if fault and fault.kind == "slow":
            time.sleep(fault.seconds)
        if fault is None or fault.kind in ("slow", "lose_answer"):
            answered = answer()
        if fault and (fault.kind == "drop" or (fault.kind == "lose_answer" and not fault.status)):
            answered = None
        elif fault and fault.kind != "slow":
            answered = fault.answer()
        is_api = request.path.startswith("/api/")
        # Before the client can see that it is over.
        self.requests.add(
            Asked(
                number=number,
                method=request.method,
                path=request.path,
                query=request.query,
                status=answered[0] if answered else 0,
                fault=fault.kind if fault else None,
                body=request.body.decode("utf-8", "replace") if is_api else "",
            )
        )
        return answered


@contextmanager
def staging(home: Path, folder: Path, **more: str) -> Iterator[play.Stage]:
    """Start the service as `play.staging` does, beside a world where things go wrong."""
    with play.staging(home, folder, FaultyWorld(folder / "github"), **more) as stage:
        yield stage
