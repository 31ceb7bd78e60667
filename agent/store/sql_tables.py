"""The tables of the runs, and their rows as records."""

import json
import zlib
from collections.abc import Iterable
from contextlib import suppress
from datetime import datetime
from enum import EnumType
from pathlib import Path
from typing import Any, TypeVar

import structlog
from pydantic import TypeAdapter, ValidationError
from sqlalchemy import ColumnElement, Dialect, Index, String, TypeDecorator, and_, event, text
from sqlmodel import Field, SQLModel, col

from agent.models.clock import read_clock
from agent.models.model_use import ModelTotal
from agent.models.outcome import Outcome, RunFigures
from agent.models.record import Record
from agent.models.run import Kind, Reason, Run, RunState

_log = structlog.get_logger()


T = TypeVar("T")


class Typed(TypeDecorator[T]):
    """A record stored as JSON, or an enumeration as a word.

    A value that cannot be read is logged and becomes None: one row of another version must not fail
    a whole list. A search in such a column casts it to `Text`: otherwise the searched text would be
    converted, too.
    """

    impl, cache_ok = String, True

    def __init__(self, kind: Any) -> None:
        super().__init__()
        self.kind = kind
        self._adapter: TypeAdapter[T] = TypeAdapter(kind)

    def process_bind_param(self, value: T | None, dialect: Dialect) -> str | None:
        if value is None or isinstance(value, str):
            return None if value is None else str(value)
        return self._adapter.dump_json(value).decode()

    def process_result_value(self, value: Any, dialect: Dialect) -> T | None:
        if value is None:
            return None
        try:
            if isinstance(self.kind, EnumType):
                return self._adapter.validate_python(value)
            return self._adapter.validate_json(value, extra="ignore")
        except ValidationError:
            _log.error("an unreadable record", kind=str(self.kind))
            return None


class FollowUpRequest(Record):
    kind: Kind
    by: str = ""
    """Login of the command's author; empty: no command asked for it."""
    quiet: float = 0.0
    """Minimum time in seconds between the last request and the begin of the follow-up."""


NARROWED_BY = ("repository", "state", "reason", "category", "person", "origin")
"""Columns that a list of runs can be narrowed by, each to one value."""


class RunRow(SQLModel, table=True):
    """A run and its state; times are seconds since the epoch. Only the store changes rows."""

    __tablename__ = "runs"

    run_id: str = Field(primary_key=True)
    repository: str
    repository_id: int
    number: int
    title: str
    attempt: int
    state: RunState = Field(sa_type=Typed(RunState))
    active: bool
    """Whether the run is not over: it waits, or a worker carries it."""
    not_before: float
    queued_at: float
    started_at: float | None = None
    ended_at: float | None = None
    worker: str | None = None
    segment: int = 1
    begin_with: str | None = None
    """The step that the present segment begins with; None: the first one."""
    wait_count: int = 0
    waits_for: str | None = None
    stop_request: str | None = None
    stop_reason: Reason = Field(default=Reason.CANCELLED, sa_type=Typed(Reason), nullable=True)
    retries: int = 0
    grants: int = 1
    plan_asked: str | None = None
    guidance_seen: int = 0
    pull: int | None = None
    delivery_id: str | None = None
    round: int = 0
    follows_run: str | None = None
    follow_up_requests: tuple[FollowUpRequest, ...] | None = Field(
        default=None, sa_type=Typed(tuple[FollowUpRequest, ...])
    )
    head: str | None = None
    purged_at: float | None = None
    """When its texts and names were deleted; None: they were not."""
    person: str | None = None
    """Login that set the label. `summarize` computes the columns from here to `seconds_to_pull`."""
    origin: str | None = None
    """`ticket`, `dry run`, or the kind of a follow-up."""
    reason: str | None = None
    sentence: str | None = None
    category: str | None = None
    first_round: str | None = None
    """Reason of the first change that was judged; `ready`: it passed."""
    usd: float | None = None
    """Cost of models; None: the run is not over, or the price of a model is unknown."""
    costs: str | None = None
    """JSON: cost of each model that was used, in dollars."""
    seconds_to_pull: float | None = None
    """Time from the label to the end of a run that opened a pull request."""
    run: Run = Field(sa_type=Typed(Run))
    outcome: Outcome | None = Field(default=None, sa_type=Typed(Outcome))
    """The outcome, without `files.text`."""

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
        Index("runs_of_pull", "repository_id", "pull"),
        Index("runs_of_head", "repository_id", "head"),
        Index("runs_that_follow", "follows_run"),
        Index("runs_queued", "queued_at", "run_id"),
        Index("runs_narrowed", "repository_id", *NARROWED_BY),
    )

    @property
    def heading(self) -> str:
        return "Deleted ticket" if self.purged_at else self.title

    @property
    def issue(self) -> str:
        """`owner/name#number`; of a ticket file the repository alone."""
        return f"{self.repository}#{self.number}" if self.run.snapshot else self.repository

    @property
    def seconds(self) -> float | None:
        """Duration so far; None: it has not started."""
        if self.started_at is None:
            return None
        return max(0.0, (self.ended_at or read_clock()) - self.started_at)

    @property
    def command(self) -> int | None:
        """Number of the process of the command that carries the run; None: no command does."""
        number = (self.worker or "").partition(COMMAND)[2].partition(" ")[0]
        return int(number) if self.active and number.isdecimal() else None


