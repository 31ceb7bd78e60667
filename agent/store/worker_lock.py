"""Only one process works on a data folder: it locks a file there, which names its owner.

Two workers would carry the same runs: each would mistake the other's for those of a dead process.
The worker holds the lock from its first read until it ends. The kernel releases it with the
process, so the file may stay.
"""

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from agent.errors import EngineLocked
from agent.settings import explain_home, require_home

FILE_NAME = "worker.lock"
#: Seconds to wait: a killed owner's child has the lock, too, until it executes its program.
_LET_GO_SECONDS = 1.0


@contextmanager
def lock_home(home: Path) -> Iterator[None]:
    """Lock the data folder while the block lasts.

    Raises:
        EngineLocked: Another process has it; the message names the owner.
        SettingsInvalid: The folder cannot be used.
    """
    require_home(home)
    # Not inherited: a child program must not keep the lock after us.
    flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
    with explain_home(home):
        file = os.open(home / FILE_NAME, flags, 0o600)
    try:
        until = time.monotonic() + _LET_GO_SECONDS
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > until:
                    raise _make_locked(home, file) from None
                time.sleep(0.05)
        owner = f"process {os.getpid()} since {time.strftime('%F %T')}\n"
        with suppress(OSError):  # the lock counts even if a full disk stores no name
            os.ftruncate(file, 0)
            os.pwrite(file, owner.encode(), 0)
        yield
    finally:
        os.close(file)


def _make_locked(home: Path, file: int) -> EngineLocked:
    owner = os.pread(file, 200, 0).decode("ascii", "replace").strip() or "another process"
    return EngineLocked(
        f"{home} is in use by {owner}. Stop it first, or set a different MERGEWRIGHT_HOME."
    )
