"""HTTP/1.1 with a deadline for the head of every request, and bounds on idle connections.

uvicorn bounds how long a connection may idle after a request, not how long a head may take; and at
its bound of connections it answers 503 to everybody, health checks included. Here connections give
way instead: idle ones, first those of a client that has many, then one whose request takes long.

The head of an answer leaves together with its body: uvicorn would send each by itself.
"""

from __future__ import annotations

import asyncio
from typing import Any, ClassVar

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

HEAD_SECONDS = 10.0
HEAD_BYTES = 64 * 1024
"""A longer head of a request is refused."""
MOST_CONNECTIONS = 512
MOST_IDLE_PER_CLIENT = 64
BUSY_SECONDS = 5.0
"""A request that takes longer, or whose answer nobody reads, may give way to another one."""


class PatientProtocol(H11Protocol):
    """Closes a connection whose next request does not begin in time, or that others need."""

    #: Connections without a request under way, the longest idle first.
    idle: ClassVar[dict[PatientProtocol, str]] = {}
    #: The others, and when their request began.
    busy: ClassVar[dict[PatientProtocol, float]] = {}

    _deadline: asyncio.TimerHandle | None = None

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.conn = _JoiningConnection(h11.SERVER, HEAD_BYTES)

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Make room, and start the clock: a connection is opened to say something."""
        super().connection_made(transport)
        client = self.client[0] if self.client else ""
        of_client = [one for one, other in self.idle.items() if other == client]
        if len(of_client) >= MOST_IDLE_PER_CLIENT:
            of_client[0].give_way()
        elif len(self.connections) > MOST_CONNECTIONS:
            longest = next(iter(self.idle or self.busy), None)
            if longest is None or self.loop.time() - self.busy.get(longest, 0.0) < BUSY_SECONDS:
                transport.abort()
                return
            longest.give_way()
        self.idle[self] = client
        self._arm()

    def data_received(self, data: bytes) -> None:
        """Stop the clock when the head is whole; start it with the first byte of the next."""
        super().data_received(data)
        if self._in_request():
            self.idle.pop(self, None)
            self.busy.setdefault(self, self.loop.time())
            self._disarm()
        elif self._deadline is None:
            self._arm()

    def on_response_complete(self) -> None:
        """Count as idle again, unless the next request is there already."""
        self.busy.pop(self, None)
        super().on_response_complete()
        if self._in_request():
            self.busy[self] = self.loop.time()
        elif not self.transport.is_closing():
            self.idle[self] = self.client[0] if self.client else ""

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop the clock."""
        self.idle.pop(self, None)
        self.busy.pop(self, None)
        self._disarm()
        super().connection_lost(exc)

    def give_way(self) -> None:
        """Close the connection for another one; a close would wait for an answer to be read."""
        self.idle.pop(self, None)
        if self._in_request() or self.transport.get_write_buffer_size():
            self.transport.abort()
        else:
            self.transport.close()

    def _in_request(self) -> bool:
        return self.cycle is not None and not self.cycle.response_complete

    def _arm(self) -> None:
        self._deadline = self.loop.call_later(HEAD_SECONDS, self._close_late)

    def _disarm(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
        self._deadline = None

    def _close_late(self) -> None:
        self._deadline = None
        if not self._in_request() and not self.transport.is_closing():
            self.transport.close()


class _JoiningConnection(h11.Connection):
    """Keeps the head of an answer back until it leaves with the beginning of the body."""

    _head = b""

    def send(self, event: h11.Event) -> Any:
        data = super().send(event)
        if data is None:  # the connection is closed, after a body or without an answer
            return None
        if isinstance(event, h11.Response):
            self._head = data
            return b""
        data, self._head = self._head + data, b""
        return data
