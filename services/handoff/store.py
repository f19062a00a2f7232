"""All SQL on handoffs and their history: one statement a table for a whole batch."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import datetime

from sqlalchemy import text

from leadloop.connection import Connection, Row
from services.handoff.agreement import terms_of
from services.handoff.clocks import Clock, ClockKind
from services.handoff.cycle import Handoff
from services.handoff.rows import Filter, Held, Opened, Told, held_of
from services.handoff.tables import METADATA as METADATA  # noqa: PLC0414 (a room shows its tables here)
from services.handoff.terms import Terms

_COLUMNS = """
    CAST(id AS text) AS id, CAST(lead_id AS text) AS lead_id, cycle, tier, agreement_version,
    state, since, sequence, owner_id, owner_name, past_owners, reassigned, attempts,
    clocks_started_at, accept_warned_at, accept_breached_at, accept_met_at,
    first_attempt_warned_at, first_attempt_breached_at, first_attempt_met_at, actor, reason,
    refused_by, deal_id, not_before, queue, received_at, opened_at
"""
SELECT = f"SELECT {_COLUMNS} FROM handoffs"  # noqa: S608 (a constant of this module)

# Every writer locks in the order of ids, so that two wait for each other and never deadlock.
_LOCK = text(f"{SELECT} WHERE id = ANY(CAST(:ids AS uuid[])) ORDER BY handoffs.id FOR UPDATE")
_LOCK_OF_LEADS = text(
    f"{SELECT} WHERE lead_id = ANY(CAST(:lead_ids AS uuid[])) ORDER BY handoffs.id FOR UPDATE"
)
_LOCK_OF_OWNER = text(f"""
{SELECT} WHERE owner_id = :owner AND state IN ('assigned', 'accepted')
ORDER BY handoffs.id LIMIT :limit FOR UPDATE
""")
# The queue's row is held, so nobody else gives these out.
_LOCK_WAITING = text(f"""
{SELECT} WHERE queue = :queue AND state = 'queued' AND id > CAST(:after AS uuid)
ORDER BY handoffs.id LIMIT :limit FOR UPDATE
""")
_FIND = text(f"{SELECT} WHERE id = CAST(:id AS uuid)")
_FILTERS = {
    "state": "state = :state",
    "owner": "owner_id = :owner",
    "tier": "tier = :tier",
    "lead_id": "lead_id = CAST(:lead_id AS uuid)",
    "due_before": "due_at < :due_before",
    # What has ended changed last when it ended; of the few open ones the newest event tells. A
    # scalar, not EXISTS: that could be planned as one pass over the whole history.
    "changed_since": """(since >= :changed_since OR state IN ('queued', 'assigned', 'accepted')
        AND (SELECT occurred_at FROM history WHERE handoff_id = handoffs.id
            AND history.sequence = handoffs.sequence) >= :changed_since)""",
    "before": "handoffs.id < CAST(:before AS uuid)",
}
_STORY = text("""
SELECT CAST(handoff_id AS text), sequence, type, occurred_at, event FROM history
WHERE handoff_id = CAST(:id AS uuid) ORDER BY sequence LIMIT :limit
""")

# What all new ones share is told once: each array costs its encoding, lead for lead.
_INSERT = text("""
INSERT INTO handoffs (id, lead_id, cycle, tier, queue, agreement_version, state, since,
    sequence, owner_id, owner_name, past_owners, reassigned, attempts, clocks_started_at,
    due_at, actor, reason, refused_by, deal_id, received_at, opened_at)
SELECT id, lead_id, cycle, tier, :queue, version,
    CASE WHEN owner_id IS NULL THEN 'queued' ELSE 'assigned' END, :now, 1, owner_id, owner_name,
    '{}', 0, 0, CASE WHEN due_at IS NOT NULL THEN CAST(:now AS timestamptz) END, due_at, '',
    reason, '', '', received_at, :now
FROM unnest(CAST(:ids AS uuid[]), CAST(:lead_ids AS uuid[]), CAST(:cycles AS int[]),
            CAST(:tiers AS text[]), CAST(:versions AS int[]), CAST(:owner_ids AS text[]),
            CAST(:owner_names AS text[]), CAST(:dues AS timestamptz[]),
            CAST(:reasons AS text[]), CAST(:received AS timestamptz[]))
     AS opened (id, lead_id, cycle, tier, version, owner_id, owner_name, due_at, reason,
                received_at)
""")

# A list of lists can't be unnested row by row, so former owners travel as one text each; a
# person's id holds no space.
_UPDATE = text("""
UPDATE handoffs SET agreement_version = new.version, state = new.state, since = new.since,
    sequence = new.sequence, owner_id = new.owner_id, owner_name = new.owner_name,
    past_owners = string_to_array(new.past_owners, ' '), reassigned = new.reassigned,
    attempts = new.attempts, clocks_started_at = new.started_at,
    accept_warned_at = new.accept_warned_at, accept_breached_at = new.accept_breached_at,
    accept_met_at = new.accept_met_at, first_attempt_warned_at = new.attempt_warned_at,
    first_attempt_breached_at = new.attempt_breached_at,
    first_attempt_met_at = new.attempt_met_at, due_at = new.due_at, actor = new.actor,
    reason = new.reason, refused_by = new.refused_by, deal_id = new.deal_id,
    not_before = new.not_before
