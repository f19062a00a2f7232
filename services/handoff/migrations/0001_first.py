"""The first tables of handoff."""

from alembic import op

from leadloop import delivery_schema, idempotency, schema

revision = "handoff_0001"
down_revision = None

# A row is written when the lead is routed and some four times after; the free space keeps those
# updates on its page. `clocks_started_at` and the agreement's version give every due time and
# its intervals again, so only what happened to a clock is kept.
HANDOFFS = """
CREATE TABLE handoffs (
    id uuid NOT NULL,
    lead_id uuid NOT NULL,
    cycle integer NOT NULL,
    tier text NOT NULL,
    queue text NOT NULL,
    agreement_version integer NOT NULL,
    state text NOT NULL,
    since timestamptz NOT NULL,
    sequence integer NOT NULL,
    owner_id text,
    owner_name text,
    past_owners text[] NOT NULL,
    reassigned integer NOT NULL,
    attempts integer NOT NULL,
    clocks_started_at timestamptz,
    accept_warned_at timestamptz,
    accept_breached_at timestamptz,
    accept_met_at timestamptz,
    first_attempt_warned_at timestamptz,
    first_attempt_breached_at timestamptz,
    first_attempt_met_at timestamptz,
    due_at timestamptz,
    actor text NOT NULL,
    reason text NOT NULL,
    refused_by text NOT NULL,
    deal_id text NOT NULL,
    not_before timestamptz,
    received_at timestamptz,
    opened_at timestamptz NOT NULL,
    CONSTRAINT handoffs_pkey PRIMARY KEY (id),
    CONSTRAINT handoffs_cycle UNIQUE (lead_id, cycle),
    CONSTRAINT handoffs_cycle_positive CHECK (cycle > 0),
    CONSTRAINT handoffs_state CHECK (state IN
        ('queued', 'assigned', 'accepted', 'converted', 'recycled', 'rejected', 'withdrawn')),
    CONSTRAINT handoffs_owner CHECK ((owner_id IS NULL) = (owner_name IS NULL)),
    CONSTRAINT handoffs_owned CHECK (
        CASE state WHEN 'queued' THEN owner_id IS NULL AND reason <> ''
            WHEN 'assigned' THEN owner_id IS NOT NULL
            WHEN 'accepted' THEN owner_id IS NOT NULL ELSE true END)
) WITH (fillfactor = 85, autovacuum_vacuum_scale_factor = 0.05,
        autovacuum_analyze_scale_factor = 0.05);
CREATE INDEX handoffs_waiting ON handoffs (queue, id) WHERE state = 'queued';
CREATE INDEX handoffs_open_of_owner ON handoffs (owner_id, id)
    WHERE state IN ('assigned', 'accepted')
"""

# The events as published: the story of a handoff, and the lead as sales got it. Written once
# and read one handoff at a time: neither compressing nor moving them out of the row would pay.
HISTORY = """
CREATE TABLE history (
    handoff_id uuid NOT NULL,
    sequence integer NOT NULL,
    type text NOT NULL,
    occurred_at timestamptz NOT NULL,
    event bytea NOT NULL,
    CONSTRAINT history_pkey PRIMARY KEY (handoff_id, sequence)
) WITH (toast_tuple_target = 8160);
ALTER TABLE history ALTER COLUMN event SET STORAGE EXTERNAL
"""

# Rows change with every batch, and there are few: half-empty pages keep updates in place.
PEOPLE = """
CREATE TABLE people (
    id text NOT NULL,
    name text NOT NULL,
    email text,
    queue text NOT NULL,
    available boolean NOT NULL,
    away_until timestamptz,
    received bigint NOT NULL,
    last_assigned_seq bigint NOT NULL,
    last_assigned_at timestamptz,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    CONSTRAINT people_pkey PRIMARY KEY (id),
    CONSTRAINT people_id CHECK (id ~ '^[^ ]+$')
) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 500);
CREATE INDEX people_queue ON people (queue, id)
"""

# Whoever gives out leads holds the queue's row: one at a time, so that turns are fair.
QUEUES = """
CREATE TABLE queues (
    name text NOT NULL,
    id uuid NOT NULL,
    retry_at timestamptz,
    CONSTRAINT queues_pkey PRIMARY KEY (name)
) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 500)
"""

AGREEMENTS = """
CREATE TABLE agreements (
    name text NOT NULL,
    version integer NOT NULL,
    body bytea NOT NULL,
    signed_at timestamptz NOT NULL,
    CONSTRAINT agreements_pkey PRIMARY KEY (name, version)
);
CREATE INDEX agreements_version ON agreements (version, signed_at)
"""

# A qualification on its way when its person was forgotten must not bring them back.
ERASED_LEADS = """
CREATE TABLE erased_leads (
    lead_id uuid NOT NULL,
    erased_at timestamptz NOT NULL,
    CONSTRAINT erased_leads_pkey PRIMARY KEY (lead_id)
)
"""


def upgrade() -> None:
    """Create the standing tables and handoff's own."""
    for sql in (
        schema.OUTBOX,
        schema.INBOX,
        schema.PARKED,
        schema.TIMERS,
        delivery_schema.ENDPOINTS,
        delivery_schema.DELIVERIES,
        idempotency.IDEMPOTENCY,
        HANDOFFS,
        HISTORY,
        PEOPLE,
        QUEUES,
        AGREEMENTS,
        ERASED_LEADS,
    ):
        for statement in schema.statements(sql):
            op.execute(statement)
