"""Ask GitHub again, boundedly, and never do twice what it has already done.

Owns how often and how long. PyGithub's own retry repeats POST after a lost reply; it is off.
What an answer means is left to `answers`.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from threading import Event
from typing import TypeVar

from github.GithubException import BadAttributeException, GithubException
from tenacity import RetryCallState, Retrying, retry_if_exception, stop_after_attempt

from agent.adapters.github.answers import Limited, Refused, Unsure, unavailable
from agent.errors import ForgeUnavailable

T = TypeVar("T")

_SLICE = 0.5
#: What PyGithub and our records raise on an answer that is JSON but not of the promised shape.
_SENSELESS = (
    BadAttributeException,
    GithubException,
    AttributeError,
    KeyError,
    TypeError,
    ValueError,
)


@dataclass(frozen=True)
class Pacing:
    """How patient we are."""

    attempts: int = 4
    first_wait: float = 0.5
    """Seconds before the second attempt; doubled each time."""
    longest_limit: float = 20.0
    """A wait that GitHub asks for is slept up to here; a longer one ends the step."""
    seconds_between_writes: float = 0.2
    """Of one run; GitHub allows 80 new texts a minute."""
    mark_seconds: float = 2.0
    """Least time between two edits of the status comment; grows while a run goes on."""
    timeout_seconds: int = 20
    """Of one request."""


#: For `Session.trying`: one attempt, no wait.
IMPATIENT = Pacing(attempts=1, longest_limit=0.0)


class Asking:
    """Repeats reads and writes within the bounds of a Pacing."""

    def __init__(self, pacing: Pacing, stopping: Event | None = None) -> None:
        """Take the bounds, and what ends every wait early once it is set."""
        self._pacing = pacing
        self._stopping = stopping or Event()

    def ask(self, work: Callable[[], T], *, doing: str, needs: str = "") -> T:
        """Do what may be repeated freely: a read, or a write that says how things shall be.

        Args:
            doing: What it is, after "to".
            needs: The permission it takes, where GitHub does not name it.

        Raises:
            Refused: GitHub said no.
            ForgeUnavailable: No usable reply after all attempts.
            ForgeLimited: We are asked to wait for longer than we do here.
        """
        return self._repeat(lambda _number: work(), doing, needs)

    def tell(
        self, work: Callable[[], T], *, found: Callable[[], T | None], doing: str, needs: str = ""
    ) -> T:
        """Do what must have one effect: after a lost reply, look for the effect first.

        Args:
            work: The write, one request.
            found: Looks for what an earlier attempt has left; None: nothing.
        """

        def once(number: int) -> T:
            if number > 1 and (hit := found()) is not None:
                return hit
            return work()

        return self._repeat(once, doing, needs)

    def _repeat(self, work: Callable[[int], T], doing: str, needs: str) -> T:
        retrying = Retrying(
            stop=stop_after_attempt(self._pacing.attempts),
            wait=self._wait,
            sleep=self._sleep,
            retry=retry_if_exception(self._worth_another),
            reraise=True,
        )
        number = 0

        def attempt() -> T:
            nonlocal number
            number += 1
            return sensible(lambda: work(number))

        try:
            return retrying(attempt)
        except Unsure as problem:
            raise unavailable(doing, problem) from problem
        except Limited as problem:
            raise problem.explained(doing) from problem
        except Refused as problem:
            problem.doing, problem.needs = doing, needs
            raise

    def _worth_another(self, problem: BaseException) -> bool:
        if isinstance(problem, Limited):
            return problem.wait <= self._pacing.longest_limit
        return isinstance(problem, Unsure)

    def _wait(self, state: RetryCallState) -> float:
        problem = state.outcome.exception() if state.outcome else None
        if isinstance(problem, Limited):
            return problem.wait
        pause = self._pacing.first_wait * 2 ** (state.attempt_number - 1)
        return float(pause * random.uniform(0.75, 1.25))  # noqa: S311 - spreads callers, no secret

    def _sleep(self, seconds: float) -> None:
        """Sleep in short slices, so that the service can stop meanwhile."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            if self._stopping.wait(min(_SLICE, left)):
                raise ForgeUnavailable("The service is stopping while it waits for GitHub.")


def sensible(work: Callable[[], T]) -> T:
    """Do it, and take an answer of the wrong shape for no answer at all."""
    try:
        return work()
    except _SENSELESS as problem:
        raise Unsure(f"its answer makes no sense ({type(problem).__name__})") from problem
