"""What feedback knows of leads, cycles, clocks, deals and timelines: one statement a batch."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from typing import NamedTuple

from sqlalchemy import text

from leadloop.connection import Connection
from leadloop.paging import LEAST_ID
from services.feedback.facts import ClockFact, CycleFact, LeadFact
from services.feedback.rules import Deal, Stage
from services.feedback.upserts import CLOCKS, CYCLES, statement, told

# Writers of timelines share this lock; forgetting a lead takes it alone, so that no entry can
# slip in between its look at the timeline and its mark on the lead.
_TIMELINE_LOCK = 0x4C4D_7469
_DEAL_LOCK_SPACE = 0x4C4D_6465
# Whoever got a person before that is told by the id.
HANDOVERS_MAX = 200

_SHARE_TIMELINE = text("SELECT pg_advisory_xact_lock_shared(:lock)")
_OWN_TIMELINE = text("SELECT pg_advisory_xact_lock(:lock)")

_ADD_ENTRIES = text("""
INSERT INTO timeline (lead_id, at, place, event_id, type, value)
SELECT lead_id, at, place, event_id, type, value
FROM unnest(CAST(:lead_ids AS uuid[]), CAST(:ats AS timestamptz[]), CAST(:places AS int[]),
            CAST(:event_ids AS uuid[]), CAST(:types AS text[]), CAST(:values AS bytea[]))
     AS entry (lead_id, at, place, event_id, type, value)
WHERE NOT EXISTS (
    SELECT FROM leads WHERE leads.lead_id = entry.lead_id AND leads.erased_at IS NOT NULL)
ON CONFLICT DO NOTHING
""")

# Says in SQL what LeadFact.plus says in Python. Text is compared by code point in both.
_ADD_LEADS = text("""
INSERT INTO leads AS old (lead_id, captured_at, source, first_touch_at, first_campaign,
    last_touch_at, last_campaign, last_touch, merged_at, merged_into)
SELECT * FROM unnest(CAST(:lead_ids AS uuid[]), CAST(:captured_ats AS timestamptz[]),
    CAST(:sources AS text[]), CAST(:first_ats AS timestamptz[]),
    CAST(:first_campaigns AS text[]), CAST(:last_ats AS timestamptz[]),
    CAST(:last_campaigns AS text[]), CAST(:last_touches AS bytea[]),
    CAST(:merged_ats AS timestamptz[]), CAST(:merged_intos AS uuid[]))
ON CONFLICT (lead_id) DO UPDATE SET
    captured_at = LEAST(old.captured_at, excluded.captured_at),
    source = CASE WHEN old.captured_at IS NULL
        OR (excluded.captured_at, excluded.source COLLATE "C")
            < (old.captured_at, old.source COLLATE "C")
        THEN excluded.source ELSE old.source END,
    first_touch_at = LEAST(old.first_touch_at, excluded.first_touch_at),
    first_campaign = CASE WHEN old.first_touch_at IS NULL
        OR (excluded.first_touch_at, excluded.first_campaign COLLATE "C")
            < (old.first_touch_at, old.first_campaign COLLATE "C")
        THEN excluded.first_campaign ELSE old.first_campaign END,
    last_touch_at = GREATEST(old.last_touch_at, excluded.last_touch_at),
    last_campaign = CASE WHEN old.last_touch_at IS NULL
        OR (excluded.last_touch_at, excluded.last_campaign COLLATE "C", excluded.last_touch)
            > (old.last_touch_at, old.last_campaign COLLATE "C", old.last_touch)
        THEN excluded.last_campaign ELSE old.last_campaign END,
    last_touch = CASE WHEN old.last_touch_at IS NULL
        OR (excluded.last_touch_at, excluded.last_campaign COLLATE "C", excluded.last_touch)
            > (old.last_touch_at, old.last_campaign COLLATE "C", old.last_touch)
        THEN excluded.last_touch ELSE old.last_touch END,
    merged_at = GREATEST(old.merged_at, excluded.merged_at),
    merged_into = CASE WHEN old.merged_at IS NULL
        OR (excluded.merged_at, excluded.merged_into) > (old.merged_at, old.merged_into)
        THEN excluded.merged_into ELSE old.merged_into END
WHERE old.erased_at IS NULL
""")

_NEWEST_TOUCHES = text("""
SELECT CAST(lead_id AS text), last_touch FROM leads
WHERE lead_id = ANY(CAST(:lead_ids AS uuid[])) AND last_touch IS NOT NULL
""")

# Who was merged into a forgotten lead is the same person. Rows of leads stay, for the counts
# and so that a late event can't bring the person back.
_ERASE = text("""
WITH RECURSIVE persons (lead_id) AS (
    SELECT unnest(CAST(:lead_ids AS uuid[]))
    UNION SELECT leads.lead_id FROM persons JOIN leads ON leads.merged_into = persons.lead_id
), forgotten AS (
    DELETE FROM timeline USING persons WHERE timeline.lead_id = persons.lead_id
), unsaid AS (
    UPDATE deals SET reason = '' FROM persons
    WHERE deals.lead_id = persons.lead_id AND reason <> ''
)
INSERT INTO leads (lead_id, erased_at) SELECT lead_id, :now FROM persons ORDER BY lead_id
ON CONFLICT (lead_id) DO UPDATE SET erased_at = COALESCE(leads.erased_at, excluded.erased_at),
    last_touch = NULL
