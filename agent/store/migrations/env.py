"""Alembic runs this file: it applies the migrations on the connection that `Database` gives."""

from alembic import context

_given = context.config.attributes
context.configure(connection=_given["connection"], version_table=_given["version_table"])
with context.begin_transaction():
    context.run_migrations()
