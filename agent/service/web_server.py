"""How listener and dashboard serve HTTP/1.1: their start, and connections that give way.

uvicorn bounds how long a connection may idle after a request, not how long a head may take; and at
its bound of connections it answers 503 to everybody, health checks included. Here connections give
way instead: idle ones, first those of a client that has many, then one whose request takes long.

The head of an answer leaves together with its body: uvicorn would send each by itself.
"""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
from typing import Any, ClassVar, Literal

import h11
import uvicorn
from fastapi import FastAPI
from uvicorn.protocols.http.h11_impl import H11Protocol

from agent.errors import SettingsInvalid

_BACKLOG = 1024
_KEEP_ALIVE_SECONDS = 15
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
        timeout_keep_alive=_KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=stop_seconds,
    )
    # uvicorn raises the signal that stopped it once more; being stopped is no failure.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: None)
    uvicorn.Server(config).run(sockets=[door])
