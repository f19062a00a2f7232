"""All SQL of scoring: one statement a table for a whole batch."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import text

from leadloop.connection import Connection
from services.scoring.cycles import Cycle, Stage
from services.scoring.standings import decode_standing, encode_standing
from services.scoring.tables import METADATA as METADATA  # noqa: PLC0414 (a room shows its tables here)
from services.scoring.tables import Closing, CycleRecord, LeadState

COLUMNS = """
    CAST(lead_id AS text), revision, lead, touch, standing, scored_version, tier, fit,
    engagement, activity_count, received_at, cycle, cycle_count, stage,
    CAST(qualification_id AS text), opened_at, closed_at, not_before, return_reason, reopened,
    CAST(merged_into AS text), CAST(part_of AS text), parts, fades_on, known_at
"""

CYCLE_COLUMNS = """
    CAST(cycles.qualification_id AS text),
    CAST(coalesce(leads.merged_into, leads.lead_id) AS text), cycles.cycle, cycles.tier,
    agreement_version, score, trigger, cycles.opened_at, cycles.stage, cycles.closed_at,
    cycles.not_before, cycles.reason
"""

_NEWEST_AGREEMENT = text(
    "SELECT body FROM agreements ORDER BY version DESC, signed_at DESC LIMIT 1"
)
_IN_FORCE = text("""
SELECT (SELECT body FROM agreements ORDER BY version DESC, signed_at DESC LIMIT 1),
    EXISTS (SELECT FROM shadows WHERE ended_at IS NULL)
""")
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
    opened_at, closed_at, not_before, return_reason, reopened, merged_into, part_of, parts,
    fades_on, known_at)
SELECT * FROM unnest(
    CAST(:lead_ids AS uuid[]), CAST(:revisions AS integer[]), CAST(:leads AS bytea[]),
    CAST(:touches AS bytea[]), CAST(:standings AS bytea[]), CAST(:versions AS integer[]),
    CAST(:tiers AS text[]), CAST(:fits AS integer[]), CAST(:engagements AS integer[]),
    CAST(:activity_counts AS integer[]), CAST(:received AS timestamptz[]),
    CAST(:cycles AS integer[]), CAST(:cycle_counts AS integer[]), CAST(:stages AS text[]),
    CAST(:qualification_ids AS uuid[]), CAST(:opened AS timestamptz[]),
    CAST(:closed AS timestamptz[]), CAST(:not_befores AS timestamptz[]),
    CAST(:return_reasons AS text[]), CAST(:reopened AS boolean[]), CAST(:merged_into AS uuid[]),
    CAST(:part_of AS uuid[]), CAST(:parts AS integer[]), CAST(:fades_on AS integer[]),
    CAST(:known AS timestamptz[]))
ON CONFLICT (lead_id) DO UPDATE SET
    revision = excluded.revision, lead = excluded.lead, touch = excluded.touch,
    standing = excluded.standing, scored_version = excluded.scored_version,
    tier = excluded.tier, fit = excluded.fit, engagement = excluded.engagement,
    activity_count = excluded.activity_count, received_at = excluded.received_at,
    cycle = excluded.cycle, cycle_count = excluded.cycle_count, stage = excluded.stage,
    qualification_id = excluded.qualification_id, opened_at = excluded.opened_at,
    closed_at = excluded.closed_at, not_before = excluded.not_before,
    return_reason = excluded.return_reason, reopened = excluded.reopened,
    merged_into = excluded.merged_into, part_of = excluded.part_of, parts = excluded.parts,
    fades_on = excluded.fades_on, known_at = excluded.known_at
WHERE leads.revision = excluded.revision - 1
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
_LIST_CYCLES = text(f"""
SELECT {CYCLE_COLUMNS} FROM cycles JOIN leads ON leads.lead_id = cycles.lead_id
WHERE leads.lead_id = ANY(CAST(:ids AS uuid[])) OR leads.merged_into = ANY(CAST(:ids AS uuid[]))
ORDER BY cycles.opened_at, cycles.cycle
""")  # noqa: S608 (a constant of this module)
_REPOINT = text("""
UPDATE leads SET merged_into = survivor, revision = revision + 1
FROM unnest(CAST(:merged AS uuid[]), CAST(:survivors AS uuid[])) AS pair (merged, survivor)
WHERE merged_into = merged
""")
# A record that is on its own again takes along those that were merged into it.
_UNMERGE = text("""
WITH RECURSIVE own (lead_id) AS (
    SELECT lead_id FROM leads
    WHERE lead_id = CAST(:unmerged AS uuid) AND merged_into = CAST(:survivor AS uuid)
    UNION ALL
    SELECT leads.lead_id FROM leads JOIN own ON leads.part_of = own.lead_id
)
UPDATE leads SET revision = revision + 1,
    merged_into = nullif(CAST(:unmerged AS uuid), leads.lead_id),
    part_of = CASE WHEN leads.lead_id = CAST(:unmerged AS uuid) THEN NULL ELSE part_of END
