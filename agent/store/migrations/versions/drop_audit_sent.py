"""Drop the table with the last entry of the audit log that was posted."""

from alembic import op

revision = "drop_audit_sent"
down_revision = "initial"


def upgrade() -> None:
    """Drop the table; a new database, and that of the inbox, has none."""
    op.execute("DROP TABLE IF EXISTS audit_sent")
