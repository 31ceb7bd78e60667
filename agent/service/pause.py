"""The switch that pauses everything: a file below the data folder, so that it outlives restarts.

As long as it is there no run begins, and runs under way stop before their next step. Deliveries
are taken all the same. Listener, worker and command line all read it; none of them has to run.
"""

from __future__ import annotations

import os
from pathlib import Path

from pydantic import ValidationError

from agent.errors import SettingsInvalid
from agent.models.record import Record

FILE_NAME = "paused.json"


class Pause(Record):
    since: float
    """Seconds since the epoch."""
    words: str = ""
    """Why, where somebody said so."""


class Switch:
    def __init__(self, home: Path) -> None:
        self._path = home / FILE_NAME

    def get_pause(self) -> Pause | None:
        """Say since when and why everything is paused; None: it is not.

        A file that cannot be read pauses all the same: somebody has meant it to.
        """
        try:
            return Pause.model_validate_json(self._path.read_bytes())
        except FileNotFoundError:
            return None
        except (OSError, ValidationError):
            return Pause(since=0.0, words=f"{self._path} is there, though it cannot be read.")

    def pause(self, words: str, now: float) -> bool:
        """Pause everything; return False if it was paused before, which stays as it is.

        Raises:
            SettingsInvalid: The file cannot be written.
        """
        if self.get_pause() is not None:
            return False
        fresh = self._path.with_suffix(f".{os.getpid()}.new")
        try:
            with fresh.open("w", encoding="utf-8") as file:
                os.fchmod(file.fileno(), 0o600)
                file.write(Pause(since=now, words=words).model_dump_json())
                file.flush()
                os.fsync(file.fileno())
            fresh.replace(self._path)
        except OSError as problem:
            raise self._make_unwritable(problem) from problem
        return True

    def resume(self) -> bool:
        """Let everything go on; return False if it was not paused.

        Raises:
            SettingsInvalid: The file cannot be removed.
        """
        is_paused = os.path.lexists(self._path)
        try:
            self._path.unlink(missing_ok=True)
        except OSError as problem:
            raise self._make_unwritable(problem) from problem
        return is_paused

    def _make_unwritable(self, problem: OSError) -> SettingsInvalid:
        return SettingsInvalid(
            f"MERGEWRIGHT_HOME: {self._path} cannot be changed ({problem.strerror}). Name the"
            " service's data folder, as the user that the service runs as."
        )
