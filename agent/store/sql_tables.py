"""The tables of `mergewright.sqlite`. Alembic is loaded only where they are made."""

from __future__ import annotations

import hashlib
from importlib import resources
from pathlib import Path

from sqlalchemy import Connection, Index, inspect, text
from sqlmodel import Field, SQLModel

from agent.errors import StoreUnusable


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
    wait_count: int = 0
    waits_for: str | None = None
    stop_request: str | None = None
    stop_reason: str | None = None
    retries: int = 0
    budget_multiplier: int = 1
    told_of_quota: bool = False
    plan_asked: str | None = None
    guidance_seen: int = 0
    pull: int | None = None
    delivery_id: str | None = None
    priority: int = 0
    round: int = 0
    follows_run: str | None = None
    follow_up_requests: str | None = None
    head: str | None = None
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
    """What one request to a model cost, or could cost, as long as that is not known."""

    __tablename__ = "spendings"

    number: int | None = Field(default=None, primary_key=True)
    repository_id: int
    at: float
    usd: float
    run_id: str | None = None

    __table_args__ = (
        Index("spendings_of_day", "repository_id", "at"),
        Index("spendings_of_run", "run_id"),
    )


class GuidanceRow(SQLModel, table=True):
    """What a person said to a run."""

    __tablename__ = "guidance"

    number: int | None = Field(default=None, primary_key=True)
    run_id: str
    comment: str
    kind: str
    words: str
    by: str
    at: str

    __table_args__ = (Index("guidance_once", "run_id", "comment", unique=True),)


class PullOutcomeRow(SQLModel, table=True):
    """How the pull request of a run ended; the run is the one that opened it."""

    __tablename__ = "pull_outcomes"

    run_id: str = Field(primary_key=True)
    pull: int
    state: str
    at: str | None = None
    by: str
    commit: str
    base: str
    attempts: int = 0
    not_before: float | None = None
    statistics: str | None = None

    __table_args__ = (Index("ends_due", "not_before"),)


METADATA = RunRow.metadata
TABLES = [METADATA.tables[name] for name in ("runs", "spendings", "guidance", "pull_outcomes")]
_COLUMNS = [repr((str(one), str(one.type), one.nullable)) for table in TABLES for one in table.c]
#: Of the columns as they are described here, so that a file with others is never opened.
VERSION = hashlib.sha256("".join(_COLUMNS).encode()).hexdigest()[:12]


def create_tables(connection: Connection, path: Path) -> None:
    """Make the tables where there are none.

    Raises:
        StoreUnusable: There are those of another version.
    """
    if inspect(connection).has_table("alembic_version"):
        found = connection.execute(text("SELECT version_num FROM alembic_version")).scalars().all()
        if found == [VERSION]:
            return
        raise StoreUnusable(
            f"{path} was made by another version of Mergewright (its tables are of revision"
            f" {', '.join(found)}, not {VERSION}). Start with an empty MERGEWRIGHT_HOME, or go on"
            " with that version; it also restores its own backups."
        )
    from alembic import command
    from alembic.config import Config

    config = Config()
    scripts = resources.files("agent.store").joinpath("migrations")
    config.set_main_option("script_location", str(scripts))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
