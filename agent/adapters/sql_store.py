"""The runs: what was asked for, where each one stands, how it ended. SQLite by default.

Owns the table and two rules: an issue has at most one active run, and a delivery at most one run.
What a run does is the worker's; the events within a run are in its ledger.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from importlib import resources
from pathlib import Path

import structlog
from alembic import command
from alembic.config import Config
from alembic.util.exc import CommandError
from pydantic import ValidationError
from sqlalchemy import ColumnElement, Connection, Index, and_, false, func, or_, text, tuple_
from sqlmodel import Field, Session, SQLModel, col, select, update
from sqlmodel.sql.expression import SelectOfScalar

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
    segment: int = 1
    begin_with: str | None = None
    waits: int = 0
    waits_for: str | None = None
    stopped: str | None = None
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
        Index("runs_started", "repository_id", "started_at"),
    )


METADATA = RunRow.metadata
#: What the name of a worker is for runs that the engine carries.
ENGINE = "engine"
_UNDER_WAY = (col(RunRow.active), col(RunRow.worker) == ENGINE)
_HOUR = 3600.0
_PENALTY_SECONDS = 600.0


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
            of_issue = _of_issue(issue.repository_id, issue.number)
            if other := _active(session, issue.repository_id, issue.number):
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

    def ahead(self, run_id: str, now: float, *, most: int) -> int:
        """Count the runs that this one waits for; 0 too where it is begun or may begin at once.

        What a command carries holds up nobody but its own issue.

        Args:
            most: So many runs are under way at a time.
        """
        with self._transaction() as session:
            row = session.get(RunRow, run_id)
            if row is None or not row.active or row.worker is not None:
                return 0
            waits = and_(
                col(RunRow.worker).is_(None),
                col(RunRow.not_before) <= now,
                tuple_(col(RunRow.queued_at), col(RunRow.run_id))
                < tuple_(row.queued_at, row.run_id),
            )
            before = session.exec(
                select(RunRow.repository_id).where(
                    col(RunRow.active), or_(col(RunRow.worker) == ENGINE, waits)
                )
            ).all()
            free = len(before) < most and row.repository_id not in before
            return 0 if free else len(before)

    def get(self, run_id: str) -> StoredRun:
        """Return the run of exactly this id.

        Raises:
            KeyError: There is none.
        """
        with self._transaction() as session:
            row = session.get(RunRow, run_id)
            if row is None:
                raise KeyError(run_id)
            return _stored(row)

    def claim(self, now: float, *, most: int) -> StoredRun | None:
        """Take the run whose turn it is; None: there is none, or too many are under way.

        A repository has one run under way at a time. The longest wait comes first, and each run
        that a repository began within the hour counts as ten minutes of it: one that floods the
        queue does not hold the others up, and nobody waits for ever. What was stopped only has to
        say so, and waits for nothing. A row that makes no sense is ended, so that it holds nobody
        up.
        """
        with self._transaction() as session:
            busy = session.exec(select(RunRow.repository_id).where(*_UNDER_WAY)).all()
            waiting = _waiting(now, busy, full=len(busy) >= most)
            for row, stored in _sound(session.exec(waiting), now):
                row.worker, row.started_at = ENGINE, row.started_at or now
                if row.state == RunState.RECEIVED:
                    row.state = RunState.TRIAGING.value
                return stored
        return None

    def under_way(self) -> tuple[StoredRun, ...]:
        """List the runs that are with the engine."""
        with self._transaction() as session:
            rows = session.exec(select(RunRow).where(*_UNDER_WAY))
            return tuple(stored for _, stored in _sound(rows, time.time()))

    def moved(self, run_id: str, state: RunState) -> None:
        """Note where a run stands."""
        self._update(run_id, state=state.value)

    def postpone(self, run_id: str, until: float, begin_with: str, waits_for: str) -> None:
        """Put a run back to wait; it goes on with a segment of its own.

        Args:
            until: Seconds since the epoch.
            begin_with: The step that it goes on with.
            waits_for: What holds it up, in words.
        """
        with self._transaction() as session:
            row = session.get_one(RunRow, run_id)
            row.waits = row.waits + 1 if row.begin_with == begin_with else 1
            row.worker, row.segment, row.not_before = None, row.segment + 1, until
            row.begin_with, row.waits_for = begin_with, waits_for
            session.add(row)

    def stop(self, run_id: str, words: str) -> bool:
        """Ask for a run to be stopped; return whether it is not over yet.

        Args:
            words: Who or what asks for it, as a sentence.
        """
        with self._transaction() as session:
            asked = session.execute(
                update(RunRow)
                .where(col(RunRow.run_id) == run_id, col(RunRow.active))
                .values(stopped=func.coalesce(col(RunRow.stopped), words))
            )
            return bool(getattr(asked, "rowcount", 0))

    def retry(self, run_id: str, begin_with: str, now: float) -> None:
        """Let a run that is over go on.

        Args:
            begin_with: The step that it goes on with; empty: it begins at the top.

        Raises:
            ActiveRun: Its issue has another run that is not over.
        """
        with self._transaction() as session:
            row = session.get_one(RunRow, run_id)
            if other := _active(session, row.repository_id, row.number):
                raise ActiveRun(Run.model_validate_json(other.run))
            row.active, row.state, row.worker = True, RunState.RECEIVED.value, None
            row.not_before = row.queued_at = now
            row.segment, row.begin_with = row.segment + 1, begin_with
            row.waits, row.waits_for, row.stopped = 0, None, None
            row.ended_at = row.outcome = None
            session.add(row)

    def finish(self, run_id: str, outcome: Outcome, now: float) -> None:
        """Note how a run ended; the issue is free for another."""
        self._update(
            run_id,
            active=False,
            state=outcome.state.value,
            ended_at=now,
            outcome=_kept(outcome),
        )

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


def _of_issue(repository_id: int, number: int) -> ColumnElement[bool]:
    return and_(col(RunRow.repository_id) == repository_id, col(RunRow.number) == number)


def _active(session: Session, repository_id: int, number: int) -> RunRow | None:
    wanted = select(RunRow).where(_of_issue(repository_id, number), col(RunRow.active))
    return session.exec(wanted).first()


def _of_delivery(session: Session, delivery_id: str) -> RunRow | None:
    return session.exec(select(RunRow).where(col(RunRow.delivery_id) == delivery_id)).first()


def _waiting(now: float, busy: Sequence[int], *, full: bool) -> SelectOfScalar[RunRow]:
    """Order the runs whose time has come."""
    begun = (
        select(RunRow.repository_id, func.count().label("number"))
        .where(col(RunRow.started_at) > now - _HOUR)
        .group_by(col(RunRow.repository_id))
        .subquery()
    )
    may = false() if full else col(RunRow.repository_id).not_in(busy)
    turn = col(RunRow.queued_at) + _PENALTY_SECONDS * func.coalesce(begun.c.number, 0)
    return (
        select(RunRow)
        .outerjoin(begun, begun.c.repository_id == col(RunRow.repository_id))
        .where(col(RunRow.active), col(RunRow.worker).is_(None))
        .where(col(RunRow.stopped).is_not(None) | (may & (col(RunRow.not_before) <= now)))
        .order_by(col(RunRow.stopped).is_(None), turn, col(RunRow.run_id))
    )


def _sound(rows: Iterable[RunRow], now: float) -> Iterator[tuple[RunRow, StoredRun]]:
    """Pass the rows on that hold a run, and end the others."""
    for row in rows:
        try:
            yield row, _stored(row)
        except ValidationError:
            _log.error("a row that holds no run was ended", run=row.run_id)
            row.active, row.state, row.ended_at = False, RunState.FAILED.value, now


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
        segment=row.segment,
        begin_with=row.begin_with,
        waits=row.waits,
        waits_for=row.waits_for,
        stopped=row.stopped,
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
