"""The service's worker: take deliveries from the inbox, have the runs that come of them carried.

The intake decides what a delivery becomes; the dispatch hands runs over to the engine, whose
threads carry them, and notes their end. Each has a loop of its own, so that a labelled issue is
answered while runs are at work. A run that was under way when the process ended goes on with the
step it was at.
"""

from __future__ import annotations

import itertools
import os
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent import futures
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import structlog

from agent import clock, intake, metrics, reconcile, sweep, wiring, worker
from agent.adapters.engine import Engine
from agent.adapters.sql_inbox import Inbox
from agent.adapters.sql_store import COMMAND, SqlStore
from agent.adapters.stoppable import Stoppable
from agent.dispatch import Bounds, Carrier, Dispatcher
from agent.domain import Delivery, Outcome, Reason, Run, RunState, StoredRun
from agent.errors import (
    AgentError,
    ForgeLimited,
    PermanentError,
    RunStopped,
    SettingsInvalid,
    Superseded,
    TransientError,
)
from agent.intake import Accepted, Ignored, Later, Stopped
from agent.ledger import Ledger, LedgerClosed
from agent.milestones import Milestones, RunPage, StateNotes
from agent.pause import Switch
from agent.ports import Forge, Gatekeeper, Remember
from agent.services import Services
from agent.settings import Settings
from agent.steps import Cancellation, Steps, Watcher
from agent.telemetry import RunLog

if TYPE_CHECKING:
    from agent.adapters.github.access import Access

_log = structlog.get_logger()

#: So often is asked whether anybody has written to the inbox or the queue: soon after the last
#: time, then ever more seldom.
_IDLE_SECONDS, _QUIET_SECONDS = 0.05, 0.25
#: And so often they are looked into in any case.
_DUE_SECONDS = 2.0
_BEAT_SECONDS = 1.0
_DAY = 86_400.0
_LONGEST_PUT_OFF = 2 * 3600.0
_RETRY_SECONDS = (1.0, 5.0, 20.0, 60.0, 300.0)
#: A forge that cannot be reached at the start is asked again after so long.
_ASK_SECONDS = (1.0, 5.0, 20.0, 60.0)
#: So many deliveries that cannot be decided one after the other: the forge itself is away.
_FAILURES_IN_A_ROW = 3
#: A run that was told to stop is over within two seconds, as a rule.
_SOON_SECONDS = 0.5
#: So often is looked for runs that wait for another day.
_QUOTA_SECONDS = 10.0
#: So often a command asks whether its run is to be stopped.
_LOOK_SECONDS = 0.5
#: What fails in a way that nobody has foreseen is tried so often.
_TRIES = 3
#: An intake that is at one delivery for longer stands still; a question that GitHub leaves without
#: an answer is given up after 84 s.
_STILL_SECONDS = 120.0
#: A service manager kills what takes longer than 90 s to stop.
_DRAIN_SECONDS = 60.0


Say = Callable[[str], None]
"""Takes one line of progress."""
Record = Callable[[str, Mapping[str, object]], None]
"""Takes kind and facts of a write that went out."""


MakeServices = Callable[[Say, Record], Services]
"""Makes the services of one run."""


class _PutOff(NamedTuple):
    """A delivery that could not be decided yet."""

    failures: int
    until: float
    faults: int = 0
    """So many of the failures are our own."""


_NOT_YET = _PutOff(0, 0.0)


class _Failed(NamedTuple):
    """A delivery that we ourselves fail at."""

    reason: str


_PAUSED = "Whoever runs the service has paused all runs; this one goes on by itself afterwards."
_SETTLED: dict[type, str] = {_Failed: "failed", Stopped: "stopped"}


