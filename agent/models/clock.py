"""The time of day, which people can set; durations are measured by `time.monotonic`."""

import time


def read_clock() -> float:
    """Return seconds since the epoch."""
    return time.time()
