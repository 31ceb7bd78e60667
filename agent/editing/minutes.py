"""What is left of the run's minutes bounds whatever is run while a model edits."""

from __future__ import annotations

import math
from collections.abc import Callable

#: With less than this left, nothing is begun.
LEAST_SECONDS = 5.0

SecondsLeft = Callable[[], float]


class Refused(Exception):
    """A call is not carried out; the message says why, and what would be right."""


def unbounded() -> float:
    """Say that no minutes are a bound."""
    return math.inf


def bounded(most: float, left: SecondsLeft) -> int:
    """Return the whole seconds that something may take.

    Args:
        most: Seconds that it may take where minutes are left.

    Raises:
        Refused: Too little is left to begin it.
    """
    seconds = math.floor(min(most, left()))
    if seconds < LEAST_SECONDS:
        raise Refused(
            "the minutes of the run (limits.minutes) are used, so nothing is run any more"
        )
    return seconds
