"""Steps done in a thread before the run comes to them, so that a model reads and plans meanwhile.

Nothing is recorded here. The run's own step of the same name takes what came of it, or does the
work itself; so a run that goes on after a kill repeats the same steps in the same order.
"""

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from functools import wraps
from typing import Any, Never, ParamSpec, TypeVar

from agent.models.sandbox import Flag
from agent.models.step import AnyStep, Once
from agent.telemetry.run_log import keep_log_context

T = TypeVar("T")
P = ParamSpec("P")


class ModelNeeded(Exception):
    """The next step is a request to a model, which only the run itself makes."""


class BackgroundSteps:
    """Runs a function of steps in a thread; implements `Once` for it."""

    def __init__(self, work: Callable[[Once, Flag], object], say: Callable[[str], None]) -> None:
        """Begin at once.

        Args:
            work: Takes the steps, and a flag that is set once it is to end.
            say: Called with how long each step took.
        """
        self._say = say
        self.stopped = threading.Event()
        """Once it is set, sandboxes that the work has opened end."""
        self.is_over = False
        """Whether the work is done, has failed, or has come to where a model is asked."""
        self._results: dict[str, Future[Any]] = {}
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
        begun, done = time.monotonic(), Future[T]()
        try:
            done.set_result(work(*args, **kwargs))
        except Exception as problem:  # noqa: BLE001  the run's own step raises it
            done.set_exception(problem)
        self._say(f"{name}: {time.monotonic() - begun:.1f} s, while the model reads")
        with self._changed:
            self._results[name] = done
            self._changed.notify_all()
        return done.result()

    def attach(self, once: Once) -> Once:
        """Return the run's own steps, each of which waits for what comes of it here."""

        def join(name: AnyStep, work: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
            @wraps(work)
            def take(*args: P.args, **kwargs: P.kwargs) -> T:
                done: Future[T] | None = self._wait(name)
                return work(*args, **kwargs) if done is None else done.result()

            return once(name, take, *args, **kwargs)

        return join

    def _wait(self, name: str) -> Future[Any] | None:
        """Wait for what comes of a step; None: the thread does not come to it."""
        with self._changed:
            self._changed.wait_for(lambda: name in self._results or self.is_over)
            return self._results.pop(name, None)

    def close(self, seconds: float = 0.0) -> None:
        """End what is under way after so many seconds, and wait for that."""
        self._thread.join(seconds)
        self.stopped.set()
        self._thread.join()

    def _run(self, work: Callable[[Once, Flag], object]) -> None:
        # The run's own steps meet again what goes wrong.
        with suppress(Exception):
            work(self, self.stopped)
        with self._changed:
            self.is_over = True
            self._changed.notify_all()


def need_model(*_: object) -> Never:
    """Stand for what asks a model, in the thread."""
    raise ModelNeeded
