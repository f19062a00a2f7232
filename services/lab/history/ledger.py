"""Our own past: leads, what was learned of them, what they did, what came of their cycles."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import text

from leadloop.connection import Connection
from leadloop.v1 import lead_pb2
from services.lab.history.past import Learned, PastLead
from services.scoring.contract import activity_of, facts_of
from services.scoring.cycles import Stage
from services.scoring.ledger_store import load_activities

FIRST = "00000000-0000-0000-0000-000000000000"

_COUNT = text("SELECT count(*) FROM leads WHERE merged_into IS NULL AND lead IS NOT NULL")
_LEADS = text("""
SELECT CAST(lead_id AS text), lead, received_at FROM leads
WHERE lead_id > CAST(:after AS uuid) AND merged_into IS NULL AND lead IS NOT NULL
ORDER BY lead_id LIMIT :limit
""")
_FACTS = text("""
SELECT CAST(lead_id AS text), known_at, lead FROM known_facts
WHERE lead_id = ANY(CAST(:ids AS uuid[])) ORDER BY lead_id, known_at
""")
_CYCLES = text("""
SELECT CAST(lead_id AS text), stage, closed_at FROM cycles
WHERE lead_id = ANY(CAST(:ids AS uuid[])) ORDER BY lead_id, opened_at
""")

# How a cycle ends that sales had, and that was not won.
_NOT_WON = (Stage.LOST, Stage.RETURNED, Stage.DISQUALIFIED)


class Kept(NamedTuple):
    """A lead as its rows have it; picklable, so that other processes can read it.

    Attributes:
        facts: What was known, with the time since when, the oldest first.
        activities: Serialised, in no order.
        cycles: Stage and end of each.
    """

    lead_id: str
    lead: bytes
    received_at: datetime | None
    facts: list[tuple[datetime, bytes]]
    activities: list[bytes]
    cycles: list[tuple[str, datetime | None]]


async def count_leads(connection: Connection) -> int:
    """Return how many leads there are."""
    return int(await connection.scalar(_COUNT))


async def read_page(connection: Connection, after: str, limit: int) -> list[Kept]:
    """Return the next leads by id, with all that is kept of them."""
    rows = await connection.execute(_LEADS, {"after": after, "limit": limit})
    kept = {row[0]: Kept(row[0], row[1], row[2], [], [], []) for row in rows}
    ids: dict[str, Any] = {"ids": list(kept)}
    if kept:
        for lead_id, known_at, lead in await connection.execute(_FACTS, ids):
            kept[lead_id].facts.append((known_at, lead))
        for lead_id, stage, closed_at in await connection.execute(_CYCLES, ids):
            kept[lead_id].cycles.append((stage, closed_at))
        for stored in await load_activities(connection, list(kept)):
            kept[stored.lead_id].activities.append(stored.body)
    return list(kept.values())


def past_lead_of(kept: Kept) -> PastLead | None:
    """Return a lead as rules judge it; None when nothing says since when it is known."""
    won, decided_at = outcome_of(kept.cycles)
    found = {
        activity.activity_id: activity
        for activity in (activity_of(lead_pb2.Activity.FromString(b)) for b in kept.activities)
    }
    activities = sorted(found.values(), key=lambda one: (one.occurred_at, one.activity_id))
    known = [Learned(at, facts_of(lead_pb2.Lead.FromString(lead))) for at, lead in kept.facts]
    if not known:
        # Scored before facts were kept: only those of today are known.
        since = activities[0].occurred_at if activities else kept.received_at
        if since is None:
            return None
        known = [Learned(since, facts_of(lead_pb2.Lead.FromString(kept.lead)))]
    return PastLead(
        kept.lead_id,
        known[0].at,
        known[0].facts,
        tuple(a for a in activities if decided_at is None or a.occurred_at <= decided_at),
        won,
        decided_at,
        learned=tuple(one for one in known[1:] if decided_at is None or one.at <= decided_at),
    )


def outcome_of(
    cycles: Sequence[tuple[str, datetime | None]],
) -> tuple[bool | None, datetime | None]:
    """Return whether a lead was won, and when that was known.

    A lead that sales never had, or still have, has no outcome: nobody knows what would have
    come of it.
    """
    for stage, closed_at in cycles:
        if stage == Stage.WON:
            return True, closed_at
    if any(stage == Stage.OPEN for stage, _ in cycles):
        return None, None
    ended = [closed_at for stage, closed_at in cycles if stage in _NOT_WON]
    return (False, ended[-1]) if ended else (None, None)
