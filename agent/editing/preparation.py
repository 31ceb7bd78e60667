"""The base made ready for a change: its environment built, and the checks run on it, once."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace

from agent.desk import Desk
from agent.editing.ahead import BackgroundSteps
from agent.models.checks import CheckReport
from agent.models.environment import Prepared
from agent.models.sandbox import Flag, Stoppable
from agent.models.step import Once, StepRunner

#: What judging a change takes in addition to its checks.
LEAST_GATE_SECONDS = 30.0

Measure = Callable[[Once, Desk], tuple[Prepared, CheckReport]]
"""Builds the environment and measures the base, by steps."""


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
    measure_ahead: Measure
    """Does the same up to where a model would be asked."""
    ready: MeasuredBase | None = None
    """None: it is not prepared."""
    built: set[str] = field(default_factory=set, init=False)
    """Marks of the environments that this process has built for what changes declare."""
    _ahead: BackgroundSteps | None = field(default=None, init=False)

    @property
    def is_waiting(self) -> bool:
        """Whether nothing more is done while the model reads, so that `finish` has no wait."""
        return self.ready is None and self._ahead is not None and self._ahead.is_over

    def begin(self) -> None:
        """Continue in a thread while a model reads and plans, unless it is done."""
        if self.ready is not None or self._ahead is not None:
            return

        def prepare(step: Once, stopped: Flag) -> None:
            sandbox = Stoppable(self.desk.sandbox, stopped)
            self.measure_ahead(step, replace(self.desk, sandbox=sandbox))

        self._ahead = BackgroundSteps(prepare, self.desk.say)

    def finish(self) -> MeasuredBase:
        """Have it done, once; it has minutes of its own."""
        if self.ready is None:
            step = self._ahead.attach(self.once) if self._ahead else self.once
            with self.once.count_apart():
                prepared, baseline = self.measure(step, self.desk)
            left = self.once.run_seconds_left
            self.ready = MeasuredBase(prepared, baseline, plan_gate_seconds(baseline, left))
        return self.ready

    def close(self) -> None:
        """End what is under way, and wait for that."""
        if self._ahead is not None:
            self._ahead.close()


def plan_gate_seconds(baseline: CheckReport, left: float) -> float:
    """Say how much of the seconds left is kept for judging a change: twice what base took.

    Half of them at most, so that there is time to make one.
    """
    took = max((result.seconds for result in baseline.results), default=0.0)
    return min(2 * took + LEAST_GATE_SECONDS, left / 2)