class Intake:
    """Settles every delivery: as a run, as the end of one, or ignored for a reason."""

    def __init__(
        self,
        inbox: Inbox,
        store: SqlStore,
        gatekeeper: Gatekeeper,
        bot_ids: frozenset[int] = frozenset(),
        accepted: Callable[[], None] = lambda: None,
        alive: Callable[[], None] = lambda: None,
        *,
        bounds: Bounds | None = None,
    ) -> None:
        """Take what it works with.

        Args:
            bounds: What holds runs back; None: one at a time.
            accepted: Called when there is a new run.
            alive: Called before each delivery.
        """
        self._alive = alive
        self._bounds = bounds or Bounds(Switch(inbox.path.parent))
        self._look_again = 0.0
        self._bot_ids = bot_ids
        self._inbox = inbox
        self._store = store
        self._gatekeeper = gatekeeper
        self._accepted = accepted
        self._put_off: dict[str, _PutOff] = {}
        # A clock that is put forward makes no delivery older.
        self._clock = clock.Steady()

    def turn(self) -> bool:
        """Settle the deliveries that are there; return whether any was.

        What the forge does not answer stays unread and comes again after a while; it holds the
        deliveries behind it up only if those fail as well.
        """
        settled = failed = 0
        now = time.time()
        # Who waits for longer than anybody is told to had the clock put back behind him.
        waiting = [
            one
            for one, put_off in self._put_off.items()
            if now < put_off.until < now + _LONGEST_PUT_OFF
        ]
        for delivery in self._named(self._inbox.unread(without=waiting)):
            decided: Accepted | Ignored | Later | Stopped | _Failed
            try:
                decided = self._decide(delivery)
            except RunStopped as problem:
                decided = Ignored(reason=problem.message)
            except AgentError as problem:
                if not self._given_up(delivery, problem):
                    failed += 1
                    if failed == _FAILURES_IN_A_ROW:
                        break
                    continue
                decided = Ignored(reason=f"could not be decided for a day: {problem.message}")
            except Exception as problem:  # noqa: BLE001  one bad delivery must not stop the rest
                _log.error("delivery failed", exc_info=problem)
                self._put_back(delivery, type(problem).__name__, own=True)
                if self._put_off[delivery.delivery_id].faults < _TRIES:
                    continue
                told = f"{type(problem).__name__}, {_TRIES} times; see the worker's log"
                decided = _Failed(f"could not be decided: {told}")
            if isinstance(decided, Later):
                _log.info("not yet", reason=decided.reason)
                self._put_off[delivery.delivery_id] = _NOT_YET._replace(until=now + _SOON_SECONDS)
                continue
            self._settle(delivery, decided)
            settled, failed = settled + 1, 0
        self._tell_of_quota()
        return settled > 0

    def _named(self, deliveries: Iterable[Delivery]) -> Iterator[Delivery]:
        """Hand them on one by one; what is logged meanwhile names the delivery."""
        for delivery in deliveries:
            self._alive()
            with structlog.contextvars.bound_contextvars(delivery=delivery.delivery_id):
                yield delivery

    def _decide(self, delivery: Delivery) -> Accepted | Ignored | Later | Stopped:
        if delivery.action in intake.TAKES_BACK:
            withdrawal = intake.Withdrawal.model_validate_json(delivery.body)
            return intake.reconsider(withdrawal, self._gatekeeper, self._store)
        # Run and delivery are in two files: a worker that was killed between the two writes has
        # left a run whose delivery still counts as unread.
        if earlier := self._store.of_delivery(delivery.delivery_id):
            return Accepted(run=earlier.run)
        request = intake.Request.model_validate_json(delivery.body)
        return intake.accept(
            request,
            self._gatekeeper,
            self._store,
            now=time.time(),
            bot_ids=self._bot_ids,
            delivery_id=delivery.delivery_id,
        )

    def _settle(self, delivery: Delivery, decided: Accepted | Ignored | Stopped | _Failed) -> None:
        self._put_off.pop(delivery.delivery_id, None)
        if isinstance(decided, Accepted):
            self._accepted()
            self._look_again = 0.0
            self._inbox.settle(delivery.delivery_id, "accepted", decided.run.run_id)
            metrics.delivery_settled("accepted")
            with structlog.contextvars.bound_contextvars(run=decided.run.run_id):
                _log.info("accepted")
                self._show_waiting(decided.run)
        else:
            outcome = _SETTLED.get(type(decided), "ignored")
            if isinstance(decided, Stopped):
                # It shows in the store, into which the others look.
                _log.info("asked to stop", run=decided.run_id, reason=decided.reason)
            self._inbox.settle(delivery.delivery_id, outcome, decided.reason)
            metrics.delivery_settled(outcome)
            routine = isinstance(decided, Ignored) and decided.routine
            note = _log.debug if routine else _log.info
            note(outcome, reason=decided.reason)

    def _show_waiting(self, run: Run) -> None:
        """Give a run its sign now if its turn is not at once.

        It is kept and settled, and begins with the same sign: what fails here is of no consequence.
        """
        try:
            paused = self._bounds.switch.paused() is not None
            ahead = self._store.ahead(run.run_id, time.time(), most=self._bounds.most)
            if paused:
                self._alive()
                self._gatekeeper.queued(run, ahead, _PAUSED)
            elif ahead:
                self._alive()
                self._gatekeeper.queued(run, ahead)
            if paused or ahead:
                _log.info("waits", ahead=ahead, paused=paused)
        except Exception as problem:  # noqa: BLE001  as above
            told = problem.message if isinstance(problem, AgentError) else repr(problem)
            _log.warning("waiting not shown", problem=told)

    def _tell_of_quota(self) -> None:
        """Say once, on the issue, why a run waits for another day and when it goes on."""
        now, per_day = time.time(), self._bounds.per_day
        if per_day is None or now < self._look_again:
            return
        self._look_again = now + _QUOTA_SECONDS
        for stored, until in self._store.held_back(now, per_day):
            run = stored.run
            with structlog.contextvars.bound_contextvars(run=run.run_id):
                self._alive()
                when = datetime.fromtimestamp(until + 60, UTC).strftime("%Y-%m-%d %H:%M")
                runs = "1 run" if per_day == 1 else f"{per_day} runs"
                because = (
                    f"This repository has had its {runs} of the last 24 hours; this one goes on by"
                    f" itself at about {when} UTC."
                )
                try:
                    self._gatekeeper.queued(run, 0, because)
                except TransientError as problem:
                    _log.warning("quota not shown", problem=problem.message)
                    break
                except AgentError as problem:
                    _log.warning("quota not shown", problem=problem.message)
                self._store.told_of_quota(run.run_id)
                _log.info("waits for another day", until=round(until))

    def _given_up(self, delivery: Delivery, problem: AgentError) -> bool:
        """Leave a delivery for later; return whether it has waited for long enough."""
        # A wrong setting is the operator's to mend, however long that takes.
        old = self._clock.now() - delivery.received_at > _DAY
        if isinstance(problem, TransientError) and old:
            return True
        until = problem.until if isinstance(problem, ForgeLimited) else None
        self._put_back(delivery, problem.message, until)
        return False

    def _put_back(
        self, delivery: Delivery, problem: str, until: float | None = None, *, own: bool = False
    ) -> None:
        """Leave a delivery unread until a time; by default ever later."""
        now = time.time()
        before = self._put_off.get(delivery.delivery_id, _NOT_YET)
        if until is None:
            until = now + _RETRY_SECONDS[min(before.failures, len(_RETRY_SECONDS) - 1)]
        self._put_off[delivery.delivery_id] = _PutOff(
            before.failures + 1, until, before.faults + own
        )
        _log.warning("delivery put off", problem=problem, seconds=round(until - now))


