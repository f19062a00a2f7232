"""The SQL of shadows: which run, which leads they have to look at, what they found."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from sqlalchemy import text

from leadloop.connection import Connection, Row

# As many as the table has slots.
SHADOWS_MAX = 3
# What a shadow found is kept so long after its end.
KEPT_FOR = timedelta(days=90)
PRUNED_AT_ONCE = 1_000

# Who writes verdicts and who erases people do so one after the other.
_LOCK_KEY = 0x5AD0_3000


class Shadow(NamedTuple):
    """A proposed agreement that scores live traffic without effect.

    Attributes:
        name: The agreement's.
        body: The agreement as the contract serialises it, without a version.
        ends_at: When it ends by itself.
        ended_at: None while it runs.
    """

    shadow_id: str
    name: str
    text_sha256: str
    body: bytes
    started_at: datetime
    ends_at: datetime
    ended_at: datetime | None = None


class Compared(NamedTuple):
    """How a lead stands under a shadow, and under the agreement in force, at one moment.

    Attributes:
        tier: That it meets under the shadow; empty when none.
        live_version: Of the agreement in force; 0 before the first.
        reasons: Why they differ, as `encode_reasons` writes it.
        fades_on: The day when time alone may change the shadow's tier; None when none is near.
        first_differed_at: When the two tiers were first not the same; None: never.
        first_qualified_at: When the shadow first found it qualified.
        live_qualified_at: When the agreement in force first did.
    """

    shadow_id: str
    lead_id: str
    tier: str
    fit: int
    engagement: int
    live_tier: str
    live_fit: int
    live_engagement: int
    live_version: int
    reasons: bytes
    judged_at: datetime
    fades_on: int | None = None
    first_differed_at: datetime | None = None
    first_qualified_at: datetime | None = None
    live_qualified_at: datetime | None = None


class Tally(NamedTuple):
    """How many leads meet one tier in force and one under the shadow.

    Attributes:
        by_both, only_live, only_shadow: Of them, by who found them qualified so far.
        ever_differed: Of them, those whose tiers differed at some time.
    """

    live_tier: str
    tier: str
    leads: int
    by_both: int
    only_live: int
    only_shadow: int
    ever_differed: int


class Queued(NamedTuple):
    """A lead that changed while a shadow ran."""

    position: int
    lead_id: str


_SHADOW = """
    CAST(shadow_id AS text), name, text_sha256, body, started_at, ends_at, ended_at
"""
_COMPARED = """
    CAST(shadow_id AS text), CAST(lead_id AS text), tier, fit, engagement, live_tier, live_fit,
    live_engagement, live_version, reasons, judged_at, fades_on, first_differed_at,
    first_qualified_at, live_qualified_at
"""

# Of two that start at once one takes the slot; the other waits, finds it taken and looks again.
_START = text("""
INSERT INTO shadows (shadow_id, name, text_sha256, body, slot, started_at, ends_at)
SELECT CAST(:shadow_id AS uuid), CAST(:name AS text), CAST(:text_sha256 AS text),
    CAST(:body AS bytea), slot.slot, CAST(:now AS timestamptz), CAST(:ends_at AS timestamptz)
FROM generate_series(1, CAST(:slots AS integer)) AS slot (slot)
WHERE NOT EXISTS (
    SELECT FROM shadows AS taken WHERE taken.slot = slot.slot AND ended_at IS NULL)
