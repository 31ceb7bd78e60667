"""The switch that pauses everything: a file below the data folder, or a note of the fleet.

So it outlives restarts. As long as it is there no run begins, and runs under way stop before their
next step. Deliveries are taken all the same. All processes and the command line read it.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import ValidationError

from agent import settings
from agent.errors import SettingsInvalid
from agent.models.record import Record
from agent.settings import Settings

if TYPE_CHECKING:
    from agent.store.sql_notes import SqlNotes

FILE_NAME = "paused.json"
_NOTE = "paused"


class Pause(Record):
    since: float
    """Seconds since the epoch."""
    words: str = ""
    """Why, where somebody said so."""


def open_switch(loaded: Settings) -> Switch:
    """Find the switch where the settings say."""
    url = settings.find_database(loaded)
    if url is None:
        return Switch(loaded.home)
    # One machine's commands load no database for it.
    from agent.store.sql_notes import SqlNotes

    return Switch(loaded.home, SqlNotes(loaded.home, url))


class Switch:
    def __init__(self, home: Path, notes: SqlNotes | None = None) -> None:
        """Take where it is.

        Args:
            notes: Of the fleet, whose processes all read the same switch.
        """
        self._path = home / FILE_NAME
        self._notes = notes

    def get_pause(self) -> Pause | None:
        """Say since when and why everything is paused; None: it is not.

        A file that cannot be read pauses all the same: somebody has meant it to.
        """
        if self._notes is not None:
            there = self._notes.find(_NOTE)
            return Pause(since=there.at, words=there.words) if there else None
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
        if self._notes is not None:
            self._notes.put(_NOTE, words)
            return True
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
        if self._notes is not None:
            return self._notes.remove(_NOTE)
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