class Pulse:
    """When a loop was last seen to go on."""

    def __init__(self) -> None:
        self._last = time.monotonic()

    def note(self) -> None:
        """It goes on."""
        self._last = time.monotonic()

    def age(self) -> float:
        """Seconds since."""
        return time.monotonic() - self._last


def loop(
    name: str,
    turn: Callable[[], bool],
    stop: threading.Event,
    bell: threading.Event,
    alive: Callable[[], None] = lambda: None,
    written: Callable[[], bool] = lambda: False,
) -> None:
    """Take turns until told to stop; a turn that fails is logged, and the next one taken.

    Where there is nothing to do, the next turn is taken when somebody rings or writes, and soon in
    any case, for what is due by the clock.

    Args:
        bell: Set by whoever knows that there is something to do.
        alive: Called before every turn.
        written: Says whether somebody has written to what the turns look into since it was asked.
    """
    pause = _IDLE_SECONDS
    while not stop.is_set():
        alive()
        # What is written from here on, the turn may miss; the wait does not.
        written()
        try:
            if turn():
                continue
        except AgentError as problem:
            _log.error("turn failed", loop=name, problem=problem.message)
            bell.wait(_BEAT_SECONDS)
        except Exception as problem:  # noqa: BLE001  the service outlives its bugs
            _log.error("turn failed", loop=name, exc_info=problem)
            bell.wait(_BEAT_SECONDS)
        else:
            heard = _heard(bell, written, pause)
            pause = _IDLE_SECONDS if heard else min(2 * pause, _QUIET_SECONDS)
        bell.clear()


