"""How a command ends on Ctrl-C or SIGTERM."""

import os
import signal
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Never

EXIT_CODE = 130
#: Seconds in which signals count as one: a terminal and a program in between may both send it.
_SAME_SECONDS = 1.0
_SHOW_CURSOR = b"\x1b[?25h"


def end_on_signals() -> None:
    """End the command on SIGTERM as on Ctrl-C, and on a second signal the process at once.

    If Ctrl-C is ignored, as in the background of a script, it stays ignored.
    """
    first: list[float] = []

    def end(*_: object) -> None:
        if not first:
            first.append(time.monotonic())
            raise KeyboardInterrupt
        if time.monotonic() - first[0] > _SAME_SECONDS:
            # The display of steps has hidden the cursor.
            if sys.stderr.isatty():
                os.write(sys.stderr.fileno(), _SHOW_CURSOR)
            leave()

    for number in (signal.SIGINT, signal.SIGTERM):
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, end)


def leave() -> Never:
    """End this process and its descendants, without waiting for threads."""
    end_children()
    os._exit(EXIT_CODE)


def end_children() -> None:
    """End all descendants of this process."""
    parents: dict[int, int] = {}
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            status = (folder / "stat").read_text().rpartition(")")[2]
            parents[int(folder.name)] = int(status.split()[1])
    below, children = set[int](), {os.getpid()}
    while children := {pid for pid, parent in parents.items() if parent in children} - below:
        below |= children
    # All at once: a thread that waits for one of them has no time to start the next.
    for pid in below:
        with suppress(OSError):
            os.kill(pid, signal.SIGTERM)
