"""The runs: what was asked for, where each one stands, how it ended. SQLite by default.

Owns the table and the rule that an issue has at most one active run. What a run does is the
worker's; the events within a run are in its ledger.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import resources
from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, Engine, Index, create_engine, event, func, text
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlmodel import Field, Session, SQLModel, col, select, update

from agent.domain import Outcome, Run, RunState, StoredRun
from agent.errors import ActiveRun, SettingsInvalid, StorageFull, StoreUnavailable

FILE_NAME = "mergewright.sqlite"
COMMAND = "command "
"""What the name of a worker begins with that is one command; its process id follows."""
_BUSY_SECONDS = 10.0


class RunRow(SQLModel, table=True):
    """One run."""

    __tablename__ = "runs"

    run_id: str = Field(primary_key=True)
    repository: str
    repository_id: int
    number: int
    title: str
    attempt: int
    state: str
    active: bool
    not_before: float
    queued_at: float
    started_at: float | None = None
    ended_at: float | None = None
    worker: str | None = None
    run: str
    outcome: str | None = None

    __table_args__ = (
        Index(
            "runs_one_active",
            "repository_id",
            "number",
            unique=True,
            sqlite_where=text("active"),
            postgresql_where=text("active"),
        ),
        Index("runs_waiting", "active", "not_before", "queued_at"),
    )


METADATA = RunRow.metadata


class SqlStore:
    """Runs in `mergewright.sqlite`; safe to use from several threads and processes."""

    def __init__(self, home: Path) -> None:
        """Open the store and bring its tables up to date.

        Raises:
            SettingsInvalid: The file cannot be made or opened there.
        """
        self.path = home / FILE_NAME
        _touch(self.path)
        self._engine = _engine(self.path)
        with _translated(self.path), self._engine.begin() as connection:
            _migrate(connection)

    def add(self, run: Run, now: float, *, worker: str | None = None) -> None:
        """Queue a run of an issue, or note one that a worker already has.

        Raises:
            ActiveRun: The issue has one that is not over.
        """
        snapshot = run.snapshot
        if snapshot is None:
            raise ValueError("only runs of an issue are kept here")
        issue = snapshot.issue
        row = RunRow(
            run_id=run.run_id,
            repository=issue.repository,
            repository_id=issue.repository_id,
            number=issue.number,
            title=snapshot.title,
            attempt=run.attempt,
            state=RunState.RECEIVED.value,
            active=True,
            not_before=now,
            queued_at=now,
            started_at=now if worker else None,
            worker=worker,
            run=run.model_dump_json(),
        )
        try:
            with self._transaction() as session:
                _end_dead_commands(session, now)
                session.add(row)
        except IntegrityError as problem:
            other = self.active(issue.repository_id, issue.number)
            raise ActiveRun(other.run.run_id if other else run.run_id) from problem

    def active(self, repository_id: int, number: int) -> StoredRun | None:
        """Return the run of an issue that is not over, if there is one."""
        wanted = select(RunRow).where(
            col(RunRow.repository_id) == repository_id,
            col(RunRow.number) == number,
            col(RunRow.active),
        )
        with self._transaction() as session:
            row = session.exec(wanted).first()
            return _stored(row) if row else None

    def attempts(self, repository_id: int, number: int) -> int:
        """Count the runs that an issue has had."""
        wanted = (
            select(func.count())
            .select_from(RunRow)
            .where(col(RunRow.repository_id) == repository_id, col(RunRow.number) == number)
        )
        with self._transaction() as session:
            return session.exec(wanted).one()

    def claim(self, worker: str, now: float) -> Run | None:
        """Take the oldest run that waits and whose time has come; None: there is none."""
        wanted = (
            select(RunRow)
            .where(col(RunRow.active), col(RunRow.worker).is_(None), col(RunRow.not_before) <= now)
            .order_by(col(RunRow.queued_at), col(RunRow.run_id))
            .limit(1)
        )
        with self._transaction() as session:
            row = session.exec(wanted).first()
            if row is None:
                return None
            row.worker, row.state = worker, RunState.TRIAGING.value
            row.started_at = row.started_at or now
            session.add(row)
            return Run.model_validate_json(row.run)

    def moved(self, run_id: str, state: RunState) -> None:
        """Note where a run stands."""
        self._update(run_id, state=state.value)

    def postpone(self, run_id: str, until: float) -> None:
        """Put a run back to wait until a time, in seconds since the epoch."""
        self._update(run_id, worker=None, not_before=until, state=RunState.RECEIVED.value)

    def finish(self, run_id: str, outcome: Outcome, now: float) -> None:
        """Note how a run ended; the issue is free for another."""
        self._update(
            run_id,
            active=False,
            state=outcome.state.value,
            ended_at=now,
            outcome=outcome.model_dump_json(exclude={"pull_request_text"}),
        )

    def release(self) -> int:
        """Give back what a worker that is gone had claimed; return how many.

        Only to be called while no worker is at work.
        """
        with self._transaction() as session:
            gone = session.execute(
                update(RunRow)
                .where(
                    col(RunRow.active),
                    col(RunRow.worker).is_not(None),
                    col(RunRow.worker).startswith(COMMAND).is_(False),
                )
                .values(worker=None, state=RunState.RECEIVED.value)
            )
            return int(getattr(gone, "rowcount", 0))

    def find(self, run_id: str) -> StoredRun | None:
        """Look a run up; the beginning of its id is enough when only one begins so."""
        wanted = select(RunRow).where(col(RunRow.run_id).startswith(run_id, autoescape=True))
        with self._transaction() as session:
            rows = session.exec(wanted.limit(2)).all()
            return _stored(rows[0]) if len(rows) == 1 else None

    def latest(self, limit: int, repository: str | None = None) -> tuple[StoredRun, ...]:
        """List runs, newest first."""
        wanted = select(RunRow).order_by(col(RunRow.queued_at).desc()).limit(limit)
        if repository is not None:
            wanted = wanted.where(col(RunRow.repository) == repository)
        with self._transaction() as session:
            return tuple(_stored(row) for row in session.exec(wanted))

    def close(self) -> None:
        """Let go of the file."""
        self._engine.dispose()

    def _update(self, run_id: str, **values: object) -> None:
        with self._transaction() as session:
            session.execute(update(RunRow).where(col(RunRow.run_id) == run_id).values(**values))

    @contextmanager
    def _transaction(self) -> Iterator[Session]:
        with _translated(self.path), Session(self._engine) as session, session.begin():
            yield session


def _end_dead_commands(session: Session, now: float) -> None:
    """End the runs of commands that were killed, so that they do not hold their issues up."""
    wanted = select(RunRow).where(col(RunRow.active), col(RunRow.worker).startswith(COMMAND))
    for row in session.exec(wanted):
        number = (row.worker or "").removeprefix(COMMAND)
        if not Path("/proc", number).exists():
            row.active, row.state, row.ended_at = False, RunState.CANCELLED.value, now
            session.add(row)
    session.flush()


def _stored(row: RunRow) -> StoredRun:
    return StoredRun(
        run=Run.model_validate_json(row.run),
        state=RunState(row.state),
        active=row.active,
        not_before=row.not_before,
        queued_at=row.queued_at,
        started_at=row.started_at,
        ended_at=row.ended_at,
        outcome=Outcome.model_validate_json(row.outcome) if row.outcome else None,
    )


def _touch(path: Path) -> None:
    # Rows hold the words of private repositories; SQLite gives its side files the same mode.
    try:
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600))
        path.chmod(0o600)
    except OSError as problem:
        raise SettingsInvalid(
            f"MERGEWRIGHT_HOME: {path} cannot be opened for writing ({problem.strerror}). Name a"
            " folder that this user may write to."
        ) from problem


def _migrate(connection: Connection) -> None:
    config = Config()
    config.set_main_option(
        "script_location", str(resources.files("agent.adapters").joinpath("migrations"))
    )
    config.attributes["connection"] = connection
    command.upgrade(config, "head")


def _engine(path: Path) -> Engine:
    engine = create_engine(
        f"sqlite:///{path}", connect_args={"timeout": _BUSY_SECONDS, "check_same_thread": False}
    )

    @event.listens_for(engine, "connect")
    def _connected(connection: sqlite3.Connection, _: object) -> None:
        # Transactions are begun below, by name, not by the driver's guess.
        connection.isolation_level = None
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")

    @event.listens_for(engine, "begin")
    def _begun(connection: Connection) -> None:
        # To look and then to write must be one act, also between processes.
        connection.exec_driver_sql("BEGIN IMMEDIATE")

    return engine


@contextmanager
def _translated(path: Path) -> Iterator[None]:
    """Make the driver's errors ours; a broken rule of the table stays what it is."""
    try:
        yield
    except IntegrityError:
        raise
    except DBAPIError as problem:
        name = getattr(problem.orig, "sqlite_errorname", "")
        if name.startswith("SQLITE_FULL"):
            raise StorageFull(f"The disk of {path} is full. Free space there.") from problem
        raise StoreUnavailable(f"{path} cannot be used just now: {problem.orig}.") from problem
