"""Spendings: what models cost each repository, reply by reply."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "r0004"
down_revision = "r0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the table; what was spent before is not known."""
    op.create_table(
        "spendings",
        sa.Column("number", sa.Integer(), primary_key=True),
        sa.Column("repository_id", sa.Integer(), nullable=False),
        sa.Column("at", sa.Float(), nullable=False),
        sa.Column("usd", sa.Float(), nullable=False),
    )
    op.create_index("spendings_of_day", "spendings", ["repository_id", "at"])


def downgrade() -> None:
    """Take it away."""
    op.drop_index("spendings_of_day", "spendings")
    op.drop_table("spendings")