def _heard(bell: threading.Event, written: Callable[[], bool], pause: float) -> bool:
    """Wait until somebody rings or writes, and for a while at most; return whether one did."""
    until = time.monotonic() + _DUE_SECONDS
    while time.monotonic() < until:
        if bell.wait(pause) or written():
            return True
    return False


class Written:
    """Says whether somebody has written to SQLite files, in this process or another."""

    def __init__(self, *databases: Path) -> None:
        # Every commit is appended there, or begins it anew.
        self._logs = [database.with_name(f"{database.name}-wal") for database in databases]
        self._seen: list[tuple[int, int] | None] = []

    def __call__(self) -> bool:
        """Compare with the last time; costs some microseconds, and no lock."""
        before, self._seen = self._seen, [self._look(log) for log in self._logs]
        return self._seen != before

    @staticmethod
    def _look(log: Path) -> tuple[int, int] | None:
        with suppress(OSError):
            there = log.stat()
            return there.st_mtime_ns, there.st_size
        return None


# --- one run ----------------------------------------------------------------------------------


class Watchers:
    """Tells every watcher of a run what happens."""

    def __init__(self, *watchers: Watcher) -> None:
        self._watchers = watchers

    def started(self, step: str) -> None:
        """A step begins."""
        for watcher in self._watchers:
            watcher.started(step)

    def ended(self, step: str, seconds: float, *, ok: bool) -> None:
        """A step is over."""
        for watcher in self._watchers:
            watcher.ended(step, seconds, ok=ok)


class Carried(NamedTuple):
    """How a durable run is carried on."""

    remember: Remember
    cancellation: Cancellation
    waited: worker.Waited = worker.Waited()
    again: bool = False
    """Whether it was over before: people were told of an end."""


def carry(
    run: Run,
    settings: Settings,
    make: MakeServices,
    *further: Watcher,
    say: Say = lambda line: None,
    durable: Carried | None = None,
    cancellation: Cancellation | None = None,
) -> tuple[Outcome, dict[str, float]]:
    """Carry a run of an issue to its end; return its outcome and the seconds by step.

    Args:
        make: Makes the services of the run, told how to say and how to record what is written.
        further: Who else watches.
        say: Takes each line of progress, besides the log.
        durable: What keeps its records; None: it ends with its process.
        cancellation: What stops it, where it is not durable.

    Raises:
        Postponed: Something holds the run up; it goes on later.
        SettingsInvalid: The operator's settings are wrong, and the run is not durable.
    """
    folder = worker.run_folder(settings.home, run)
    ledger = Ledger(folder / "ledger.jsonl", run.run_id)
    cancellation = durable.cancellation if durable else cancellation or Cancellation()

    def told(line: str) -> None:
        log.line(line)
        page.said(line)
        milestones.said(line)
        say(line)

    numbers = itertools.count(1)

    def record(kind: str, facts: Mapping[str, object]) -> None:
        try:
            ledger.append("forge", next(numbers), kind, **facts)
        except LedgerClosed as problem:
            _log.warning("a write came late", run=run.run_id, problem=str(problem))

    services = make(told, record)
    services = replace(services, sandbox=Stoppable(services.sandbox, cancellation))
    log = RunLog(folder / "run.log", services.redactor)
    page = RunPage(folder / "run.json", run, services.redactor)
    milestones = Milestones(run, services.forge)
    step = Steps(
        ledger,
        log,
        Watchers(page, milestones, *further),
        max_minutes=settings.max_minutes,
        remember=durable.remember if durable else None,
        cancellation=cancellation,
    )
    if durable and durable.again:
        _show_again(run, services, cancellation)
    try:
        outcome = worker.carry(
            run, step, services, ledger, log, waited=durable.waited if durable else None
        )
    finally:
        # The next attempt has a forge and a ledger of its own: this one changes nothing any more.
        services.forge.pause(run)
        ledger.close()
    if outcome.pull_request_text is not None:
        text = folder / "pull_request.md"
        with suppress(OSError):  # the words are on the forge already
            text.write_text(outcome.pull_request_text, encoding="utf-8")
            outcome = outcome.model_copy(update={"text_path": str(text)})
    page.end(outcome)
    return outcome, step.seconds