ORDER BY slot.slot LIMIT 1
ON CONFLICT DO NOTHING RETURNING 1
""")
_END = text("""
UPDATE shadows SET ended_at = :now
WHERE shadow_id = CAST(:shadow_id AS uuid) AND ended_at IS NULL
""")
_END_DUE = text("""
UPDATE shadows SET ended_at = ends_at WHERE ended_at IS NULL AND ends_at <= :now
""")
_FIND = text(f"""
SELECT {_SHADOW} FROM shadows WHERE shadow_id = CAST(:shadow_id AS uuid)
""")  # noqa: S608 (a constant of this module)
_FIND_RUNNING = text(f"""
SELECT {_SHADOW} FROM shadows WHERE text_sha256 = :text_sha256 AND ended_at IS NULL
""")  # noqa: S608 (a constant of this module)
_RUNNING = text(f"""
SELECT {_SHADOW} FROM shadows WHERE ended_at IS NULL ORDER BY shadow_id
""")  # noqa: S608 (a constant of this module)
_LIST = text(f"""
SELECT {_SHADOW} FROM shadows WHERE shadow_id < CAST(:before AS uuid)
ORDER BY shadow_id DESC LIMIT :limit
""")  # noqa: S608 (a constant of this module)

_NOTE = text("""
INSERT INTO shadow_queue (lead_id) SELECT * FROM unnest(CAST(:lead_ids AS uuid[]))
""")
_QUEUED = text("""
SELECT id, CAST(lead_id AS text) FROM shadow_queue ORDER BY id LIMIT :limit
""")
_FADING = text("""
SELECT CAST(lead_id AS text) FROM shadow_verdicts
WHERE shadow_id = ANY(CAST(:shadow_ids AS uuid[])) AND fades_on <= :day
ORDER BY fades_on LIMIT :limit
""")
_NEXT_FADING = text("""
SELECT min(fades_on) FROM shadow_verdicts WHERE shadow_id = ANY(CAST(:shadow_ids AS uuid[]))
""")
_DONE = text("DELETE FROM shadow_queue WHERE id = ANY(CAST(:ids AS bigint[]))")

_LOCK = text("SELECT pg_advisory_xact_lock(:key)")
# The joins leave out a shadow that ended and a lead that was erased while they were judged. Of
# two processes that judge one lead the later look counts.
_KEEP = text("""
INSERT INTO shadow_verdicts (shadow_id, lead_id, tier, fit, engagement, live_tier, live_fit,
    live_engagement, live_version, reasons, judged_at, fades_on, first_differed_at,
    first_qualified_at, live_qualified_at)
SELECT found.* FROM unnest(
    CAST(:shadow_ids AS uuid[]), CAST(:lead_ids AS uuid[]), CAST(:tiers AS text[]),
    CAST(:fits AS integer[]), CAST(:engagements AS integer[]), CAST(:live_tiers AS text[]),
    CAST(:live_fits AS integer[]), CAST(:live_engagements AS integer[]),
    CAST(:live_versions AS integer[]), CAST(:reasons AS bytea[]),
    CAST(:judged AS timestamptz[]), CAST(:fades_on AS integer[]),
    CAST(:differed AS timestamptz[]), CAST(:qualified AS timestamptz[]),
    CAST(:live_qualified AS timestamptz[]))
    AS found (shadow_id, lead_id, tier, fit, engagement, live_tier, live_fit, live_engagement,
        live_version, reasons, judged_at, fades_on, differed_at, qualified_at,
        live_qualified_at)
JOIN shadows ON shadows.shadow_id = found.shadow_id AND shadows.ended_at IS NULL
JOIN leads ON leads.lead_id = found.lead_id AND leads.merged_into IS NULL
ON CONFLICT (shadow_id, lead_id) DO UPDATE SET
    tier = excluded.tier, fit = excluded.fit, engagement = excluded.engagement,
    live_tier = excluded.live_tier, live_fit = excluded.live_fit,
    live_engagement = excluded.live_engagement, live_version = excluded.live_version,
    reasons = excluded.reasons, judged_at = excluded.judged_at, fades_on = excluded.fades_on,
    first_differed_at = coalesce(shadow_verdicts.first_differed_at, excluded.first_differed_at),
    first_qualified_at =
        coalesce(shadow_verdicts.first_qualified_at, excluded.first_qualified_at),
    live_qualified_at = coalesce(shadow_verdicts.live_qualified_at, excluded.live_qualified_at)
