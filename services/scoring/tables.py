"""The tables of scoring, and their rows as values."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    DateTime,
    Identity,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    false,
    text,
)
from sqlalchemy.dialects.postgresql import UUID

from leadloop import schema
from services.scoring.cycles import Cycle, Stage
from services.scoring.standings import Standing

METADATA = MetaData()
schema.standing_tables(METADATA)

AGREEMENTS = Table(
    "agreements",
    METADATA,
    Column("name", Text, primary_key=True),
    Column("version", Integer, primary_key=True),
    Column("text_sha256", Text, nullable=False),
    Column("body", LargeBinary, nullable=False),
    Column("signed_at", DateTime(timezone=True), nullable=False),
    CheckConstraint("version > 0", name="agreements_version_positive"),
    Index("agreements_newest", "version", "signed_at"),
)
LEADS = Table(
    "leads",
    METADATA,
    Column("lead_id", UUID(as_uuid=False), primary_key=True),
    Column("revision", Integer, nullable=False),
    Column("lead", LargeBinary),
    Column("touch", LargeBinary),
    Column("standing", LargeBinary, nullable=False),
    Column("scored_version", Integer, nullable=False),
    Column("tier", Text, nullable=False),
    Column("fit", Integer, nullable=False),
    Column("engagement", Integer, nullable=False),
    Column("activity_count", Integer, nullable=False),
    Column("received_at", DateTime(timezone=True)),
    Column("cycle", Integer, nullable=False),
    Column("cycle_count", Integer, nullable=False),
    Column("stage", Text, nullable=False),
    Column("qualification_id", UUID(as_uuid=False)),
    Column("opened_at", DateTime(timezone=True)),
    Column("closed_at", DateTime(timezone=True)),
    Column("not_before", DateTime(timezone=True)),
    Column("merged_into", UUID(as_uuid=False)),
    Column("part_of", UUID(as_uuid=False)),
    Column("parts", Integer, nullable=False, server_default="0"),
    Column("fades_on", Integer),
    Column("known_at", DateTime(timezone=True)),
    Column("return_reason", Text, nullable=False, server_default=""),
    Column("reopened", Boolean, nullable=False, server_default=false()),
    Index("leads_tier", "tier", "lead_id"),
    Index(
        "leads_scored_version",
        "scored_version",
        "lead_id",
        postgresql_where=text("merged_into IS NULL"),
    ),
    Index("leads_merged_into", "merged_into", postgresql_where=text("merged_into IS NOT NULL")),
)
ACTIVITIES = Table(
    "activities",
    METADATA,
    Column("lead_id", UUID(as_uuid=False), primary_key=True),
    Column("activity_id", Text, primary_key=True),
    Column("body", LargeBinary, nullable=False),
    Column("quarantined", Boolean, nullable=False, server_default=false()),
)
FACTS = Table(
    "facts",
    METADATA,
    Column("lead_id", UUID(as_uuid=False), primary_key=True),
    Column("known_at", DateTime(timezone=True), primary_key=True),
    Column("lead", LargeBinary, nullable=False),
)
CYCLES = Table(
    "cycles",
    METADATA,
    Column("qualification_id", UUID(as_uuid=False), primary_key=True),
    Column("lead_id", UUID(as_uuid=False), nullable=False),
    Column("cycle", Integer, nullable=False),
    Column("tier", Text, nullable=False),
    Column("agreement_version", Integer, nullable=False),
    Column("score", LargeBinary, nullable=False),
    Column("trigger", Text, nullable=False),
    Column("opened_at", DateTime(timezone=True), nullable=False),
    Column("stage", Text, nullable=False),
    Column("closed_at", DateTime(timezone=True)),
    Column("not_before", DateTime(timezone=True)),
    Column("reason", Text, nullable=False),
    Index("cycles_lead", "lead_id", "opened_at"),
    Index("cycles_one_open", "lead_id", unique=True, postgresql_where=text("stage = 'open'")),
)
STUDIES = Table(
    "studies",
    METADATA,
    Column("study_id", UUID(as_uuid=False), primary_key=True),
    Column("kind", Text, nullable=False),
    Column("question_sha256", Text, nullable=False),
    Column("request", Text, nullable=False),
    Column("against", LargeBinary),
    Column("state", Text, nullable=False),
    Column("asked_at", DateTime(timezone=True), nullable=False),
    Column("finished_at", DateTime(timezone=True)),
    Column("step", Text, nullable=False),
    Column("done", Integer, nullable=False),
    Column("total", Integer, nullable=False),
    Column("worker", Text, nullable=False),
    Column("seen_at", DateTime(timezone=True), nullable=False),
    Column("tries", Integer, nullable=False),
    Column("problem", Text, nullable=False),
    Column("found", Text, nullable=False),
    Column("more", Text, nullable=False),
    Column("page", Text, nullable=False),
    CheckConstraint(
        "state IN ('waiting', 'running', 'done', 'refused', 'failed')", name="studies_state"
    ),
    Index(
        "studies_one_at_once",
        "question_sha256",
        unique=True,
        postgresql_where=text("state IN ('waiting', 'running')"),
    ),
    Index("studies_asked", "asked_at"),
)

SHADOWS = Table(
    "shadows",
    METADATA,
    Column("shadow_id", UUID(as_uuid=False), primary_key=True),
    Column("name", Text, nullable=False),
    Column("text_sha256", Text, nullable=False),
    Column("body", LargeBinary, nullable=False),
    Column("slot", Integer, nullable=False),
    Column("started_at", DateTime(timezone=True), nullable=False),
    Column("ends_at", DateTime(timezone=True), nullable=False),
    Column("ended_at", DateTime(timezone=True)),
    CheckConstraint("slot BETWEEN 1 AND 3", name="shadows_slot_exists"),
    Index("shadows_one_a_slot", "slot", unique=True, postgresql_where=text("ended_at IS NULL")),
    Index(
        "shadows_one_a_text",
        "text_sha256",
        unique=True,
        postgresql_where=text("ended_at IS NULL"),
    ),
)
SHADOW_VERDICTS = Table(
    "shadow_verdicts",
    METADATA,
    Column("shadow_id", UUID(as_uuid=False), primary_key=True),
    Column("lead_id", UUID(as_uuid=False), primary_key=True),
    Column("tier", Text, nullable=False),
    Column("fit", Integer, nullable=False),
    Column("engagement", Integer, nullable=False),
    Column("live_tier", Text, nullable=False),
    Column("live_fit", Integer, nullable=False),
    Column("live_engagement", Integer, nullable=False),
    Column("live_version", Integer, nullable=False),
    Column("reasons", LargeBinary, nullable=False),
    Column("judged_at", DateTime(timezone=True), nullable=False),
    Column("fades_on", Integer),
    Column("first_differed_at", DateTime(timezone=True)),
    Column("first_qualified_at", DateTime(timezone=True)),
    Column("live_qualified_at", DateTime(timezone=True)),
    Index(
        "shadow_verdicts_differed",
        "shadow_id",
        "lead_id",
        postgresql_where=text("first_differed_at IS NOT NULL"),
    ),
    Index(
        "shadow_verdicts_fades",
        "shadow_id",
        "fades_on",
        postgresql_where=text("fades_on IS NOT NULL"),
    ),
    Index("shadow_verdicts_lead", "lead_id"),
)
SHADOW_QUEUE = Table(
    "shadow_queue",
    METADATA,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("lead_id", UUID(as_uuid=False), nullable=False),
)

MODELS = Table(
    "models",
    METADATA,
    Column("version", Text, primary_key=True),
    Column("sha256", Text, nullable=False),
    Column("body", LargeBinary, nullable=False),
    Column("learned_from", Integer, nullable=False),
    Column("won", Integer, nullable=False),
    Column("until", Text, nullable=False),
    Column("note", Text, nullable=False),
    Column("created_at", DateTime(timezone=True), nullable=False),
    Column("rescored_to", UUID(as_uuid=False)),
)


class LeadState(NamedTuple):
    """All that scoring keeps of a lead; revision 0 means that it is not stored yet.

    Attributes:
        lead: The newest lead, as the contract serialises it; None before the first capture.
        touch: The newest touch, likewise.
        scored_version: The agreement under which it stands; 0 before the first agreement.
        received_at: When intake received the newest message about it.
        merged_into: The lead that stands for this one; empty while it stands alone.
        part_of: The lead that it was merged into itself, before that one was merged further.
        parts: Records that this lead stands for besides its own.
        fades_on: The day, since the EPOCH of tallies, when time alone may change its tier; None
            when none is near.
        known_at: Since when `lead` is known; None before the first capture.
    """

    lead_id: str
    revision: int = 0
    lead: bytes | None = None
    touch: bytes | None = None
    standing: Standing = Standing()
    scored_version: int = 0
    tier: str = ""
    fit: int = 0
    engagement: int = 0
    activity_count: int = 0
    received_at: datetime | None = None
    cycle: Cycle = Cycle()
    merged_into: str = ""
    part_of: str = ""
    parts: int = 0
    fades_on: int | None = None
    known_at: datetime | None = None


class Stored(NamedTuple):
    """An activity in the ledger, as the contract serialises it.

    Attributes:
        lead_id: When it is read, the lead that stands for the record that it came in under.
    """

    lead_id: str
    activity_id: str
    body: bytes


class CycleRecord(NamedTuple):
    """One cycle in a lead's history; `score` is the one that it was opened with, serialised."""

    qualification_id: str
    lead_id: str
    cycle: int
    tier: str
    agreement_version: int
    score: bytes
    trigger: str
    opened_at: datetime
    stage: str = Stage.OPEN
    closed_at: datetime | None = None
    not_before: datetime | None = None
    reason: str = ""


class Known(NamedTuple):
    """What was known of a lead since a moment, until something else was."""

    lead_id: str
    known_at: datetime
    lead: bytes


class Closing(NamedTuple):
    """How a cycle ended."""

    qualification_id: str
    stage: str
    closed_at: datetime
    not_before: datetime | None = None
    reason: str = ""


def own_cycle(records: Sequence[CycleRecord]) -> Cycle:
    """Return where a lead's cycles stand by their records, the oldest first."""
    if not records:
        return Cycle()
    newest = records[-1]
    return Cycle(
        newest.cycle,
        max(record.cycle for record in records),
        Stage(newest.stage),
        newest.qualification_id,
        newest.opened_at,
        newest.closed_at,
        newest.not_before,
    )
