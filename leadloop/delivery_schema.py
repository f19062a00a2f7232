"""The tables of outbound webhooks: who subscribed, and each event on its way to whom."""

from sqlalchemy import (
    BigInteger,
    Column,
    DateTime,
    Identity,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    SmallInteger,
    Table,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB, UUID

ENDPOINTS = """
CREATE TABLE endpoints (
    id uuid NOT NULL,
    url text NOT NULL,
    description text NOT NULL,
    event_types text[] NOT NULL,
    secret text NOT NULL,
    previous_secret text,
    previous_expires_at timestamptz,
    state text NOT NULL,
    reason text,
    created_at timestamptz NOT NULL,
    CONSTRAINT endpoints_pkey PRIMARY KEY (id),
    CONSTRAINT endpoints_state CHECK (state IN ('active', 'disabled')),
    CONSTRAINT endpoints_previous
        CHECK ((previous_secret IS NULL) = (previous_expires_at IS NULL))
)
"""

# No foreign key: enqueueing would lock its endpoint's row against every other writer, and the
# history of deliveries outlives an endpoint. A claim looks only for endpoints that are active.
# A claimed row is due again when its lease ends, so `due_at` alone says when to look at it.
# `position` is the order of queueing, which ids of one millisecond do not keep.
# The event is kept as it travels; the body that is posted is made of it at each attempt.
DELIVERIES = """
CREATE TABLE deliveries (
    id uuid NOT NULL,
    position bigint GENERATED ALWAYS AS IDENTITY,
    endpoint_id uuid NOT NULL,
    event_id uuid NOT NULL,
    event_type text NOT NULL,
    lead_id text NOT NULL,
    traceparent text NOT NULL,
    event bytea NOT NULL,
    state text NOT NULL,
    attempt integer NOT NULL,
    due_at timestamptz NOT NULL,
    last_status smallint,
    last_error text,
    received_at timestamptz,
    created_at timestamptz NOT NULL,
    delivered_at timestamptz,
    CONSTRAINT deliveries_pkey PRIMARY KEY (id),
    CONSTRAINT deliveries_once UNIQUE (endpoint_id, event_id),
    CONSTRAINT deliveries_state CHECK (state IN ('pending', 'delivered', 'failed')),
    CONSTRAINT deliveries_delivered CHECK ((state = 'delivered') = (delivered_at IS NOT NULL))
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 10000,
        autovacuum_analyze_scale_factor = 0.05);
CREATE INDEX deliveries_due ON deliveries (endpoint_id, due_at, position)
    WHERE state = 'pending';
CREATE INDEX deliveries_failed ON deliveries (id) WHERE state = 'failed';
CREATE INDEX deliveries_lead ON deliveries (lead_id, id)
"""

# The attempts of a delivery that needed several, as a list of objects: null for nearly all.
ATTEMPTS = """
ALTER TABLE deliveries ADD COLUMN attempts jsonb
"""

# Until then the receiver asked to be left alone: a claim passes its endpoint over.
HELD = """
ALTER TABLE endpoints ADD COLUMN held_until timestamptz
"""


def delivery_tables(metadata: MetaData) -> None:
    """Describe the tables of ENDPOINTS and DELIVERIES in `metadata`."""
    _endpoints(metadata)
    _deliveries(metadata)


def _endpoints(metadata: MetaData) -> None:
    Table(
        "endpoints",
        metadata,
        Column("id", UUID(as_uuid=False), primary_key=True),
        Column("url", Text, nullable=False),
        Column("description", Text, nullable=False),
        Column("event_types", ARRAY(Text), nullable=False),
        Column("secret", Text, nullable=False),
        Column("previous_secret", Text),
        Column("previous_expires_at", DateTime(timezone=True)),
        Column("state", Text, nullable=False),
        Column("reason", Text),
        Column("created_at", DateTime(timezone=True), nullable=False),
        Column("held_until", DateTime(timezone=True)),
    )


def _deliveries(metadata: MetaData) -> None:
    Table(
        "deliveries",
        metadata,
        Column("id", UUID(as_uuid=False), primary_key=True),
        Column("position", BigInteger, Identity(always=True), nullable=False),
        Column("endpoint_id", UUID(as_uuid=False), nullable=False),
        Column("event_id", UUID(as_uuid=False), nullable=False),
        Column("event_type", Text, nullable=False),
        Column("lead_id", Text, nullable=False),
        Column("traceparent", Text, nullable=False),
        Column("event", LargeBinary, nullable=False),
        Column("state", Text, nullable=False),
        Column("attempt", Integer, nullable=False),
        Column("due_at", DateTime(timezone=True), nullable=False),
        Column("last_status", SmallInteger),
        Column("last_error", Text),
        Column("received_at", DateTime(timezone=True)),
        Column("created_at", DateTime(timezone=True), nullable=False),
        Column("delivered_at", DateTime(timezone=True)),
        Column("attempts", JSONB),
        UniqueConstraint("endpoint_id", "event_id", name="deliveries_once"),
        Index(
            "deliveries_due",
            "endpoint_id",
            "due_at",
            "position",
            postgresql_where=_is("pending"),
        ),
        Index("deliveries_failed", "id", postgresql_where=_is("failed")),
        Index("deliveries_lead", "lead_id", "id"),
    )


def _is(state: str) -> object:
    return text(f"state = '{state}'")