""")

_LEAD_OF_HANDOFF = text("""
SELECT CAST(lead_id AS text) AS lead_id FROM cycles
WHERE handoff_id = CAST(:handoff_id AS uuid) LIMIT 1
""")

_KNOWN_LEAD = text("""
SELECT 1 FROM leads WHERE lead_id = CAST(:lead_id AS uuid) AND erased_at IS NULL
""")

_LOCK_DEAL = text("SELECT pg_advisory_xact_lock(:space, hashtext(:deal_id))")

_DEAL = text("""
SELECT deal_id, CAST(lead_id AS text), CAST(handoff_id AS text), stage, value_cents, currency,
    reason, opened_at, closed_at
FROM deals WHERE deal_id = :deal_id
""")

_SAVE_DEAL = text("""
INSERT INTO deals (deal_id, lead_id, handoff_id, stage, value_cents, currency, reason,
    opened_at, closed_at)
VALUES (:deal_id, CAST(:lead_id AS uuid), CAST(:handoff_id AS uuid), :stage, :value_cents,
    :currency, :reason, :opened_at, :closed_at)
ON CONFLICT (deal_id) DO UPDATE SET handoff_id = excluded.handoff_id, stage = excluded.stage,
    value_cents = excluded.value_cents, currency = excluded.currency, reason = excluded.reason,
    opened_at = excluded.opened_at, closed_at = excluded.closed_at
""")

_OUTCOMES = text("""
SELECT CAST(event_id AS text), CAST(lead_id AS text), at, place, type, value FROM timeline
WHERE type IN ('DealOpened', 'DealWon', 'DealLost', 'LeadReturned', 'FeedbackGiven')
    AND event_id < CAST(:before AS uuid)
    AND (CAST(:lead_id AS uuid) IS NULL OR lead_id = CAST(:lead_id AS uuid))
    AND (CAST(:type AS text) IS NULL OR type = CAST(:type AS text))
    AND (CAST(:since AS timestamptz) IS NULL OR at >= CAST(:since AS timestamptz))
    AND (CAST(:until AS timestamptz) IS NULL OR at < CAST(:until AS timestamptz))
ORDER BY event_id DESC LIMIT :limit
""")

# All records of one person, up and down the merges, whichever of them was asked for.
_RECORDS = """
WITH RECURSIVE records (lead_id) AS (
    SELECT CAST(:lead_id AS uuid)
    UNION SELECT kin.lead_id FROM records CROSS JOIN LATERAL (
        SELECT merged_into FROM leads
        WHERE leads.lead_id = records.lead_id AND merged_into IS NOT NULL
        UNION ALL SELECT leads.lead_id FROM leads WHERE merged_into = records.lead_id
    ) AS kin (lead_id)),
entries AS NOT MATERIALIZED (
    SELECT event_id, lead_id, at, place, type, value FROM timeline JOIN records USING (lead_id))
"""

_TIMELINE = text(
    _RECORDS
    + """
SELECT CAST(event_id AS text), CAST(lead_id AS text), at, place, type, value FROM entries
WHERE (at, place, event_id)
    > (CAST(:after AS timestamptz), CAST(:after_place AS int), CAST(:after_id AS uuid))
ORDER BY at, place, event_id LIMIT :limit
"""
)

_SETTING = text(
    _RECORDS  # noqa: S608 (a constant)
    + """
SELECT CAST(event_id AS text), CAST(lead_id AS text), at, place, type, value FROM (
    (SELECT * FROM entries WHERE type = 'LeadCaptured' ORDER BY at, place, event_id LIMIT 1)
    UNION ALL (SELECT * FROM entries WHERE type IN ('HandoffRouted', 'HandoffReassigned')
        ORDER BY at DESC, place DESC, event_id DESC LIMIT :limit)) AS chosen
ORDER BY at, place, event_id
"""
)


class Entry(NamedTuple):
    """One event on a timeline.

    Attributes:
        place: Its rank among events of one moment: causes before what they led to.
        type: Its type's last name.
        value: Its bytes, without the person's contact.
    """

    event_id: str
    lead_id: str
    at: datetime
    place: int
    type: str
    value: bytes


class Spot(NamedTuple):
    """A spot of a timeline: what comes after it is the next page."""

    at: datetime
    place: int
    event_id: str


BEGINNING = Spot(datetime(1, 1, 1, tzinfo=UTC), 0, LEAST_ID)


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which outcomes to list; None stands for any."""

    lead_id: str | None = None
    type: str | None = None
    since: datetime | None = None
    until: datetime | None = None


