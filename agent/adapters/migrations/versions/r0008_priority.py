"""Priority: how much the labels of an issue say that its run matters."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "r0008"
down_revision = "r0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column; runs from before have none."""
    with op.batch_alter_table("runs") as table:
        table.add_column(sa.Column("priority", sa.Integer(), nullable=False, server_default="0"))


def downgrade() -> None:
    """Take it away."""
    with op.batch_alter_table("runs") as table:
        table.drop_column("priority")
