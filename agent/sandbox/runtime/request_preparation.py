"""Make what an order names ready: bounded, lent, and within reach of the sandbox's user."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from agent.errors import SandboxMissing
from agent.models.sandbox import SandboxRequest
from agent.sandbox.runtime import shared_folders, slots
from agent.settings import Settings


@contextmanager
def prepare_request(
    order: SandboxRequest, root: Path | None, settings: Settings
) -> Iterator[tuple[SandboxRequest, slots.Slot, int]]:
    """Yield the order within the limits of the settings, a slot, and the host user."""
    limits = order.limits
    most = {
        "memory_bytes": min(limits.memory_bytes, settings.sandbox_memory_mb * 1024**2),
        "processes": min(limits.processes, settings.sandbox_processes),
        "disk_bytes": min(limits.disk_bytes, settings.sandbox_disk_mb * 1024**2),
    }
    order = order.model_copy(update={"limits": limits.model_copy(update=most)})
    with slots.claim_slot(settings.home) as slot:
        uid = slots.user(slot, order)
        if root is not None:
            _require_access(root, uid, 0o4, "MERGEWRIGHT_SANDBOX_ROOT")
        if order.tree is not None:
            _require_access(Path(order.tree), uid, 0o4)
        for layer in order.layers:
            _require_access(Path(layer.folder), uid, 0o4)
        if order.system:
            _require_access(Path(order.system), uid, 0o4)
        for mount in order.mounts:
            # What may be written to is lent to the sandbox's user where that is not ourselves.
            lent = mount.writable and uid != os.geteuid()
            _require_access(Path(mount.source), uid, 0 if lent else 0o6 if mount.writable else 0o4)
        if order.proxy_socket is not None:
            _require_access(Path(order.proxy_socket), uid, 0o2)
        with shared_folders.handed_over(order.mounts, uid):
            yield order, slot, uid


def _require_access(path: Path, uid: int, need: int, setting: str = "MERGEWRIGHT_HOME") -> None:
    if not path.exists():
        raise SandboxMissing(f"{path} is to be shown in a sandbox, but it does not exist.")
    real = path.resolve()
    for folder in reversed(real.parents):
        if not _is_allowed(folder.stat(), uid, 0o1):
            raise SandboxMissing(
                f"The sandbox's user cannot reach {path}: {folder} is closed to other users "
                f"(mode {stat.S_IMODE(folder.stat().st_mode):04o}). Keep Mergewright's data where "
                f"others may enter: set {setting} to a folder outside {folder}."
            )
    state = real.stat()
    if need and stat.S_ISDIR(state.st_mode):
        need |= 0o1
    if not _is_allowed(state, uid, need):
        word, mode = ("write to", "w") if need & 0o2 else ("read", "rX")
        raise SandboxMissing(
            f"The sandbox's user cannot {word} {path} "
            f"(mode {stat.S_IMODE(state.st_mode):04o}): chmod o+{mode} {path}"
        )


def _is_allowed(state: os.stat_result, uid: int, need: int) -> bool:
    if state.st_uid == uid:
        return (state.st_mode >> 6) & need == need
    own_groups = {os.getegid(), *os.getgroups()} if uid == os.geteuid() else {uid}
    if state.st_gid in own_groups:
        return (state.st_mode >> 3) & need == need
    return state.st_mode & need == need
