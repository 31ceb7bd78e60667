"""Ends: how the pull requests of runs ended, and what became of our change in them."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "r0010"
down_revision = "r0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the table; of pull requests that ended before, the figures are put together later."""
    op.create_table(
        "ends",
        sa.Column("run_id", sa.String(), primary_key=True, nullable=False),
        sa.Column("pull", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("at", sa.String(), nullable=True),
        sa.Column("by", sa.String(), nullable=False),
        sa.Column("commit", sa.String(), nullable=False),
        sa.Column("base", sa.String(), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("not_before", sa.Float(), nullable=True),
        sa.Column("figures", sa.String(), nullable=True),
    )
    op.create_index("ends_due", "ends", ["not_before"])
    op.execute(
        'INSERT INTO ends (run_id, pull, state, at, "by", "commit", base, tries, not_before)'
        " SELECT run_id, pull, state, pull_ended_at, '', '', '', 0, 0.0 FROM runs"
        " WHERE state IN ('merged', 'closed') AND pull IS NOT NULL AND follows IS NULL"
    )


def downgrade() -> None:
    """Take it away."""
    op.drop_index("ends_due", "ends")
    op.drop_table("ends")
