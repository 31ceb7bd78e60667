"""Guidance: what people say to a run, the plan that it waits with, and its pull request."""

from __future__ import annotations

import json
from contextlib import suppress

import sqlalchemy as sa
from alembic import op

revision = "r0007"
down_revision = "r0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add what they need; the pull requests of earlier runs are in their outcomes."""
    op.create_table(
        "guidance",
        sa.Column("number", sa.Integer(), primary_key=True, nullable=False),
        sa.Column("run_id", sa.String(), nullable=False),
        sa.Column("comment", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("words", sa.String(), nullable=False),
        sa.Column("by", sa.String(), nullable=False),
        sa.Column("by_id", sa.Integer(), nullable=False),
        sa.Column("at", sa.String(), nullable=False),
        sa.Column("heard_at", sa.Float(), nullable=False),
    )
    op.create_index("guidance_once", "guidance", ["run_id", "comment"], unique=True)
    with op.batch_alter_table("runs") as table:
        table.add_column(sa.Column("plan_asked", sa.String(), nullable=True))
        table.add_column(sa.Column("guided", sa.Integer(), nullable=False, server_default="0"))
        table.add_column(sa.Column("pull", sa.Integer(), nullable=True))
        table.add_column(sa.Column("pull_ended_at", sa.String(), nullable=True))
        table.create_index("runs_of_pull", ["repository_id", "pull"])
    runs = sa.table("runs", sa.column("run_id"), sa.column("outcome"), sa.column("pull"))
    kept = sa.select(runs.c.run_id, runs.c.outcome).where(runs.c.outcome.is_not(None))
    for run_id, outcome in op.get_bind().execute(kept).all():
        # A row that makes no sense is ended when it is met; it must not keep the others away.
        with suppress(ValueError, TypeError, KeyError, AttributeError):
            number = int(json.loads(outcome)["pull_request"]["number"])
            op.execute(runs.update().where(runs.c.run_id == run_id).values(pull=number))


def downgrade() -> None:
    """Take it all away."""
    with op.batch_alter_table("runs") as table:
        table.drop_index("runs_of_pull")
        table.drop_column("pull_ended_at")
        table.drop_column("pull")
        table.drop_column("guided")
        table.drop_column("plan_asked")
    op.drop_index("guidance_once", "guidance")
    op.drop_table("guidance")
