"""One process at a time works on a data folder: a lock on a file in it, which names its owner.

Two of them would carry the same runs: each would take the other's for what a dead process left.
The worker has the lock from before it looks at anything until it ends; the kernel lets go of it
with the process, however that ended, so that the file may stay.
"""

import fcntl
import os
import time
from contextlib import suppress
from pathlib import Path

from agent.errors import EngineLocked
from agent.settings import explain_home, require_home

FILE_NAME = "worker.lock"
#: A child of a killed owner has the lock as well until it has become another program.
_LET_GO_SECONDS = 1.0


class WorkerLock:
    """Locked from when it is made until it is closed, or the process ends."""

    def __init__(self, home: Path) -> None:
        """Take it; EngineLocked, which names the owner, or SettingsInvalid where that fails."""
        require_home(home)
        # Closed in every program that is started, so that none of them has it after us.
        flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
        with explain_home(home):
            self._file = os.open(home / FILE_NAME, flags, 0o600)
        try:
            self._lock(home)
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        os.close(self._file)

    def _lock(self, home: Path) -> None:
        until = time.monotonic() + _LET_GO_SECONDS
        while not self._try_take():
            if time.monotonic() > until:
                owner = os.pread(self._file, 200, 0).decode("ascii", "replace").strip()
                raise EngineLocked(
                    f"{home} is in use by {owner or 'another process'}. Stop it first, or set"
                    " a different MERGEWRIGHT_HOME."
                )
            time.sleep(0.05)
        owner = f"process {os.getpid()} since {time.strftime('%F %T')}\n"
        with suppress(OSError):  # the lock counts, though a full disk keeps no name
            os.ftruncate(self._file, 0)
            os.pwrite(self._file, owner.encode(), 0)

    def _try_take(self) -> bool:
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True
