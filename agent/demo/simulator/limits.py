"""GitHub's rate limits: the hourly one per identity, and the secondary ones per minute."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from agent.demo.simulator.refusals import Refusal

HOUR = 3600.0
MINUTE = 60.0
SECONDARY_WORDS = (
    "You have exceeded a secondary rate limit. Please wait a few minutes before you try again. "
    "If you reach out to GitHub Support for help, please include the request ID."
)
_WRITES = frozenset({"POST", "PATCH", "PUT", "DELETE"})


@dataclass
class Window:
    """The hour of one identity."""

    limit: int
    reset: float
    used: int = 0

    @property
    def remaining(self) -> int:
        """Tell how many requests are left."""
        return max(0, self.limit - self.used)


@dataclass
class _Recent:
    points: deque[tuple[float, int]] = field(default_factory=deque)
    content: deque[float] = field(default_factory=deque)


class Limits:
    """Counts requests per identity and refuses what is too many. Figures can be set."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._lock = threading.Lock()
        self._windows: dict[str, Window] = {}
        self._recent: dict[str, _Recent] = {}
        self._active: dict[str, int] = {}
        self.core = 5_000
        self.anonymous = 60
        self.points = 900
        self.content = 80
        self.content_hourly = 500
        self.concurrent = 100

    def window(self, identity: str) -> Window:
        """Give the current hour of an identity."""
        with self._lock:
            return self._window(identity)

    def _window(self, identity: str) -> Window:
        found = self._windows.get(identity)
        limit = self.anonymous if identity == "anonymous" else self.core
        if found is None or found.reset <= self._now():
            found = self._windows[identity] = Window(limit, float(int(self._now() + HOUR)))
        found.limit = limit
        return found

    def enter(self, identity: str, method: str, *, content: bool, words: str) -> None:
        """Count a request that begins.

        Raises:
            Refusal: Too many; 403 as GitHub answers, with the headers a client must honour.
        """
        with self._lock:
            window = self._window(identity)
            if window.remaining == 0:
                raise Refusal(403, f"API rate limit exceeded for {words}.")
            if self._active.get(identity, 0) >= self.concurrent:
                raise secondary(60)
            self._spend(identity, 5 if method in _WRITES else 1, content=content)
            window.used += 1
            self._active[identity] = self._active.get(identity, 0) + 1

    def leave(self, identity: str, *, unchanged: bool) -> None:
        """Count a request that ended; an unchanged one (304) costs nothing of the hour."""
        with self._lock:
            self._active[identity] -= 1
            if unchanged:
                self._window(identity).used -= 1

    def _spend(self, identity: str, points: int, *, content: bool) -> None:
        now = self._now()
        recent = self._recent.setdefault(identity, _Recent())
        while recent.points and recent.points[0][0] <= now - MINUTE:
            recent.points.popleft()
        while recent.content and recent.content[0] <= now - HOUR:
            recent.content.popleft()
        if sum(count for _, count in recent.points) + points > self.points:
            raise secondary(_until(now, recent.points[0][0], MINUTE) if recent.points else 60)
        if content:
            in_minute = [at for at in recent.content if at > now - MINUTE]
            if len(in_minute) >= self.content:
                raise secondary(_until(now, in_minute[0], MINUTE) if in_minute else 60)
            if len(recent.content) >= self.content_hourly:
                raise secondary(_until(now, recent.content[0], HOUR) if recent.content else 3600)
            recent.content.append(now)
        recent.points.append((now, points))


def secondary(seconds: int | None, status: int = 403) -> Refusal:
    """Refuse as GitHub does at a secondary limit."""
    headers = {} if seconds is None else {"Retry-After": str(seconds)}
    return Refusal(status, SECONDARY_WORDS, headers=headers)


def headers(window: Window) -> dict[str, str]:
    """Give the headers that tell a client where it stands."""
    return {
        "X-RateLimit-Limit": str(window.limit),
        "X-RateLimit-Remaining": str(window.remaining),
        "X-RateLimit-Used": str(window.used),
        "X-RateLimit-Reset": str(int(window.reset)),
        "X-RateLimit-Resource": "core",
    }


def _until(now: float, oldest: float, span: float) -> int:
    return max(1, int(oldest + span - now) + 1)
