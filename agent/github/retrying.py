"""Ask GitHub again, boundedly, and never do twice what it has already done.

PyGithub's own retry repeats POST after a lost reply; it is off.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from threading import Event
from typing import TypeVar

from github.GithubException import BadAttributeException, GithubException
from tenacity import RetryCallState, Retrying, retry_if_exception, stop_after_attempt

from agent.errors import CodeHostUnavailable
from agent.github.api_errors import LostReply, RateLimited, RefusedRequest

T = TypeVar("T")

#: What PyGithub and our records raise on an answer that is JSON but not of the promised shape.
SENSELESS = (
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


#: One attempt, no wait.
IMPATIENT = Pacing(attempts=1, longest_limit=0.0)


class Asking:
    """Repeats requests within the bounds of a Pacing."""

    def __init__(self, pacing: Pacing, stopping: Event | None = None) -> None:
        """Take the bounds, and what ends every wait early once it is set."""
        self._pacing = pacing
        self._stopping = stopping or Event()

    def ask(
        self,
        work: Callable[[], T],
        *,
        doing: str,
        needs: str = "",
        found: Callable[[], T | None] | None = None,
    ) -> T:
        """Do the work, again after a lost reply.

        Args:
            doing: What it is, after "to".
            needs: The permission it takes, where GitHub does not name it.
            found: Looks for what an earlier attempt has left, for what must have one effect; None:
                the work may be repeated freely.

        Raises:
            Refused: GitHub said no.
            CodeHostUnavailable: No usable reply after all attempts.
            CodeHostLimited: We are asked to wait for longer than we do here.
        """
        retrying = Retrying(
            stop=stop_after_attempt(self._pacing.attempts),
            wait=self._wait,
            sleep=self._sleep,
            retry=retry_if_exception(self._is_worth_another),
            reraise=True,
        )
        again = False

        def attempt() -> T:
            nonlocal again
            look, again = again and found, True
            try:
                hit = look() if look else None
                return work() if hit is None else hit
            except SENSELESS as problem:
                name = type(problem).__name__
                raise LostReply(f"its answer makes no sense ({name})") from problem

        try:
            return retrying(attempt)
        except LostReply as problem:
            told = f"GitHub could not be asked to {doing}: {problem}"
            raise CodeHostUnavailable(told) from problem
        except RateLimited as problem:
            raise problem.make_error(doing) from problem
        except RefusedRequest as problem:
            problem.doing, problem.needs = doing, needs
            raise

    def _is_worth_another(self, problem: BaseException) -> bool:
        if isinstance(problem, RateLimited):
            return problem.wait <= self._pacing.longest_limit
        return isinstance(problem, LostReply)

    def _wait(self, state: RetryCallState) -> float:
        problem = state.outcome.exception() if state.outcome else None
        if isinstance(problem, RateLimited):
            return problem.wait
        pause = self._pacing.first_wait * 2 ** (state.attempt_number - 1)
        return float(pause * random.uniform(0.75, 1.25))  # noqa: S311 - spreads callers, no secret

    def _sleep(self, seconds: float) -> None:
        """Sleep, but no longer than the service runs."""
        if self._stopping.wait(seconds):
            raise CodeHostUnavailable("The service is stopping while it waits for GitHub.")
