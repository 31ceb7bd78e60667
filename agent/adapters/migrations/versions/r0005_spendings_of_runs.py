"""Spendings of runs: which run a request to a model was for."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "r0005"
down_revision = "r0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column; whose earlier requests were is not known."""
    with op.batch_alter_table("spendings") as table:
        table.add_column(sa.Column("run_id", sa.String(), nullable=True))
        table.create_index("spendings_of_run", ["run_id"])


def downgrade() -> None:
    """Take it away."""
    with op.batch_alter_table("spendings") as table:
        table.drop_index("spendings_of_run")
        table.drop_column("run_id")
