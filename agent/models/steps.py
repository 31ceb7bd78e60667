"""How work is done once and remembered."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, TypeVar

T = TypeVar("T")


class Step(Protocol):
    """Do a piece of work once and remember its result under a stable, unique name."""

    def __call__(self, name: str, work: Callable[..., T], /, *args: object) -> T: ...

    @property
    def seconds_left(self) -> float:
        """What the steps so far have left of the run's minutes; never below zero."""
        ...


class Remember(Protocol):
    """Keeps the records of one run's steps."""

    def __call__(self, name: str, attempt: Callable[[], str]) -> str:
        """Return the record of the step of that name; make the attempt if there is none."""
        ...
