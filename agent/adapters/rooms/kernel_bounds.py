"""Read, from outside, which bounds the kernel holds a process's control group to."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

_ROOT = Path("/sys/fs/cgroup")
#: By what they bound: the controller, and its file in version 1 and in version 2.
_FILES = {
    "memory": ("memory", "memory.limit_in_bytes", "memory.max"),
    "processes": ("pids", "pids.max", "pids.max"),
}


def of(pid: int, root: Path = _ROOT, proc: Path = Path("/proc")) -> dict[str, int]:
    """Return the bounds on `memory` and `processes`; what is not bounded is left out."""
    groups = {}
    for line in (proc / str(pid) / "cgroup").read_text().splitlines():
        _, controllers, path = line.split(":", 2)
        for controller in controllers.split(","):
            groups[controller] = path.lstrip("/")
    found = {}
    for name, (controller, first, second) in _FILES.items():
        if controller in groups:
            place = root / controller / groups[controller] / first
        else:
            place = root / groups.get("", "") / second
        with suppress(OSError, ValueError):  # `max`: no bound
            found[name] = int(place.read_text())
    return found