def _show_again(run: Run, services: Services, cancellation: Cancellation) -> None:
    """Show a run that was over as one that is at work, if the issue still stands.

    It is no step, since a run that goes on does not repeat the one that told of it first; what
    fails here is told by the run itself.
    """
    try:
        services.forge.ticket(run)
        services.forge.begin(run)
    except Superseded as problem:
        cancellation.set(problem.message, Reason.SUPERSEDED)
    except AgentError as problem:
        _log.warning("not shown as at work again", problem=problem.message)


def carry_at_once(
    run: Run, settings: Settings, make: MakeServices, watcher: Watcher, say: Say
) -> tuple[Outcome, dict[str, float]]:
    """Carry a run that no worker will take, kept in the store: its issue has no other meanwhile.

    Raises:
        ActiveRun: The issue has a run that is not over.
        SettingsInvalid: The operator's settings are wrong.
    """
    settings.home.mkdir(parents=True, exist_ok=True, mode=0o711)
    with closing(SqlStore(settings.home)) as store:
        run = store.add(run, time.time(), worker=f"{COMMAND}{os.getpid()}")
        sentence = "The command ended before the run did."
        outcome = Outcome.stopped(run.run_id, Reason.INTERRUPTED, sentence)
        try:
            notes = StateNotes(run.run_id, RunState.TRIAGING, store.moved)
            with _stoppable(store, run.run_id) as cancellation:
                outcome, seconds = carry(
                    run, settings, make, notes, watcher, say=say, cancellation=cancellation
                )
        finally:
            store.finish(run.run_id, outcome, time.time())
    return outcome, seconds


@contextmanager
def _stoppable(store: SqlStore, run_id: str) -> Iterator[Cancellation]:
    """Stop the run that the block carries when somebody asks the store for it."""
    cancellation, over = Cancellation(), threading.Event()

    def look() -> None:
        while not over.wait(_LOOK_SECONDS):
            with suppress(AgentError):  # it is asked again
                stored = store.get(run_id)
                if stored.stopped:
                    cancellation.set(stored.stopped, stored.stopped_for)
                    return

    looking = threading.Thread(target=look, name="stoppable", daemon=True)
    looking.start()
    try:
        yield cancellation
    finally:
        over.set()
        looking.join()


# --- the process ------------------------------------------------------------------------------


