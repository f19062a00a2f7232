"""Feedback's tables, as its statements name them and as the drift test compares them."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    DateTime,
    ForeignKeyConstraint,
    Identity,
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
from sqlalchemy.dialects.postgresql import UUID

from leadloop.delivery_schema import delivery_tables
from leadloop.idempotency import idempotency_table
from leadloop.schema import standing_tables

METADATA = MetaData()
standing_tables(METADATA)
idempotency_table(METADATA)
delivery_tables(METADATA)


def _id(name: str, *, primary_key: bool = False, nullable: bool = False) -> Column[str]:
    return Column(name, UUID(as_uuid=False), primary_key=primary_key, nullable=nullable)


def _time(name: str, *, nullable: bool = True) -> Column[object]:
    return Column(name, DateTime(timezone=True), nullable=nullable)


Table(
    "agreements",
    METADATA,
    Column("name", Text, primary_key=True),
    Column("version", Integer, nullable=False),
)

Table(
    "proposals",
    METADATA,
    Column("position", BigInteger, Identity(always=True), nullable=False),
    _id("id", primary_key=True),
    Column("name", Text, nullable=False),
    Column("text", Text, nullable=False),
    Column("text_sha256", Text, nullable=False),
    Column("marketing_signer", Text, nullable=False),
    Column("sales_signer", Text, nullable=False),
    _time("proposed_at", nullable=False),
    _time("replaced_at"),
    Column("version", Integer),
    _time("signed_at"),
    Column("contract", LargeBinary),
    ForeignKeyConstraint(["name"], ["agreements.name"], name="proposals_name"),
    UniqueConstraint("position", name="proposals_position"),
    UniqueConstraint("name", "version", name="proposals_version"),
    Index(
        "proposals_open",
        "name",
        unique=True,
        postgresql_where=text("version IS NULL AND replaced_at IS NULL"),
    ),
    Index("proposals_text", "name", "text_sha256"),
)

Table(
    "signatures",
    METADATA,
    _id("proposal_id", primary_key=True),
    Column("side", Text, primary_key=True),
    Column("signer", Text, nullable=False),
    Column("comment", Text, nullable=False),
    _time("signed_at", nullable=False),
    ForeignKeyConstraint(["proposal_id"], ["proposals.id"], name="signatures_proposal"),
)

Table(
    "leads",
    METADATA,
    _id("lead_id", primary_key=True),
    _time("captured_at"),
    Column("source", Text),
    _time("first_touch_at"),
    Column("first_campaign", Text),
    _time("last_touch_at"),
    Column("last_campaign", Text),
    Column("last_touch", LargeBinary),
    _time("merged_at"),
    _id("merged_into", nullable=True),
    _time("erased_at"),
    Index("leads_captured_at", "captured_at", postgresql_using="brin"),
    Index("leads_merged_into", "merged_into", postgresql_where=text("merged_into IS NOT NULL")),
)

Table(
    "cycles",
    METADATA,
    _id("lead_id", primary_key=True),
    Column("cycle", Integer, primary_key=True),
    _id("handoff_id", nullable=True),
    Column("tier", Text),
    _time("qualified_at"),
    Column("is_complete", Boolean),
    Column("missing", Text),
    _time("routed_at"),
    Column("owner_sequence", Integer, nullable=False, server_default="0"),
    Column("owner_id", Text),
    _time("accepted_at"),
    _time("attempted_at"),
    _time("rejected_at"),
    _time("recycled_at"),
    _time("converted_at"),
    _time("disqualified_at"),
    _time("withdrawn_at"),
    Column("reason_sequence", Integer, nullable=False, server_default="0"),
    Column("reason", Text),
    Column("reason_label", Text),
    Column("consequence", SmallInteger),
    Index("cycles_handoff_id", "handoff_id", postgresql_where=text("handoff_id IS NOT NULL")),
)

Table(
    "clocks",
    METADATA,
    _id("handoff_id", primary_key=True),
    Column("kind", SmallInteger, primary_key=True),
    Column("started_at", DateTime(timezone=True), primary_key=True),
    _id("lead_id"),
    Column("cycle", Integer, nullable=False),
    _time("due_at", nullable=False),
    Column("allowed_seconds", Integer, nullable=False),
    _time("warned_at"),
    _time("breached_at"),
    _time("met_at"),
    Column("used_seconds", Integer),
    Column("is_late", Boolean),
    Index("clocks_started_at", "started_at", postgresql_using="brin"),
)

Table(
    "deals",
    METADATA,
    Column("deal_id", Text, primary_key=True),
    _id("lead_id"),
    _id("handoff_id", nullable=True),
    Column("stage", Text, nullable=False),
    Column("value_cents", BigInteger, nullable=False),
    Column("currency", Text, nullable=False),
    Column("reason", Text, nullable=False),
    _time("opened_at"),
    _time("closed_at"),
    Index("deals_lead_id", "lead_id"),
)

OUTCOME_TYPES = ("DealOpened", "DealWon", "DealLost", "LeadReturned", "FeedbackGiven")

Table(
    "timeline",
    METADATA,
    _id("lead_id", primary_key=True),
    Column("at", DateTime(timezone=True), primary_key=True),
    Column("place", Integer, primary_key=True),
    _id("event_id", primary_key=True),
    Column("type", Text, nullable=False),
    Column("value", LargeBinary, nullable=False),
    Index(
        "timeline_outcomes",
        "event_id",
        postgresql_where=text(f"type IN {OUTCOME_TYPES}"),
    ),
)
