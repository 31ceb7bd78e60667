"""The service's worker: a process that reads deliveries and carries their runs.

Owns the loops, what they share, and their start and end. The intake (`deliveries`) decides what a
delivery becomes. The dispatch (`dispatch`) gives runs to the engine, whose threads carry them
(`agent.runs.executor`), and records their end. Each has its own loop, so that a labelled issue is
answered while runs are active. If the process ends, an active run continues with its interrupted
step.

On PostgreSQL there may be several workers. Each carries runs; the longest-running one reads
deliveries, and asks the code host for missed ones.
"""

import itertools
import threading
from collections.abc import Callable, Sequence
from concurrent import futures
from concurrent.futures import Future
from contextlib import suppress

import structlog

from agent.desk import Compose, make_redactor
from agent.errors import AgentError, PermanentError, SettingsInvalid
from agent.github.access import Access
from agent.github.app_deliveries import AppDeliveries
from agent.github.intake_api import GithubIntakeApi
from agent.models import fence
from agent.models.clock import read_clock
from agent.models.outcome import Outcome
from agent.models.run import Remember, Run
from agent.publishing import status
from agent.runs import executor
from agent.sandbox import running
from agent.secret_values import find_database
from agent.service import clean_up, loops, reconcile
from agent.service.deliveries import Intake
from agent.service.dispatch import Dispatcher, SegmentRunner
from agent.service.health import STILL_SECONDS, WorkerHealth
from agent.service.loops import Heartbeat
from agent.settings import Settings, variable
from agent.steps import Cancellation
from agent.store.engine import Engine
from agent.store.sql_inbox import Inbox, open_inbox
from agent.store.sql_run_store import open_store
from agent.store.sql_tables import RunRow
from agent.telemetry import health, metrics, signature, web_server

_log = structlog.get_logger()

_BEAT_SECONDS = 1.0
#: A code host that cannot be reached at the start is asked again after so long.
_ASK_SECONDS = (1.0, 5.0, 20.0)
#: Maximum seconds for the current steps at a stop; service managers kill a process after 90 s.
_DRAIN_SECONDS = 60.0
#: Maximum seconds for the intake at a stop; as a rule, one delivery takes no longer.
_LEAVE_SECONDS = 5.0
#: Seconds between looks for work that other processes have added; and between the looks of a worker
#: that does not lead whether it now does.
_LOOK_SECONDS, _FOLLOW_SECONDS = 0.25, 5.0
#: Seconds until the next turn after an error.
_TROUBLE_SECONDS = 1.0
#: Seconds between reads of GitHub's log of deliveries; the second: if GitHub cannot reach us.
_RECONCILE_SECONDS, _FETCH_SECONDS = 300.0, 20.0


class Worker:
    """Serve inbox and queue until stopped; runs of a killed worker continue.

    The caller holds the lock of the data folder. On a stop, the current steps get limited time to
    finish; their runs continue with another worker, or after the next start.

    Args:
        access: Access to GitHub of this process.
        compose: Makes the desk of each run.
        intake_api: GitHub as the intake uses it.
    """

    def __init__(
        self,
        settings: Settings,
        stop: threading.Event,
        access: Access,
        compose: Compose,
        intake_api: GithubIntakeApi,
    ) -> None:
        self._settings, self._stop = settings, stop
        self._inbox, self._store = open_inbox(settings), open_store(settings)
        self._access, self._compose, self._intake_api = access, compose, intake_api
        key = signature.name_key(signature.load_key(settings))
        self._lease = self._store.acquire_worker_lease(settings.lease_seconds, key)
        self._lease.start_heartbeats()
        fence.raise_fence(self._lease.require)
        self._heartbeat = Heartbeat()
        runner = SegmentRunner(self._store, self._execute)
        self._health = WorkerHealth(settings.home, self._store, self._heartbeat)
        self._engine = Engine(
            settings.home, runner, url=find_database(settings), worker=self._lease.number
        )
        self._dispatcher = Dispatcher(
            self._store,
            self._engine,
            runner,
            settings=settings,
            deliver=self._deliver,
            lease=self._lease,
            stop=stop,
        )

    def run(self) -> None:
        """Run all loops until stopped; then release the active runs.

        Raises:
            SettingsInvalid: The configured address is not GitHub's, or GitHub does not know our
                App.
            PermanentError: One of the loops has ended.
        """
        if (port := self._settings.metrics_port) is not None:
            self._serve_health(port)
        if wait_until_known(self._access, self._inbox, self._stop):
            self._heartbeat.beat()
            self._health.is_signed_in = True
            self._work()

    def _serve_health(self, port: int) -> None:
        metrics.watch_sandboxes(running.OPEN)
        of_process = metrics.make_process_registry("worker", self._settings.home)
        store = self._store

        def write_metrics() -> bytes:
            with suppress(AgentError):  # while the database is away, its last figures stay
                is_paused = store.pauses.find() is not None
                metrics.note_queue(*store.count_waiting(read_clock()), is_paused=is_paused)
            return metrics.write_metrics(of_process)

        app = health.make_app(self._health.read_readiness, write_metrics, self._health.is_alive)
        name = variable("metrics_port")
        web_server.serve_in_thread(app, web_server.open_door("0.0.0.0", port, name))  # noqa: S104

    def _work(self) -> None:
        heartbeat = self._heartbeat
        cleaner = clean_up.Cleaner(self._settings, self._store, self._inbox, self._engine)

        def clean() -> float:
            cleaner.run_once()
            return clean_up.EVERY_SECONDS

        watched = self._make_watched_loops(heartbeat)
        self._engine.launch()
        self._lease.set_ready(ready=True)
        try:
            for thread in (*watched, self._repeat("clean-up", clean)):
                thread.start()
            number = self._lease.number
            _log.info("working", home=str(self._settings.home), worker=number)
            watch_heartbeat(self._inbox, heartbeat, watched, self._stop, self._lease.leads)
        finally:
            intake = watched[0]
            intake.join(_LEAVE_SECONDS)
            if not intake.is_alive():
                self._lease.set_ready(ready=False)
            if not self._engine.drain(_DRAIN_SECONDS):
                _log.warning("a step was interrupted; another worker repeats it")
            self._lease.release()
            self._engine.close()

    def _execute(self, stored: RunRow, remember: Remember, cancellation: Cancellation) -> Outcome:
        outcome, _ = executor.execute_run(
            stored,
            self._store,
            self._settings,
            self._compose,
            remember,
            cancellation=cancellation,
        )
        return outcome

    def _deliver(self, run: Run, outcome: Outcome) -> Outcome:
        """Report the end of a run that no worker carries, as the status of its issue."""
        desk = self._compose(say=lambda line: None, redactor=make_redactor(self._settings))
        return status.report_outcome(run, outcome, desk)

    def _make_watched_loops(self, heartbeat: Heartbeat) -> list[threading.Thread]:
        settings, lease = self._settings, self._lease
        intake = Intake(
            self._inbox,
            self._store,
            self._intake_api,
            settings,
            heartbeat.beat,
            stop=self._stop,
        )

        def read_deliveries() -> float:
            heartbeat.beat()
            return 0.0 if lease.leads() and intake.run_once() else _LOOK_SECONDS

        def dispatch() -> float:
            return 0.0 if self._dispatcher.run_once() else _LOOK_SECONDS

        missed = reconcile.MissedDeliveries(
            AppDeliveries(self._access), self._inbox, seconds=_choose_seconds(settings)
        )

        def reconcile_deliveries() -> float:
            return missed.run_once() if lease.leads() else _FOLLOW_SECONDS

        return [
            self._repeat("intake", read_deliveries, _TROUBLE_SECONDS),
            self._repeat("dispatch", dispatch, _TROUBLE_SECONDS),
            self._repeat("reconcile", reconcile_deliveries),
        ]

    def _repeat(
        self, name: str, turn: Callable[[], float], *after_failure: float
    ) -> threading.Thread:
        args = name, turn, self._stop, *after_failure
        return threading.Thread(target=loops.repeat, args=args, name=name, daemon=True)


