"""End what is left of sandboxes whose host process was killed.

A sandbox's control group is named after its data folder and slot, and is a left-over when nobody
has the slot. bubblewrap itself ends with its parent, but for one moment: between its fork and the
word to the child that the user namespace is ready. A child that loses its parent then waits for
ever. It holds no foreign code, and nobody else's process looks like it.
"""

from __future__ import annotations

import os
import signal
from contextlib import suppress
from pathlib import Path

from agent.sandbox.bubblewrap import cgroup
from agent.sandbox.runtime import layout, slots


def remove_orphans(home: Path) -> int:
    """Remove what killed processes left of the sandboxes of a data folder; return how much."""
    gone = end_orphans()
    prefix = slots.prefix(home)
    for name in cgroup.list_names(prefix):
        number = name.removeprefix(prefix)
        if not number.isdigit():
            continue
        with slots.if_free(home, int(number)) as free:
            if free:
                cgroup.remove_stale(name)
                gone += 1
    return gone


def end_orphans() -> int:
    """Kill every such child on this machine that we may kill; return how many."""
    killed = 0
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError, ValueError):
            pid = int(folder.name)
            if _is_stray(pid, folder):
                os.kill(pid, signal.SIGKILL)
                killed += 1
    return killed


def _is_stray(pid: int, folder: Path) -> bool:
    words = (folder / "cmdline").read_bytes().split(b"\0")
    if words[:1] != [b"bwrap"] or layout.RUNNER.encode() not in words:
        return False
    session = os.getsid(pid)
    # The first process leads the session; its child stays in it until the sandbox is laid out.
    return session != pid and os.getsid(_parent(folder)) != session


def _parent(folder: Path) -> int:
    fields = (folder / "stat").read_text().rpartition(")")[2].split()
    return int(fields[1])
