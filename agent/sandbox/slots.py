"""Give every open sandbox a host user of its own, so that no limit per user is shared.

A slot is a locked file below the data folder: the lock is gone with the process that held it,
however that ended. A user who is not root has one user only; there a slot is just a number.
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from agent.errors import SandboxLost, SettingsInvalid, StorageFull
from agent.models.sandbox import SandboxRequest

_SLOTS = 64
_WAIT_SECONDS = 600.0
# Above all ranges that distributions hand out to accounts, containers and subordinate ids.
_FIRST_UID = 1_900_000_000
_FIRST_OF_SLOTS = _FIRST_UID + 1000
# Data folders have ranges by chance, so that hardly two of a machine have the same.
_RANGES = 2_000_000
# Where the kernel maps only the low ids (a container): the end of the range of free system ids.
_FIRST_LOW_UID = 64_100


@dataclass(frozen=True)
class Slot:
    number: int
    uid: int
    """Host user (and group) of everything in the sandbox."""
    name: str
    """Unique on this machine; names the sandbox's cgroup or container."""


def prefix(home: Path) -> str:
    """What the names of all slots of this data folder begin with."""
    return f"mergewright-{hashlib.sha256(os.fsencode(home.resolve())).hexdigest()[:12]}-"


@contextmanager
def claim_slot(home: Path) -> Iterator[Slot]:
    """Hold a free slot, waiting for one where all are taken."""
    folder = open_home(home) / "sandboxes"
    give_up = time.monotonic() + _WAIT_SECONDS
    while True:
        for number in range(_SLOTS):
            descriptor = _try_lock(folder / f"slot-{number}")
            if descriptor is None:
                continue
            try:
                yield Slot(number, _slot_uid(home, number), f"{prefix(home)}{number}")
            finally:
                os.close(descriptor)
            return
        if time.monotonic() > give_up:
            raise SandboxLost(f"All {_SLOTS} sandboxes were taken for {_WAIT_SECONDS:.0f} seconds.")
        time.sleep(0.2)


def user(slot: Slot, order: SandboxRequest) -> int:
    """Name the host user: the slot's, or the one of all sandboxes that keep a folder."""
    return keeper() if any(mount.retained_folder for mount in order.mounts) else slot.uid


def keeper() -> int:
    """Name the host user of the sandboxes that keep a folder; no slot has it.

    The same for every data folder: what it keeps is its own wherever the folder is moved.
    """
    return _uid(_FIRST_UID + _SLOTS, _SLOTS)


@contextmanager
def if_free(home: Path, number: int) -> Iterator[bool]:
    """Hold one slot for a moment, if nobody has it."""
    descriptor = _try_lock(open_home(home) / "sandboxes" / f"slot-{number}")
    try:
        yield descriptor is not None
    finally:
        if descriptor is not None:
            os.close(descriptor)


def open_home(home: Path) -> Path:
    """Make the data folder, which sandboxes may pass through but not list, and return it.

    Raises:
        SettingsInvalid: It cannot be made or written to.
        StorageFull: There is no space for it.
    """
    try:
        home.mkdir(mode=0o711, parents=True, exist_ok=True)
        (home / "sandboxes").mkdir(mode=0o700, exist_ok=True)
    except OSError as problem:
        if problem.errno == errno.ENOSPC:
            raise StorageFull(f"No space for Mergewright's data in {home}.") from problem
        raise SettingsInvalid(
            f"MERGEWRIGHT_HOME: {home} cannot be used: {problem.strerror}"
        ) from problem
    return home


def _try_lock(path: Path) -> int | None:
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return None
    return descriptor


def _slot_uid(home: Path, number: int) -> int:
    digest = hashlib.sha256(os.fsencode(home.resolve())).digest()
    first = _FIRST_OF_SLOTS + int.from_bytes(digest[:8], "big") % _RANGES * _SLOTS
    return _uid(first + number, number)


def _uid(wanted: int, number: int) -> int:
    """Return a user id, or the low one of that number where this machine has no high ones."""
    if os.geteuid() != 0:
        return os.geteuid()
    for line in Path("/proc/self/uid_map").read_text().splitlines():
        first, _, length = (int(word) for word in line.split())
        if wanted in range(first, first + length):
            return wanted
    return _FIRST_LOW_UID + number
