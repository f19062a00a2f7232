"""All SQL of scoring: one statement a table for a whole batch."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import text

from leadloop.connection import Connection
from services.scoring.cycles import Cycle, Stage
from services.scoring.standings import decode_standing, encode_standing
from services.scoring.tables import METADATA as METADATA  # noqa: PLC0414 (a room shows its tables here)
from services.scoring.tables import Closing, CycleRecord, LeadState, Stored

COLUMNS = """
    CAST(lead_id AS text), revision, lead, touch, standing, scored_version, tier, fit,
    engagement, activity_count, received_at, cycle, cycle_count, stage,
    CAST(qualification_id AS text), opened_at, closed_at, not_before, CAST(merged_into AS text)
"""

_NEWEST_AGREEMENT = text(
    "SELECT body FROM agreements ORDER BY version DESC, signed_at DESC LIMIT 1"
)
_SAVE_AGREEMENT = text("""
INSERT INTO agreements (name, version, text_sha256, body, signed_at)
VALUES (:name, :version, :text_sha256, :body, :signed_at)
ON CONFLICT (name, version) DO NOTHING
""")

# Every writer locks in the order of ids, so that two batches wait and never deadlock.
_LOCK_LEADS = text(f"""
SELECT {COLUMNS} FROM leads WHERE lead_id = ANY(CAST(:ids AS uuid[]))
ORDER BY lead_id FOR UPDATE
""")  # noqa: S608 (a constant of this module)

# A lead that is not stored yet can't be locked. When two batches create it at once, the second
# one's row doesn't follow on the first one's revision: it is not written, the count tells.
_SAVE_LEADS = text("""
INSERT INTO leads (lead_id, revision, lead, touch, standing, scored_version, tier, fit,
    engagement, activity_count, received_at, cycle, cycle_count, stage, qualification_id,
    opened_at, closed_at, not_before, merged_into)
SELECT * FROM unnest(
    CAST(:lead_ids AS uuid[]), CAST(:revisions AS integer[]), CAST(:leads AS bytea[]),
    CAST(:touches AS bytea[]), CAST(:standings AS bytea[]), CAST(:versions AS integer[]),
    CAST(:tiers AS text[]), CAST(:fits AS integer[]), CAST(:engagements AS integer[]),
    CAST(:activity_counts AS integer[]), CAST(:received AS timestamptz[]),
    CAST(:cycles AS integer[]), CAST(:cycle_counts AS integer[]), CAST(:stages AS text[]),
    CAST(:qualification_ids AS uuid[]), CAST(:opened AS timestamptz[]),
    CAST(:closed AS timestamptz[]), CAST(:not_befores AS timestamptz[]),
    CAST(:merged_into AS uuid[]))
ON CONFLICT (lead_id) DO UPDATE SET
    revision = excluded.revision, lead = excluded.lead, touch = excluded.touch,
    standing = excluded.standing, scored_version = excluded.scored_version,
    tier = excluded.tier, fit = excluded.fit, engagement = excluded.engagement,
    activity_count = excluded.activity_count, received_at = excluded.received_at,
    cycle = excluded.cycle, cycle_count = excluded.cycle_count, stage = excluded.stage,
    qualification_id = excluded.qualification_id, opened_at = excluded.opened_at,
    closed_at = excluded.closed_at, not_before = excluded.not_before,
    merged_into = excluded.merged_into
WHERE leads.revision = excluded.revision - 1
""")

_ADD_ACTIVITIES = text("""
INSERT INTO activities (lead_id, activity_id, body)
SELECT * FROM unnest(
    CAST(:lead_ids AS uuid[]), CAST(:activity_ids AS text[]), CAST(:bodies AS bytea[]))
ON CONFLICT (lead_id, activity_id) DO NOTHING
RETURNING CAST(lead_id AS text), activity_id
""")
_LOAD_ACTIVITIES = text("""
SELECT CAST(lead_id AS text), activity_id, body FROM activities
WHERE lead_id = ANY(CAST(:ids AS uuid[]))
""")
_MOVE_ACTIVITIES = text("""
WITH moved AS (
    DELETE FROM activities USING
        unnest(CAST(:merged AS uuid[]), CAST(:survivors AS uuid[])) AS pair (merged, survivor)
    WHERE lead_id = merged
    RETURNING survivor, activity_id, body
)
INSERT INTO activities (lead_id, activity_id, body) SELECT * FROM moved
ON CONFLICT (lead_id, activity_id) DO NOTHING
""")

_CLOSE_CYCLES = text("""
UPDATE cycles SET stage = ended.stage, closed_at = ended.closed_at,
    not_before = ended.not_before, reason = ended.reason
