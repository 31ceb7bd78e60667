"""Loops that call a function in turns until they are stopped; heartbeats, and clocks."""

import threading
import time
from collections.abc import Callable

import structlog

from agent.errors import AgentError, CodeHostLimited
from agent.models.clock import read_clock

_log = structlog.get_logger()

#: Minimum wait in seconds if the code host names a time.
_SHORTEST_WAIT = 1.0


def repeat(
    name: str, turn: Callable[[], float], stop: threading.Event, after_failure: float = 60.0
) -> None:
    """Call `turn` until `stop` is set; a repeated error is logged once.

    Args:
        turn: Returns the seconds until the next turn.
        after_failure: Seconds until the next turn after an error, unless the code host names a
            time.
    """
    logged = ""
    while not stop.is_set():
        try:
            pause, logged = turn(), ""
        except CodeHostLimited as problem:
            pause = max(problem.until - read_clock(), _SHORTEST_WAIT)
            _log.warning("waits", loop=name, problem=problem.message, seconds=round(pause))
        except Exception as problem:  # noqa: BLE001  the service outlives its bugs
            pause, is_ours = after_failure, isinstance(problem, AgentError | OSError)
            if str(problem) != logged:
                logged = str(problem)
                cause = {"problem": logged} if is_ours else {"exc_info": problem}
                _log.error("turn failed", loop=name, **cause)
        stop.wait(pause)


class Heartbeat:
    def __init__(self) -> None:
        self._last = time.monotonic()

    def beat(self) -> None:
        self._last = time.monotonic()

    def seconds_since_beat(self) -> float:
        return time.monotonic() - self._last


# --- clocks --------------------------------------------------------------------------------------


class SteadyClock:
    """The time since the epoch that ignores changes of the clock after this object was made."""

    def __init__(self) -> None:
        self._began = read_clock() - time.clock_gettime(time.CLOCK_BOOTTIME)

    def now(self) -> float:
        """Seconds since the epoch."""
        return self._began + time.clock_gettime(time.CLOCK_BOOTTIME)
