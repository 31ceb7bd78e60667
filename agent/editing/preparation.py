"""Prepare the base for a change, once: build its environment and run the checks on it.

A thread begins this while a model reads and plans. The thread records nothing: the run's step of
the same name takes the thread's result, or does the work itself. So a run that resumes after a kill
has the same steps in the same order.
"""

import time
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import wraps
from threading import Event, Thread
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

#: Seconds that judging a change takes besides its checks.
LEAST_GATE_SECONDS = 30.0
UNPREPARED = (EnvironmentFailed, RepositoryUnfit, CheckUnfinished)
"""Errors of a base on which no change can be judged."""

Measure = Callable[[Callable[..., Any] | None, Once, Desk], tuple[Prepared, CheckReport]]
"""Builds the environment and measures the base, by steps; first argument: `Preparation.scout`."""


class ModelNeeded(Exception):
    """Ends the thread: the next step needs a model, or the run ends."""


@dataclass(frozen=True)
class MeasuredBase:
    prepared: Prepared
    baseline: CheckReport
    reserved_seconds: float = 0.0
    """Seconds of the run that are reserved for later stages."""


@dataclass
class Preparation:
    once: StepRunner
    desk: Desk
    measure: Measure
    scout: Callable[..., Any] | None = None
    """Begins a model's search for a set-up; None: no model is configured."""
    ready: MeasuredBase | None = None
    """None: the base is not prepared."""
    _thread: Thread | None = field(default=None, init=False)
    _stopped: Event = field(default_factory=Event, init=False)
    _done: dict[str, Future[Any]] = field(default_factory=dict, init=False)
    """Results and errors of the thread's steps, by name."""
    _problem: Exception | None = field(default=None, init=False)

    def begin(self) -> None:
        """Begin the preparation in a thread, unless it has begun or is done.

        Raises:
            RunStopped: The base cannot be prepared, so a request to a model would be wasted.
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
        """Prepare the base, once; the time counts towards the minutes of set-up."""
        if self.ready is None:
            with self.once.count_apart():
                prepared, baseline = self.measure(self.scout, self._take, self.desk)
            left = self.once.run_seconds_left
            self.ready = MeasuredBase(prepared, baseline, plan_gate_seconds(baseline, left))
        return self.ready

    def close(self) -> None:
        """End the thread and wait for it."""
        self._stopped.set()
        if self._thread is not None:
            self._thread.join()

    def _work_ahead(self) -> None:
        desk = replace(self.desk, sandbox=Stoppable(self.desk.sandbox, self._stopped))
        # All other errors are dropped here, since the run's own steps raise them again.
        with suppress(Exception):
            try:
                _, baseline = self.measure(self.scout and _need_model, self._make, desk)
                require_proofs(baseline)
            except UNPREPARED as problem:
                self._problem = problem

    def _make(self, name: AnyStep, work: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        """Do the work of a step in the thread."""
        if self._stopped.is_set():
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
        """Do a step of the run, with the result of the thread, which has ended, if it has one."""

        @wraps(work)
        def take(*args: P.args, **kwargs: P.kwargs) -> T:
            if self._thread is not None:
                self._thread.join()
            done: Future[T] | None = self._done.pop(name, None)
            return work(*args, **kwargs) if done is None else done.result()

        return self.once(name, take, *args, **kwargs)


def _need_model(*_: object) -> Never:
    raise ModelNeeded


def require_proofs(baseline: CheckReport) -> None:
    """Refuse a base on which a check cannot be measured, before a change costs money.

    Raises:
        RepositoryUnfit: The result of a check on the base commit is unverified.
    """
    for result in baseline.results:
        if result.status is Status.UNVERIFIED:
            raise RepositoryUnfit(
                f"The check {result.name} cannot be measured on the base commit:"
                f" {result.reason.rstrip('.')}. No change can be verified with it. Fix that"
                " first, or turn the check off in .github/mergewright.yml."
            )


def plan_gate_seconds(baseline: CheckReport, left: float) -> float:
    """Return the seconds reserved for judging a change: twice those of the slowest check, plus 30.

    At most half of the seconds `left` is reserved, so that there is time to make a change.
    """
    slowest = max((result.seconds for result in baseline.results), default=0.0)
    return min(2 * slowest + LEAST_GATE_SECONDS, left / 2)
