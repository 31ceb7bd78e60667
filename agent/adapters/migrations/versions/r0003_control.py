"""Control: why a run was stopped, how often it was tried again, and its segments one by one."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "r0003"
down_revision = "r0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add columns and table; of the runs that are there, no earlier segments are known."""
    with op.batch_alter_table("runs") as table:
        table.add_column(sa.Column("stopped_for", sa.String(), nullable=True))
        table.add_column(sa.Column("retries", sa.Integer(), nullable=False, server_default="0"))
        table.add_column(
            sa.Column("told_of_quota", sa.Boolean(), nullable=False, server_default=sa.false())
        )
    op.create_table(
        "segments",
        sa.Column("run_id", sa.String(), primary_key=True),
        sa.Column("number", sa.Integer(), primary_key=True),
        sa.Column("begun_at", sa.Float(), nullable=False),
        sa.Column("ended_at", sa.Float(), nullable=True),
        sa.Column("ended_as", sa.String(), nullable=True),
        sa.Column("words", sa.String(), nullable=False),
        sa.Column("until", sa.Float(), nullable=True),
        sa.Column("next_step", sa.String(), nullable=True),
    )


def downgrade() -> None:
    """Take them away."""
    op.drop_table("segments")
    with op.batch_alter_table("runs") as table:
        for name in ("stopped_for", "retries", "told_of_quota"):
            table.drop_column(name)
