"""Waiting, to the millisecond, for what another process brings about."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

from tests.bench.bare import BareFailed

T = TypeVar("T")

_SECONDS = 300.0
LOOK_SECONDS = 0.002


def awaited(there: Callable[[], T | None], what: str, look: float = LOOK_SECONDS) -> T:
    """Return what is looked for as soon as it is there.

    Raises:
        BareFailed: It does not come.
    """
    end = time.monotonic() + _SECONDS
    while time.monotonic() < end:
        if (found := there()) is not None:
            return found
        time.sleep(look)
    raise BareFailed(f"{what} did not come within {_SECONDS:.0f} s")
