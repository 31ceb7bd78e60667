"""`mergewright serve`: starts and watches listener, dashboard and worker, or one of them.

Owns the environment of each process, and how it is started, restarted and ended. The work of the
processes is in `webhooks`, `agent.dashboard` and `agent.service.process`.
"""

import ctypes
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import closing, suppress
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

import structlog
import typer

from agent import limits, settings, wiring
from agent.dashboard import sign_in_links
from agent.errors import RequestRefused, SettingsInvalid
from agent.settings import Settings
from agent.store.worker_lock import lock_home
from agent.telemetry import run_log

_log = structlog.get_logger()

#: Seconds before a child is started again, by how often in a row it has ended early.
_PAUSES = (0.2, 1.0, 5.0, 15.0, 60.0)
#: A child that lived this long is taken to have started well.
_WELL_SECONDS = 30.0
#: A child without a heartbeat for so long is killed; the worker waits less for one GitHub answer.
_STILL_SECONDS = 300.0
#: A child that takes longer to stop is killed. The worker's current steps and the listener's
#: requests end before that; service managers in `deploy/` wait longer than this.
_STOP_SECONDS = 75.0
_STOPPING = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
_SET_PARENT_DEATH_SIGNAL = 1
#: Exit code for a wrong setting or a machine without sandboxes: a restart would not help.
_EXIT_SETTINGS = 2
#: Secrets that the worker never gets.
_SECRETS_OF_OTHERS = frozenset(
    settings.variable(f"{name}{ending}")
    for name in ("webhook_secret", "github_client_secret")
    for ending in ("", "_file")
)


class Role(StrEnum):
    ALL = "all"
    LISTENER = "listener"
    WORKER = "worker"
    DASHBOARD = "dashboard"


def serve(
    role: Annotated[
        Role, typer.Option(help="Which process to start; all: one of each.")
    ] = Role.ALL,
) -> None:
    """Run the service: receive webhooks and run tickets until stopped.

    Starts a listener, a dashboard and a worker, and restarts them if they exit. The listener holds
    only the webhook secret, the dashboard only the client secret.
    With `--role`, only one of them starts; to run on several machines, set up PostgreSQL
    (MERGEWRIGHT_DATABASE_URL).
    Events go to stderr as JSON lines.
    On a signal, running steps get up to one minute to finish; runs continue at the next start.
    Exit code 0: stopped by a signal; 2: invalid settings, or no sandbox on this machine.
    """
    run_log.configure_service_logging()
    loaded = settings.load_settings()
    for name, words in settings.list_gone().items():
        _log.warning(f"{name} is {words}")
    children = {
        Role.LISTENER: _Child(
            "listener", ("-m", "webhooks"), settings.keep_for_listener(os.environ)
        ),
        Role.WORKER: _Child(
            "worker",
            ("-m", "agent", "work"),
            _keep_for_worker(os.environ),
            loaded.home / settings.HEARTBEAT,
        ),
        Role.DASHBOARD: _Child(
            "dashboard", ("-m", "agent.dashboard"), settings.keep_for_dashboard(os.environ)
        ),
    }
    chosen = tuple(children) if role is Role.ALL else (role,)
    settings.require_home(loaded.home)
    raise typer.Exit(_supervise(tuple(children[name] for name in chosen)))


def dashboard() -> None:
    """Print a one-time sign-in link for the dashboard, valid for ten minutes.

    Anyone who can write to the data folder can create one. It grants access to everything.
    """
    from agent.store import sql_audit, sql_run_store

    loaded = settings.load_settings()
    settings.require_home(loaded.home)
    reached = settings.write_address(loaded.dashboard_host, loaded.dashboard_port)
    try:
        socket.create_connection((urlsplit(reached).hostname, loaded.dashboard_port), 2).close()
    except OSError as problem:
        raise RequestRefused(
            f"No dashboard answers at {reached}. Start it: `mergewright serve --role dashboard`."
        ) from problem
    link = sign_in_links.create_sign_in_link(loaded.home, reached)
    with closing(sql_run_store.open_store(loaded)) as store:
        store.audit.add("sign-in link", sql_audit.find_account(), "command line")
    print(link)


def work() -> None:
    """Process the inbox until stopped; `serve` starts this.

    Exit code 0: stopped by a signal; 1: unexpected error, restart it; 2: invalid settings, or no
    sandbox on this machine.
    """
    from agent.runs import notifications
    from agent.service import process

    run_log.configure_service_logging()
    stop = _stop_on_signals()
    loaded = settings.load_settings()
    _require_access(loaded)
    notifications.load_receivers(loaded)
    limits.load_limits(loaded)
    with lock_home(loaded.home):
        wiring.require_models(loaded)
        access = wiring.make_access(loaded)
        compose = wiring.on_github(loaded, access)
        intake_api = wiring.make_intake_api(loaded, access)
        process.Worker(loaded, stop, access, compose, intake_api).run()
    # A slow step does not delay the end: its sandboxes end with this process, and the run continues
    # when the worker is started again.
    os._exit(0)


# --- before anything is started ---------------------------------------------------------------


