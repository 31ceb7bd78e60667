"""The service's worker: one process that takes deliveries in and has the runs of them carried.

Owns which loops there are, what they share, and their beginning and end. The intake
(`deliveries`) decides what a delivery becomes; the dispatch (`dispatch`) hands runs over to the
engine, whose threads carry them (`agent.runs.executor`), and notes their end. Each has a loop of
its own, so that a labelled issue is answered while runs are at work. A run that was under
way when the process ended goes on with the step it was at.
"""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Callable, Sequence
from concurrent import futures
from concurrent.futures import Future
from contextlib import suppress
from typing import TYPE_CHECKING

import structlog

from agent import wiring
from agent.errors import AgentError, PermanentError, SettingsInvalid
from agent.github.polling import AppDeliveries, GithubChanges
from agent.models.clock import read_clock
from agent.models.outcome import Outcome, StoredRun
from agent.models.run import Remember, Run
from agent.runs import executor
from agent.runs.executor import RunSupport
from agent.runs.progress import StateFile
from agent.runs.waiting import PastWait
from agent.service import clean_up, loops, pull_outcomes, reconcile
from agent.service.deliveries import Intake
from agent.service.dispatch import Bounds, Carrier, Dispatcher
from agent.service.loops import FileWatch, Heartbeat, take_turns
from agent.service.pause import Switch
from agent.service.polling import Polling
from agent.services import Execution, Services, make_redactor
from agent.settings import Settings, variable
from agent.steps import Cancellation
from agent.store.engine import Engine
from agent.store.sql_inbox import Inbox
from agent.store.sql_run_store import SqlRunStore
from agent.store.worker_lock import WorkerLock
from agent.telemetry import metrics

if TYPE_CHECKING:
    from agent.github.access import Access

_log = structlog.get_logger()

_DAY = 86_400.0
_BEAT_SECONDS = 1.0
#: A code host that cannot be reached at the start is asked again after so long.
_ASK_SECONDS = (1.0, 5.0, 20.0, 60.0)
#: An intake that is at one delivery for longer stands still; a question that GitHub leaves without
#: an answer is given up after 84 s.
_STILL_SECONDS = 120.0
#: A service manager kills what takes longer than 90 s to stop.
_DRAIN_SECONDS = 60.0


def run_worker(settings: Settings, lock: WorkerLock, stop: threading.Event) -> None:
    """Take turns at inbox and queue until told to stop; what a killed worker left goes on.

    When it is told to stop, the steps under way are brought to their end, within bounds; the runs
    go on with the next worker.

    Args:
        lock: Of the data folder, on which one worker at a time may work.

    Raises:
        SettingsInvalid: GitHub is not where the settings say, or does not know us.
        PermanentError: One of the loops has ended.
    """
    inbox, store = Inbox(settings.home), SqlRunStore(settings.home)
    way = wiring.way_to_github(settings, stop)
    intake_api = wiring.make_intake_api(settings, way)
    compose = wiring.on_github(settings, way)
    bounds = Bounds(
        Switch(settings.home), settings.max_runs, settings.runs_per_day, settings.quiet_seconds
    )
    wake_ups = {"intake": threading.Event(), "dispatch": threading.Event()}

    def carried(stored: StoredRun, remember: Remember, cancellation: Cancellation) -> Outcome:
        run = stored.run
        keeping = RunSupport(
            remember=remember,
            cancellation=cancellation,
            waited=PastWait(stored.begin_with, stored.wait_count),
            retries=stored.retries,
            budget_multiplier=stored.budget_multiplier,
            spendings=store.spendings,
            memory=store,
        )
        notes = StateFile(run.run_id, stored.state, store.set_state)
        try:
            watchers = notes, metrics.StepTimes()
            return executor.carry_run(run, settings, compose, keeping, *watchers)[0]
        finally:
            wake_ups["dispatch"].set()

    def beside_runs() -> Services:
        """Compose them for what is done about runs that are not at work: nobody follows it."""
        return compose(Execution(say=lambda line: None, redactor=make_redactor(settings)))

    def deliver(run: Run, outcome: Outcome) -> Outcome:
        return beside_runs().code_host.report_outcome(run, outcome)

    if not wait_until_known(way, inbox, stop):
        return
    carrier = Carrier(store, carried, bounds.switch)
    engine = Engine(settings.home, carrier)
    dispatcher = Dispatcher(store, engine, carrier, bounds=bounds, deliver=deliver)
    heartbeats = {name: Heartbeat() for name in wake_ups}
    intake = Intake(
        inbox,
        store,
        intake_api,
        frozenset(settings.bot_ids),
        wake_ups["dispatch"].set,
        heartbeats["intake"].beat,
        bounds=bounds,
    )
    turns = {"intake": intake.turn, "dispatch": dispatcher.turn}
    written = {"intake": FileWatch(inbox.path), "dispatch": FileWatch(store.path, engine.path)}
    threads = [
        _thread(
            name, take_turns, name, turn, stop, wake_ups[name], heartbeats[name].beat, written[name]
        )
        for name, turn in turns.items()
    ]
    look = _reconciler(settings, way, inbox, store, wake_ups["intake"].set)
    if look is not None:
        threads.append(_thread("reconcile", loops.repeat, "reconcile", look, stop))
    cleaner = clean_up.Cleaner(settings, store, engine, lambda: beside_runs().code_host)
    ended = pull_outcomes.PullOutcomeRecorder(
        settings, store, lambda: beside_runs().code_host, stop
    )

    def tell_metrics() -> float:
        _note_queue(store)
        metrics.write_metrics(settings.home)
        return metrics.SECONDS

    def clean() -> float:
        cleaner.turn()
        return clean_up.EVERY_SECONDS

    unwatched = [
        _thread("metrics", loops.repeat, "metrics", tell_metrics, stop, metrics.SECONDS),
        _thread("clean-up", loops.repeat, "clean-up", clean, stop),
        _thread("ends", loops.repeat, "ends", ended.turn, stop),
        _thread("clock", loops.watch_clock, store.clock_moved, stop),
    ]
    engine.launch(lock)
    try:
        for thread in (*threads, *unwatched):
            thread.start()
        _log.info("working", home=str(settings.home))
        watch_heartbeat(inbox, heartbeats["intake"], threads, stop)
    finally:
        if not engine.drain(_DRAIN_SECONDS):
            _log.warning("a step was broken off; it is done again by the next worker")
        engine.close()


