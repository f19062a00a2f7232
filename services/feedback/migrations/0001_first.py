"""The standing tables, the agreements, what is known of leads, cycles, clocks and deals."""

from alembic import op

from leadloop import delivery_schema, idempotency, schema
from leadloop.schema import statements

revision = "feedback_0001"
down_revision = None

# The partial index holds the rule: one open proposal for each name. Positions say which one is
# the newest, also of two that came within one millisecond.
AGREEMENTS = """
CREATE TABLE agreements (
    name text NOT NULL,
    version integer NOT NULL,
    CONSTRAINT agreements_pkey PRIMARY KEY (name),
    CONSTRAINT agreements_version CHECK (version >= 0)
);
CREATE TABLE proposals (
    position bigint GENERATED ALWAYS AS IDENTITY,
    id uuid NOT NULL,
    name text NOT NULL,
    text text NOT NULL,
    text_sha256 text NOT NULL,
    marketing_signer text NOT NULL,
    sales_signer text NOT NULL,
    proposed_at timestamptz NOT NULL,
    replaced_at timestamptz,
    version integer,
    signed_at timestamptz,
    contract bytea,
    CONSTRAINT proposals_pkey PRIMARY KEY (id),
    CONSTRAINT proposals_position UNIQUE (position),
    CONSTRAINT proposals_name FOREIGN KEY (name) REFERENCES agreements (name),
    CONSTRAINT proposals_version UNIQUE (name, version),
    CONSTRAINT proposals_signed CHECK ((version IS NULL) = (signed_at IS NULL)
        AND (version IS NULL) = (contract IS NULL)),
    CONSTRAINT proposals_end CHECK (version IS NULL OR replaced_at IS NULL)
);
CREATE UNIQUE INDEX proposals_open ON proposals (name)
    WHERE version IS NULL AND replaced_at IS NULL;
CREATE INDEX proposals_text ON proposals (name, text_sha256);
CREATE TABLE signatures (
    proposal_id uuid NOT NULL,
    side text NOT NULL,
    signer text NOT NULL,
    comment text NOT NULL,
    signed_at timestamptz NOT NULL,
    CONSTRAINT signatures_pkey PRIMARY KEY (proposal_id, side),
    CONSTRAINT signatures_proposal FOREIGN KEY (proposal_id) REFERENCES proposals (id),
    CONSTRAINT signatures_side CHECK (side IN ('marketing', 'sales'))
)
"""

LEADS = """
CREATE TABLE leads (
    lead_id uuid NOT NULL,
    captured_at timestamptz,
    source text,
    first_touch_at timestamptz,
    first_campaign text,
    last_touch_at timestamptz,
    last_campaign text,
    last_touch bytea,
    merged_at timestamptz,
    merged_into uuid,
    erased_at timestamptz,
    CONSTRAINT leads_pkey PRIMARY KEY (lead_id)
) WITH (fillfactor = 90);
CREATE INDEX leads_captured_at ON leads USING brin (captured_at);
CREATE INDEX leads_merged_into ON leads (merged_into) WHERE merged_into IS NOT NULL
"""

# Updated in place some five times each: the free space keeps the updates within their page.
CYCLES = """
CREATE TABLE cycles (
    lead_id uuid NOT NULL,
    cycle integer NOT NULL,
    handoff_id uuid,
    tier text,
    qualified_at timestamptz,
    is_complete boolean,
    routed_at timestamptz,
    owner_sequence integer NOT NULL DEFAULT 0,
    owner_id text,
    accepted_at timestamptz,
    attempted_at timestamptz,
    rejected_at timestamptz,
    recycled_at timestamptz,
    converted_at timestamptz,
    disqualified_at timestamptz,
    withdrawn_at timestamptz,
    reason_sequence integer NOT NULL DEFAULT 0,
    reason text,
    reason_label text,
    consequence smallint,
    CONSTRAINT cycles_pkey PRIMARY KEY (lead_id, cycle)
) WITH (fillfactor = 60);
CREATE INDEX cycles_handoff_id ON cycles (handoff_id) WHERE handoff_id IS NOT NULL
"""

CLOCKS = """
CREATE TABLE clocks (
    handoff_id uuid NOT NULL,
    kind smallint NOT NULL,
    started_at timestamptz NOT NULL,
    lead_id uuid NOT NULL,
    cycle integer NOT NULL,
    due_at timestamptz NOT NULL,
    allowed_seconds integer NOT NULL,
    warned_at timestamptz,
    breached_at timestamptz,
    met_at timestamptz,
    used_seconds integer,
    is_late boolean,
    CONSTRAINT clocks_pkey PRIMARY KEY (handoff_id, kind, started_at)
) WITH (fillfactor = 70);
CREATE INDEX clocks_started_at ON clocks USING brin (started_at)
"""

DEALS = """
CREATE TABLE deals (
    deal_id text NOT NULL,
    lead_id uuid NOT NULL,
    handoff_id uuid,
    stage text NOT NULL,
    value_cents bigint NOT NULL,
    currency text NOT NULL,
    reason text NOT NULL,
    opened_at timestamptz,
    closed_at timestamptz,
    CONSTRAINT deals_pkey PRIMARY KEY (deal_id),
    CONSTRAINT deals_stage CHECK (stage IN ('opened', 'won', 'lost')),
    CONSTRAINT deals_closed CHECK ((stage = 'opened') = (closed_at IS NULL)),
    CONSTRAINT deals_value CHECK (value_cents >= 0)
);
CREATE INDEX deals_lead_id ON deals (lead_id)
"""

# Events are kept as their bytes, without the person's contact; sentences are made on reading.
# Bytes are written once and never searched; compressing them would cost more than it saves.
TIMELINE = """
CREATE TABLE timeline (
    lead_id uuid NOT NULL,
    at timestamptz NOT NULL,
    place integer NOT NULL,
    event_id uuid NOT NULL,
    type text NOT NULL,
    value bytea NOT NULL,
    CONSTRAINT timeline_pkey PRIMARY KEY (lead_id, at, place, event_id)
);
ALTER TABLE timeline ALTER COLUMN value SET STORAGE EXTERNAL;
CREATE INDEX timeline_outcomes ON timeline (event_id)
    WHERE type IN ('DealOpened', 'DealWon', 'DealLost', 'LeadReturned', 'FeedbackGiven')
"""

_STANDING = (
    schema.OUTBOX,
    schema.INBOX,
    schema.PARKED,
    schema.TIMERS,
    idempotency.IDEMPOTENCY,
    delivery_schema.ENDPOINTS,
    delivery_schema.DELIVERIES,
)


def upgrade() -> None:
    """Create everything."""
    for sql in (*_STANDING, AGREEMENTS, LEADS, CYCLES, CLOCKS, DEALS, TIMELINE):
        for statement in statements(sql):
            op.execute(statement)
