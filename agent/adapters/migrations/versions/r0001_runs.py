"""Runs: one row for each, at most one active for an issue."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "r0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "runs",
        sa.Column("run_id", sa.String(), primary_key=True),
        sa.Column("repository", sa.String(), nullable=False),
        sa.Column("repository_id", sa.Integer(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("title", sa.String(), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("not_before", sa.Float(), nullable=False),
        sa.Column("queued_at", sa.Float(), nullable=False),
        sa.Column("started_at", sa.Float(), nullable=True),
        sa.Column("ended_at", sa.Float(), nullable=True),
        sa.Column("worker", sa.String(), nullable=True),
        sa.Column("starts", sa.Integer(), nullable=False),
        sa.Column("delivery_id", sa.String(), nullable=True),
        sa.Column("run", sa.String(), nullable=False),
        sa.Column("outcome", sa.String(), nullable=True),
    )
    op.create_index(
        "runs_one_active",
        "runs",
        ["repository_id", "number"],
        unique=True,
        sqlite_where=sa.text("active"),
        postgresql_where=sa.text("active"),
    )
    op.create_index("runs_of_delivery", "runs", ["delivery_id"], unique=True)
    op.create_index("runs_waiting", "runs", ["active", "not_before", "queued_at"])


def downgrade() -> None:
    """Take the table away."""
    op.drop_table("runs")