def _require_access(loaded: Settings) -> None:
    """Check the form of the credentials for GitHub, without a request. Raises SettingsInvalid."""
    # Only commands that use GitHub need its client.
    from agent.github import tokens

    if not isinstance(tokens.read_credentials(loaded), tokens.App):
        raise SettingsInvalid(
            "The service requires a GitHub App, but MERGEWRIGHT_GITHUB_TOKEN is set. Create an"
            " App with the link in deploy/README.md. Tokens work with `mergewright run --issue`"
            " and GitHub Actions only."
        )


def _keep_for_worker(environ: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in environ.items() if name not in _SECRETS_OF_OTHERS}


# --- the processes ------------------------------------------------------------------------


@dataclass
class _Child:
    """One of the processes; it stays the same object when the process is restarted."""

    name: str
    args: tuple[str, ...]
    environ: dict[str, str]
    heartbeat: Path | None = None
    """File that the process touches again and again while it is alive; None: it has none."""
    process: subprocess.Popen[bytes] | None = None
    started: float = 0.0
    """When it was started, or is to be started again; by the monotonic clock."""
    failures: int = 0
    sign: float = 0.0
    """Time of the last heartbeat: the modification time of its file."""
    alive_at: float = 0.0
    """When we first saw that heartbeat, or started the process; by the monotonic clock."""
    was_well: bool = False
    """Whether an earlier start succeeded, which shows that its settings are right."""

    def watch(self) -> int | None:
        """Start it when due, and kill it if stuck; return its exit code if no restart can help."""
        now = time.monotonic()
        if self.process is None:
            if now >= self.started:
                self._start(now)
            return None
        is_well = now - self.started > _WELL_SECONDS
        if (code := self.process.poll()) is None:
            self.was_well = self.was_well or is_well
            if self._is_stuck(now):
                _log.error("unresponsive; killed", process=self.name)
                self.process.kill()
            return None
        if code == _EXIT_SETTINGS and not self.was_well:
            _log.error("cannot be started", process=self.name, exit_code=code)
            return code
        self.failures = 0 if is_well else self.failures
        self._schedule(now, exit_code=code)
        return None

    def _is_stuck(self, now: float) -> bool:
        """Whether its heartbeat has stopped for long: a blocked process cannot send one."""
        if self.heartbeat is None:
            return False
        with suppress(OSError):
            # Only a change of the file's time counts, not its age: the clock may be put forward.
            if (sign := self.heartbeat.stat().st_mtime) != self.sign:
                self.sign, self.alive_at = sign, now
        return now - self.alive_at > _STILL_SECONDS

    def end(self, deadline: float) -> None:
        """Wait until the process has ended; at the deadline (by the monotonic clock), kill it."""
        if self.process is None:
            return
        try:
            code = self.process.wait(max(0.0, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            _log.warning("killed", process=self.name, pid=self.process.pid)
            self.process.kill()
            code = self.process.wait()
        _log.info("stopped", process=self.name, exit_code=code)

    def _start(self, now: float) -> None:
        self.started = self.alive_at = now
        try:
            self.process = subprocess.Popen(
                # With -P, modules in the folder where we were started cannot replace ours.
                [sys.executable, "-P", *self.args],
                env=self.environ,
                stdin=subprocess.DEVNULL,
                # The child gets a session of its own, so that Ctrl-C in a terminal reaches only us.
                start_new_session=True,
                # Safe, since no other thread of this process could hold a lock at the fork.
                preexec_fn=_bind_to(os.getpid()),  # noqa: PLW1509
            )
        except OSError as problem:
            self._schedule(now, problem=problem.strerror)
            return
        _log.info("started", process=self.name, pid=self.process.pid)

    def _schedule(self, now: float, **facts: object) -> None:
        pause = _PAUSES[min(self.failures, len(_PAUSES) - 1)]
        self.failures += 1
        self.process, self.started = None, now + pause
        _log.error("ended", process=self.name, **facts, again_in_seconds=pause)


def _bind_to(parent: int) -> Callable[[], None]:
    """Return what a child runs first: it makes the child end with us, even if we are killed."""
    prctl = ctypes.CDLL(None).prctl

    def bind() -> None:
        prctl(_SET_PARENT_DEATH_SIGNAL, signal.SIGKILL, 0, 0, 0)
        if os.getppid() != parent:  # we ended before it was bound
            os._exit(1)

    return bind


def _supervise(children: tuple[_Child, ...]) -> int:
    """Keep the children running until a signal; return the exit code."""
    stop, code = _stop_on_signals(), 0
    try:
        while not stop.is_set():
            for child in children:
                if (ended := child.watch()) is not None:
                    code = ended
                    stop.set()
            stop.wait(0.2)
    finally:
        deadline = time.monotonic() + _STOP_SECONDS
        for child in children:
            if child.process is not None:
                child.process.terminate()
        for child in children:
            child.end(deadline)
    return code


def _stop_on_signals() -> threading.Event:
    """Return an event that a signal sets."""
    stop = threading.Event()
    for number in _STOPPING:
        signal.signal(number, lambda *_: stop.set())
    return stop