def work(settings: Settings, stop: threading.Event) -> None:
    """Take turns at inbox and queue until told to stop; what a killed worker left goes on.

    One worker at a time may work on a data folder. When it is told to stop, the steps under way
    are brought to their end, within bounds; the runs go on with the next worker.

    Raises:
        SettingsInvalid: GitHub is not where the settings say, or does not know us.
        PermanentError: One of the loops has ended, or another process works on the folder.
    """
    inbox, store = Inbox(settings.home), SqlStore(settings.home)
    way = wiring.way_to_github(settings, stop)
    gatekeeper = wiring.gatekeeper(settings, way)
    make = wiring.on_github(settings, way)
    bounds = Bounds(Switch(settings.home), settings.max_runs, settings.runs_per_day)
    bells = {"intake": threading.Event(), "dispatch": threading.Event()}

    def carried(stored: StoredRun, remember: Remember, cancellation: Cancellation) -> Outcome:
        run = stored.run
        waited = worker.Waited(stored.begin_with, stored.waits)
        durable = Carried(remember, cancellation, waited, again=stored.retries > 0)
        notes = StateNotes(run.run_id, stored.state, store.moved)
        try:
            return carry(run, settings, make, notes, metrics.StepTimes(), durable=durable)[0]
        finally:
            bells["dispatch"].set()

    def forge() -> Forge:
        return make(lambda line: None, lambda kind, facts: None).forge

    def deliver(run: Run, outcome: Outcome) -> Outcome:
        page = worker.run_folder(settings.home, run) / "run.json"
        RunPage(page, run, wiring.redactor(settings)).end(outcome)
        return forge().deliver(run, outcome)

    if not introduced(way, inbox, stop):
        return
    carrier = Carrier(store, carried, bounds.switch)
    engine = Engine(settings.home, carrier)
    dispatcher = Dispatcher(
        store,
        engine,
        carrier,
        bounds=bounds,
        deliver=deliver,
    )
    bot_ids = frozenset(settings.bot_ids)
    pulses = {name: Pulse() for name in bells}
    heard = bells["dispatch"].set
    written = {
        "intake": Written(inbox.path),
        "dispatch": Written(store.path, engine.path),
    }
    turns = {
        "intake": Intake(
            inbox,
            store,
            gatekeeper,
            bot_ids,
            heard,
            pulses["intake"].note,
            bounds=bounds,
        ).turn,
        "dispatch": dispatcher.turn,
    }
    threads = [
        threading.Thread(
            target=loop,
            args=(name, turn, stop, bells[name], pulses[name].note, written[name]),
            name=name,
            daemon=True,
        )
        for name, turn in turns.items()
    ]
    figures = threading.Thread(
        target=metrics.keep_written,
        args=(settings.home, lambda: _note_queue(store), stop),
        name="figures",
        daemon=True,
    )
    reconciler = wiring.reconciler(settings, way, inbox, store, bells["intake"].set)
    if reconciler is not None:
        keep_on = threading.Thread(
            target=reconcile.keep_on, args=(reconciler, stop), name="reconcile", daemon=True
        )
        threads.append(keep_on)
    cleaning = threading.Thread(
        target=sweep.Sweeper(settings, store, engine, forge).keep_clean,
        args=(stop,),
        name="clean-up",
        daemon=True,
    )
    setting = threading.Thread(
        target=clock.watch, args=(store.clock_moved, stop), name="clock", daemon=True
    )
    engine.launch()
    try:
        for thread in threads:
            thread.start()
        figures.start()
        cleaning.start()
        setting.start()
        _log.info("working", home=str(settings.home))
        watch(inbox, pulses["intake"], threads, stop)
    finally:
        if not engine.drain(_DRAIN_SECONDS):
            _log.warning("a step was broken off; it is done again by the next worker")
        engine.close()


def _note_queue(store: SqlStore) -> None:
    there = store.backlog(time.time())
    metrics.queue(
        waiting=there.waiting, oldest=there.oldest, held_up=there.held_up, states=there.states
    )


def watch(
    inbox: Inbox, pulse: Pulse, threads: Sequence[threading.Thread], stop: threading.Event
) -> None:
    """Leave a sign of life every second as long as there is life, until told to stop.

    A run may take an hour, so that the dispatch has only to be there; the intake has to go on.

    Args:
        pulse: Of the intake.

    Raises:
        PermanentError: A thread has ended that should not; the process has to start anew.
    """
    pruned = 0.0
    while not stop.wait(_BEAT_SECONDS):
        for thread in threads:
            if not thread.is_alive() and not stop.is_set():
                raise PermanentError(f"The loop {thread.name} has ended, so nothing is done.")
        if pulse.age() < _STILL_SECONDS:
            inbox.beat()
        else:
            _log.error("the intake stands still", seconds=round(pulse.age()))
        if time.time() - pruned > _DAY:
            pruned = time.time()
            with suppress(AgentError):  # what cannot be removed now is removed another day
                inbox.prune(pruned)


def introduced(way: Access, inbox: Inbox, stop: threading.Event) -> bool:
    """Ask the forge who we are until it tells; return whether it did before we were to stop.

    Nothing is decided before: whatever answers at a wrong address would seem to say no to all.

    Raises:
        SettingsInvalid: What answers is not the forge, or does not know us.
    """
    asking = ThreadPoolExecutor(1, thread_name_prefix="introduction")
    answer = asking.submit(_ask_until_known, way, stop)
    while not stop.is_set():
        inbox.beat()
        if futures.wait([answer], _BEAT_SECONDS).done:
            return answer.result()
    return False


def _ask_until_known(way: Access, stop: threading.Event) -> bool:
    for pause in itertools.chain(_ASK_SECONDS, itertools.repeat(_ASK_SECONDS[-1])):
        try:
            _log.info("known to the forge", login=way.login())
        except SettingsInvalid:
            raise
        except AgentError as problem:
            _log.error("not known to the forge", problem=problem.message, again_in_seconds=pause)
            if stop.wait(pause):
                break
        else:
            return True
    return False
