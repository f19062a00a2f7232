"""Of an endpoint whose receiver asked to be left alone, until when."""

from alembic import op

from leadloop import delivery_schema, schema

revision = "handoff_0003"
down_revision = "handoff_0002"


def upgrade() -> None:
    """Make room for the end of the pause."""
    for statement in schema.statements(delivery_schema.HELD):
        op.execute(statement)
