"""Studies that were asked for: backtests, simulations, lessons; backtests no longer apart."""

from alembic import op

from leadloop import schema

revision = "scoring_0006"
down_revision = "scoring_0005"

# What is kept of backtests are answers to questions that can be asked again; the oldest of them
# are dropped as new ones come in any case.
STUDIES = """
DROP TABLE backtests;
CREATE TABLE studies (
    study_id uuid NOT NULL,
    kind text NOT NULL,
    question_sha256 text NOT NULL,
    request text NOT NULL,
    against bytea,
    state text NOT NULL,
    asked_at timestamptz NOT NULL,
    finished_at timestamptz,
    step text NOT NULL,
    done integer NOT NULL,
    total integer NOT NULL,
    worker text NOT NULL,
    seen_at timestamptz NOT NULL,
    tries integer NOT NULL,
    problem text NOT NULL,
    found text NOT NULL,
    more text NOT NULL,
    page text NOT NULL,
    CONSTRAINT studies_pkey PRIMARY KEY (study_id),
    CONSTRAINT studies_state
        CHECK (state IN ('waiting', 'running', 'done', 'refused', 'failed'))
);
CREATE UNIQUE INDEX studies_one_at_once ON studies (question_sha256)
    WHERE state IN ('waiting', 'running');
CREATE INDEX studies_asked ON studies (asked_at)
"""


def upgrade() -> None:
    """Replace the table."""
    for statement in schema.statements(STUDIES):
        op.execute(statement)
