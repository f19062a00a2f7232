"""The ledger stays where it came in; facts with their times, quarantine, merges to undo.

A row of the ledger belongs to the record that it came in under, for good; who reads a person's
ledger reads those of all its records. So a merge and its undoing move nothing.
"""

from alembic import op

from leadloop import schema

revision = "scoring_0002"
down_revision = "scoring_0001"

# What was known of a lead and since when, for scores of the past.
FACTS = """
CREATE TABLE facts (
    lead_id uuid NOT NULL,
    known_at timestamptz NOT NULL,
    lead bytea NOT NULL,
    CONSTRAINT facts_pkey PRIMARY KEY (lead_id, known_at)
)
"""
CHANGES = """
ALTER TABLE activities ADD COLUMN quarantined boolean NOT NULL DEFAULT false;
ALTER TABLE leads ADD COLUMN part_of uuid;
ALTER TABLE leads ADD COLUMN parts integer NOT NULL DEFAULT 0;
ALTER TABLE leads ADD COLUMN fades_on integer;
ALTER TABLE leads ADD COLUMN return_reason text NOT NULL DEFAULT '';
ALTER TABLE leads ADD COLUMN reopened boolean NOT NULL DEFAULT false
"""


def upgrade() -> None:
    """Add what merges, quarantines and scores of the past need."""
    for sql in (FACTS, CHANGES):
        for statement in schema.statements(sql):
            op.execute(statement)
