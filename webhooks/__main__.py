"""`python -m webhooks`: the listener's process, from its environment to a graceful end.

Exit codes: 0 stopped by a signal; 1 it cannot start just now; 2 settings, so that starting it again
is no use. The words say what to do.
"""

from __future__ import annotations

import gc
import os
import signal
import socket
import sys

import structlog
import uvicorn
from fastapi import FastAPI

from agent import settings
from agent.errors import AgentError, SettingsInvalid
from agent.settings import Settings
from agent.store.sql_inbox import Inbox
from agent.telemetry import run_log
from webhooks.app import create_app
from webhooks.protocol import PatientProtocol

_BACKLOG = 1024
_SWITCH_SECONDS = 0.002
_STOP_SECONDS = 10
_KEEP_ALIVE_SECONDS = 15

_log = structlog.get_logger()


def main() -> None:
    """Listen until a signal says stop."""
    _start_clean()
    run_log.configure_logging(verbose=True)
    try:
        loaded = settings.load_settings()
        secret = settings.signing_secret(loaded)
        inbox = Inbox(loaded.home)
        door = _door(loaded)
    except AgentError as problem:
        print(f"mergewright listener: {problem.message}", file=sys.stderr)
        raise SystemExit(2 if isinstance(problem, SettingsInvalid) else 1) from None
    _serve_app(loaded, secret, inbox, door)


def _start_clean() -> None:
    """Begin anew with what the listener may have, if there is more.

    A variable that is only taken out of `os.environ` stays readable in the memory of the process
    and in /proc; so the process is replaced.
    """
    kept = settings.keep_for_listener(os.environ)
    if kept != dict(os.environ):
        sys.stdout.flush()
        sys.stderr.flush()
        os.execve(sys.executable, [sys.executable, *sys.orig_argv[1:]], kept)  # noqa: S606


def _door(loaded: Settings) -> socket.socket:
    host, port = loaded.listen_host, loaded.listen_port
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
            f"MERGEWRIGHT_LISTEN_HOST, MERGEWRIGHT_LISTEN_PORT: {host}:{port} cannot be listened on"
            f" ({problem.strerror}). Stop what listens there, or choose another port."
        ) from problem
    return door


def _serve_app(loaded: Settings, secret: bytes, inbox: Inbox, door: socket.socket) -> None:
    host, port = door.getsockname()[:2]
    app = create_app(loaded.home, secret, inbox)
    _log.info("listening", host=host, port=port, inbox=str(inbox.path))
    run_server(app, door)
    _log.info("stopped")


def run_server(app: FastAPI, door: socket.socket) -> None:
    """Serve an application until a signal says stop."""
    server = uvicorn.Server(
        uvicorn.Config(
            app,
            http=PatientProtocol,
            ws="none",
            lifespan="on",
            log_config=None,
            log_level="warning",
            access_log=False,
            server_header=False,
            # Nobody's word is taken for where a request comes from.
            proxy_headers=False,
            timeout_keep_alive=_KEEP_ALIVE_SECONDS,
            timeout_graceful_shutdown=_STOP_SECONDS,
        )
    )
    # uvicorn raises the signal that stopped it once more; being stopped is no failure.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: None)
    # The thread that commits asks for the interpreter's lock after every statement; at the usual
    # 5 ms the event loop lets it wait longer than the disk does.
    sys.setswitchinterval(_SWITCH_SECONDS)
    # What was loaded stays, and what a delivery makes goes by itself: looking for garbage at every
    # turn only costs time.
    gc.freeze()
    gc.set_threshold(50_000, 20, 20)
    server.run(sockets=[door])


if __name__ == "__main__":
    main()
