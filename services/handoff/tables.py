"""The tables of handoff."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    DateTime,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, UUID

from leadloop import delivery_schema, idempotency, schema

METADATA = MetaData()
schema.standing_tables(METADATA)
delivery_schema.delivery_tables(METADATA)
idempotency.idempotency_table(METADATA)


def _time(name: str, *, nullable: bool = True) -> Column[object]:
    return Column(name, DateTime(timezone=True), nullable=nullable)


HANDOFFS = Table(
    "handoffs",
    METADATA,
    Column("id", UUID(as_uuid=False), primary_key=True),
    Column("lead_id", UUID(as_uuid=False), nullable=False),
    Column("cycle", Integer, nullable=False),
    Column("tier", Text, nullable=False),
    Column("queue", Text, nullable=False),
    Column("agreement_version", Integer, nullable=False),
    Column("state", Text, nullable=False),
    _time("since", nullable=False),
    Column("sequence", Integer, nullable=False),
    Column("owner_id", Text),
    Column("owner_name", Text),
    Column("past_owners", ARRAY(Text), nullable=False),
    Column("reassigned", Integer, nullable=False),
    Column("attempts", Integer, nullable=False),
    _time("clocks_started_at"),
    _time("accept_warned_at"),
    _time("accept_breached_at"),
    _time("accept_met_at"),
    _time("first_attempt_warned_at"),
    _time("first_attempt_breached_at"),
    _time("first_attempt_met_at"),
    _time("due_at"),
    Column("actor", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("refused_by", Text, nullable=False),
    Column("deal_id", Text, nullable=False),
    _time("not_before"),
    _time("received_at"),
    _time("opened_at", nullable=False),
    UniqueConstraint("lead_id", "cycle", name="handoffs_cycle"),
    CheckConstraint("cycle > 0", name="handoffs_cycle_positive"),
    Index("handoffs_waiting", "queue", "id", postgresql_where=text("state = 'queued'")),
    Index(
        "handoffs_open_of_owner",
        "owner_id",
        "id",
        postgresql_where=text("state IN ('assigned', 'accepted')"),
    ),
)
HISTORY = Table(
    "history",
    METADATA,
    Column("handoff_id", UUID(as_uuid=False), primary_key=True),
    Column("sequence", Integer, primary_key=True),
    Column("type", Text, nullable=False),
    _time("occurred_at", nullable=False),
    Column("event", LargeBinary, nullable=False),
)
PEOPLE = Table(
    "people",
    METADATA,
    Column("id", Text, primary_key=True),
    Column("name", Text, nullable=False),
    Column("email", Text),
    Column("queue", Text, nullable=False),
    Column("available", Boolean, nullable=False),
    _time("away_until"),
    Column("received", BigInteger, nullable=False),
    Column("last_assigned_seq", BigInteger, nullable=False),
    _time("last_assigned_at"),
    _time("created_at", nullable=False),
    _time("updated_at", nullable=False),
    Index("people_queue", "queue", "id"),
)
QUEUES = Table(
    "queues",
    METADATA,
    Column("name", Text, primary_key=True),
    Column("id", UUID(as_uuid=False), nullable=False),
    _time("retry_at"),
)
AGREEMENTS = Table(
    "agreements",
    METADATA,
    Column("name", Text, primary_key=True),
    Column("version", Integer, primary_key=True),
    Column("body", LargeBinary, nullable=False),
    _time("signed_at", nullable=False),
    Index("agreements_version", "version", "signed_at"),
)
ERASED_LEADS = Table(
    "erased_leads",
    METADATA,
    Column("lead_id", UUID(as_uuid=False), primary_key=True),
    _time("erased_at", nullable=False),
)
