"""End what is left of rooms whose host process was killed while they were being opened.

bubblewrap ends with its parent, but for one moment: between its fork and the word to the child
that the user namespace is ready. A child that loses its parent then waits for ever. It holds no
foreign code, and nobody else's process looks like it.
"""

from __future__ import annotations

import os
import signal
from contextlib import suppress
from pathlib import Path

from agent.adapters.bubblewrap import walls


def end() -> None:
    """Kill every such child on this machine that we may kill."""
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError, ValueError):
            pid = int(folder.name)
            if _is_stray(pid, folder):
                os.kill(pid, signal.SIGKILL)


def _is_stray(pid: int, folder: Path) -> bool:
    words = (folder / "cmdline").read_bytes().split(b"\0")
    if words[:1] != [b"bwrap"] or walls.RUNNER.encode() not in words:
        return False
    session = os.getsid(pid)
    # The first process leads the session; its child stays in it until the room is laid out.
    return session != pid and os.getsid(_parent(folder)) != session


def _parent(folder: Path) -> int:
    fields = (folder / "stat").read_text().rpartition(")")[2].split()
    return int(fields[1])
