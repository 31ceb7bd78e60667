"""Serve the simulated GitHub in a thread: for tests, the demo and the command."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import ClassVar

import uvicorn
from starlette.types import Scope
from uvicorn.protocols.http.h11_impl import H11Protocol

from agent.demo.simulator.app import create_app
from agent.demo.simulator.world import World

_START_SECONDS = 20.0


class _Protocol(H11Protocol):
    """HTTP/1.1 that remembers its connections, so that a fault can close one without a word."""

    by_address: ClassVar[dict[tuple[str, int], asyncio.Transport]] = {}

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Remember a new connection by the client's address."""
        self.by_address[transport.get_extra_info("peername")[:2]] = transport
        super().connection_made(transport)

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget a connection that is closed."""
        self.by_address.pop(self.transport.get_extra_info("peername")[:2], None)
        super().connection_lost(exc)


def _close(scope: Scope) -> None:
    transport = _Protocol.by_address.get(tuple(scope["client"]))
    if transport:
        transport.abort()


def _server(world: World) -> uvicorn.Server:
    config = uvicorn.Config(
        create_app(world, close=_close),
        http=_Protocol,
        ws="none",
        lifespan="off",
        log_level="warning",
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=3,
    )
    return uvicorn.Server(config)


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # With the protocol named, asyncio switches Nagle off: else each answer takes 40 ms more.
    listening = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((host, port))
    except OSError:
        listening.close()
        raise
    return listening


def _address(listening: socket.socket) -> str:
    host, port = listening.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


@contextmanager
def running(world: World, host: str = "127.0.0.1", port: int = 0) -> Iterator[str]:
    """Serve in a thread while the block runs; gives the base address (port 0: any free one).

    Raises:
        OSError: The port cannot be had.
    """
    listening = _listen(host, port)
    world.base_url = _address(listening)
    server = _server(world)
    thread = threading.Thread(target=server.run, args=([listening],), name="simulator", daemon=True)
    world.hooks.start()
    thread.start()
    try:
        until = time.monotonic() + _START_SECONDS
        while not server.started:
            if time.monotonic() > until or not thread.is_alive():
                raise RuntimeError("the simulator did not start")
            time.sleep(0.01)
        yield world.base_url
    finally:
        server.should_exit = True
        thread.join(_START_SECONDS)
        world.hooks.stop()
        listening.close()
