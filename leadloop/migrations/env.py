"""Alembic's entry: runs one room's migrations on a connection of `leadloop.migrate`."""

from alembic import context
from sqlalchemy import Connection

connection: Connection = context.config.attributes["connection"]
schema: str = context.config.attributes["schema"]

context.configure(
    connection=connection, version_table_schema=schema, transaction_per_migration=True
)
with context.begin_transaction():
    context.run_migrations()
