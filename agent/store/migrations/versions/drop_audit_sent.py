"""Drop the table that noted the last posted entry of the audit log."""

from alembic import op

revision = "drop_audit_sent"
down_revision = "initial"


def upgrade() -> None:
    """Drop the table if it is there; a new database, or the inbox's, does not have it."""
    op.execute("DROP TABLE IF EXISTS audit_sent")
