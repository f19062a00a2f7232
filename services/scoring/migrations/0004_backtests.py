"""Backtests that were asked for, how far they are and what they found."""

from alembic import op

from leadloop import schema

revision = "scoring_0004"
down_revision = "scoring_0003"

# A text that is being tried is not tried a second time at once.
BACKTESTS = """
CREATE TABLE backtests (
    backtest_id uuid NOT NULL,
    text_sha256 text NOT NULL,
    people integer NOT NULL,
    body bytea NOT NULL,
    against bytea,
    state text NOT NULL,
    asked_at timestamptz NOT NULL,
    finished_at timestamptz,
    leads_done integer NOT NULL,
    leads_total integer NOT NULL,
    worker text NOT NULL,
    seen_at timestamptz NOT NULL,
    found text NOT NULL,
    page text NOT NULL,
    CONSTRAINT backtests_pkey PRIMARY KEY (backtest_id),
    CONSTRAINT backtests_state CHECK (state IN ('waiting', 'running', 'done', 'failed'))
);
CREATE UNIQUE INDEX backtests_one_at_once ON backtests (text_sha256, people)
    WHERE state IN ('waiting', 'running');
CREATE INDEX backtests_asked ON backtests (asked_at)
"""


def upgrade() -> None:
    """Create the table."""
    for statement in schema.statements(BACKTESTS):
        op.execute(statement)
