"""The base made ready for a change: its environment built, and the checks run on it, once.

A thread begins with that while a model reads and plans. It records nothing: the run's own step of
the same name takes what the thread made, or does the work itself. So a run that goes on after a
kill repeats the same steps in the same order.
"""

import time
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import wraps
from threading import Event, Lock, Thread
from typing import Any, Never, ParamSpec, TypeVar

from agent.desk import Desk
from agent.errors import CheckUnfinished, EnvironmentFailed, RepositoryUnfit
from agent.models.checks import CheckReport, Status
from agent.models.environment import Prepared
from agent.models.sandbox import Stoppable
from agent.models.step import AnyStep, Once, StepRunner
from agent.telemetry.run_log import keep_log_context

T = TypeVar("T")
P = ParamSpec("P")

#: What judging a change takes in addition to its checks.
LEAST_GATE_SECONDS = 30.0
UNPREPARED = (EnvironmentFailed, RepositoryUnfit, CheckUnfinished)
"""No change can be judged on a base that ends with one of these."""

Measure = Callable[[Callable[..., Any] | None, Once, Desk], tuple[Prepared, CheckReport]]
"""Builds the environment and measures the base, by steps; the first begins a model's search."""


class ModelNeeded(Exception):
    """The thread ends here: the next step asks a model, or the run has come to it."""


@dataclass(frozen=True)
class MeasuredBase:
    prepared: Prepared
    baseline: CheckReport
    reserved_seconds: float = 0.0
    """Seconds of the run that are kept for later stages."""


@dataclass
class Preparation:
    once: StepRunner
    desk: Desk
    measure: Measure
    scout: Callable[..., Any] | None = None
    """Begins the search of a model for a set-up; None: no model is configured."""
    ready: MeasuredBase | None = None
    """None: it is not prepared."""
    _thread: Thread | None = field(default=None, init=False)
    _stopped: Event = field(default_factory=Event, init=False)
    _lock: Lock = field(default_factory=Lock, init=False)
    """Held by the thread during a step, so that the run's own waits for it."""
    _done: dict[str, Future[Any]] = field(default_factory=dict, init=False)
    """What came of the thread's steps, by name."""
    _begun: set[str] = field(default_factory=set, init=False)
    """Steps that the run has come to."""
    _problem: Exception | None = field(default=None, init=False)

    def begin(self) -> None:
        """Begin in a thread, unless that is done.

        Raises:
            RunStopped: It has ended so that nothing is gained by asking a model.
        """
        if self.ready is not None:
            return
        if self._problem is not None:
            raise self._problem
        if self._thread is None:
            work = keep_log_context(self._work_ahead)
            self._thread = Thread(target=work, name="ahead", daemon=True)
            self._thread.start()

    def finish(self) -> MeasuredBase:
        """Have it done, once; it has minutes of its own."""
        if self.ready is None:
            with self.once.count_apart():
                prepared, baseline = self.measure(self.scout, self._take, self.desk)
            left = self.once.run_seconds_left
            self.ready = MeasuredBase(prepared, baseline, plan_gate_seconds(baseline, left))
        return self.ready

    def close(self) -> None:
        """End what is under way, and wait for that."""
        self._stopped.set()
        if self._thread is not None:
            self._thread.join()

    def _work_ahead(self) -> None:
        desk = replace(self.desk, sandbox=Stoppable(self.desk.sandbox, self._stopped))
        # The run's own steps meet again what else goes wrong.
        with suppress(Exception):
            try:
                _, baseline = self.measure(self.scout and _need_model, self._make, desk)
                require_proofs(baseline)
            except UNPREPARED as problem:
                self._problem = problem

    def _make(self, name: AnyStep, work: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        """Do the work of a step in the thread."""
        with self._lock:
            if self._stopped.is_set() or name in self._begun:
                raise ModelNeeded
            begun, done = time.monotonic(), Future[T]()
            try:
                done.set_result(work(*args, **kwargs))
            except Exception as problem:  # noqa: BLE001  the run's own step raises it
                done.set_exception(problem)
            self.desk.say(f"{name}: {time.monotonic() - begun:.1f} s, while the model reads")
            self._done[name] = done
        return done.result()

    def _take(self, name: AnyStep, work: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        """Do a step of the run, with what the thread has made of it."""

        @wraps(work)
        def take(*args: P.args, **kwargs: P.kwargs) -> T:
            with self._lock:
                self._begun.add(name)
                done: Future[T] | None = self._done.pop(name, None)
            return work(*args, **kwargs) if done is None else done.result()

        return self.once(name, take, *args, **kwargs)


def _need_model(*_: object) -> Never:
    raise ModelNeeded


def require_proofs(baseline: CheckReport) -> None:
    """Refuse to pay for a change that no check could judge.

    Raises:
        RepositoryUnfit: A check of the base commit proves nothing, so no result of it counts.
    """
    for result in baseline.results:
        if result.status is Status.UNVERIFIED:
            raise RepositoryUnfit(
                f"The check {result.name} cannot be measured on the base commit:"
                f" {result.reason.rstrip('.')}. No change can be verified with it. Fix that"
                " first, or turn the check off in .github/mergewright.yml."
            )


def plan_gate_seconds(baseline: CheckReport, left: float) -> float:
    """Say how much of the seconds left is kept for judging a change: twice what base took.

    Half of them at most, so that there is time to make one.
    """
    took = max((result.seconds for result in baseline.results), default=0.0)
    return min(2 * took + LEAST_GATE_SECONDS, left / 2)
