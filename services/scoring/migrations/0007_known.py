"""What is known of a lead now stands in its row alone; facts keeps what was known before."""

from alembic import op

from leadloop import schema

revision = "scoring_0007"
down_revision = "scoring_0006"

# The newest of each lead moves to the lead, which holds the same bytes.
KNOWN = """
ALTER TABLE leads ADD COLUMN known_at timestamptz;
UPDATE leads SET known_at = newest.known_at
FROM (SELECT lead_id, max(known_at) AS known_at FROM facts GROUP BY lead_id) AS newest
WHERE leads.lead_id = newest.lead_id AND leads.lead IS NOT NULL;
DELETE FROM facts USING leads
WHERE facts.lead_id = leads.lead_id AND facts.known_at = leads.known_at;
CREATE VIEW known_facts AS
    SELECT lead_id, known_at, lead FROM facts
    UNION ALL
    SELECT lead_id, known_at, lead FROM leads WHERE known_at IS NOT NULL
"""


def upgrade() -> None:
    """Move the newest facts, and show all of them together."""
    for statement in schema.statements(KNOWN):
        op.execute(statement)