async def add_entries(connection: Connection, entries: Sequence[Entry]) -> None:
    """Put events on the timelines of leads that are not forgotten."""
    if not entries:
        return
    await connection.execute(_SHARE_TIMELINE, {"lock": _TIMELINE_LOCK})
    await connection.write(
        _ADD_ENTRIES,
        {
            "lead_ids": [entry.lead_id for entry in entries],
            "ats": [entry.at for entry in entries],
            "places": [entry.place for entry in entries],
            "event_ids": [entry.event_id for entry in entries],
            "types": [entry.type for entry in entries],
            "values": [entry.value for entry in entries],
        },
    )


async def add_leads(connection: Connection, facts: Sequence[LeadFact]) -> None:
    """Add facts, one a lead, to what is known."""
    if not facts:
        return
    await connection.write(
        _ADD_LEADS,
        {
            "lead_ids": [fact.lead_id for fact in facts],
            "captured_ats": [fact.captured_at for fact in facts],
            "sources": [fact.source if fact.captured_at else None for fact in facts],
            "first_ats": [fact.first and fact.first.at for fact in facts],
            "first_campaigns": [fact.first and fact.first.campaign for fact in facts],
            "last_ats": [fact.last and fact.last.at for fact in facts],
            "last_campaigns": [fact.last and fact.last.campaign for fact in facts],
            "last_touches": [fact.last and fact.last.touch for fact in facts],
            "merged_ats": [fact.merged_at for fact in facts],
            "merged_intos": [fact.merged_into for fact in facts],
        },
    )


async def add_cycles(connection: Connection, facts: Sequence[CycleFact]) -> None:
    """Add facts, one a cycle, to what is known: in SQL what CycleFact.plus says in Python."""
    if facts:
        columns = told(CYCLES, facts)
        await connection.write(statement("cycles", tuple(columns)), columns)


async def add_clocks(connection: Connection, facts: Sequence[ClockFact]) -> None:
    """Add facts, one a clock, to what is known: in SQL what ClockFact.plus says in Python."""
    if facts:
        columns = told(CLOCKS, facts)
        await connection.write(statement("clocks", tuple(columns)), columns)


async def newest_touches(connection: Connection, lead_ids: Sequence[str]) -> dict[str, bytes]:
    """Return the newest touch of each lead that has one."""
    rows = await connection.execute(_NEWEST_TOUCHES, {"lead_ids": list(lead_ids)})
    return {lead_id: touch for lead_id, touch in rows}


async def erase(connection: Connection, lead_ids: Sequence[str], now: datetime) -> None:
    """Forget leads and all records merged into them: what was said and done, not the counts."""
    await connection.execute(_OWN_TIMELINE, {"lock": _TIMELINE_LOCK})
    await connection.execute(_ERASE, {"lead_ids": list(lead_ids), "now": now})


async def lead_of_handoff(connection: Connection, handoff_id: str) -> str | None:
    """Return the lead of a handoff; None when the handoff is not known."""
    found: str | None = await connection.scalar(_LEAD_OF_HANDOFF, {"handoff_id": handoff_id})
    return found


async def is_known(connection: Connection, lead_id: str) -> bool:
    """Say whether a lead is known and not forgotten."""
    return await connection.scalar(_KNOWN_LEAD, {"lead_id": lead_id}) is not None


async def lock_deal(connection: Connection, deal_id: str) -> Deal | None:
    """Return a deal, None when there is none; either way its id is locked until the commit."""
    await connection.execute(_LOCK_DEAL, {"space": _DEAL_LOCK_SPACE, "deal_id": deal_id})
    return await find_deal(connection, deal_id)


async def find_deal(connection: Connection, deal_id: str) -> Deal | None:
    """Return a deal; None when there is none."""
    row = (await connection.execute(_DEAL, {"deal_id": deal_id})).one_or_none()
    if row is None:
        return None
    deal_id, lead_id, handoff_id, stage, *rest = row
    return Deal(deal_id, lead_id, handoff_id, Stage(stage), *rest)


async def save_deal(connection: Connection, deal: Deal) -> None:
    """Write a deal as it stands."""
    await connection.execute(
        _SAVE_DEAL,
        {field.name: getattr(deal, field.name) for field in fields(deal)},
    )


async def outcomes(
    connection: Connection, wanted: Wanted, *, before: str, limit: int
) -> list[Entry]:
    """Return outcomes, the newest first, with ids lower than `before`."""
    values = {field.name: getattr(wanted, field.name) for field in fields(wanted)}
    rows = await connection.execute(_OUTCOMES, values | {"before": before, "limit": limit})
    return [Entry(*row) for row in rows]


async def timeline(
    connection: Connection, lead_id: str, *, after: Spot, limit: int
) -> list[Entry]:
    """Return what happened with a person after a spot of the timeline, the oldest first."""
    spot = {"after": after.at, "after_place": after.place, "after_id": after.event_id}
    values = {"lead_id": lead_id, "limit": limit, **spot}
    rows = await connection.execute(_TIMELINE, values)
    return [Entry(*row) for row in rows]


async def setting(connection: Connection, lead_id: str) -> list[Entry]:
    """Return what all pages of a story need: its first capture, and who got the person."""
    rows = await connection.execute(_SETTING, {"lead_id": lead_id, "limit": HANDOVERS_MAX})
    return [Entry(*row) for row in rows]
