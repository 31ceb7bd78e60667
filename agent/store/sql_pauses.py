"""What somebody has paused, in the store's table: a repository, or everything."""

from __future__ import annotations

from sqlmodel import col, select

from agent.models.record import Record
from agent.models.run import Run
from agent.store.database import Database
from agent.store.sql_tables import EVERYTHING, PauseRow

OPERATOR = "the operator"
"""Stands for the name of whoever runs the service; no login has a blank."""


class Pause(Record):
    repository_id: int = EVERYTHING
    repository: str = ""
    """Empty: everything."""
    since: float
    """Seconds since the epoch."""
    by: str = OPERATOR
    """Login, or who the operator is called."""
    words: str = ""
    """Why, where somebody said so."""

    @property
    def sentence(self) -> str:
        why = f" ({self.words})" if self.words else ""
        return f"{self.repository or 'Everything'} is paused by {self.by}{why}"


class SqlPauses:
    def __init__(self, database: Database) -> None:
        self._database = database

    def find(self, repository_id: int = EVERYTHING) -> Pause | None:
        with self._database.read() as session:
            row = session.get(PauseRow, repository_id)
            return Pause(**row.model_dump()) if row else None

    def find_holding(self, run: Run) -> Pause | None:
        """Find what holds a run up."""
        return self.find() or (
            self.find(run.snapshot.issue.repository_id) if run.snapshot else None
        )

    def list(self) -> list[Pause]:
        """List all, by the names of repositories."""
        with self._database.read() as session:
            rows = session.exec(select(PauseRow).order_by(col(PauseRow.repository))).all()
            return [Pause(**row.model_dump()) for row in rows]

    def put(self, pause: Pause) -> bool:
        """Pause it; return False if it was paused before, which stays as it is."""
        with self._database.write() as session:
            if session.get(PauseRow, pause.repository_id) is not None:
                return False
            session.add(PauseRow(**pause.model_dump()))
            return True

    def remove(self, repository_id: int = EVERYTHING) -> bool:
        """Let runs go on; return False if it was not paused."""
        with self._database.write() as session:
            if (row := session.get(PauseRow, repository_id)) is not None:
                session.delete(row)
            return row is not None