FROM unnest(CAST(:ids AS uuid[]), CAST(:versions AS int[]), CAST(:states AS text[]),
            CAST(:sinces AS timestamptz[]), CAST(:sequences AS int[]),
            CAST(:owner_ids AS text[]), CAST(:owner_names AS text[]),
            CAST(:past_owners AS text[]), CAST(:reassigned AS int[]), CAST(:attempts AS int[]),
            CAST(:started AS timestamptz[]), CAST(:accept_warned AS timestamptz[]),
            CAST(:accept_breached AS timestamptz[]), CAST(:accept_met AS timestamptz[]),
            CAST(:attempt_warned AS timestamptz[]), CAST(:attempt_breached AS timestamptz[]),
            CAST(:attempt_met AS timestamptz[]), CAST(:dues AS timestamptz[]),
            CAST(:actors AS text[]), CAST(:reasons AS text[]), CAST(:refused_by AS text[]),
            CAST(:deal_ids AS text[]), CAST(:not_befores AS timestamptz[]))
     AS new (id, version, state, since, sequence, owner_id, owner_name, past_owners, reassigned,
             attempts, started_at, accept_warned_at, accept_breached_at, accept_met_at,
             attempt_warned_at, attempt_breached_at, attempt_met_at, due_at, actor, reason,
             refused_by, deal_id, not_before)
WHERE handoffs.id = new.id
""")

_TELL = text("""
INSERT INTO history (handoff_id, sequence, type, occurred_at, event)
SELECT id, sequence, type, :now, event
FROM unnest(CAST(:ids AS uuid[]), CAST(:sequences AS int[]), CAST(:types AS text[]),
            CAST(:events AS bytea[])) AS told (id, sequence, type, event)
""")

# One agreement name per installation is what scoring assumes too. A version that was compacted
# away before this service read it never comes: the next one that did come stands in for it.
_TERMS = text("""
SELECT DISTINCT ON (wanted) wanted, body
FROM unnest(CAST(:versions AS int[])) AS wanted JOIN agreements ON version >= wanted
ORDER BY wanted, version, signed_at DESC
""")

_KEEP_AGREEMENT = text("""
INSERT INTO agreements (name, version, body, signed_at)
VALUES (:name, :version, :body, :signed_at) ON CONFLICT (name, version) DO NOTHING
""")

# Cycles that are there already, and cycle 0 for a person who was forgotten.
_KNOWN = text("""
SELECT CAST(h.lead_id AS text), h.cycle FROM handoffs AS h
JOIN unnest(CAST(:lead_ids AS uuid[]), CAST(:cycles AS int[])) AS wanted (lead_id, cycle)
    ON h.lead_id = wanted.lead_id AND h.cycle = wanted.cycle
