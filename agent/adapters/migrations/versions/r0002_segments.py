"""Segments: how far the engine is with a run, what it waits for, and who stopped it."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "r0002"
down_revision = "r0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the columns; a run that was under way begins anew, as it would have without them."""
    with op.batch_alter_table("runs") as table:
        table.add_column(sa.Column("segment", sa.Integer(), nullable=False, server_default="1"))
        table.add_column(sa.Column("begin_with", sa.String(), nullable=True))
        table.add_column(sa.Column("waits", sa.Integer(), nullable=False, server_default="0"))
        table.add_column(sa.Column("waits_for", sa.String(), nullable=True))
        table.add_column(sa.Column("stopped", sa.String(), nullable=True))
        table.drop_column("starts")
    op.create_index("runs_started", "runs", ["repository_id", "started_at"])
    # The worker that had claimed them knew no engine; only commands still carry theirs.
    op.execute(
        "UPDATE runs SET worker = NULL, state = 'received'"
        " WHERE active AND worker IS NOT NULL AND worker NOT LIKE 'command %'"
    )


def downgrade() -> None:
    """Take the columns away."""
    op.drop_index("runs_started", "runs")
    with op.batch_alter_table("runs") as table:
        for name in ("segment", "begin_with", "waits", "waits_for", "stopped"):
            table.drop_column(name)
        table.add_column(sa.Column("starts", sa.Integer(), nullable=False, server_default="0"))
