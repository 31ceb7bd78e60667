"""Dispatch: starts runs in their turn, and records what the engine did with them.

Owns the hand-over between our queue and the engine, both ways. Every action may be repeated. Only
the records of store and engine count, not this process's memory. So it makes no difference where
the process was killed.
"""

import threading
from collections.abc import Callable

import structlog
from pydantic import ValidationError

from agent import steps
from agent.errors import AgentError, PermanentError, TransientError
from agent.models.clock import read_clock
from agent.models.outcome import Outcome
from agent.models.record import Record
from agent.models.run import Reason, Remember, Run, Wait
from agent.runs.waiting import RunPostponed
from agent.settings import Settings
from agent.steps import Cancellation
from agent.store.engine import Engine, EngineStatus, Segment
from agent.store.sql_leases import ONLY_LEASE, Lease
from agent.store.sql_run_store import SqlRunStore
from agent.store.sql_tables import RunRow
from agent.telemetry import metrics

_log = structlog.get_logger()

_TROUBLE_SECONDS = 30.0
#: Maximum of tries after unforeseen errors between the steps; other waits just before count, too.
_MOST_STUMBLES = 5


class SegmentEnd(Record):
    outcome: Outcome | None = None
    wait: Wait | None = None


Carry = Callable[[RunRow, Remember, Cancellation], Outcome]


class SegmentRunner:
    def __init__(self, store: SqlRunStore, carry: Carry) -> None:
        self._store = store
        self._execute = carry
        self._lock = threading.Lock()
        self._cancellations: dict[str, Cancellation] = {}

    def __call__(self, run_id: str, remember: Remember) -> str:
        """Carry the run on; return the end of this segment as JSON."""
        # The engine gives each run a thread of its own, so no other run gets this log context.
        with structlog.contextvars.bound_contextvars(run=run_id):
            end = self._execute_segment(run_id, remember)
        return end.model_dump_json(exclude={"outcome": {"files": {"text"}}})

    def _execute_segment(self, run_id: str, remember: Remember) -> SegmentEnd:
        cancellation = self.cancellation(run_id)
        stumbles = 0
        try:
            stored = self._store.get_run(run_id)
            stumbles = stored.wait_count if stored.begin_with is None else 0
            if stored.stop_request:
                cancellation.set(stored.stop_request, stored.stop_reason)
            outcome = self._execute(stored, remember, cancellation)
        except RunPostponed as postponed:
            wait = postponed.wait
            metrics.count_wait(postponed.__cause__)
            seconds = round(wait.until - read_clock())
            _log.warning("waits", run=run_id, seconds=seconds, reason=wait.reason)
            return SegmentEnd(wait=wait)
        except Exception as problem:
            # Errors between the steps, such as a full disk or a locked database, end no run;
            # nor do unforeseen ones, unless they stay.
            error = steps.make_agent_error(problem)
            bug = not isinstance(error, TransientError | PermanentError)
            if bug and stumbles + 1 >= _MOST_STUMBLES:
                raise
            _log.warning("waits", seconds=_TROUBLE_SECONDS, reason=error.message)
            wait = Wait(reason=error.message, until=read_clock() + _TROUBLE_SECONDS)
            metrics.count_wait(error)
            return SegmentEnd(wait=wait)
        return SegmentEnd(outcome=outcome)

    def cancellation(self, run_id: str) -> Cancellation:
        with self._lock:
            return self._cancellations.setdefault(run_id, Cancellation())

    def forget_run(self, run_id: str) -> None:
        with self._lock:
            self._cancellations.pop(run_id, None)


