"""The machine's clock may be set while we work; what was to last a while lasts as long even so.

Owns a clock that nobody can set, and to notice when somebody sets the other one.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import structlog

from agent.errors import AgentError

_log = structlog.get_logger()

#: A clock that is kept right is moved by less.
_MOVED_SECONDS = 60.0
_LOOK_SECONDS = 1.0


class SteadyClock:
    """The time since the epoch, as it was right when this was made, plus what has passed since."""

    def __init__(self) -> None:
        self._began = read_boot_time()

    def now(self) -> float:
        """Seconds since the epoch."""
        return self._began + time.clock_gettime(time.CLOCK_BOOTTIME)


def read_boot_time() -> float:
    """When the machine was started, by its clock; it stays the same until that is set."""
    return time.time() - time.clock_gettime(time.CLOCK_BOOTTIME)


def watch_clock(moved: Callable[[float], None], stop: threading.Event) -> None:
    """Tell by how many seconds the clock was put forward, or back, until told to stop."""
    known = read_boot_time()
    while not stop.wait(_LOOK_SECONDS):
        by = read_boot_time() - known
        if abs(by) < _MOVED_SECONDS:
            continue
        try:
            moved(by)
        except AgentError as problem:
            # Not taken as known, so it is told again.
            _log.error("the clock was set", seconds=round(by), problem=problem.message)
            continue
        known += by
        _log.warning("the clock was set", seconds=round(by))
