"""Loops: turns taken one after the other until told to stop; signs of life, and clocks.

Owns when the next turn is taken: at once, when somebody rings or writes, or after a while. What a
turn does is its owner's.
"""

import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import structlog

from agent.errors import AgentError, CodeHostLimited
from agent.models.clock import read_clock

_log = structlog.get_logger()

#: Seconds between looks for new writes: soon after the last one, then less often.
_IDLE_SECONDS, _QUIET_SECONDS = 0.05, 0.25
DUE_SECONDS = 2.0
"""Maximum seconds between turns."""
#: After a turn that failed.
_TROUBLE_SECONDS, _SHORTEST_SECONDS = 1.0, 1.0
#: A clock that is kept right is moved by less.
_MOVED_SECONDS, _LOOK_SECONDS = 60.0, 1.0


def take_turns(
    name: str,
    turn: Callable[[], bool],
    stop: threading.Event,
    wake_up: threading.Event,
    alive: Callable[[], None] = lambda: None,
    written: Callable[[], bool] = lambda: False,
    due_seconds: float = DUE_SECONDS,
) -> None:
    """Take turns until told to stop; a turn that fails is logged, and the next one taken.

    With nothing to do, the next turn waits for a wake-up or a write. It comes soon in any case, for
    work that is due by the clock.

    Args:
        wake_up: Set where something becomes due.
        written: Says whether somebody has written to what the turns look into since it was asked.
        due_seconds: After so long the next turn is taken in any case.
    """
    pause = _IDLE_SECONDS
    while not stop.is_set():
        alive()
        # The turn may miss what is written from here on; the wait does not.
        written()
        try:
            if turn():
                continue
        except AgentError as problem:
            _log.error("turn failed", loop=name, problem=problem.message)
            wake_up.wait(_TROUBLE_SECONDS)
        except Exception as problem:  # noqa: BLE001  the service outlives its bugs
            _log.error("turn failed", loop=name, exc_info=problem)
            wake_up.wait(_TROUBLE_SECONDS)
        else:
            heard = _wait_for_work(wake_up, written, pause, due_seconds)
            pause = _IDLE_SECONDS if heard else min(2 * pause, _QUIET_SECONDS)
        wake_up.clear()


def repeat(
    name: str, turn: Callable[[], float], stop: threading.Event, after_failure: float = 60.0
) -> None:
    """Take turns until told to stop; one that fails is logged once, and the next one taken later.

    Args:
        turn: Returns the seconds until it is time again.
        after_failure: Seconds until the next turn, unless the code host names a time.
    """
    pause, logged = 0.0, ""
    while not stop.wait(pause):
        try:
            pause, logged = max(turn(), _SHORTEST_SECONDS), ""
        except CodeHostLimited as problem:
            pause = max(problem.until - read_clock(), _SHORTEST_SECONDS)
            _log.warning("waits", loop=name, problem=problem.message, seconds=round(pause))
        except Exception as problem:  # noqa: BLE001  the service outlives its bugs
            pause, is_ours = after_failure, isinstance(problem, AgentError | OSError)
            if str(problem) != logged:
                logged = str(problem)
                cause = {"problem": logged} if is_ours else {"exc_info": problem}
                _log.error("turn failed", loop=name, **cause)


def _wait_for_work(
    wake_up: threading.Event, written: Callable[[], bool], pause: float, seconds: float
) -> bool:
    """Wait until somebody rings or writes, and for a while at most; return whether one did."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if wake_up.wait(pause) or written():
            return True
    return False


class FileWatch:
    """Says whether somebody has written to SQLite files, in this process or another."""

    def __init__(self, *databases: Path) -> None:
        # Every commit is appended there, or begins it anew.
        self._logs = [database.with_name(f"{database.name}-wal") for database in databases]
        self._seen: list[tuple[int, int] | None] = []

    def __call__(self) -> bool:
        """Compare with the last time; costs some microseconds, and no lock."""
        before, self._seen = self._seen, [self._identify_file(log) for log in self._logs]
        return self._seen != before

    @staticmethod
    def _identify_file(log: Path) -> tuple[int, int] | None:
        with suppress(OSError):
            there = log.stat()
            return there.st_mtime_ns, there.st_size
        return None


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
        self._began = read_boot_time()

    def now(self) -> float:
        """Seconds since the epoch."""
        return self._began + time.clock_gettime(time.CLOCK_BOOTTIME)


def read_boot_time() -> float:
    """When the machine was started, by its clock; it stays the same until that is set."""
    return read_clock() - time.clock_gettime(time.CLOCK_BOOTTIME)


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
            # Not taken as known, so it is reported again.
            _log.error("the clock was changed", seconds=round(by), problem=problem.message)
            continue
        known += by
        _log.warning("the clock was changed", seconds=round(by))
