"""How listener and dashboard serve HTTP/1.1: their start, and connections that give way.

uvicorn bounds how long a connection may idle after a request, not how long a head may take; and at
its bound of connections it answers 503 to everybody, health checks included. Here connections of
the client that has most give way to new ones. A connection answers one request after the other.

The head of an answer leaves together with its body: uvicorn would send each by itself.
"""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
from collections import Counter
from typing import Any, ClassVar, Literal

import h11
import uvicorn
from fastapi import FastAPI
from uvicorn.protocols.http.h11_impl import H11Protocol

from agent.errors import SettingsInvalid

#: New connections of one turn of the event loop: each is read before it may have to give way.
_BACKLOG = 256
_KEEP_ALIVE_SECONDS = 15
HEAD_SECONDS = 10.0
HEAD_BYTES = 64 * 1024
"""A longer head of a request is refused."""
MOST_CONNECTIONS = 512
_FRESH_SECONDS = 1.0
"""A connection without a request that is younger is not yet idle."""


class PatientProtocol(H11Protocol):
    """Closes a connection whose next request does not begin in time, or that others need."""

    #: All connections with their clients, in the order in which their requests or waits began.
    held: ClassVar[dict[PatientProtocol, str]] = {}

    _deadline: asyncio.TimerHandle | None = None
    _since = 0.0

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.conn = _JoiningConnection(h11.SERVER, HEAD_BYTES)

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Make room, and start the clock: a connection is opened to say something."""
        super().connection_made(transport)
        if len(self.held) >= MOST_CONNECTIONS:
            self._find_least_needed().give_way()
        self._begin()
        self._arm()

    def data_received(self, data: bytes) -> None:
        """Stop the clock when the head is whole; start it with the first byte of the next."""
        was_in_request = self._in_request()
        super().data_received(data)
        if self._in_request():
            if not was_in_request:
                self._begin()
            self._disarm()
        elif self._deadline is None:
            self._arm()

    def on_response_complete(self) -> None:
        """Go on to the next request, but close where it came before the answer to this one."""
        if self.conn.their_state is h11.DONE and self.conn.trailing_data[0]:
            self.transport.close()
        super().on_response_complete()
        if not self.transport.is_closing():
            self._begin()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop the clocks, and let go of what was received."""
        self.held.pop(self, None)
        self._disarm()
        super().connection_lost(exc)
        # uvicorn lets a connection that was reset live on for as long as it might have idled, and
        # in a cycle of references after that.
        self._unset_keepalive_if_required()
        self.cycle = None  # type: ignore[assignment]

    def give_way(self) -> None:
        """Close the connection for another one; a close would wait for an answer to be read."""
        self.held.pop(self, None)
        if self._in_request() or self.transport.get_write_buffer_size():
            self.transport.abort()
        else:
            self.transport.close()

    def _begin(self) -> None:
        """Stand behind all others from now on."""
        self.held.pop(self, None)
        self.held[self] = self.client[0] if self.client else ""
        self._since = self.loop.time()

    def _find_least_needed(self) -> PatientProtocol:
        """Of the client with most connections: the longest idle one, else the longest in use."""
        client, _ = Counter(self.held.values()).most_common(1)[0]
        theirs = [one for one, other in self.held.items() if other == client]
        then = self.loop.time() - _FRESH_SECONDS
        return next((one for one in theirs if one.is_idle(then)), theirs[0])

    def is_idle(self, then: float) -> bool:
        """Whether nothing was asked on it since a time of the loop."""
        return self._since < then and not self._in_request()

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


# --- a process -----------------------------------------------------------------------------------


def restart_without(kept: dict[str, str]) -> None:
    """Replace the process by one that has only these variables, if it has more.

    A variable that is only taken out of `os.environ` stays readable in /proc.
    """
    if kept != dict(os.environ):
        sys.stdout.flush()
        sys.stderr.flush()
        os.execve(sys.executable, [sys.executable, *sys.orig_argv[1:]], kept)  # noqa: S606


def open_door(host: str, port: int, names: str) -> socket.socket:
    """Bind an address.

    Args:
        names: The settings that it comes from, for the error.

    Raises:
        SettingsInvalid: Something else listens there, or it is no address of this machine.
    """
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        # With its protocol named, which asyncio asks for before it turns Nagle's delay off.
        door = socket.socket(family, kind, protocol)
        door.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        door.bind(address)
        door.listen(_BACKLOG)
    except OSError as problem:
        raise SettingsInvalid(
            f"{names}: {host}:{port} cannot be listened on ({problem.strerror}). Stop what listens"
            " there, or choose another port."
        ) from problem
    return door


def serve(
    app: FastAPI, door: socket.socket, *, lifespan: Literal["on", "off"], stop_seconds: int
) -> None:
    """Serve an application until a signal says stop.

    Args:
        stop_seconds: How long requests under way may still take then.
    """
    config = uvicorn.Config(
        app,
        http=PatientProtocol,
        ws="none",
        lifespan=lifespan,
        log_config=None,
        log_level="warning",
        access_log=False,
        server_header=False,
        # Nobody's word is taken for where a request comes from.
        proxy_headers=False,
        backlog=_BACKLOG,
        timeout_keep_alive=_KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=stop_seconds,
    )
    # uvicorn raises the signal that stopped it once more; being stopped is no failure.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: None)
    uvicorn.Server(config).run(sockets=[door])
