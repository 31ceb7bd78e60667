"""The edge of this package: what GitHub refuses leaves it as an error of ours."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

from agent.adapters.github.answers import Refused

P = ParamSpec("P")
T = TypeVar("T")


def in_our_words(work: Callable[P, T]) -> Callable[P, T]:
    """Wrap a method of a port, so that a refusal is told in words for people."""

    @wraps(work)
    def told(*args: P.args, **options: P.kwargs) -> T:
        try:
            return work(*args, **options)
        except Refused as problem:
            raise problem.explained() from problem

    return told
