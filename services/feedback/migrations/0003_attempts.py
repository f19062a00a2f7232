"""Of a delivery that is not taken at once, what each attempt came to."""

from alembic import op

from leadloop import delivery_schema, schema

revision = "feedback_0003"
down_revision = "feedback_0002"


def upgrade() -> None:
    """Make room for the history of attempts."""
    for statement in schema.statements(delivery_schema.ATTEMPTS):
        op.execute(statement)
