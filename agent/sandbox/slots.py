"""Assign a host user of its own to every open sandbox, so that no limit per user is shared.

A slot is a locked file below the data folder; the lock ends with its process, however that ends.
Without root all sandboxes have the same user; there a slot is just a number.
"""

import fcntl
import hashlib
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from agent.errors import SandboxLost
from agent.settings import explain_home, require_home

_SLOTS = 64
_WAIT_SECONDS = 600.0
# Above all ranges that distributions assign to accounts, containers and subordinate ids.
_FIRST_UID = 1_900_000_000
_FIRST_OF_SLOTS = _FIRST_UID + 1000
# A digest of the data folder chooses its range: two folders of a machine rarely share users.
_RANGES = 2_000_000
# In containers the kernel may map low ids only: this is the end of the free system ids.
_FIRST_LOW_UID = 64_100


class Slot(NamedTuple):
    number: int
    uid: int
    """Host user (and group) of everything in the sandbox."""
    name: str
    """Unique on this machine; names the sandbox's cgroup or container."""


def make_prefix(home: Path) -> str:
    """Return the prefix of the names of all slots of this data folder."""
    return f"mergewright-{_identify(home).hex()[:12]}-"


@contextmanager
def claim_slot(home: Path) -> Iterator[Slot]:
    """Lock a free slot; wait for one at most ten minutes, then raise SandboxLost."""
    give_up = time.monotonic() + _WAIT_SECONDS
    number = int.from_bytes(_identify(home)[:8], "big")
    first = _FIRST_OF_SLOTS + number % _RANGES * _SLOTS
    while True:
        for number in range(_SLOTS):
            with lock_if_free(home, number) as free:
                if free:
                    uid = _find_uid(first + number, number)
                    yield Slot(number, uid, f"{make_prefix(home)}{number}")
                    return
        if time.monotonic() > give_up:
            raise SandboxLost(
                f"All {_SLOTS} sandboxes were in use for {_WAIT_SECONDS:.0f} seconds."
            )
        time.sleep(0.2)


@contextmanager
def lock_if_free(home: Path, number: int) -> Iterator[bool]:
    """Lock one slot for the block; yield False if another process has it."""
    path = open_home(home) / "sandboxes" / f"slot-{number}"
    lock = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        else:
            yield True
    finally:
        os.close(lock)


def open_home(home: Path) -> Path:
    """Create the data folder, which sandboxes may pass through but not list, and return it."""
    require_home(home)
    with explain_home(home):
        (home / "sandboxes").mkdir(mode=0o700, exist_ok=True)
    return home


def _identify(home: Path) -> bytes:
    """Return a digest of the data folder's disk and inode: in containers, paths may be the same."""
    state = open_home(home).stat()
    return hashlib.sha256(f"{state.st_dev}/{state.st_ino}".encode()).digest()


def _find_uid(wanted: int, number: int) -> int:
    """Return the wanted user id, or a low one where this machine does not map high ones."""
    if os.geteuid() != 0:
        return os.geteuid()
    for line in Path("/proc/self/uid_map").read_text().splitlines():
        first, _, length = (int(word) for word in line.split())
        if wanted in range(first, first + length):
            return wanted
    return _FIRST_LOW_UID + number
