"""The first tables of scoring."""

from alembic import op

from leadloop import schema

revision = "scoring_0001"
down_revision = None

AGREEMENTS = """
CREATE TABLE agreements (
    name text NOT NULL,
    version integer NOT NULL,
    text_sha256 text NOT NULL,
    body bytea NOT NULL,
    signed_at timestamptz NOT NULL,
    CONSTRAINT agreements_pkey PRIMARY KEY (name, version),
    CONSTRAINT agreements_version_positive CHECK (version > 0)
);
CREATE INDEX agreements_newest ON agreements (version, signed_at)
"""

# A lead's row is small and written often; the free space keeps its updates on the same page.
LEADS = """
CREATE TABLE leads (
    lead_id uuid NOT NULL,
    revision integer NOT NULL,
    lead bytea,
    touch bytea,
    standing bytea NOT NULL,
    scored_version integer NOT NULL,
    tier text NOT NULL,
    fit integer NOT NULL,
    engagement integer NOT NULL,
    activity_count integer NOT NULL,
    received_at timestamptz,
    cycle integer NOT NULL,
    cycle_count integer NOT NULL,
    stage text NOT NULL,
    qualification_id uuid,
    opened_at timestamptz,
    closed_at timestamptz,
    not_before timestamptz,
    merged_into uuid,
    CONSTRAINT leads_pkey PRIMARY KEY (lead_id),
    CONSTRAINT leads_open_has_qualification
        CHECK (stage <> 'open' OR qualification_id IS NOT NULL),
    CONSTRAINT leads_not_merged_into_itself CHECK (merged_into <> lead_id)
) WITH (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.05,
        autovacuum_analyze_scale_factor = 0.02);
CREATE INDEX leads_tier ON leads (tier, lead_id);
CREATE INDEX leads_scored_version ON leads (scored_version, lead_id) WHERE merged_into IS NULL;
CREATE INDEX leads_merged_into ON leads (merged_into) WHERE merged_into IS NOT NULL
"""

ACTIVITIES = """
CREATE TABLE activities (
    lead_id uuid NOT NULL,
    activity_id text NOT NULL,
    body bytea NOT NULL,
    CONSTRAINT activities_pkey PRIMARY KEY (lead_id, activity_id)
)
"""

# At most one cycle of a lead is open: the last index holds it, whatever the code believes.
CYCLES = """
CREATE TABLE cycles (
    qualification_id uuid NOT NULL,
    lead_id uuid NOT NULL,
    cycle integer NOT NULL,
    tier text NOT NULL,
    agreement_version integer NOT NULL,
    score bytea NOT NULL,
    trigger text NOT NULL,
    opened_at timestamptz NOT NULL,
    stage text NOT NULL,
    closed_at timestamptz,
    not_before timestamptz,
    reason text NOT NULL,
    CONSTRAINT cycles_pkey PRIMARY KEY (qualification_id)
);
CREATE INDEX cycles_lead ON cycles (lead_id, opened_at);
CREATE UNIQUE INDEX cycles_one_open ON cycles (lead_id) WHERE stage = 'open'
"""


def upgrade() -> None:
    """Create the standing tables and scoring's own."""
    standing = (schema.OUTBOX, schema.INBOX, schema.PARKED, schema.TIMERS)
    for sql in (*standing, AGREEMENTS, LEADS, ACTIVITIES, CYCLES):
        for statement in schema.statements(sql):
            op.execute(statement)
