"""The standing tables alone, for tests of the kit."""

from alembic import op

from leadloop import delivery_schema, idempotency, schema
from leadloop.schema import statements

revision = "kit_0001"
down_revision = None


def upgrade() -> None:
    """Create the standing tables and one that handlers of tests write to."""
    for sql in (
        schema.OUTBOX,
        schema.INBOX,
        schema.PARKED,
        schema.TIMERS,
        delivery_schema.ENDPOINTS,
        delivery_schema.DELIVERIES,
        delivery_schema.ATTEMPTS,
        delivery_schema.HELD,
        idempotency.IDEMPOTENCY,
    ):
        for statement in statements(sql):
            op.execute(statement)
    op.execute(
        "CREATE TABLE seen (position bigint GENERATED ALWAYS AS IDENTITY, key text, note text)"
    )
    op.execute(
        "CREATE TABLE subjects (id uuid PRIMARY KEY, state text NOT NULL DEFAULT 'open')"
    )
