"""Proposed agreements that score live traffic without effect, beside the one in force."""

from alembic import op

from leadloop import schema

revision = "scoring_0003"
down_revision = "scoring_0002"

# A running one has a slot: so there are never more of them than slots, whoever starts them.
SHADOWS = """
CREATE TABLE shadows (
    shadow_id uuid NOT NULL,
    name text NOT NULL,
    text_sha256 text NOT NULL,
    body bytea NOT NULL,
    slot integer NOT NULL,
    started_at timestamptz NOT NULL,
    ends_at timestamptz NOT NULL,
    ended_at timestamptz,
    CONSTRAINT shadows_pkey PRIMARY KEY (shadow_id),
    CONSTRAINT shadows_slot_exists CHECK (slot BETWEEN 1 AND 3)
);
CREATE UNIQUE INDEX shadows_one_a_slot ON shadows (slot) WHERE ended_at IS NULL;
CREATE UNIQUE INDEX shadows_one_a_text ON shadows (text_sha256) WHERE ended_at IS NULL
"""
VERDICTS = """
CREATE TABLE shadow_verdicts (
    shadow_id uuid NOT NULL,
    lead_id uuid NOT NULL,
    tier text NOT NULL,
    fit integer NOT NULL,
    engagement integer NOT NULL,
    live_tier text NOT NULL,
    live_fit integer NOT NULL,
    live_engagement integer NOT NULL,
    live_version integer NOT NULL,
    reasons bytea NOT NULL,
    judged_at timestamptz NOT NULL,
    fades_on integer,
    first_differed_at timestamptz,
    first_qualified_at timestamptz,
    live_qualified_at timestamptz,
    CONSTRAINT shadow_verdicts_pkey PRIMARY KEY (shadow_id, lead_id)
);
CREATE INDEX shadow_verdicts_differed ON shadow_verdicts (shadow_id, lead_id)
    WHERE first_differed_at IS NOT NULL;
CREATE INDEX shadow_verdicts_fades ON shadow_verdicts (shadow_id, fades_on)
    WHERE fades_on IS NOT NULL;
CREATE INDEX shadow_verdicts_lead ON shadow_verdicts (lead_id)
"""
# Nothing in it is unique, so that who adds to it never waits for who takes from it.
QUEUE = """
CREATE TABLE shadow_queue (
    id bigint GENERATED ALWAYS AS IDENTITY,
    lead_id uuid NOT NULL,
    CONSTRAINT shadow_queue_pkey PRIMARY KEY (id)
) WITH (autovacuum_vacuum_scale_factor = 0.05)
"""


def upgrade() -> None:
    """Add what shadows need."""
    for sql in (SHADOWS, VERDICTS, QUEUE):
        for statement in schema.statements(sql):
            op.execute(statement)
