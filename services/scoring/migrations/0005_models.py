"""Predictive models that agreements may name by their version."""

from alembic import op

from leadloop import schema

revision = "scoring_0005"
down_revision = "scoring_0004"

# A version says the same for ever, so no row is changed but for how far leads were judged again
# because their agreement was signed before its model came.
MODELS = """
CREATE TABLE models (
    version text NOT NULL,
    sha256 text NOT NULL,
    body bytea NOT NULL,
    learned_from integer NOT NULL,
    won integer NOT NULL,
    until text NOT NULL,
    note text NOT NULL,
    created_at timestamptz NOT NULL,
    rescored_to uuid,
    CONSTRAINT models_pkey PRIMARY KEY (version)
)
"""


def upgrade() -> None:
    """Add the table."""
    for statement in schema.statements(MODELS):
        op.execute(statement)
