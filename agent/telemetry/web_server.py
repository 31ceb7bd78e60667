"""Serve HTTP/1.1 for listener and dashboard: environment, listening socket, uvicorn's limits.

Slow and idle clients are kept off by the proxy that `deploy/README.md` describes.
"""

import os
import signal
import socket
import sys
import threading
from typing import Any, Literal

import uvicorn
from fastapi import FastAPI

from agent.errors import SettingsInvalid

_BACKLOG = 256
#: No generated pages: they would be the only ones with scripts, also of third parties. No redirects
#: to paths without a slash: they would lead to any host that the request names. And no telemetry of
#: the framework about requests.
PLAIN: dict[str, Any] = {
    "docs_url": None,
    "redoc_url": None,
    "openapi_url": None,
    "redirect_slashes": False,
    "telemetry": {"auto_configure": False, "tracing": False, "metrics": False, "logs": False},
}


def restart_without(kept: dict[str, str]) -> None:
    """Replace the process by one that has only these variables, if it has more.

    A variable that is only taken out of `os.environ` stays readable in /proc.
    """
    if kept != dict(os.environ):
        sys.stdout.flush()
        sys.stderr.flush()
        os.execve(sys.executable, [sys.executable, *sys.orig_argv[1:]], kept)  # noqa: S606


def open_door(host: str, port: int, names: str) -> socket.socket:
    """Listen at an address. Raises SettingsInvalid with the names of the address's settings."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        # The protocol is given, since asyncio turns Nagle's delay off only if it is TCP.
        door = socket.socket(family, kind, protocol)
        door.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        door.bind(address)
        door.listen(_BACKLOG)
    except OSError as problem:
        raise SettingsInvalid(
            f"{names}: {host}:{port} cannot be opened ({problem.strerror}). Stop the process"
            " that uses it, or choose another port."
        ) from problem
    return door


def serve(
    app: FastAPI, door: socket.socket, *, lifespan: Literal["on", "off"], stop_seconds: int
) -> None:
    """Serve an application until a signal; requests may then still take `stop_seconds`."""
    # Ignored, since uvicorn sends itself the signal again after it has stopped: no failure.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: None)
    _make_server(app, lifespan, stop_seconds).run(sockets=[door])


def serve_in_thread(app: FastAPI, door: socket.socket) -> None:
    """Serve an application in a thread of its own for as long as the process lives."""
    server = _make_server(app, "off", 1)
    threading.Thread(target=server.run, args=([door],), name="health", daemon=True).start()


def _make_server(app: FastAPI, lifespan: Literal["on", "off"], stop_seconds: int) -> uvicorn.Server:
    config = uvicorn.Config(
        app,
        http="h11",
        ws="none",
        lifespan=lifespan,
        log_config=None,
        log_level="warning",
        access_log=False,
        server_header=False,
        # The client's address is never taken from a header.
        proxy_headers=False,
        backlog=_BACKLOG,
        limit_concurrency=512,
        timeout_keep_alive=15,
        timeout_graceful_shutdown=stop_seconds,
        # Requests with longer headers are refused.
        h11_max_incomplete_event_size=64 * 1024,
    )
    return uvicorn.Server(config)
