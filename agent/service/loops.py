"""Loops: turns taken one after the other until told to stop; signs of life, and clocks.

Owns when the next turn is taken: at once, when somebody rings, or after a while. What a turn does
is its owner's.
"""

import threading
import time
from collections.abc import Callable

import structlog

from agent.errors import AgentError, CodeHostLimited
from agent.models.clock import read_clock

_log = structlog.get_logger()

#: Shortest wait between turns that nobody rings for, and where the code host names a time.
_SHORTEST_SECONDS = 1.0


def repeat(
    name: str,
    turn: Callable[[], float],
    stop: threading.Event,
    after_failure: float = 60.0,
    wake_up: threading.Event | None = None,
) -> None:
    """Take turns until told to stop; one that fails is logged once, and the next one taken later.

    Args:
        turn: Returns the seconds until it is time again.
        after_failure: Seconds until the next turn, unless the code host names a time.
        wake_up: Set where something becomes due before that.
    """
    logged, shortest = "", 0.0 if wake_up else _SHORTEST_SECONDS
    while not stop.is_set():
        try:
            pause, logged = max(turn(), shortest), ""
        except CodeHostLimited as problem:
            pause = max(problem.until - read_clock(), _SHORTEST_SECONDS)
            _log.warning("waits", loop=name, problem=problem.message, seconds=round(pause))
        except Exception as problem:  # noqa: BLE001  the service outlives its bugs
            pause, is_ours = after_failure, isinstance(problem, AgentError | OSError)
            if str(problem) != logged:
                logged = str(problem)
                cause = {"problem": logged} if is_ours else {"exc_info": problem}
                _log.error("turn failed", loop=name, **cause)
        (wake_up or stop).wait(pause)
        if wake_up is not None:
            wake_up.clear()


class Heartbeat:
    def __init__(self) -> None:
        self._last = time.monotonic()

    def beat(self) -> None:
        self._last = time.monotonic()

    def seconds_since_beat(self) -> float:
        return time.monotonic() - self._last


# --- clocks --------------------------------------------------------------------------------------


class SteadyClock:
    """The time since the epoch, as it was right when this was made, plus what has passed since."""

    def __init__(self) -> None:
        self._began = read_clock() - time.clock_gettime(time.CLOCK_BOOTTIME)

    def now(self) -> float:
        """Seconds since the epoch."""
        return self._began + time.clock_gettime(time.CLOCK_BOOTTIME)