def _choose_seconds(settings: Settings) -> float:
    """Return the seconds between reads of GitHub's log; few if no webhook can reach us."""
    if settings.reconcile_minutes is not None:
        return settings.reconcile_minutes * 60.0
    return _RECONCILE_SECONDS if settings.public_url else _FETCH_SECONDS


def watch_heartbeat(
    inbox: Inbox,
    heartbeat: Heartbeat,
    threads: Sequence[threading.Thread],
    stop: threading.Event,
    leads: Callable[[], bool],
) -> None:
    """Record a heartbeat every second while all loops are alive, until stopped.

    All threads have to exist, and the intake has to make progress; a run may take an hour.

    Args:
        heartbeat: Heartbeat of the intake.
        leads: Whether this worker's intake decides.

    Raises:
        PermanentError: A loop's thread has ended; the process has to restart.
    """
    while not stop.wait(_BEAT_SECONDS):
        for thread in threads:
            if not thread.is_alive() and not stop.is_set():
                raise PermanentError(f"The loop {thread.name} has stopped, so no work is done.")
        if heartbeat.seconds_since_beat() < STILL_SECONDS:
            with suppress(AgentError):  # if the database is away, the next beat tries again
                inbox.beat(leads=leads())
        else:
            _log.error("the intake is stuck", seconds=round(heartbeat.seconds_since_beat()))


def wait_until_known(access: Access, inbox: Inbox, stop: threading.Event) -> bool:
    """Ask the code host for our login until it answers; return whether it did before `stop`.

    No delivery is decided before: a server at a wrong address would seem to deny every request.

    Raises:
        SettingsInvalid: The server is not the code host, or does not know us.
    """
    # In a thread, since a code host that hangs must delay neither heartbeats nor a stop.
    answer: Future[None] = Future()
    asked = threading.Thread(target=_connect_until_known, args=(access, answer, stop), daemon=True)
    asked.start()
    while not answer.done() and not stop.is_set():
        inbox.beat()
        futures.wait([answer], _BEAT_SECONDS)
    if answer.done():
        answer.result()
    return answer.done() and not stop.is_set()


def _connect_until_known(access: Access, answer: Future[None], stop: threading.Event) -> None:
    """Log in, with retries while the code host is away; any other error is the answer."""
    for pause in itertools.chain(_ASK_SECONDS, itertools.repeat(_ASK_SECONDS[-1])):
        try:
            _log.info("signed in to the code host", login=access.login())
            return answer.set_result(None)
        except Exception as problem:  # noqa: BLE001  raised again in the waiting thread
            if isinstance(problem, SettingsInvalid) or not isinstance(problem, AgentError):
                return answer.set_exception(problem)
            _log.error(
                "not signed in to the code host", problem=problem.message, again_in_seconds=pause
            )
        if stop.wait(pause):
            return None
    return None
