"""Where a worker is to die: a step of a run, and the moment around it.

`arm` is for the worker itself: it kills its own process there, so that no time passes between the
moment and the kill.
"""

import os
import signal
from collections.abc import Callable
from enum import StrEnum
from typing import NamedTuple, Self

from agent.store import engine


class When(StrEnum):
    """A moment of a step."""

    BEFORE = "before the effect"
    EFFECT = "after the effect, before its record"
    RECORD = "after the record"


AROUND = (When.BEFORE, When.EFFECT, When.RECORD)
"""What every step has."""


class Point(NamedTuple):
    """Where a worker is to die; what happened there before it was started does not count."""

    step: str
    when: When

    def told(self) -> str:
        return f"{self.when.name}:{self.step}"

    @classmethod
    def read(cls, text: str) -> Self:
        when, _, step = text.partition(":")
        return cls(step, When[when])


def arm(point: Point) -> None:
    """Kill this process at the point, at once."""
    plain = engine._EngineMemory.__call__

    def kept(self: engine._EngineMemory, name: str, attempt: Callable[[], str]) -> str:
        made = False

        def watched() -> str:
            nonlocal made
            made = True
            _die_if(name, When.BEFORE)
            result = attempt()
            _die_if(name, When.EFFECT)
            return result

        result = plain(self, name, watched)
        if made:
            _die_if(name, When.RECORD)
        return result

    def _die_if(name: str, when: When) -> None:
        if (name, when) == point:
            os.kill(os.getpid(), signal.SIGKILL)

    engine._EngineMemory.__call__ = kept  # type: ignore[method-assign]