WHERE shadow_verdicts.judged_at <= excluded.judged_at
""")
_FORGET = text("""
DELETE FROM shadow_verdicts USING shadows
WHERE shadows.shadow_id = shadow_verdicts.shadow_id AND ended_at IS NULL
    AND lead_id = ANY(CAST(:ids AS uuid[]))
""")
_PRUNE = text("""
DELETE FROM shadow_verdicts WHERE ctid = ANY(ARRAY(
    SELECT shadow_verdicts.ctid FROM shadow_verdicts JOIN shadows USING (shadow_id)
    WHERE ended_at < :before LIMIT :limit))
""")
_TALLY = text("""
SELECT live_tier, tier, count(*),
    count(*) FILTER (WHERE live_qualified_at IS NOT NULL AND first_qualified_at IS NOT NULL),
    count(*) FILTER (WHERE live_qualified_at IS NOT NULL AND first_qualified_at IS NULL),
    count(*) FILTER (WHERE live_qualified_at IS NULL AND first_qualified_at IS NOT NULL),
    count(*) FILTER (WHERE first_differed_at IS NOT NULL)
FROM shadow_verdicts WHERE shadow_id = CAST(:shadow_id AS uuid)
GROUP BY live_tier, tier ORDER BY live_tier, tier
""")
_DIFFERING = text(f"""
SELECT {_COMPARED} FROM shadow_verdicts
WHERE shadow_id = CAST(:shadow_id AS uuid) AND lead_id > CAST(:after AS uuid)
    AND first_differed_at IS NOT NULL
ORDER BY lead_id LIMIT :limit
""")  # noqa: S608 (a constant of this module)
_BY_ONE = text(f"""
SELECT {_COMPARED} FROM shadow_verdicts
WHERE shadow_id = CAST(:shadow_id AS uuid) AND lead_id > CAST(:after AS uuid)
    AND first_differed_at IS NOT NULL
    AND (live_qualified_at IS NOT NULL) = :by_live
    AND (first_qualified_at IS NOT NULL) <> :by_live
