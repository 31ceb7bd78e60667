"""Add the columns of runs that lists and statistics read, and fill them."""

import sqlalchemy
from alembic import op
from pydantic import ValidationError
from sqlalchemy import Column, Float, String, text

from agent.models.outcome import Outcome
from agent.models.run import Run
from agent.store import sql_tables

revision = "summaries_of_runs"
down_revision = "drop_audit_sent"
_TEXTS = ("person", "origin", "reason", "sentence", "category", "first_round", "costs")
_NUMBERS = ("usd", "seconds_to_pull")
_NARROWED_BY = ("repository", "state", "reason", "category", "person", "origin")


def upgrade() -> None:
    """Add and fill the columns; a new database has them already, the inbox's has no runs."""
    connection, runs = op.get_bind(), sql_tables.METADATA.tables["runs"]
    inspector = sqlalchemy.inspect(connection)
    if not inspector.has_table("runs"):
        return
    present = {column["name"] for column in inspector.get_columns("runs")}
    columns = [
        *(Column(name, String) for name in _TEXTS),
        *(Column(name, Float) for name in _NUMBERS),
    ]
    missing = [column for column in columns if column.name not in present]
    for column in missing:
        op.add_column("runs", column)
    if missing:
        op.create_index("runs_queued", "runs", ["queued_at", "run_id"])
        op.create_index("runs_narrowed", "runs", ["repository_id", *_NARROWED_BY])
    every = connection.execute(text("SELECT run_id FROM runs")).scalars().all() if missing else ()
    for run_id in every:
        words = text("SELECT run, outcome, ended_at FROM runs WHERE run_id = :run_id")
        run, outcome, ended_at = connection.execute(words, {"run_id": run_id}).one()
        try:
            summary = sql_tables.summarize(
                Run.model_validate_json(run, extra="ignore"),
                Outcome.model_validate_json(outcome, extra="ignore") if outcome else None,
                ended_at,
            )
        except ValidationError:  # a run of another version, which lists leave out
            continue
        values = {column.name: summary[column.name] for column in columns}
        connection.execute(runs.update().where(runs.c.run_id == run_id).values(values))
