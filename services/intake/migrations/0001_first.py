"""Captures, leads, and who is who at the sources."""

from alembic import op

from leadloop import schema
from leadloop.idempotency import IDEMPOTENCY
from leadloop.schema import statements

revision = "intake_0001"
down_revision = None

LEADS = """
CREATE TABLE leads (
    id uuid NOT NULL,
    email text NOT NULL,
    first_name text NOT NULL,
    last_name text NOT NULL,
    phone text NOT NULL,
    company text NOT NULL,
    job_title text NOT NULL,
    country text NOT NULL,
    consent smallint NOT NULL,
    attributes jsonb NOT NULL,
    told jsonb NOT NULL,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    CONSTRAINT leads_pkey PRIMARY KEY (id),
    CONSTRAINT leads_email UNIQUE (email),
    CONSTRAINT leads_email_is_normal CHECK (email <> '' AND email = lower(email)),
    CONSTRAINT leads_consent_is_known CHECK (consent BETWEEN 0 AND 2)
) WITH (fillfactor = 80, autovacuum_analyze_scale_factor = 0.05)
"""

# A payload of several messages is kept once, here; one of a single message is in its capture.
PAYLOADS = """
CREATE TABLE payloads (
    id uuid NOT NULL,
    raw bytea NOT NULL,
    CONSTRAINT payloads_pkey PRIMARY KEY (id)
)
"""

# `recurrence` is a hash of what a repeated delivery repeats; it is unique, so that of two
# deliveries at once only one is kept. Payloads are kept as they come: compressing them would
# cost more of the processor than all else that is done with them. Those that are unmatched have
# one index only, so that whoever is named at last is looked up by name and not by state.
CAPTURES = """
CREATE TABLE captures (
    id uuid NOT NULL,
    recurrence uuid NOT NULL,
    source text NOT NULL,
    received_at timestamptz NOT NULL,
    state text NOT NULL,
    position integer NOT NULL,
    payload_id uuid,
    raw bytea,
    headers jsonb NOT NULL,
    external_id text NOT NULL,
    lead_id uuid,
    occurred_at timestamptz,
    activity_kind text,
    touch jsonb,
    error jsonb,
    CONSTRAINT captures_pkey PRIMARY KEY (id),
    CONSTRAINT captures_recurrence UNIQUE (recurrence),
    CONSTRAINT captures_state_is_known
        CHECK (state IN ('recorded', 'unmatched', 'parked', 'ignored')),
    CONSTRAINT captures_keep_raw CHECK ((raw IS NULL) <> (payload_id IS NULL)),
    CONSTRAINT captures_recorded_have_a_lead
        CHECK ((state = 'recorded') = (lead_id IS NOT NULL)),
    CONSTRAINT captures_parked_say_why CHECK (state <> 'parked' OR error IS NOT NULL)
);
ALTER TABLE captures ALTER COLUMN raw SET STORAGE EXTERNAL;
CREATE INDEX captures_lead ON captures (lead_id) WHERE lead_id IS NOT NULL;
CREATE INDEX captures_aside ON captures (state, id) WHERE state IN ('parked', 'ignored');
CREATE INDEX captures_unmatched ON captures (source, external_id) WHERE state = 'unmatched'
"""

# Without a lead: somebody of whom a source spoke before it told an e-mail address.
IDENTITIES = """
CREATE TABLE identities (
    source text NOT NULL,
    external_id text NOT NULL,
    lead_id uuid,
    CONSTRAINT identities_pkey PRIMARY KEY (source, external_id)
);
CREATE INDEX identities_lead ON identities (lead_id) WHERE lead_id IS NOT NULL
"""


def upgrade() -> None:
    standing = (schema.OUTBOX, schema.INBOX, schema.PARKED, schema.TIMERS, IDEMPOTENCY)
    for sql in (*standing, LEADS, PAYLOADS, CAPTURES, IDENTITIES):
        for statement in statements(sql):
            op.execute(statement)