class Dispatcher:
    def __init__(
        self,
        store: SqlRunStore,
        engine: Engine,
        runner: SegmentRunner,
        *,
        settings: Settings,
        deliver: Callable[[Run, Outcome], object],
        lease: Lease = ONLY_LEASE,
        stop: threading.Event | None = None,
    ) -> None:
        self._lease = lease
        # Once `stop` is set, no further run is begun.
        self._stop = stop or threading.Event()
        self._store = store
        self._engine = engine
        self._runner = runner
        self._settings = settings
        # Posts the end of a run that could not post it itself.
        self._deliver = deliver
        self._post_at: dict[str, float] = {}
        """When the end of a run whose segment broke is posted again, in seconds since the epoch."""

    def run_once(self) -> bool:
        """Record ended runs, stop runs on request, begin the next ones; return if any changed."""
        moved = False
        if dead := self._lease.take_over():
            metrics.count_lost_workers(dead)
            _log.warning("taking over the runs of dead workers", workers=dead)
        self._store.end_dead_commands(read_clock())
        for stored in self._store.under_way(self._lease.number):
            with structlog.contextvars.bound_contextvars(run=stored.run_id):
                try:
                    moved = self._find_ended(stored) or moved
                except AgentError as problem:  # the other runs come next
                    _log.error("run could not be updated", problem=problem.message)
        while not self._stop.is_set() and (
            claimed := self._store.claim_run(
                read_clock(),
                most=self._settings.max_runs,
                per_day=self._settings.runs_per_day,
                per_repository=self._settings.runs_per_repository,
                worker=self._lease.number,
            )
        ):
            with structlog.contextvars.bound_contextvars(run=claimed.run_id):
                self._begin(claimed)
            moved = True
        return moved

    def _find_ended(self, stored: RunRow) -> bool:
        """Record what the engine did with a run; return whether the run waits or is over now."""
        run_id = stored.run_id
        if stored.stop_request:
            self._runner.cancellation(run_id).set(stored.stop_request, stored.stop_reason)
        status, result = self._engine.read_status(_segment(stored))
        if status is EngineStatus.ALIVE:
            return False
        if status is EngineStatus.STRANDED:
            # A process was killed, the server was unreachable, or the engine's file was replaced.
            self._begin(stored)
            return False
        self._runner.forget_run(run_id)
        if status is EngineStatus.BROKEN:
            return self._end_broken_run(stored, result)
        try:
            # An earlier version may have written fields that are gone.
            end = SegmentEnd.model_validate_json(result, extra="ignore")
        except ValidationError as problem:
            return self._end_broken_run(stored, f"its result is invalid: {problem}")
        if end.wait is not None:
            # The next segment begins with the records of this one; those before are not needed.
            self._engine.forget([_segment(stored, back=1)])
            self._store.postpone_run(run_id, end.wait)
        elif end.outcome is not None:
            self._finish(stored, end.outcome)
        return True

    def _finish(self, stored: RunRow, outcome: Outcome) -> None:
        run, now = stored.run, read_clock()
        usd = self._store.spendings.sum_of_run(run.run_id)
        self._store.finish_run(run.run_id, outcome, now)
        metrics.count_end(run.repository_name, outcome.state, outcome.reason)
        pull = outcome.pull_request
        _log.info(
            "ended",
            run=run.run_id,
            repository=run.repository_name,
            issue=run.snapshot.issue.number if run.snapshot else None,
            pull_request=pull.number if pull else None,
            seconds=round(now - (stored.started_at or now), 1),
            usd=round(usd, 6),
            state=outcome.state,
            reason=outcome.reason,
        )

    def _begin(self, stored: RunRow) -> None:
        metrics.expect_end(stored.run.repository_name)
        if stored.stop_request:
            cancellation = self._runner.cancellation(stored.run_id)
            cancellation.set(stored.stop_request, stored.stop_reason)
        self._engine.begin(_segment(stored), stored.begin_with)

    def _end_broken_run(self, stored: RunRow, problem: str) -> bool:
        """Post the end of a run whose segment broke, and end it; return whether it is over now.

        Until it is posted, the run is not over, so that the next process posts it if this one ends.
        """
        run, run_id = stored.run, stored.run_id
        if read_clock() < self._post_at.get(run_id, 0.0):
            return False
        _log.error("run broken", problem=problem)
        sentence = (
            "Mergewright failed and cannot continue this run. The operator can find the reason"
            " in the service's log. Remove the label and set it again to start over."
        )
        outcome = Outcome.for_stopped_run(run_id, Reason.INTERNAL, sentence)
        try:
            self._deliver(run, outcome)
        except Exception as unheard:  # noqa: BLE001  only what may pass is tried again
            _log.error("outcome not posted", problem=repr(unheard))
            if isinstance(steps.make_agent_error(unheard), TransientError | PermanentError):
                self._post_at[run_id] = read_clock() + _TROUBLE_SECONDS
                return False
        self._finish(stored, outcome)
        return True


def _segment(stored: RunRow, *, back: int = 0) -> Segment:
    return Segment(run_id=stored.run_id, number=stored.segment - back)
