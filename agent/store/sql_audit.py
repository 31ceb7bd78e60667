"""The audit log: actions of people on runs, repositories and data; entries are never changed.

An action on a run is recorded in the transaction in which it takes effect. A part of the store.
"""

import os
import pwd
from collections.abc import Iterator
from typing import Literal

from sqlalchemy import delete
from sqlmodel import Session, col, select

from agent.models.clock import read_clock
from agent.models.ticket import Guidance
from agent.store.database import Database
from agent.store.sql_tables import AuditRow, RunRow

Via = Literal["github", "dashboard", "command line"]
_DASHBOARD = "dashboard:"
_AT_ONCE = 500


class SqlAudit:
    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, action: str, by: str, via: Via, *, run: str = "", repository: str = "") -> None:
        with self._database.write() as session:
            add_entry(session, action, by, via, run=run, repository=repository)

    def list_after(self, number: int = 0) -> Iterator[AuditRow]:
        """Yield the entries after a number, oldest first."""
        entries = select(AuditRow).order_by(col(AuditRow.number)).limit(_AT_ONCE)
        while True:
            with self._database.read() as session:
                rows = session.exec(entries.where(col(AuditRow.number) > number)).all()
            if not rows:
                return
            yield from rows
            number = rows[-1].number or 0

    def forget_before(self, moment: float) -> int:
        """Delete the entries from before a moment; return how many."""
        with self._database.connect() as connection:
            return connection.execute(delete(AuditRow).where(col(AuditRow.at) < moment)).rowcount


def find_account() -> str:
    """Return the name of the account that runs a command on this machine."""
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return f"uid {os.getuid()}"


def add_entry(
    session: Session, action: str, by: str, via: Via, *, run: str = "", repository: str = ""
) -> None:
    session.add(
        AuditRow(at=read_clock(), by=by, via=via, action=action, run=run, repository=repository)
    )


def note_guidance(session: Session, row: RunRow, guidance: Guidance) -> None:
    via: Via = "dashboard" if guidance.comment.startswith(_DASHBOARD) else "github"
    action = guidance.words if guidance.kind == "command" else guidance.kind
    add_entry(session, action, guidance.by, via, run=row.run_id, repository=row.repository)
