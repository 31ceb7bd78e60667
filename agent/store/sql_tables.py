"""The tables of the runs, and their rows as records."""

import zlib
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path

import structlog
from pydantic import ValidationError
from sqlalchemy import ColumnElement, Index, and_, text
from sqlmodel import Field, SQLModel, col

from agent.models.outcome import Outcome, PullEnd, StoredRun
from agent.models.run import Reason, Run, RunState

_log = structlog.get_logger()


class RunRow(SQLModel, table=True):
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
    wait_count: int = 0
    waits_for: str | None = None
    stop_request: str | None = None
    stop_reason: str | None = None
    retries: int = 0
    grants: int = 1
    plan_asked: str | None = None
    guidance_seen: int = 0
    pull: int | None = None
    delivery_id: str | None = None
    round: int = 0
    follows_run: str | None = None
    follow_up_requests: str | None = None
    head: str | None = None
    pull_end: str | None = None
    purged_at: float | None = None
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
        Index("runs_of_pull", "repository_id", "pull"),
        Index("runs_of_head", "repository_id", "head"),
        Index("runs_that_follow", "follows_run"),
    )


class SpendingRow(SQLModel, table=True):
    """Cost of one request to a model; its maximum, as long as the cost is not known."""

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
    """A person's answer to a run."""

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
"""In place of a repository's number, where all are paused."""
OPERATOR = "the operator"
"""In place of the operator's login; no login has a blank."""


class PauseRow(SQLModel, table=True):
    """That no run goes on."""

    __tablename__ = "pauses"

    repository_id: int = Field(default=EVERYTHING, primary_key=True)
    repository: str = ""
    """Empty; rows of one repository, of earlier versions, count no more."""
    since: float
    """Seconds since the epoch."""
    by: str = OPERATOR
    """Login, or who the operator is called."""
    words: str = ""
    """Why, where somebody said so."""

    @property
    def sentence(self) -> str:
        why = f" ({self.words})" if self.words else ""
        return f"Everything is paused by {self.by}{why}"


class AuditRow(SQLModel, table=True):
    """An action of a person."""

    __tablename__ = "audit"

    number: int | None = Field(default=None, primary_key=True)
    """Grows with each entry."""
    at: float
    """Seconds since the epoch."""
    by: str
    """Login; `the operator` on the dashboard; the account of the machine on the command line."""
    via: str
    action: str
    run: str
    repository: str

    __table_args__ = (Index("audit_at", "at"), {"sqlite_autoincrement": True})


class AuditSentRow(SQLModel, table=True):
    """Not used any more; the next version that changes tables drops it."""

    __tablename__ = "audit_sent"

    key: int = Field(primary_key=True)
    number: int


class LeaseRow(SQLModel, table=True):
    """A worker of a fleet that is alive, by its own signs; a number is never given twice."""

    __tablename__ = "worker_lease"

    number: int | None = Field(default=None, primary_key=True)
    process: str
    """Machine and process, for people."""
    home: str
    """Its data folder; records name places below it, so that all workers have the same."""
    key: str
    """Public half of the key that it signs logs with; all workers have the same."""
    last_seen: float
    """Seconds since the epoch, by the database's clock."""
    turn: int | None = None
    """Its place among those at work, the first of which leads; None: it begins or ends just now."""


class RunFileRow(SQLModel, table=True):
    """A piece of a file in the folder of a run, so that another machine can go on with it."""

    __tablename__ = "run_files"

    number: int | None = Field(default=None, primary_key=True)
    run_id: str
    name: str
    content: bytes

    __table_args__ = (Index("run_files_of_run", "run_id", "name", "number"),)


METADATA = RunRow.metadata
_NAMES = (
    *("runs", "spendings", "guidance", "pauses", "worker_lease", "run_files"),
    *("audit", "audit_sent"),
)
TABLES = [METADATA.tables[name] for name in _NAMES]
NEWEST = (col(RunRow.queued_at).desc(), col(RunRow.run_id).desc())
COMMAND = "command "
"""Prefix of the name of a worker that is a command; its process and machine follow."""


def is_of_issue(repository_id: int, number: int) -> ColumnElement[bool]:
    return and_(col(RunRow.repository_id) == repository_id, col(RunRow.number) == number)


def iterate_sound(rows: Iterable[RunRow], now: float) -> Iterator[tuple[RunRow, StoredRun]]:
    """Yield the readable runs, and end the others."""
    for row in rows:
        try:
            yield row, make_stored_run(row)
        except ValidationError:
            _log.error("an unreadable run was ended", run=row.run_id)
            row.active, row.state, row.ended_at = False, RunState.FAILED.value, now


def make_row(run: Run, now: float) -> RunRow:
    snapshot, about = run.snapshot, run.follow_up
    issue = snapshot.issue if snapshot else None
    return RunRow(
        run_id=run.run_id,
        repository=run.repository_name,
        # A ticket file may have several runs at a time; each has a number of its own.
        repository_id=issue.repository_id if issue else 0,
        number=issue.number if issue else zlib.crc32(run.run_id.encode()) >> 1,
        title=snapshot.title if snapshot else Path(run.ticket).name,
        attempt=run.attempt,
        state=RunState.RECEIVED.value,
        active=True,
        not_before=now,
        queued_at=now,
        pull=about.pull if about else None,
        round=about.round if about else 0,
        follows_run=about.of if about else None,
        run=run.model_dump_json(),
    )


def make_stored_run(row: RunRow) -> StoredRun:
    kept = {name: getattr(row, name) for name in StoredRun.model_fields if hasattr(row, name)}
    kept["run"] = Run.model_validate_json(row.run)
    kept["outcome"] = Outcome.model_validate_json(row.outcome) if row.outcome else None
    kept["pull_end"] = PullEnd.model_validate_json(row.pull_end) if row.pull_end else None
    kept["stop_reason"] = row.stop_reason or Reason.CANCELLED
    return StoredRun(**kept, command=_find_command(row))


def name_command(process: int) -> str:
    """Name a command of this machine as the worker of a run."""
    return f"{COMMAND}{process} {_name_machine()}"


def is_dead_command(worker: str) -> bool:
    """Whether a command of this machine has ended; of another machine's nobody can tell here."""
    _, process, machine = worker.split(" ", 2)
    return machine == _name_machine() and not Path("/proc", process).exists()


@cache
def _name_machine() -> str:
    # Containers of one machine each see processes of their own.
    boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    return f"{boot}/{Path('/proc/self/ns/pid').stat().st_ino}"


def _find_command(row: RunRow) -> int | None:
    number = (row.worker or "").partition(COMMAND)[2].partition(" ")[0]
    return int(number) if row.active and number.isdecimal() else None
