"""Make the tables as the models are now; later revisions change only tables made before them."""

from alembic import context, op
from sqlmodel import SQLModel

revision = "initial"
down_revision = None


def upgrade() -> None:
    """Make the tables."""
    tables = context.config.attributes["tables"]
    SQLModel.metadata.create_all(op.get_bind(), tables=tables)