UNION ALL
SELECT CAST(lead_id AS text), 0 FROM erased_leads WHERE lead_id = ANY(CAST(:lead_ids AS uuid[]))
""")

_REFUSERS = text("""
SELECT CAST(lead_id AS text), owner_id FROM handoffs
WHERE lead_id = ANY(CAST(:lead_ids AS uuid[])) AND state IN ('rejected', 'recycled')
""")


async def terms_for(connection: Connection, versions: Sequence[int]) -> Mapping[int, Terms]:
    """Load the terms for these versions; one that is not known yet is left out."""
    rows = await connection.execute(_TERMS, {"versions": sorted(set(versions))})
    return {wanted: terms_of(body) for wanted, body in rows}


async def keep_agreement(
    connection: Connection, *, name: str, version: int, body: bytes, signed_at: datetime
) -> None:
    """Keep a signed version; what was signed once never changes."""
    values = {"name": name, "version": version, "body": body, "signed_at": signed_at}
    await connection.execute(_KEEP_AGREEMENT, values)


async def known_cycles(
    connection: Connection, cycles: Sequence[tuple[str, int]]
) -> set[tuple[str, int]]:
    """Find which of these (lead, cycle) exist; a forgotten lead is there with cycle 0."""
    rows = await connection.execute(
        _KNOWN,
        {"lead_ids": [lead for lead, _ in cycles], "cycles": [cycle for _, cycle in cycles]},
    )
    return {(lead_id, cycle) for lead_id, cycle in rows}


async def refusers(
    connection: Connection, lead_ids: Sequence[str]
) -> Mapping[str, frozenset[str]]:
    """Find who refused these leads or gave them back in earlier cycles, by lead."""
    if not lead_ids:
        return {}
    found: dict[str, frozenset[str]] = {}
    for lead_id, owner in await connection.execute(_REFUSERS, {"lead_ids": list(lead_ids)}):
        found[lead_id] = found.get(lead_id, frozenset()) | {owner}
    return found


async def lock(connection: Connection, ids: Sequence[str]) -> list[Held]:
    """Lock these handoffs, and load them in the order of ids; unknown ids are left out."""
    return await _held(connection, await connection.execute(_LOCK, {"ids": list(ids)}))


async def lock_of_leads(connection: Connection, lead_ids: Sequence[str]) -> list[Held]:
    """Lock every handoff of these leads."""
    rows = await connection.execute(_LOCK_OF_LEADS, {"lead_ids": list(lead_ids)})
    return await _held(connection, rows)


async def lock_of_owner(connection: Connection, owner: str, limit: int) -> list[Held]:
    """Lock the oldest open handoffs of a person."""
    rows = await connection.execute(_LOCK_OF_OWNER, {"owner": owner, "limit": limit})
    return await _held(connection, rows)


async def lock_waiting(
    connection: Connection, queue: str, after: str, limit: int
) -> list[Held]:
    """Lock the oldest handoffs that wait in a queue, behind the one with the id `after`."""
    values = {"queue": queue, "after": after, "limit": limit}
    return await _held(connection, await connection.execute(_LOCK_WAITING, values))


async def find(connection: Connection, handoff_id: str) -> Held | None:
    """Load one handoff; None when there is none."""
    rows = await connection.execute(_FIND, {"id": handoff_id})
    return next(iter(await _held(connection, rows)), None)


async def page(connection: Connection, wanted: Filter, limit: int) -> list[Held]:
    """Load handoffs, newest first."""
    values = {name: value for name, value in asdict(wanted).items() if value is not None}
    narrowed = " AND ".join(_FILTERS[name] for name in values) or "true"
    statement = f"{SELECT} WHERE {narrowed} ORDER BY handoffs.id DESC LIMIT :limit"
    rows = await connection.execute(text(statement), {**values, "limit": limit})
    return await _held(connection, rows)


async def story(connection: Connection, handoff_id: str, limit: int) -> list[Told]:
    """Load the events of a handoff from its first one on."""
    rows = await connection.execute(_STORY, {"id": handoff_id, "limit": limit})
    return [Told(*row) for row in rows]


async def insert(
    connection: Connection, queue: str, opened: Sequence[Opened], now: datetime
) -> None:
    """Keep handoffs of one queue that began just now, with an owner or waiting."""
    if not opened:
        return
    new = [one.handoff for one in opened]
    values = {
        "now": now,
        "queue": queue,
        "lead_ids": [one.lead_id for one in new],
        "cycles": [one.cycle for one in new],
        "tiers": [one.tier for one in new],
        "received": [one.received_at for one in opened],
    }
    await connection.write(_INSERT, values | _standing(new))


async def update(connection: Connection, changed: Sequence[Handoff]) -> None:
    """Write how locked handoffs stand now."""
    if not changed:
        return
    accept = [_clock(one, ClockKind.ACCEPT) for one in changed]
    attempt = [_clock(one, ClockKind.FIRST_ATTEMPT) for one in changed]
    values = {
        "states": [one.state.value for one in changed],
        "sequences": [one.sequence for one in changed],
        "started": [one.clocks[0].started_at if one.clocks else None for one in changed],
        "sinces": [one.since for one in changed],
        "past_owners": [" ".join(one.past_owners) for one in changed],
        "reassigned": [one.reassigned for one in changed],
        "attempts": [one.attempts for one in changed],
        "accept_warned": [one and one.warned_at for one in accept],
        "accept_breached": [one and one.breached_at for one in accept],
        "accept_met": [one and one.met_at for one in accept],
        "attempt_warned": [one and one.warned_at for one in attempt],
        "attempt_breached": [one and one.breached_at for one in attempt],
        "attempt_met": [one and one.met_at for one in attempt],
        "actors": [one.actor for one in changed],
        "refused_by": [" ".join(one.refused_by) for one in changed],
        "deal_ids": [one.deal_id for one in changed],
        "not_befores": [one.not_before for one in changed],
    }
    await connection.write(_UPDATE, values | _standing(changed))


async def tell(connection: Connection, told: Sequence[Told], now: datetime) -> None:
    """Add events that happened just now to the stories of their handoffs."""
    if told:
        await connection.write(
            _TELL,
            {
                "now": now,
                "ids": [one.handoff_id for one in told],
                "sequences": [one.sequence for one in told],
                "types": [one.type for one in told],
                "events": [one.event for one in told],
            },
        )


def _standing(handoffs: Sequence[Handoff]) -> dict[str, list[object]]:
    return {
        "ids": [one.id for one in handoffs],
        "versions": [one.agreement_version for one in handoffs],
        "owner_ids": [one.owner and one.owner.id for one in handoffs],
        "owner_names": [one.owner and one.owner.name for one in handoffs],
        "dues": [one.due_at for one in handoffs],
        "reasons": [one.reason for one in handoffs],
    }


def _clock(handoff: Handoff, kind: ClockKind) -> Clock | None:
    return next((one for one in handoff.clocks if one.kind is kind), None)


async def _held(connection: Connection, rows: Sequence[Row]) -> list[Held]:
    if not rows:
        return []
    terms = await terms_for(connection, [row.agreement_version for row in rows])
    return [held_of(row, terms.get(row.agreement_version)) for row in rows]
