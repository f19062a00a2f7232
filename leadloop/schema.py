"""The standing tables that each service has: promised, handled and parked events, timers.

The SQL is frozen once released: a change is a new constant and a new migration. The Table
objects say the same for statements and for the drift test.
"""

from sqlalchemy import (
    BigInteger,
    Column,
    DateTime,
    Identity,
    Index,
    LargeBinary,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
)
from sqlalchemy.dialects.postgresql import UUID
from sqlalchemy.types import UserDefinedType

# `xid` stands before `id`: defaults are computed in this order, so a transaction has its
# number before it takes an id from the sequence. The relay's low-water mark rests on that.
OUTBOX = """
CREATE TABLE outbox (
    xid xid8 NOT NULL DEFAULT pg_current_xact_id(),
    id bigint GENERATED ALWAYS AS IDENTITY,
    event_id uuid NOT NULL,
    topic text NOT NULL,
    key text NOT NULL,
    type text NOT NULL,
    time timestamptz NOT NULL,
    traceparent text NOT NULL,
    value bytea NOT NULL,
    CONSTRAINT outbox_pkey PRIMARY KEY (id)
) WITH (fillfactor = 100, autovacuum_vacuum_scale_factor = 0,
        autovacuum_vacuum_threshold = 5000, autovacuum_analyze_scale_factor = 0,
        autovacuum_analyze_threshold = 20000)
"""

INBOX = """
CREATE TABLE inbox (
    event_id uuid NOT NULL,
    handled_at timestamptz NOT NULL,
    CONSTRAINT inbox_pkey PRIMARY KEY (event_id)
);
CREATE INDEX inbox_handled_at ON inbox USING brin (handled_at)
"""

PARKED = """
CREATE TABLE parked (
    event_id uuid NOT NULL,
    topic text NOT NULL,
    key text NOT NULL,
    type text NOT NULL,
    time timestamptz NOT NULL,
    traceparent text NOT NULL,
    value bytea NOT NULL,
    error text NOT NULL,
    parked_at timestamptz NOT NULL,
    CONSTRAINT parked_pkey PRIMARY KEY (event_id)
)
"""

TIMERS = """
CREATE TABLE timers (
    id bigint GENERATED ALWAYS AS IDENTITY,
    subject uuid NOT NULL,
    kind text NOT NULL,
    due_at timestamptz NOT NULL,
    CONSTRAINT timers_pkey PRIMARY KEY (id),
    CONSTRAINT timers_subject_kind UNIQUE (subject, kind)
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000,
        autovacuum_analyze_scale_factor = 0.02);
CREATE INDEX timers_due_at ON timers (due_at, id)
"""


class Xid8(UserDefinedType[int]):
    """PostgreSQL's 64-bit transaction number, as the drift test must name it."""

    cache_ok = True

    def get_col_spec(self, **_: object) -> str:
        """Return the type's name in SQL."""
        return "xid8"


def standing_tables(metadata: MetaData) -> None:
    """Describe the tables of OUTBOX, INBOX, PARKED and TIMERS in `metadata`."""
    Table(
        "outbox",
        metadata,
        Column("xid", Xid8, nullable=False),
        Column("id", BigInteger, Identity(always=True), primary_key=True),
        *_event_columns(),
    )
    Table(
        "inbox",
        metadata,
        Column("event_id", UUID(as_uuid=False), primary_key=True),
        Column("handled_at", DateTime(timezone=True), nullable=False),
        Index("inbox_handled_at", "handled_at", postgresql_using="brin"),
    )
    Table(
        "parked",
        metadata,
        *_event_columns(primary=True),
        Column("error", Text, nullable=False),
        Column("parked_at", DateTime(timezone=True), nullable=False),
    )
    Table(
        "timers",
        metadata,
        Column("id", BigInteger, Identity(always=True), primary_key=True),
        Column("subject", UUID(as_uuid=False), nullable=False),
        Column("kind", Text, nullable=False),
        Column("due_at", DateTime(timezone=True), nullable=False),
        UniqueConstraint("subject", "kind", name="timers_subject_kind"),
        Index("timers_due_at", "due_at", "id"),
    )


def _event_columns(*, primary: bool = False) -> list[Column[object]]:
    """Return the columns that keep an event as it travels."""
    columns: list[Column[object]] = [
        Column("event_id", UUID(as_uuid=False), nullable=False, primary_key=primary),
        Column("topic", Text, nullable=False),
        Column("key", Text, nullable=False),
        Column("type", Text, nullable=False),
        Column("time", DateTime(timezone=True), nullable=False),
        Column("traceparent", Text, nullable=False),
        Column("value", LargeBinary, nullable=False),
    ]
    return columns


def statements(sql: str) -> list[str]:
    """Split a constant into single statements: asyncpg prepares one at a time."""
    return [statement for statement in sql.split(";") if statement.strip()]
