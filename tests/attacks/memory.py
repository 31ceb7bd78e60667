"""How much memory this process, which stands for the service, takes while it is attacked."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def resident() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGESIZE")


@contextmanager
def measured_memory() -> Iterator[list[int]]:
    """Measure the most that this process grew by within the block."""
    before, most, over = resident(), [0], threading.Event()

    def look() -> None:
        while not over.wait(0.05):
            most[0] = max(most[0], resident() - before)

    thread = threading.Thread(target=look)
    thread.start()
    try:
        yield most
    finally:
        over.set()
        thread.join()
