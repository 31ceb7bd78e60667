"""Small facts that all processes of a fleet read: by name, in words, with the database's time.

One machine has files for them.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from sqlalchemy import Table, text
from sqlmodel import Field, SQLModel

from agent.errors import InboxUnavailable, InboxUnusable
from agent.store.database import Database, Errors

_ERRORS = Errors(InboxUnavailable, InboxUnusable, "")
_BUSY_SECONDS = 4.0
_PUT = text(
    "INSERT INTO notes (name, words, at)"
    " VALUES (:name, :words, extract(epoch FROM clock_timestamp()))"
    " ON CONFLICT (name) DO UPDATE SET words = excluded.words, at = excluded.at"
)


class NoteRow(SQLModel, table=True):
    __tablename__ = "notes"

    name: str = Field(primary_key=True)
    words: str
    at: float


class Note(NamedTuple):
    at: float
    """Seconds since the epoch."""
    words: str


_ROWS: Table = NoteRow.__table__  # type: ignore[attr-defined]


class SqlNotes:
    def __init__(self, home: Path, url: str) -> None:
        self._database = Database(home, [_ROWS], _ERRORS, url=url, busy_seconds=_BUSY_SECONDS)

    def put(self, name: str, words: str = "") -> None:
        with self._database.connect() as connection:
            connection.execute(_PUT, {"name": name, "words": words})

    def find(self, name: str) -> Note | None:
        with self._database.read() as session:
            row = session.get(NoteRow, name)
            return Note(row.at, row.words) if row else None

    def close(self) -> None:
        self._database.close()
