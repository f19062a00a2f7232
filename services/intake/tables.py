"""The tables of intake as its migrations make them; a test holds the two together."""

from sqlalchemy import (
    CheckConstraint,
    Column,
    DateTime,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    SmallInteger,
    Table,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB, UUID

from leadloop import schema
from leadloop.idempotency import idempotency_table

METADATA = MetaData()
schema.standing_tables(METADATA)
idempotency_table(METADATA)

LEADS = Table(
    "leads",
    METADATA,
    Column("id", UUID(as_uuid=False), primary_key=True),
    Column("email", Text, nullable=False),
    Column("first_name", Text, nullable=False),
    Column("last_name", Text, nullable=False),
    Column("phone", Text, nullable=False),
    Column("company", Text, nullable=False),
    Column("job_title", Text, nullable=False),
    Column("country", Text, nullable=False),
    Column("consent", SmallInteger, nullable=False),
    Column("attributes", JSONB, nullable=False),
    Column("told", JSONB, nullable=False),
    Column("created_at", DateTime(timezone=True), nullable=False),
    Column("updated_at", DateTime(timezone=True), nullable=False),
    UniqueConstraint("email", name="leads_email"),
    CheckConstraint("email <> '' AND email = lower(email)", name="leads_email_is_normal"),
    CheckConstraint("consent BETWEEN 0 AND 2", name="leads_consent_is_known"),
)
PAYLOADS = Table(
    "payloads",
    METADATA,
    Column("id", UUID(as_uuid=False), primary_key=True),
    Column("raw", LargeBinary, nullable=False),
)
CAPTURES = Table(
    "captures",
    METADATA,
    Column("id", UUID(as_uuid=False), primary_key=True),
    Column("recurrence", UUID(as_uuid=False), nullable=False),
    Column("source", Text, nullable=False),
    Column("received_at", DateTime(timezone=True), nullable=False),
    Column("state", Text, nullable=False),
    Column("position", Integer, nullable=False),
    Column("payload_id", UUID(as_uuid=False)),
    Column("raw", LargeBinary),
    Column("headers", JSONB, nullable=False),
    Column("external_id", Text, nullable=False),
    Column("lead_id", UUID(as_uuid=False)),
    Column("occurred_at", DateTime(timezone=True)),
    Column("activity_kind", Text),
    Column("touch", JSONB),
    Column("error", JSONB),
    UniqueConstraint("recurrence", name="captures_recurrence"),
    Index("captures_lead", "lead_id", postgresql_where=text("lead_id IS NOT NULL")),
    Index(
        "captures_aside",
        "state",
        "id",
        postgresql_where=text("state IN ('parked', 'ignored')"),
    ),
    Index(
        "captures_unmatched",
        "source",
        "external_id",
        postgresql_where=text("state = 'unmatched'"),
    ),
)
IDENTITIES = Table(
    "identities",
    METADATA,
    Column("source", Text, primary_key=True),
    Column("external_id", Text, primary_key=True),
    Column("lead_id", UUID(as_uuid=False)),
    Index("identities_lead", "lead_id", postgresql_where=text("lead_id IS NOT NULL")),
)
