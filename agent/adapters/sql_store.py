"""The runs: what was asked for, where each one stands, how it ended. SQLite by default.

Owns the table and two rules: an issue has at most one active run, and a delivery at most one run.
What a run does is the worker's; the events within a run are in its ledger.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from importlib import resources
from pathlib import Path

import structlog
from alembic import command
from alembic.config import Config
from alembic.util.exc import CommandError
from pydantic import ValidationError
from sqlalchemy import Connection, Index, func, text
from sqlalchemy.exc import IntegrityError
from sqlmodel import Field, Session, SQLModel, col, select, update

from agent.adapters import sqlite_file
from agent.domain import Outcome, Reason, Run, RunState, StoredRun
from agent.errors import ActiveRun, StoreUnavailable, StoreUnusable

_log = structlog.get_logger()

FILE_NAME = "mergewright.sqlite"
COMMAND = "command "
"""What the name of a worker begins with that is one command; its process id follows."""
_BUSY_SECONDS = 10.0
_ERRORS = sqlite_file.Errors(
    StoreUnavailable,
    StoreUnusable,
    "; runs that waited in it begin when their label is set anew.",
    # That an issue has a run already is a rule of the table.
    passing=(IntegrityError,),
)


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
    starts: int = 0
    delivery_id: str | None = None
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
        Index("runs_of_delivery", "delivery_id", unique=True),
        Index("runs_waiting", "active", "not_before", "queued_at"),
    )


METADATA = RunRow.metadata


class SqlStore:
    """Runs in `mergewright.sqlite`; safe to use from several threads and processes."""

    def __init__(self, home: Path) -> None:
        """Open the store and bring its tables up to date.

        Raises:
            SettingsInvalid: The file cannot be made or opened there.
            StoreUnusable: It is damaged, no database, or of a newer version.
            StoreUnavailable: Somebody else holds its lock.
        """
        self.path = home / FILE_NAME
        sqlite_file.touch(self.path)
        self._engine = sqlite_file.engine(self.path, busy_seconds=_BUSY_SECONDS)
        try:
            with self._translated(), self._engine.begin() as connection:
                _migrate(connection, self.path)
        except BaseException:
            self._engine.dispose()
            raise

    def add(
        self, run: Run, now: float, *, worker: str | None = None, delivery_id: str | None = None
    ) -> Run:
        """Queue a run of an issue, or note one that a worker already has.

        Args:
            delivery_id: Of the delivery that asked for it.

        Returns:
            The run that is kept: this one, or the earlier one of the same delivery.

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
            state=(RunState.TRIAGING if worker else RunState.RECEIVED).value,
            active=True,
            not_before=now,
            queued_at=now,
            started_at=now if worker else None,
            worker=worker,
            delivery_id=delivery_id,
            run=run.model_dump_json(),
        )
        try:
            with self._transaction() as session:
                _end_dead_commands(session, now)
                session.add(row)
        except IntegrityError as problem:
            if delivery_id is not None and (earlier := self.of_delivery(delivery_id)):
                return earlier.run
            other = self.active(issue.repository_id, issue.number)
            raise ActiveRun(other.run.run_id if other else run.run_id) from problem
        return run

    def of_delivery(self, delivery_id: str) -> StoredRun | None:
        """Return the run that a delivery has become, over or not."""
        wanted = select(RunRow).where(col(RunRow.delivery_id) == delivery_id)
        with self._transaction() as session:
            row = session.exec(wanted).first()
            return _stored(row) if row else None

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
        """Take the oldest run that waits and whose time has come; None: there is none.

        One that was begun before and lost its worker comes after those that were not. A row that
        makes no sense is ended, so that it holds nobody up.
        """
        wanted = (
            select(RunRow)
            .where(col(RunRow.active), col(RunRow.worker).is_(None), col(RunRow.not_before) <= now)
            .order_by(col(RunRow.starts), col(RunRow.queued_at), col(RunRow.run_id))
        )
        with self._transaction() as session:
            for row in session.exec(wanted):
                session.add(row)
                try:
                    run = Run.model_validate_json(row.run)
                except ValidationError:
                    _log.error("a row that holds no run was ended", run=row.run_id)
                    row.active, row.state, row.ended_at = False, RunState.FAILED.value, now
                    continue
                row.worker, row.state, row.starts = worker, RunState.TRIAGING.value, row.starts + 1
                row.started_at = row.started_at or now
                return run
        return None

    def starts(self, run_id: str) -> int:
        """Count how often a run was begun since it was queued or postponed."""
        with self._transaction() as session:
            row = session.get(RunRow, run_id)
            return row.starts if row else 0

    def moved(self, run_id: str, state: RunState) -> None:
        """Note where a run stands."""
        self._update(run_id, state=state.value)

    def postpone(self, run_id: str, until: float) -> None:
        """Put a run back to wait until a time, in seconds since the epoch."""
        self._update(run_id, worker=None, starts=0, not_before=until, state=RunState.RECEIVED.value)

    def finish(self, run_id: str, outcome: Outcome, now: float) -> None:
        """Note how a run ended; the issue is free for another."""
        self._update(
            run_id,
            active=False,
            state=outcome.state.value,
            ended_at=now,
            outcome=_kept(outcome),
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
        with self._translated(), Session(self._engine) as session, session.begin():
            yield session

    def _translated(self) -> AbstractContextManager[None]:
        return sqlite_file.translated(self.path, _ERRORS)


def _end_dead_commands(session: Session, now: float) -> None:
    """End the runs of commands that were killed, so that they do not hold their issues up."""
    wanted = select(RunRow).where(col(RunRow.active), col(RunRow.worker).startswith(COMMAND))
    for row in session.exec(wanted):
        number = (row.worker or "").removeprefix(COMMAND)
        if not Path("/proc", number).exists():
            sentence = f"The command (process {number}) was killed before the run ended."
            ended = Outcome.stopped(row.run_id, Reason.INTERRUPTED, sentence)
            row.active, row.state, row.ended_at = False, ended.state.value, now
            row.outcome = _kept(ended)
            session.add(row)
    session.flush()


def _kept(outcome: Outcome) -> str:
    return outcome.model_dump_json(exclude={"pull_request_text"})


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


def _migrate(connection: Connection, path: Path) -> None:
    config = Config()
    config.set_main_option(
        "script_location", str(resources.files("agent.adapters").joinpath("migrations"))
    )
    config.attributes["connection"] = connection
    try:
        command.upgrade(config, "head")
    except CommandError as problem:
        # The one thing that Alembic can find wrong here is a version that it does not know.
        raise StoreUnusable(
            f"{path} was made by a newer version ({problem}). Install that version, or move the"
            " file away; the runs in it are then no longer listed."
        ) from problem
