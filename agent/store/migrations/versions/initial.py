"""The first revision makes tables as the models are now; later ones change only older tables."""

from alembic import context, op
from sqlmodel import SQLModel

revision = "initial"
down_revision = None


def upgrade() -> None:
    """Make the tables."""
    tables = context.config.attributes["tables"]
    SQLModel.metadata.create_all(op.get_bind(), tables=tables)
