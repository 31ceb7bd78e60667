"""`python -m agent.dashboard`: the dashboard's process, from its environment to a graceful end.

Exit codes: 0 stopped by a signal; 1 it cannot start just now; 2 settings, so that starting it again
is no use. The words say what to do.
"""

from __future__ import annotations

import gc
import os
import signal
import socket
import sys
import threading
from contextlib import suppress

import structlog
import uvicorn
from fastapi import FastAPI

from agent import settings
from agent.dashboard.app import create_app
from agent.errors import AgentError, SettingsInvalid
from agent.settings import Settings
from agent.store.sql_store import SqlStore
from agent.telemetry import run_log

_CONNECTIONS = 512
_KEEP_ALIVE_SECONDS = 15
_STOP_SECONDS = 3

_log = structlog.get_logger()


def main() -> None:
    """Serve pages until a signal says stop."""
    _start_clean()
    run_log.configure_logging(verbose=True, debug=False)
    try:
        loaded = settings.load_settings()
        settings.require_home(loaded)
        door = _open_door(loaded)
        host, port = door.getsockname()[:2]
        address = loaded.dashboard_url or settings.write_address(host, port)
        app = create_app(loaded, SqlStore(loaded.home), address)
    except AgentError as problem:
        print(f"mergewright dashboard: {problem.message}", file=sys.stderr)
        raise SystemExit(2 if isinstance(problem, SettingsInvalid) else 1) from None
    _log.info("showing the dashboard", host=host, port=port, address=address)
    threading.Thread(target=_warm, args=(app,), daemon=True).start()
    for number in (signal.SIGTERM, signal.SIGINT):
        # uvicorn raises the signal that stopped it once more; being stopped is no failure.
        signal.signal(number, lambda *_: None)
    uvicorn.Server(
        uvicorn.Config(
            app,
            http="h11",
            ws="none",
            lifespan="off",
            log_config=None,
            log_level="warning",
            access_log=False,
            server_header=False,
            # Nobody's word is taken for where a request comes from.
            proxy_headers=False,
            limit_concurrency=_CONNECTIONS,
            timeout_keep_alive=_KEEP_ALIVE_SECONDS,
            timeout_graceful_shutdown=_STOP_SECONDS,
        )
    ).run(sockets=[door])
    _log.info("stopped")


def _warm(app: FastAPI) -> None:
    """Read all runs before somebody asks; what was read stays, and is not looked at for garbage."""
    with suppress(AgentError):  # whoever asks is told
        app.state.dashboard.index.entries()
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)


def _start_clean() -> None:
    """Begin anew with what the dashboard may have, if there is more.

    A variable that is only taken out of `os.environ` stays readable in /proc; so the process is
    replaced.
    """
    kept = settings.keep_for_dashboard(os.environ)
    if kept != dict(os.environ):
        os.execve(sys.executable, [sys.executable, *sys.orig_argv[1:]], kept)  # noqa: S606


def _open_door(loaded: Settings) -> socket.socket:
    host, port = loaded.dashboard_host, loaded.dashboard_port
    try:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        return socket.create_server((host, port), family=family, backlog=256)
    except OSError as problem:
        raise SettingsInvalid(
            f"MERGEWRIGHT_DASHBOARD_HOST, MERGEWRIGHT_DASHBOARD_PORT: {host}:{port} cannot be"
            f" listened on ({problem.strerror}). Stop what listens there, or choose another port."
        ) from problem


if __name__ == "__main__":
    main()
