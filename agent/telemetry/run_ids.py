"""Names of runs: the time first, so that they sort by age."""

from __future__ import annotations

import secrets
from datetime import UTC, datetime


def make_run_id(started: int) -> str:
    """Name a run; what follows the time cannot be guessed.

    Args:
        started: Seconds since the epoch.
    """
    stamp = datetime.fromtimestamp(started, UTC).strftime("%Y%m%d-%H%M%S")
    return f"{stamp}-{secrets.token_hex(8)}"


def read_start(run_id: str) -> int:
    """Read out of a name what `new` was given; 0 where it is of no such form."""
    try:
        begun = datetime.strptime(f"{run_id.rpartition('-')[0]} +0000", "%Y%m%d-%H%M%S %z")
    except ValueError:
        return 0
    return int(begun.timestamp())
