"""Dispatch: which run goes on when, and what becomes of it when the engine is done with it.

Owns the hand-over between our queue and the engine, both ways. Everything it does may be done
twice: what counts is what the store and the engine say, not what this process remembers, so that
it makes no difference where the process was killed.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import structlog

from agent.adapters.engine import Engine, Segment, Standing
from agent.adapters.sql_store import SqlStore
from agent.domain import Outcome, Reason, Record, Run, StoredRun
from agent.errors import AgentError
from agent.ports import Remember
from agent.steps import Cancellation
from agent.worker import Postponed

_log = structlog.get_logger()


class SegmentEnd(Record):
    """How one segment of a run ended: with an outcome, or with a wait."""

    outcome: Outcome | None = None
    until: float | None = None
    """Seconds since the epoch."""
    begin_with: str = ""
    """The step that the next segment begins with."""
    waits_for: str = ""
    """What holds the run up, in words."""


Carry = Callable[[StoredRun, Remember, Cancellation], Outcome]
"""Carries a run to its end. Raises Postponed."""


class Carrier:
    """What the engine calls for each segment."""

    def __init__(self, store: SqlStore, carry: Carry) -> None:
        self._store = store
        self._carry = carry
        self._lock = threading.Lock()
        self._cancellations: dict[str, Cancellation] = {}

    def __call__(self, run_id: str, remember: Remember) -> str:
        """Carry the run on; return the end of this segment as JSON."""
        stored = self._store.get(run_id)
        try:
            outcome = self._carry(stored, remember, self.cancellation(run_id))
        except Postponed as wait:
            _log.warning(
                "waits", run=run_id, seconds=round(wait.until - time.time()), reason=wait.message
            )
            end = SegmentEnd(until=wait.until, begin_with=wait.after, waits_for=wait.message)
        else:
            end = SegmentEnd(outcome=outcome)
        return end.model_dump_json(exclude={"outcome": {"pull_request_text"}})

    def cancellation(self, run_id: str) -> Cancellation:
        """Return what stops a run of this process."""
        with self._lock:
            return self._cancellations.setdefault(run_id, Cancellation())

    def over(self, run_id: str) -> None:
        """Forget a run that does not go on."""
        with self._lock:
            self._cancellations.pop(run_id, None)


class Dispatcher:
    """Hands runs that may go on to the engine, and notes in the store what became of them."""

    def __init__(
        self,
        store: SqlStore,
        engine: Engine,
        carrier: Carrier,
        *,
        most: int,
        deliver: Callable[[Run, Outcome], object],
    ) -> None:
        """Take what it works with.

        Args:
            most: So many runs are under way at a time.
            deliver: Tells whoever waits of the end of a run that could not tell it itself.
        """
        self._store = store
        self._engine = engine
        self._carrier = carrier
        self._most = most
        self._deliver = deliver

    def turn(self) -> bool:
        """Note what ended, stop what is to be stopped, begin what may begin; say if any was."""
        moved = False
        for stored in self._store.under_way():
            moved = self._look_after(stored) or moved
        while claimed := self._store.claim(time.time(), most=self._most):
            self._begin(claimed)
            moved = True
        return moved

    def _look_after(self, stored: StoredRun) -> bool:
        """Bring one run that is with the engine up to date; return whether it is no longer."""
        run_id = stored.run.run_id
        if stored.stopped:
            self._carrier.cancellation(run_id).set(stored.stopped)
        standing, told = self._engine.standing(_segment(stored))
        if standing is Standing.ALIVE:
            return False
        if standing is Standing.UNKNOWN:
            # The process was killed between the claim and this; or the engine's file is another.
            self._begin(stored)
            return False
        self._carrier.over(run_id)
        if standing is Standing.BROKEN:
            self._end_for_it(stored.run, told)
            return True
        end = SegmentEnd.model_validate_json(told)
        if end.outcome is None:
            self._store.postpone(run_id, end.until or 0.0, end.begin_with, end.waits_for)
        else:
            self._store.finish(run_id, end.outcome, time.time())
            _log.info("ended", run=run_id, state=end.outcome.state, reason=end.outcome.reason)
        return True

    def _begin(self, stored: StoredRun) -> None:
        if stored.stopped:
            self._carrier.cancellation(stored.run.run_id).set(stored.stopped)
        self._engine.begin(_segment(stored), stored.begin_with)

    def _end_for_it(self, run: Run, problem: str) -> None:
        """End a run that could not say so itself, and try once to tell whoever waits for it."""
        _log.error("run broken", run=run.run_id, problem=problem)
        sentence = (
            "Mergewright itself failed, and cannot go on with this run. The operator finds the"
            " reason in the service's log. Take the label off and set it again to start anew."
        )
        outcome = Outcome.stopped(run.run_id, Reason.INTERNAL, sentence)
        try:
            self._deliver(run, outcome)
        except AgentError as unheard:
            _log.error("end not told", run=run.run_id, problem=unheard.message)
        self._store.finish(run.run_id, outcome, time.time())


def _segment(stored: StoredRun) -> Segment:
    return Segment(run_id=stored.run.run_id, number=stored.segment)