FROM unnest(CAST(:qualification_ids AS uuid[]), CAST(:stages AS text[]),
    CAST(:closed AS timestamptz[]), CAST(:not_befores AS timestamptz[]),
    CAST(:reasons AS text[]))
    AS ended (qualification_id, stage, closed_at, not_before, reason)
WHERE cycles.qualification_id = ended.qualification_id
""")
_OPEN_CYCLES = text("""
INSERT INTO cycles (qualification_id, lead_id, cycle, tier, agreement_version, score, trigger,
    opened_at, stage, closed_at, not_before, reason)
SELECT * FROM unnest(CAST(:qualification_ids AS uuid[]), CAST(:lead_ids AS uuid[]),
    CAST(:cycles AS integer[]), CAST(:tiers AS text[]), CAST(:versions AS integer[]),
    CAST(:scores AS bytea[]), CAST(:triggers AS text[]), CAST(:opened AS timestamptz[]),
    CAST(:stages AS text[]), CAST(:closed AS timestamptz[]),
    CAST(:not_befores AS timestamptz[]), CAST(:reasons AS text[]))
""")
_MOVE_CYCLES = text("""
UPDATE cycles SET lead_id = survivor
FROM unnest(CAST(:merged AS uuid[]), CAST(:survivors AS uuid[])) AS pair (merged, survivor)
WHERE lead_id = merged
""")
_REPOINT = text("""
UPDATE leads SET merged_into = survivor, revision = revision + 1
FROM unnest(CAST(:merged AS uuid[]), CAST(:survivors AS uuid[])) AS pair (merged, survivor)
WHERE merged_into = merged
""")

_ERASE = (
    text("DELETE FROM activities WHERE lead_id = ANY(CAST(:ids AS uuid[]))"),
    text("DELETE FROM cycles WHERE lead_id = ANY(CAST(:ids AS uuid[]))"),
    text("""
    DELETE FROM leads
    WHERE lead_id = ANY(CAST(:ids AS uuid[])) OR merged_into = ANY(CAST(:ids AS uuid[]))
    """),
)

_STALE = text("""
SELECT CAST(lead_id AS text), activity_count FROM leads
WHERE scored_version < :version AND merged_into IS NULL
ORDER BY scored_version, lead_id LIMIT :limit
""")


async def agreement_in_force(connection: Connection) -> bytes | None:
    """Return the newest signed agreement, serialised; None before the first."""
    body: bytes | None = await connection.scalar(_NEWEST_AGREEMENT)
    return body


async def save_agreement(
    connection: Connection,
    *,
    name: str,
    version: int,
    text_sha256: str,
    body: bytes,
    signed_at: datetime,
) -> None:
    """Keep a signed version; one that is there already stays as it is."""
    row = {"name": name, "version": version, "text_sha256": text_sha256, "body": body}
    await connection.execute(_SAVE_AGREEMENT, {**row, "signed_at": signed_at})


async def lock_leads(connection: Connection, lead_ids: Sequence[str]) -> dict[str, LeadState]:
    """Lock the leads that are stored, by id; the others are left out."""
    rows = await connection.execute(_LOCK_LEADS, {"ids": sorted(lead_ids)})
    return {row[0]: to_state(tuple(row)) for row in rows}


async def save_leads(connection: Connection, states: Sequence[LeadState]) -> None:
    """Write states back, each as the next revision of what was read.

    Raises:
        Raced: Another batch created one of these leads meanwhile.
    """
    ordered = sorted(states, key=lambda state: state.lead_id)
    await connection.write(_SAVE_LEADS, _columns_of(ordered), expected=len(ordered))
    # What follows may rest on these leads being ours.
    await connection.flush()


async def add_activities(
    connection: Connection, activities: Sequence[Stored]
) -> set[tuple[str, str]]:
    """Add to the ledger; return the lead's and the activity's id of those that were new."""
    lead_ids, activity_ids, bodies = zip(*sorted(activities), strict=True)
    rows = await connection.execute(
        _ADD_ACTIVITIES,
        {
            "lead_ids": list(lead_ids),
            "activity_ids": list(activity_ids),
            "bodies": list(bodies),
        },
    )
    return {(row[0], row[1]) for row in rows}


async def load_activities(connection: Connection, lead_ids: Sequence[str]) -> list[Stored]:
    """Return all activities of these leads, in no order."""
    rows = await connection.execute(_LOAD_ACTIVITIES, {"ids": list(lead_ids)})
    return [Stored(*row) for row in rows]


async def move_to_survivors(connection: Connection, survivor_of: Mapping[str, str]) -> None:
    """Give the activities, cycles and pointers of merged leads to their survivors."""
    pairs = {"merged": list(survivor_of), "survivors": list(survivor_of.values())}
    for statement in (_MOVE_ACTIVITIES, _MOVE_CYCLES, _REPOINT):
        await connection.execute(statement, pairs)


async def close_cycles(connection: Connection, closings: Sequence[Closing]) -> None:
    """Record how cycles ended."""
    ids, stages, closed, not_befores, reasons = zip(*closings, strict=True)
    await connection.execute(
        _CLOSE_CYCLES,
        {
            "qualification_ids": list(ids),
            "stages": list(stages),
            "closed": list(closed),
            "not_befores": list(not_befores),
            "reasons": list(reasons),
        },
    )


async def open_cycles(connection: Connection, records: Sequence[CycleRecord]) -> None:
    """Add cycles to the history."""
    await connection.write(
        _OPEN_CYCLES,
        {
            "qualification_ids": [record.qualification_id for record in records],
            "lead_ids": [record.lead_id for record in records],
            "cycles": [record.cycle for record in records],
            "tiers": [record.tier for record in records],
            "versions": [record.agreement_version for record in records],
            "scores": [record.score for record in records],
            "triggers": [record.trigger for record in records],
            "opened": [record.opened_at for record in records],
            "stages": [record.stage for record in records],
            "closed": [record.closed_at for record in records],
            "not_befores": [record.not_before for record in records],
            "reasons": [record.reason for record in records],
        },
    )


async def erase_leads(connection: Connection, lead_ids: Sequence[str]) -> None:
    """Remove all that is kept of these leads and of those that were merged into them."""
    for statement in _ERASE:
        await connection.execute(statement, {"ids": list(lead_ids)})


async def find_stale(connection: Connection, version: int, limit: int) -> list[tuple[str, int]]:
    """Return leads that stand under an earlier version, with their number of activities."""
    rows = await connection.execute(_STALE, {"version": version, "limit": limit})
    return [(row[0], row[1]) for row in rows]


def to_state(row: tuple[Any, ...]) -> LeadState:
    """Read a row in the order of COLUMNS."""
    lead_id, revision, lead, touch, standing, *scored = row
    version, tier, fit, engagement, activity_count, received_at, *rest = scored
    number, count, stage, qualification_id, opened_at, closed_at, not_before, merged = rest
    cycle = Cycle(
        number, count, Stage(stage), qualification_id or "", opened_at, closed_at, not_before
    )
    return LeadState(
        lead_id,
        revision,
        lead,
        touch,
        decode_standing(standing),
        version,
        tier,
        fit,
        engagement,
        activity_count,
        received_at,
        cycle,
        merged or "",
    )


def _columns_of(states: Sequence[LeadState]) -> dict[str, list[Any]]:
    """Turn rows into one array a column, each row one revision further."""
    cycles = [state.cycle for state in states]
    return {
        "lead_ids": [state.lead_id for state in states],
        "revisions": [state.revision + 1 for state in states],
        "leads": [state.lead for state in states],
        "touches": [state.touch for state in states],
        "standings": [encode_standing(state.standing) for state in states],
        "versions": [state.scored_version for state in states],
        "tiers": [state.tier for state in states],
        "fits": [state.fit for state in states],
        "engagements": [state.engagement for state in states],
        "activity_counts": [state.activity_count for state in states],
        "received": [state.received_at for state in states],
        "cycles": [cycle.number for cycle in cycles],
        "cycle_counts": [cycle.so_far for cycle in cycles],
        "stages": [cycle.stage for cycle in cycles],
        "qualification_ids": [cycle.qualification_id or None for cycle in cycles],
        "opened": [cycle.opened_at for cycle in cycles],
        "closed": [cycle.closed_at for cycle in cycles],
        "not_befores": [cycle.not_before for cycle in cycles],
        "merged_into": [state.merged_into or None for state in states],
    }
