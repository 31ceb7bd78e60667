"""Follow-ups: runs that go on with the pull request of another, and what it ends in."""

from __future__ import annotations

import json
from contextlib import suppress

import sqlalchemy as sa
from alembic import op

revision = "r0009"
down_revision = "r0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the columns; the commits of earlier runs are in their outcomes."""
    with op.batch_alter_table("runs") as table:
        table.add_column(sa.Column("round", sa.Integer(), nullable=False, server_default="0"))
        table.add_column(sa.Column("follows", sa.String(), nullable=True))
        table.add_column(sa.Column("wishes", sa.String(), nullable=True))
        table.add_column(sa.Column("head", sa.String(), nullable=True))
        table.create_index("runs_of_head", ["repository_id", "head"])
        table.create_index("runs_that_follow", ["follows"])
    runs = sa.table("runs", *map(sa.column, ("run_id", "outcome", "pull", "head")))
    kept = sa.select(runs.c.run_id, runs.c.outcome).where(runs.c.pull.is_not(None))
    for run_id, outcome in op.get_bind().execute(kept).all():
        # A row that makes no sense is ended when it is met; it must not keep the others away.
        with suppress(ValueError, TypeError, KeyError, AttributeError):
            head = json.loads(outcome)["commit"]
            op.execute(runs.update().where(runs.c.run_id == run_id).values(head=head))


def downgrade() -> None:
    """Take it all away."""
    with op.batch_alter_table("runs") as table:
        table.drop_index("runs_that_follow")
        table.drop_index("runs_of_head")
        table.drop_column("head")
        table.drop_column("wishes")
        table.drop_column("follows")
        table.drop_column("round")