def summarize(run: Run, outcome: Outcome | None, ended_at: float | None) -> dict[str, Any]:
    """Compute the columns of a run that lists and statistics read."""
    snapshot, figures = run.snapshot, outcome.figures if outcome else RunFigures()
    costs = {
        name: ModelTotal.from_uses(use for use in figures.models if use.model == name).usd
        for name in dict.fromkeys(use.model for use in figures.models)
    }
    seconds = None
    if snapshot and outcome and outcome.pull_request and ended_at is not None:
        # The code host writes the first time: its clock may differ, and it may write no time.
        with suppress(ValueError):
            labelled_at = datetime.fromisoformat(snapshot.approved_at).timestamp()
            seconds = round(max(0.0, ended_at - labelled_at), 3)
    dry_run = run.dry_run or snapshot is None
    return {
        "person": snapshot.actor if snapshot else "",
        "origin": run.follow_up.kind if run.follow_up else "dry run" if dry_run else "ticket",
        "reason": outcome.reason.value if outcome else None,
        "sentence": outcome.sentence if outcome else None,
        "category": figures.category,
        "first_round": figures.first_round.value if figures.first_round else None,
        "usd": figures.total_usage.usd if outcome else None,
        "costs": json.dumps(costs),
        "seconds_to_pull": seconds,
    }


@event.listens_for(RunRow, "before_insert")
@event.listens_for(RunRow, "before_update")
def _summarize_row(_mapper: object, _connection: object, row: RunRow) -> None:
    if row.run:  # None: another version wrote it
        for name, value in summarize(row.run, row.outcome, row.ended_at).items():
            setattr(row, name, value)


class SpendingRow(SQLModel, table=True):
    """Cost of one request to a model, or its maximum while the cost is not known."""

    __tablename__ = "spendings"

    number: int | None = Field(default=None, primary_key=True)
    repository_id: int
    owner: str = ""
    at: float
    usd: float
    run_id: str | None = None

    __table_args__ = (
        Index("spendings_of_day", "repository_id", "at"),
        Index("spendings_of_owner", "owner", "at"),
        Index("spendings_of_all", "at"),
        Index("spendings_of_run", "run_id"),
    )


class GuidanceRow(SQLModel, table=True):
    __tablename__ = "guidance"

    number: int | None = Field(default=None, primary_key=True)
    run_id: str
    comment: str
    kind: str
    words: str
    by: str
    at: str

    __table_args__ = (Index("guidance_once", "run_id", "comment", unique=True),)


EVERYTHING = 0
"""Number of the row that pauses all repositories, in place of a repository's."""
OPERATOR = "the operator"
"""In place of the operator's login; no login has a blank."""


class PauseRow(SQLModel, table=True):
    """A pause of all runs."""

    __tablename__ = "pauses"

    repository_id: int = Field(default=EVERYTHING, primary_key=True)
    repository: str = ""
    """Empty. Earlier versions could pause one repository; such rows have no effect any more."""
    since: float
    """Seconds since the epoch."""
    by: str = OPERATOR
    """Login, or OPERATOR."""
    words: str = ""

    @property
    def sentence(self) -> str:
        why = f" ({self.words})" if self.words else ""
        return f"Everything is paused by {self.by}{why}"


class AuditRow(SQLModel, table=True):
    __tablename__ = "audit"

    number: int | None = Field(default=None, primary_key=True)
    at: float
    by: str
    """Login; `the operator` on the dashboard; the account of the machine on the command line."""
    via: str
    action: str
    run: str
    repository: str

    __table_args__ = (Index("audit_at", "at"), {"sqlite_autoincrement": True})


class LeaseRow(SQLModel, table=True):
    """A worker of a fleet that is alive, by its heartbeats; a number is never reused."""

    __tablename__ = "worker_lease"

    number: int | None = Field(default=None, primary_key=True)
    process: str
    home: str
    """Its data folder. Records name paths below it, so all workers have the same."""
    key: str
    """Public half of the key that it signs logs with, which all workers share."""
    last_seen: float
    """Seconds since the epoch, by the database's clock."""
    turn: int | None = None
    """Its position in the order of ready workers, the first of which leads; None: starting or
    ending."""


class RunFileRow(SQLModel, table=True):
    """A piece of a file in the folder of a run, so that another machine can continue it."""

    __tablename__ = "run_files"

    number: int | None = Field(default=None, primary_key=True)
    run_id: str
    name: str
    content: bytes

    __table_args__ = (Index("run_files_of_run", "run_id", "name", "number"),)


METADATA = RunRow.metadata
_NAMES = ("runs", "spendings", "guidance", "pauses", "worker_lease", "run_files", "audit")
TABLES = [METADATA.tables[name] for name in _NAMES]
NEWEST = (col(RunRow.queued_at).desc(), col(RunRow.run_id).desc())
COMMAND = "command "
"""Prefix of the name of a worker that is a command; its process follows."""


def is_of_issue(repository_id: int, number: int) -> ColumnElement[bool]:
    return and_(col(RunRow.repository_id) == repository_id, col(RunRow.number) == number)


def list_sound(rows: Iterable[RunRow]) -> tuple[RunRow, ...]:
    return tuple(row for row in rows if row.run and row.state)


def make_row(run: Run, now: float) -> RunRow:
    snapshot, about = run.snapshot, run.follow_up
    issue = snapshot.issue if snapshot else None
    return RunRow(
        run_id=run.run_id,
        repository=run.repository_name,
        # A ticket file may have several runs at a time, so each gets a number made of its id.
        repository_id=issue.repository_id if issue else 0,
        number=issue.number if issue else zlib.crc32(run.run_id.encode()) >> 1,
        title=snapshot.title if snapshot else Path(run.ticket).name,
        attempt=run.attempt,
        state=RunState.RECEIVED,
        active=True,
        not_before=now,
        queued_at=now,
        pull=about.pull if about else None,
        round=about.round if about else 0,
        follows_run=about.of if about else None,
        run=run,
    )


def name_command(process: int) -> str:
    return f"{COMMAND}{process}"