FROM own WHERE leads.lead_id = own.lead_id
""")
_COUNT_PARTS = text("""
SELECT CAST(merged_into AS text), count(*) FROM leads
WHERE merged_into = ANY(CAST(:ids AS uuid[])) GROUP BY merged_into
""")

_WHOLE = """
lead_id = ANY(CAST(:ids AS uuid[]))
    OR lead_id IN (SELECT lead_id FROM leads WHERE merged_into = ANY(CAST(:ids AS uuid[])))
"""
_ERASE = tuple(
    text(f"DELETE FROM {table} WHERE {_WHOLE}")  # noqa: S608 (constants of this module)
    for table in ("activities", "facts", "cycles", "shadow_verdicts", "shadow_queue", "leads")
)

_STALE = text("""
SELECT CAST(lead_id AS text), activity_count FROM leads
WHERE scored_version < :version AND merged_into IS NULL
ORDER BY scored_version, lead_id LIMIT :limit
""")


class InForce(NamedTuple):
    """What leads are judged by.

    Attributes:
        body: The newest signed agreement, serialised; None before the first.
        is_shadowed: Whether a proposed agreement scores the same traffic without effect.
    """

    body: bytes | None
    is_shadowed: bool


async def agreement_in_force(connection: Connection) -> bytes | None:
    """Return the newest signed agreement, serialised; None before the first."""
    body: bytes | None = await connection.scalar(_NEWEST_AGREEMENT)
    return body


async def in_force(connection: Connection) -> InForce:
    """Return what leads are judged by."""
    return InForce(*(await connection.execute(_IN_FORCE)).one())


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


async def point_to_survivors(connection: Connection, survivor_of: Mapping[str, str]) -> None:
    """Have the records that merged leads stood for stand under their survivors."""
    pairs = {"merged": list(survivor_of), "survivors": list(survivor_of.values())}
    await connection.execute(_REPOINT, pairs)


async def unmerge(connection: Connection, survivor: str, unmerged: str) -> None:
    """Let a record stand on its own again, with those that were merged into it before."""
    ids = {"survivor": survivor, "unmerged": unmerged}
    await connection.execute(_UNMERGE, ids)


async def count_parts(connection: Connection, lead_ids: Sequence[str]) -> dict[str, int]:
    """Return how many records each of these leads stands for; those with none are left out."""
    rows = await connection.execute(_COUNT_PARTS, {"ids": list(lead_ids)})
    return {row[0]: row[1] for row in rows}


async def list_cycles(connection: Connection, lead_ids: Sequence[str]) -> list[CycleRecord]:
    """Return the cycles of leads and of the records they stand for, the oldest first."""
    rows = await connection.execute(_LIST_CYCLES, {"ids": list(lead_ids)})
    return [CycleRecord(*row) for row in rows]


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
    number, so_far, stage, qualification_id, *times_and_reason = rest[:9]
    merged_into, part_of, parts, fades_on, known_at = rest[9:]
    cycle = Cycle(number, so_far, Stage(stage), qualification_id or "", *times_and_reason)
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
        merged_into or "",
        part_of or "",
        parts,
        fades_on,
        known_at,
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
        "return_reasons": [cycle.reason for cycle in cycles],
        "reopened": [cycle.is_reopened for cycle in cycles],
        "merged_into": [state.merged_into or None for state in states],
        "part_of": [state.part_of or None for state in states],
        "parts": [state.parts for state in states],
        "fades_on": [state.fades_on for state in states],
        "known": [state.known_at for state in states],
    }
