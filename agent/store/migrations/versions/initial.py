"""The tables as the models describe them; edited in place until version 0.1."""

from __future__ import annotations

from alembic import op

from agent.store import sql_tables

revision = sql_tables.VERSION
down_revision = None


def upgrade() -> None:
    """Make the tables."""
    sql_tables.METADATA.create_all(op.get_bind(), tables=sql_tables.TABLES)
