"""HTTP/1.1 with deadlines for the head of every request and for the reading of every answer.

uvicorn bounds how long a connection may idle after a request, not how long a head may take, nor
how long somebody may take to read; one byte a second would hold a connection for hours.

The head of an answer leaves together with its body: uvicorn would send each by itself.
"""

from __future__ import annotations

import asyncio
from typing import Any

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

HEAD_SECONDS = 10.0
STALL_SECONDS = 20.0
"""Within it a reader has to take what is buffered (about 50 KB beyond what the kernel holds)."""
ANSWER_SECONDS = 600.0
"""From the head of a request to the end of its answer."""
HEAD_BYTES = 64 * 1024
"""A longer head of a request is refused."""


class PatientProtocol(H11Protocol):
    """Closes a connection whose next request does not begin, or is not read, in time."""

    _deadline: asyncio.TimerHandle | None = None
    _stalled: asyncio.TimerHandle | None = None
    _whole: asyncio.TimerHandle | None = None

    def __init__(self, *args: Any, **options: Any) -> None:
        """Take what uvicorn gives."""
        super().__init__(*args, **options)
        self.conn = _Joining(h11.SERVER, HEAD_BYTES)

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Start the clock: a connection is opened to say something."""
        super().connection_made(transport)
        self._arm()

    def data_received(self, data: bytes) -> None:
        """Stop the clock when the head is whole; start it with the first byte of the next."""
        super().data_received(data)
        self._watch_answer()
        if self._in_request():
            self._disarm()
        elif self._deadline is None:
            self._arm()

    def pause_writing(self) -> None:
        """Start the clock: what was written is not being read."""
        super().pause_writing()
        _stop(self._stalled)
        self._stalled = self.loop.call_later(STALL_SECONDS, self._cut_connection)

    def resume_writing(self) -> None:
        """Stop the clock: it was read."""
        _stop(self._stalled)
        self._stalled = None
        super().resume_writing()

    def on_response_complete(self) -> None:
        """Stop the clock of the answer; the next request may be there already."""
        _stop(self._whole)
        self._whole = None
        super().on_response_complete()
        self._watch_answer()
        # So little is left that nobody is told to stop writing; a close would wait for it.
        if self._stalled is None and self.transport.get_write_buffer_size():
            self._stalled = self.loop.call_later(STALL_SECONDS, self._cut_unread)

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop the clocks."""
        self._disarm()
        _stop(self._stalled)
        self._stalled = None
        _stop(self._whole)
        self._whole = None
        super().connection_lost(exc)

    def _in_request(self) -> bool:
        return self.cycle is not None and not self.cycle.response_complete

    def _arm(self) -> None:
        self._deadline = self.loop.call_later(HEAD_SECONDS, self._too_late)

    def _disarm(self) -> None:
        _stop(self._deadline)
        self._deadline = None

    def _watch_answer(self) -> None:
        if self._whole is None and self._in_request():
            self._whole = self.loop.call_later(ANSWER_SECONDS, self._cut_connection)

    def _cut_unread(self) -> None:
        self._stalled = None
        if self.transport.get_write_buffer_size():
            self._cut_connection()

    def _cut_connection(self) -> None:
        # Closing would wait until what is buffered has been read.
        self.transport.abort()

    def _too_late(self) -> None:
        self._deadline = None
        if not self._in_request() and not self.transport.is_closing():
            self.transport.close()


class _Joining(h11.Connection):
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


def _stop(timer: asyncio.TimerHandle | None) -> None:
    if timer is not None:
        timer.cancel()
