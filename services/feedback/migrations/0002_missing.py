"""Of a qualified lead, which of the data that marketing owes it lacked."""

from alembic import op

from leadloop import schema

revision = "feedback_0002"
down_revision = "feedback_0001"

# Words between blanks; empty when nothing was missing, null when it was not kept yet.
MISSING = """
ALTER TABLE cycles ADD COLUMN missing text
"""


def upgrade() -> None:
    """Make room for what a lead lacks."""
    for statement in schema.statements(MISSING):
        op.execute(statement)
