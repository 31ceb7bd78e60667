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
from sqlalchemy import Connection, Index, and_, func, or_, text, tuple_
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
    "; runs that waited in it begin when their label is taken off and set again.",
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
        """Queue a run of an issue as its next attempt, or note one that a worker already has.

        Args:
            delivery_id: Of the delivery that asked for it.

        Returns:
            The run that is kept: this one with its number, or the earlier one of the delivery.

        Raises:
            ActiveRun: The issue has one that is not over.
        """
        snapshot = run.snapshot
        if snapshot is None:
            raise ValueError("only runs of an issue are kept here")
        with self._transaction() as session:
            if delivery_id is not None and (earlier := _of_delivery(session, delivery_id)):
                return Run.model_validate_json(earlier.run)
            _end_dead_commands(session, now)
            issue = snapshot.issue
            of_issue = and_(
                col(RunRow.repository_id) == issue.repository_id,
                col(RunRow.number) == issue.number,
            )
            if other := session.exec(select(RunRow).where(of_issue, col(RunRow.active))).first():
                raise ActiveRun(Run.model_validate_json(other.run))
            before = session.exec(select(func.count()).select_from(RunRow).where(of_issue)).one()
            run = run.model_copy(update={"attempt": before + 1})
            session.add(
                RunRow(
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
            )
        return run

    def of_delivery(self, delivery_id: str) -> StoredRun | None:
        """Return the run that a delivery has become, over or not."""
        with self._transaction() as session:
            row = _of_delivery(session, delivery_id)
            return _stored(row) if row else None

    def ahead(self, run_id: str, now: float) -> int:
        """Count the runs that the worker has to carry before this one; 0 too where it is begun.

        What a command carries holds up nobody but its own issue.
        """
        place = tuple_(col(RunRow.starts), col(RunRow.queued_at), col(RunRow.run_id))
        worker = col(RunRow.worker)
        with self._transaction() as session:
            row = session.get(RunRow, run_id)
            if row is None or not row.active or row.worker is not None:
                return 0
            carried = and_(worker.is_not(None), worker.startswith(COMMAND).is_(False))
            waits = and_(
                worker.is_(None),
                col(RunRow.not_before) <= now,
                place < tuple_(row.starts, row.queued_at, row.run_id),
            )
            count = select(func.count()).select_from(RunRow)
            return session.exec(count.where(col(RunRow.active), or_(carried, waits))).one()

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
        found = self.beginning(run_id, 2)
        return found[0] if len(found) == 1 else None

    def beginning(self, start: str, limit: int) -> tuple[StoredRun, ...]:
        """List the runs whose ids begin so, newest first; one that is named in full is alone."""
        wanted = (
            select(RunRow)
            .where(col(RunRow.run_id).startswith(start, autoescape=True))
            .order_by(col(RunRow.run_id) != start, col(RunRow.queued_at).desc())
            .limit(limit)
        )
        with self._transaction() as session:
            found = tuple(_stored(row) for row in session.exec(wanted))
        return found[:1] if found and found[0].run.run_id == start else found

    def latest(self, limit: int, repository: str | None = None) -> tuple[StoredRun, ...]:
        """List runs, newest first."""
        wanted = (
            select(RunRow)
            .order_by(col(RunRow.queued_at).desc(), col(RunRow.run_id).desc())
            .limit(limit)
        )
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


def _of_delivery(session: Session, delivery_id: str) -> RunRow | None:
    return session.exec(select(RunRow).where(col(RunRow.delivery_id) == delivery_id)).first()


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