ORDER BY lead_id LIMIT :limit
""")  # noqa: S608 (a constant of this module)


async def start(connection: Connection, shadow: Shadow) -> bool:
    """Let a shadow run; return False when its text runs already, or as many as may."""
    values = {**shadow._asdict(), "now": shadow.started_at, "slots": SHADOWS_MAX}
    for _ in range(SHADOWS_MAX):
        if await connection.scalar(_START, values):
            return True
    return False


async def end(connection: Connection, shadow_id: str, now: datetime) -> None:
    """End a shadow; one that has ended stays as it is."""
    await connection.execute(_END, {"shadow_id": shadow_id, "now": now})


async def end_due(connection: Connection, now: datetime) -> None:
    """End the shadows whose time is over."""
    await connection.execute(_END_DUE, {"now": now})


async def find(connection: Connection, shadow_id: str) -> Shadow | None:
    """Return a shadow; None when there is no such."""
    rows = await connection.execute(_FIND, {"shadow_id": shadow_id})
    return _shadow(rows[0]) if rows else None


async def find_running(connection: Connection, text_sha256: str) -> Shadow | None:
    """Return the shadow that runs with this text; None when none does."""
    rows = await connection.execute(_FIND_RUNNING, {"text_sha256": text_sha256})
    return _shadow(rows[0]) if rows else None


async def running(connection: Connection) -> list[Shadow]:
    """Return the shadows that run, the oldest first."""
    return [_shadow(row) for row in await connection.execute(_RUNNING)]


async def list_shadows(connection: Connection, before: str, limit: int) -> list[Shadow]:
    """Return up to `limit` shadows with an id before `before`, the newest first."""
    rows = await connection.execute(_LIST, {"before": before, "limit": limit})
    return [_shadow(row) for row in rows]


async def note(connection: Connection, lead_ids: Sequence[str]) -> None:
    """Have the running shadows look at these leads."""
    await connection.write(_NOTE, {"lead_ids": list(lead_ids)})


async def queued(connection: Connection, limit: int) -> list[Queued]:
    """Return the leads that wait the longest; one may wait several times."""
    return [Queued(*row) for row in await connection.execute(_QUEUED, {"limit": limit})]


async def fading(
    connection: Connection, shadow_ids: Sequence[str], day: int, limit: int
) -> list[str]:
    """Return leads whose tier under one of these shadows may have changed by time alone."""
    values = {"shadow_ids": list(shadow_ids), "day": day, "limit": limit}
    return list(await connection.scalars(_FADING, values))


async def next_fading(connection: Connection, shadow_ids: Sequence[str]) -> int | None:
    """Return the day of the next such change; None when none is near."""
    day: int | None = await connection.scalar(_NEXT_FADING, {"shadow_ids": list(shadow_ids)})
    return day


async def done(connection: Connection, positions: Sequence[int]) -> None:
    """Take these off the queue."""
    await connection.execute(_DONE, {"ids": list(positions)})


async def lock(connection: Connection) -> None:
    """Wait until nobody else writes verdicts or erases people, until this commits."""
    await connection.execute(_LOCK, {"key": _LOCK_KEY})


async def keep(connection: Connection, found: Sequence[Compared]) -> None:
    """Keep what shadows found, under `lock`; what came first of each kind stays."""
    await connection.execute(
        _KEEP,
        {
            "shadow_ids": [one.shadow_id for one in found],
            "lead_ids": [one.lead_id for one in found],
            "tiers": [one.tier for one in found],
            "fits": [one.fit for one in found],
            "engagements": [one.engagement for one in found],
            "live_tiers": [one.live_tier for one in found],
            "live_fits": [one.live_fit for one in found],
            "live_engagements": [one.live_engagement for one in found],
            "live_versions": [one.live_version for one in found],
            "reasons": [one.reasons for one in found],
            "judged": [one.judged_at for one in found],
            "fades_on": [one.fades_on for one in found],
            "differed": [one.first_differed_at for one in found],
            "qualified": [one.first_qualified_at for one in found],
            "live_qualified": [one.live_qualified_at for one in found],
        },
    )


async def forget(connection: Connection, lead_ids: Sequence[str]) -> None:
    """Remove what running shadows found about these: they are part of another lead now."""
    await connection.execute(_FORGET, {"ids": list(lead_ids)})


async def prune(connection: Connection, now: datetime) -> int:
    """Remove what shadows found that ended long ago, a bounded number; return how many."""
    values = {"before": now - KEPT_FOR, "limit": PRUNED_AT_ONCE}
    return await connection.change(_PRUNE, values)


async def tally(connection: Connection, shadow_id: str) -> list[Tally]:
    """Count a shadow's leads by the tiers that they meet."""
    rows = await connection.execute(_TALLY, {"shadow_id": shadow_id})
    return [Tally(*row) for row in rows]


async def differing(
    connection: Connection, shadow_id: str, *, by_live: bool | None, after: str, limit: int
) -> list[Compared]:
    """Return up to `limit` leads with an id after `after` whose tiers differed at some time.

    Args:
        connection: Where.
        shadow_id: Whose.
        by_live: Only those that qualified in force alone (True), or under the shadow alone.
        after: The last lead of the page before.
        limit: How many.
    """
    values: dict[str, object] = {"shadow_id": shadow_id, "after": after, "limit": limit}
    if by_live is None:
        rows = await connection.execute(_DIFFERING, values)
    else:
        rows = await connection.execute(_BY_ONE, {**values, "by_live": by_live})
    return [Compared(*row) for row in rows]


def _shadow(row: Row) -> Shadow:
    return Shadow(*row)
