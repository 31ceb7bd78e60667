"""Grants: how often a run was allowed its money and minutes; not every retry allows more."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "r0006"
down_revision = "r0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column; until now each retry allowed as much again."""
    with op.batch_alter_table("runs") as table:
        table.add_column(sa.Column("grants", sa.Integer(), nullable=False, server_default="1"))
    op.execute("UPDATE runs SET grants = 1 + retries")


def downgrade() -> None:
    """Take it away."""
    with op.batch_alter_table("runs") as table:
        table.drop_column("grants")
