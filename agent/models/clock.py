"""The time of day, which people can set; how long something takes `time.monotonic` tells."""

import time


def read_clock() -> float:
    """Return seconds since the epoch."""
    return time.time()
