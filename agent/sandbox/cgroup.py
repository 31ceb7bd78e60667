"""Bound the memory and the number of tasks of a whole sandbox by control groups.

Works with cgroup v2 and v1. Where no group can be made, sandboxes are bounded per process and by
sampling from inside (see `agent/sandbox/sandbox_scripts/commands.py`). Also ends sandboxes whose
host process was killed.
"""

import os
import signal
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from agent.errors import SandboxLost
from agent.sandbox import layout, slots

CGROUP_ROOT = Path("/sys/fs/cgroup")
_PARENT = "mergewright"
_CONTROLLERS = ("memory", "pids")
_GONE_SECONDS = 5.0
#: Counters of the kernel: limit, controller, file (of version 2 or 1), and the key in it.
COUNTS = (
    ("memory", "memory", "memory.events", "oom_kill"),
    ("memory", "memory", "memory.oom_control", "oom_kill"),
    ("processes", "pids", "pids.events", "max"),
)


@dataclass
class Cgroup:
    """The group of one sandbox: one folder in version 2, one per controller in version 1."""

    folders: dict[str, Path] = field(default_factory=dict)
    """By controller; `memory` and `pids` may be the same folder."""

    def add(self, pid: int) -> None:
        """Add a process; processes that it starts later are in the group as well."""
        for folder in set(self.folders.values()):
            (folder / "cgroup.procs").write_text(str(pid))

    def find_reached_limit(self) -> str | None:
        return next((limit for limit in ("memory", "processes") if self.count(limit)), None)

    def count(self, wanted: str) -> int:
        """Return how often the kernel has enforced a limit; 0 where it has no counter."""
        for limit, controller, file, word in COUNTS:
            if limit == wanted:
                with suppress(KeyError, OSError):
                    lines = (self.folders[controller] / file).read_text().splitlines()
                    return int(dict(line.split() for line in lines).get(word, "0"))
        return 0

    def kill(self) -> None:
        for folder in set(self.folders.values()):
            with suppress(OSError):
                (folder / "cgroup.kill").write_text("1")
                continue
            with suppress(OSError):
                for pid in (folder / "cgroup.procs").read_text().split():
                    with suppress(ProcessLookupError):
                        os.kill(int(pid), signal.SIGKILL)

    def remove(self) -> None:
        """Kill the group's processes and remove it.

        If a process outlives SIGKILL for 5 s, the group stays; it is removed when its slot is
        claimed again.
        """
        give_up = time.monotonic() + _GONE_SECONDS
        for folder in set(self.folders.values()):
            while folder.exists() and time.monotonic() < give_up:
                try:
                    folder.rmdir()
                except OSError:
                    self.kill()
                    time.sleep(0.01)


def create_cgroup(name: str, memory_bytes: int, tasks: int) -> Cgroup:
    """Create an empty group; the result lists only the controllers that this machine allows."""
    remove_stale(name)
    group = Cgroup()
    for controller, parent in _find_parents(CGROUP_ROOT).items():
        folder = parent / name
        try:
            folder.mkdir(exist_ok=folder in group.folders.values())
            _set_limits(folder, controller, memory_bytes, tasks)
        except FileExistsError as problem:
            raise SandboxLost(
                f"{folder} still contains a process that cannot be killed."
            ) from problem
        except OSError:
            if folder not in group.folders.values():
                with suppress(OSError):
                    folder.rmdir()
            continue
        group.folders[controller] = folder
    return group


def remove_stale(name: str) -> None:
    """Remove a group that a killed process left behind; call it under the lock of its slot."""
    parents = _find_parents(CGROUP_ROOT)
    Cgroup({controller: parent / name for controller, parent in parents.items()}).remove()


def list_names(prefix: str, root: Path = CGROUP_ROOT) -> set[str]:
    parents = _find_parents(root).values()
    return {folder.name for parent in parents for folder in parent.glob(f"{prefix}*")}


def _find_parents(root: Path) -> dict[str, Path]:
    """Return the folders in which groups are made, by controller; empty without permission."""
    if (root / "cgroup.controllers").exists():
        parent = root / _PARENT
        try:
            parent.mkdir(exist_ok=True)
            for switch in (root / "cgroup.subtree_control", parent / "cgroup.subtree_control"):
                for controller in set(_CONTROLLERS) - set(switch.read_text().split()):
                    switch.write_text(f"+{controller}")
        except OSError:
            return {}
        return dict.fromkeys(_CONTROLLERS, parent)
    parents = {}
    for controller in _CONTROLLERS:
        parent = root / controller / _PARENT
        with suppress(OSError):
            if (root / controller / "cgroup.procs").exists():
                parent.mkdir(exist_ok=True)
                parents[controller] = parent
    return parents


def _set_limits(folder: Path, controller: str, memory_bytes: int, tasks: int) -> None:
    if controller == "pids":
        (folder / "pids.max").write_text(str(tasks))
        return
    # Version 2, else 1; kernels that do not count swap have no file for it.
    is_new = (folder / "memory.max").exists()
    limit, swap = ("max", "swap.max") if is_new else ("limit_in_bytes", "memsw.limit_in_bytes")
    (folder / f"memory.{limit}").write_text(str(memory_bytes))
    with suppress(OSError):
        (folder / f"memory.{swap}").write_text("0" if is_new else str(memory_bytes))


# --- left by killed processes ----------------------------------------------------------------


def remove_orphans(home: Path) -> int:
    """Remove control groups and processes of killed hosts; return how many.

    A group is named after data folder and slot. It is a left-over if its slot is not locked.
    """
    gone = end_orphans()
    prefix = slots.make_prefix(home)
    for name in list_names(prefix):
        number = name.removeprefix(prefix)
        if number.isdigit():
            with slots.lock_if_free(home, int(number)) as free:
                if free:
                    remove_stale(name)
                    gone += 1
    return gone


def end_orphans() -> int:
    """Kill every child of a killed bubblewrap that we may kill; return how many.

    bubblewrap's child ends with its parent, except while it waits for the message that the user
    namespace is ready: if the parent dies then, it waits forever. Such a child runs no foreign
    code, and no other program has its command line.
    """
    killed = 0
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError, ValueError):
            words = (folder / "cmdline").read_bytes().split(b"\0")
            if words[0] != b"bwrap" or layout.RUNNER.encode() not in words:
                continue
            # The first process leads the session; its child is in it until the mounts are done.
            pid = int(folder.name)
            parent, _, session = (folder / "stat").read_text().rpartition(")")[2].split()[1:4]
            if int(session) != pid and os.getsid(int(parent)) != int(session):
                os.kill(pid, signal.SIGKILL)
                killed += 1
    return killed