def _reconciler(
    settings: Settings, way: Access, inbox: Inbox, store: SqlRunStore, found: Callable[[], None]
) -> Callable[[], float] | None:
    """Make what finds out what GitHub could not tell us; None: there is nowhere to look.

    Args:
        found: Called when there is something new in the inbox.
    """
    seconds = settings.reconcile_minutes * 60.0
    if way.app_id is not None:
        return reconcile.Redeliveries(AppDeliveries(way), inbox, seconds=seconds).turn
    if not settings.repositories:
        _log.warning("no repository is looked through", setting=variable("repositories"))
        return None
    changes = GithubChanges(way, settings)
    gate, where = wiring.make_intake_api(settings, way), settings.repositories
    return Polling(changes, gate, inbox, store, where, seconds=seconds, found=found).turn


def _thread(name: str, target: Callable[..., object], *args: object) -> threading.Thread:
    """Make one that ends with the process."""
    return threading.Thread(target=target, args=args, name=name, daemon=True)


def _note_queue(store: SqlRunStore) -> None:
    there = store.count_backlog(read_clock())
    metrics.note_queue(
        waiting=there.waiting, oldest=there.oldest, held_up=there.held_up, states=there.states
    )


def watch_heartbeat(
    inbox: Inbox, heartbeat: Heartbeat, threads: Sequence[threading.Thread], stop: threading.Event
) -> None:
    """Leave a sign of life every second as long as there is life, until told to stop.

    A run may take an hour, so that the dispatch has only to be there; the intake has to go on.

    Args:
        heartbeat: Of the intake.

    Raises:
        PermanentError: A thread has ended that should not; the process has to start anew.
    """
    pruned = 0.0
    while not stop.wait(_BEAT_SECONDS):
        for thread in threads:
            if not thread.is_alive() and not stop.is_set():
                raise PermanentError(f"The loop {thread.name} has ended, so nothing is done.")
        if heartbeat.seconds_since_beat() < _STILL_SECONDS:
            inbox.beat()
        else:
            _log.error("the intake stands still", seconds=round(heartbeat.seconds_since_beat()))
        if read_clock() - pruned > _DAY:
            pruned = read_clock()
            with suppress(AgentError):  # what cannot be removed now is removed another day
                inbox.prune(pruned)


def wait_until_known(way: Access, inbox: Inbox, stop: threading.Event) -> bool:
    """Ask the code host who we are until it tells; return whether it did before we were to stop.

    Nothing is decided before: whatever answers at a wrong address would seem to say no to all.

    Raises:
        SettingsInvalid: What answers is not the code host, or does not know us.
    """
    for pause in itertools.chain(_ASK_SECONDS, itertools.repeat(_ASK_SECONDS[-1])):
        # Aside, since a code host that hangs holds up neither signs of life nor the end.
        answer: Future[str] = Future()
        _thread("login", _settle, answer, way.login).start()
        while not answer.done() and not stop.is_set():
            inbox.beat()
            futures.wait([answer], _BEAT_SECONDS)
        if not answer.done():
            break
        try:
            _log.info("known to the code host", login=answer.result())
        except SettingsInvalid:
            raise
        except AgentError as problem:
            _log.error(
                "not known to the code host", problem=problem.message, again_in_seconds=pause
            )
        else:
            return True
        until = time.monotonic() + pause
        while not stop.is_set() and time.monotonic() < until:
            inbox.beat()
            stop.wait(min(_BEAT_SECONDS, pause))
        if stop.is_set():
            break
    return False


def _settle(answer: Future[str], ask: Callable[[], str]) -> None:
    try:
        answer.set_result(ask())
    except Exception as problem:  # noqa: BLE001  whoever waits for the answer meets it
        answer.set_exception(problem)
