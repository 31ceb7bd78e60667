"""Steps done in a thread before the run comes to them, so that a model reads and plans meanwhile.

Nothing is recorded here. The run's own step of the same name takes what came of it, or does the
work itself; so a run that goes on after a kill repeats the same steps in the same order.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from typing import Never, ParamSpec, TypeVar, cast

from agent.models.step import AnyStep, Once
from agent.telemetry.run_log import keep_log_context

T = TypeVar("T")
P = ParamSpec("P")


class ModelNeeded(Exception):
    """What comes next asks a model, which the run itself does."""


@dataclass(frozen=True)
class _Result:
    value: object
    problem: Exception | None
    seconds: float


class BackgroundSteps:
    """Runs a function of steps in a thread; implements `Once` for it."""

    def __init__(self, work: Callable[[BackgroundSteps], object]) -> None:
        """Begin at once."""
        self.stopped = threading.Event()
        """Once it is set, sandboxes that the work has opened end."""
        self._results: dict[str, _Result] = {}
        self._is_over = False
        self._changed = threading.Condition()
        run = keep_log_context(self._run)
        self._thread = threading.Thread(target=run, args=(work,), name="ahead", daemon=True)
        self._thread.start()

    def __call__(
        self, name: AnyStep, work: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """Do the work of a step, in the thread."""
        if self.stopped.is_set():
            raise ModelNeeded
        begun = time.monotonic()
        value, problem = None, None
        try:
            value = work(*args, **kwargs)
        except Exception as raised:  # noqa: BLE001  the run's own step raises it
            problem = raised
        with self._changed:
            self._results[name] = _Result(value, problem, time.monotonic() - begun)
            self._changed.notify_all()
        if problem is not None:
            raise problem
        return cast(T, value)

    def attach(self, once: Once, say: Callable[[str], None]) -> Once:
        """Return the run's own steps, each of which waits for what comes of it here.

        Args:
            say: Told how long a step took here.
        """

        def join(name: AnyStep, work: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
            @wraps(work)
            def take(*args: P.args, **kwargs: P.kwargs) -> T:
                if (result := self._wait(name)) is None:
                    return work(*args, **kwargs)
                say(f"{name}: {result.seconds:.1f} s, beside the model")
                if result.problem is not None:
                    raise result.problem
                return cast(T, result.value)

            return once(name, take, *args, **kwargs)

        return join

    def _wait(self, name: str) -> _Result | None:
        """Wait for what comes of a step; None: the thread does not come to it."""
        with self._changed:
            self._changed.wait_for(lambda: name in self._results or self._is_over)
            return self._results.pop(name, None)

    def close(self) -> None:
        """End what is under way, and wait for that."""
        self.stopped.set()
        self._thread.join()

    def _run(self, work: Callable[[BackgroundSteps], object]) -> None:
        try:
            work(self)
        except Exception:  # noqa: BLE001  the run's own steps meet it again
            return
        finally:
            with self._changed:
                self._is_over = True
                self._changed.notify_all()


def need_model(*_: object) -> Never:
    """Stand for what asks a model, in the thread."""
    raise ModelNeeded
