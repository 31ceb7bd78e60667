"""Prepare a request: bound its limits, and change the owner of its writable mounts.

Afterwards the host owns these folders again, and nothing dangerous is left in them.
"""

import os
import stat
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from agent.models.record import replace
from agent.models.sandbox import Mount, SandboxRequest
from agent.sandbox import layout, slots
from agent.settings import Settings


@contextmanager
def prepare_request(
    order: SandboxRequest, settings: Settings
) -> Iterator[tuple[SandboxRequest, slots.Slot]]:
    """Yield the order within the limits of the settings, and a slot whose user owns the mounts."""
    limits = replace(
        order.limits,
        memory_bytes=min(order.limits.memory_bytes, settings.sandbox_memory_mb * 1024**2),
        processes=min(order.limits.processes, settings.sandbox_processes),
        disk_bytes=min(order.limits.disk_bytes, settings.sandbox_disk_mb * 1024**2),
    )
    order = replace(order, limits=limits)
    with slots.claim_slot(settings.home) as slot, transfer_mounts(order.mounts, slot.uid):
        yield order, slot


# --- writable folders ------------------------------------------------------------------------


@contextmanager
def transfer_mounts(mounts: Iterable[Mount], uid: int) -> Iterator[None]:
    """Set the sandbox's user as the owner of writable mounts for the length of the block.

    Afterwards all files belong to this process's user again, can be read by every sandbox, and
    have no set-user-id. Without root both users are the same, and no owner changes.
    """
    writable = [Path(mount.source) for mount in mounts if mount.writable]
    if os.geteuid() != 0:
        yield
        return
    for folder in writable:
        _set_owner(folder, uid, uid)
    try:
        yield
    finally:
        for folder in writable:
            _set_owner(folder, os.geteuid(), os.getegid())


def _set_owner(folder: Path, uid: int, gid: int) -> None:
    """Set owner and mode of all files; the folder itself is last, so its owner shows completion."""
    # By descriptor and without following links: foreign code wrote the content.
    walk = os.fwalk(folder, topdown=False, follow_symlinks=False)
    for _, folders, files, descriptor in walk:
        os.fchown(descriptor, uid, gid)
        os.fchmod(descriptor, 0o755)
        for name in (*folders, *files):
            state = os.stat(name, dir_fd=descriptor, follow_symlinks=False)
            is_file = stat.S_ISREG(state.st_mode)
            is_other = (state.st_uid, state.st_gid) != (uid, gid)
            if is_other and (is_file or stat.S_ISLNK(state.st_mode)):
                os.chown(name, uid, gid, dir_fd=descriptor, follow_symlinks=False)
            plain = 0o755 if state.st_mode & 0o111 else 0o644
            if is_file and stat.S_IMODE(state.st_mode) != plain:
                os.chmod(name, plain, dir_fd=descriptor)


class SizeWatch:
    """Measure how much a sandbox adds to the host folders that it may write to.

    A bind mount has no size limit, so its size is sampled. Between two samples no file can
    outgrow the limit, because the size of one file is bounded in the sandbox.
    """

    def __init__(self, mounts: Iterable[Mount], most_bytes: int) -> None:
        self._folders = [Path(mount.source) for mount in mounts if mount.writable]
        self._most = most_bytes, layout.count_entries(most_bytes)
        self._next = 0.0
        self._before = self._measure()

    def is_exceeded(self) -> bool:
        """Check the growth, unless the last sample is recent."""
        now = time.monotonic()
        if not self._folders or now < self._next:
            return False
        used = self._measure()
        # A sample walks the folders, so it may take at most a tenth of the time.
        self._next = time.monotonic() + max(0.5, 10 * (time.monotonic() - now))
        grown = (now - before for now, before in zip(used, self._before, strict=True))
        return any(more > most for more, most in zip(grown, self._most, strict=True))

    def _measure(self) -> tuple[int, int]:
        used = entries = 0
        for folder in self._folders:
            for _, folders, files, descriptor in os.fwalk(folder, onerror=None):
                for name in (*folders, *files):
                    entries += 1
                    with suppress(FileNotFoundError):
                        state = os.stat(name, dir_fd=descriptor, follow_symlinks=False)
                        used += state.st_blocks * 512
        return used, entries
