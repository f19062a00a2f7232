"""The reports that both teams share, each read with one statement."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any

from sqlalchemy import text

from leadloop.connection import Connection, Row, from_json
from leadloop.v1 import handoff_pb2
from leadloop.v1.agreement_pb2 import CONSEQUENCE_REROUTE, Agreement

GROUPS_MAX = 1_000


class By(StrEnum):
    """What the rows of a report stand for."""

    CAMPAIGN = "campaign"
    SOURCE = "source"
    TIER = "tier"


class Touch(StrEnum):
    """Which touch of a person counts for its campaign."""

    FIRST = "first"
    LAST = "last"


@dataclass(frozen=True, slots=True)
class Grouping:
    """What the rows of a report stand for; the touch counts for campaigns only."""

    by: By = By.CAMPAIGN
    touch: Touch = Touch.FIRST


@dataclass(frozen=True, slots=True)
class Period:
    """From a moment on, up to another."""

    since: datetime
    until: datetime


@dataclass(frozen=True, slots=True)
class FunnelRow:
    """How far the people of one cohort and group came. Who was lost on the way is counted too.

    Attributes:
        group: The campaign of the first or the last touch, the source of the first capture, or
            the first tier; empty when there is none.
        values: Won, in hundredths, by currency, as it was told last.
    """

    group: str
    captured: int
    qualified: int
    routed: int
    accepted: int
    converted: int
    won: int
    lost: int
    returned: int
    values: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class ClockRow:
    """How one kind of clock was kept for one tier.

    Attributes:
        allowed_seconds_min: The shortest time that was agreed for one of them; versions differ.
        allowed_seconds_max: The longest.
        met: In time.
        late: Done after the breach.
        breached: Not done yet.
        running: Neither done nor due. A clock that stopped with its handoff counts nowhere.
        p50_seconds: Business time used, of those done; None when none was.
    """

    tier: str
    kind: str
    allowed_seconds_min: int
    allowed_seconds_max: int
    met: int
    late: int
    breached: int
    running: int
    p50_seconds: float | None
    p95_seconds: float | None


@dataclass(frozen=True, slots=True)
class MonthRow:
    """What marketing brought in a month, beside what it owes by the agreement in force.

    Attributes:
        owed: For the part of the month inside the period and since the first agreement; None
            when nothing is agreed.
        owed_per_month: For a whole month.
        owed_days: Of the month's days, those that `owed` is for.
        missing: By field, how many qualified leads lacked what a complete one has.
        accepted_percent: Of the handoffs that sales decided on; None when there are none.
            A refusal that re-routes decides nothing about quality.
    """

    month: str
    qualified: int
    owed: int | None
    owed_per_month: int | None
    owed_days: float
    accepted_percent: int | None
    accepted_percent_owed: int | None
    complete_percent: int | None
    complete_percent_owed: int | None
    missing: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class ServiceLevels:
    """What each side owed the other, and gave.

    Attributes:
        agreed_at: When the first agreement was signed; None before.
    """

    sales: tuple[ClockRow, ...]
    marketing: tuple[MonthRow, ...]
    agreed_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class ReasonRow:
    """How often leads of a group came back for one reason."""

    group: str
    reason: str
    label: str
    consequence: int
    leads: int
    percent: int


# `climbed` follows each merged record up to the record that stays: a person counts once, from
# the earliest capture of all its records.
_FUNNEL = text("""
WITH RECURSIVE climbed (lead_id, person, steps) AS (
    SELECT lead_id, merged_into, 1 FROM leads WHERE merged_into IS NOT NULL
    UNION ALL SELECT climbed.lead_id, leads.merged_into, steps + 1
    FROM climbed JOIN leads ON leads.lead_id = climbed.person
    WHERE leads.merged_into IS NOT NULL AND steps < 32
), merged AS (
    SELECT DISTINCT ON (lead_id) lead_id, person FROM climbed ORDER BY lead_id, steps DESC
), cohort AS (
    SELECT COALESCE(merged.person, leads.lead_id) AS person,
        (array_agg(source ORDER BY captured_at))[1] AS source,
        CASE :touch WHEN 'last'
            THEN (array_agg(last_campaign ORDER BY last_touch_at DESC NULLS LAST))[1]
            ELSE (array_agg(first_campaign ORDER BY first_touch_at NULLS LAST))[1]
        END AS campaign
    FROM leads LEFT JOIN merged USING (lead_id)
    WHERE captured_at < :until
    GROUP BY COALESCE(merged.person, leads.lead_id) HAVING min(captured_at) >= :since
), worked AS (
    SELECT COALESCE(merged.person, cycles.lead_id) AS person,
        (array_agg(tier ORDER BY cycle) FILTER (WHERE tier IS NOT NULL))[1] AS tier,
        bool_or(qualified_at IS NOT NULL) AS qualified,
        bool_or(routed_at IS NOT NULL) AS routed,
        bool_or(accepted_at IS NOT NULL) AS accepted,
        bool_or(converted_at IS NOT NULL) AS converted,
        bool_or(recycled_at IS NOT NULL
            OR (rejected_at IS NOT NULL AND consequence <> :reroute)) AS returned
    FROM cycles LEFT JOIN merged USING (lead_id) GROUP BY 1
), dealt AS (
    SELECT COALESCE(merged.person, deals.lead_id) AS person,
        bool_or(stage = 'won') AS won, bool_or(stage = 'lost') AS lost
    FROM deals LEFT JOIN merged USING (lead_id) GROUP BY 1
), people AS (
    SELECT person, won, lost, qualified, routed, accepted, converted, returned,
        COALESCE(CASE :by WHEN 'campaign' THEN campaign WHEN 'source' THEN source
            ELSE tier END, '') AS grp
    FROM cohort LEFT JOIN worked USING (person) LEFT JOIN dealt USING (person)
), amounts AS (
    SELECT grp, jsonb_object_agg(currency, cents) AS values FROM (
        SELECT grp, currency, sum(value_cents) AS cents
        FROM deals LEFT JOIN merged USING (lead_id)
        JOIN people ON people.person = COALESCE(merged.person, deals.lead_id)
        WHERE stage = 'won' AND value_cents > 0 GROUP BY grp, currency) AS sums GROUP BY grp
)
SELECT grp, count(*) AS captured, count(*) FILTER (WHERE qualified) AS qualified,
    count(*) FILTER (WHERE routed) AS routed, count(*) FILTER (WHERE accepted) AS accepted,
    count(*) FILTER (WHERE converted) AS converted, count(*) FILTER (WHERE won) AS won,
    count(*) FILTER (WHERE lost AND NOT won) AS lost,
    count(*) FILTER (WHERE returned) AS returned, values
FROM people LEFT JOIN amounts USING (grp)
GROUP BY grp, values ORDER BY captured DESC, grp LIMIT :limit
""")

# Both sides and the agreement in one statement: all of it is of the same moment.
_SERVICE_LEVELS = text("""
SELECT (SELECT jsonb_agg(kept ORDER BY tier, kind) FROM (
        SELECT COALESCE(tier, '') AS tier, kind,
            min(allowed_seconds) AS allowed_seconds_min,
            max(allowed_seconds) AS allowed_seconds_max,
            count(*) FILTER (WHERE met_at IS NOT NULL AND NOT is_late) AS met,
            count(*) FILTER (WHERE is_late) AS late,
            count(*) FILTER (WHERE breached_at IS NOT NULL AND met_at IS NULL) AS breached,
            count(*) FILTER (WHERE breached_at IS NULL AND met_at IS NULL AND due_at > :now
                AND recycled_at IS NULL AND converted_at IS NULL AND withdrawn_at IS NULL
                AND (rejected_at IS NULL OR consequence = :reroute)) AS running,
            percentile_cont(0.5) WITHIN GROUP (ORDER BY used_seconds) AS p50_seconds,
            percentile_cont(0.95) WITHIN GROUP (ORDER BY used_seconds) AS p95_seconds
        FROM clocks LEFT JOIN cycles USING (lead_id, cycle)
        WHERE started_at >= :since AND started_at < :until
        GROUP BY 1, kind) AS kept) AS sales,
    (SELECT jsonb_agg(brought ORDER BY month) FROM (
        SELECT to_char(qualified_at, 'YYYY-MM') AS month, count(*) AS qualified,
            count(accepted_at) AS accepted,
            count(*) FILTER (WHERE accepted_at IS NOT NULL
                OR (rejected_at IS NOT NULL AND consequence <> :reroute)) AS decided,
            count(*) FILTER (WHERE is_complete) AS complete
        FROM cycles WHERE qualified_at >= :since AND qualified_at < :until
        GROUP BY 1) AS brought) AS marketing,
    (SELECT jsonb_object_agg(month, lacked) FROM (
        SELECT month, jsonb_object_agg(field, leads) AS lacked FROM (
            SELECT to_char(qualified_at, 'YYYY-MM') AS month, field, count(*) AS leads
            FROM cycles, string_to_table(NULLIF(missing, ''), ' ') AS field
            WHERE qualified_at >= :since AND qualified_at < :until
            GROUP BY 1, 2) AS counted GROUP BY month) AS by_month) AS missing,
    (SELECT contract FROM proposals WHERE version IS NOT NULL
        ORDER BY signed_at DESC, version DESC LIMIT 1) AS contract,
    (SELECT min(signed_at) FROM proposals) AS agreed_at
""")

_REASONS = text("""
SELECT grp, reason, label, consequence, leads,
    round(100.0 * leads / sum(leads) OVER (PARTITION BY grp)) AS percent
FROM (
    SELECT COALESCE(CASE :by WHEN 'campaign'
            THEN CASE :touch WHEN 'last' THEN last_campaign ELSE first_campaign END
            WHEN 'source' THEN source ELSE tier END, '') AS grp,
        reason, max(reason_label) AS label, max(consequence) AS consequence, count(*) AS leads
    FROM cycles LEFT JOIN leads USING (lead_id)
    WHERE reason IS NOT NULL AND COALESCE(recycled_at, rejected_at) >= :since
        AND COALESCE(recycled_at, rejected_at) < :until
    GROUP BY 1, reason) AS counted
ORDER BY sum(leads) OVER (PARTITION BY grp) DESC, grp, leads DESC, reason LIMIT :limit
""")


async def funnel(connection: Connection, period: Period, group: Grouping) -> list[FunnelRow]:
    """Return how far the people captured in a period came, the largest group first."""
    values = _values(period) | _grouped(group)
    rows = await connection.execute(_FUNNEL, values | {"reroute": CONSEQUENCE_REROUTE})
    return [_funnel_row(row) for row in rows]


async def service_levels(
    connection: Connection, period: Period, now: datetime
) -> ServiceLevels:
    """Return how both sides kept what they owe: clocks and leads that began in a period."""
    values = _values(period) | {"reroute": CONSEQUENCE_REROUTE, "now": now}
    row = (await connection.execute(_SERVICE_LEVELS, values)).one()
    agreement = Agreement.FromString(row.contract) if row.contract else Agreement()
    until = min(period.until, now)
    owing = Period(max(period.since, row.agreed_at or until), until)
    found = {month["month"]: month for month in from_json(row.marketing) or []}
    missing = from_json(row.missing) or {}
    months = (
        _month_row(start, found.get(name, {}), missing.get(name, {}), agreement, owing)
        for start, name in _months(period.since, until)
    )
    return ServiceLevels(
        sales=tuple(_clock_row(clocks) for clocks in from_json(row.sales) or []),
        marketing=tuple(month for month in months if month.qualified or month.owed_days),
        agreed_at=row.agreed_at,
    )


async def reasons(connection: Connection, period: Period, group: Grouping) -> list[ReasonRow]:
    """Return why leads came back in a period, the group with most of them first."""
    rows = await connection.execute(_REASONS, _values(period) | _grouped(group))
    return [
        ReasonRow(
            group=row["grp"],
            reason=row["reason"],
            label=row["label"],
            consequence=row["consequence"],
            leads=row["leads"],
            percent=int(row["percent"]),
        )
        for row in rows
    ]


def clock_word(kind: int) -> str:
    """Return the name of a kind of clock, for people."""
    names: dict[int, str] = {number: name for name, number in handoff_pb2.ClockKind.items()}
    return names.get(kind, f"kind {kind}").removeprefix("CLOCK_KIND_").lower().replace("_", " ")


def owed_in(start: datetime, per_month: int, period: Period) -> int:
    """Return what is owed for the part of a month inside a period, rounded half up."""
    return int(per_month * (_inside(start, period) / (_next_month(start) - start)) + 0.5)


def _inside(start: datetime, period: Period) -> timedelta:
    """Return how much of a month lies inside a period."""
    inside = min(_next_month(start), period.until) - max(start, period.since)
    return max(inside, timedelta(0))


def _values(period: Period) -> dict[str, object]:
    return {"since": period.since, "until": period.until}


def _grouped(group: Grouping) -> dict[str, object]:
    return {"by": group.by.value, "touch": group.touch.value, "limit": GROUPS_MAX}


def _funnel_row(row: Row) -> FunnelRow:
    values = {name: value for name, value in row.items() if name not in ("grp", "values")}
    return FunnelRow(group=row["grp"], values=from_json(row["values"]) or {}, **values)


def _clock_row(found: Mapping[str, Any]) -> ClockRow:
    """Return a row of the SQL, whose columns are named as its fields are."""
    return ClockRow(**{**found, "kind": clock_word(found["kind"])})


def _month_row(
    start: datetime,
    found: Mapping[str, int],
    missing: Mapping[str, int],
    agreement: Agreement,
    owing: Period,
) -> MonthRow:
    level = agreement.marketing_level
    is_agreed = agreement.HasField("marketing_level")
    qualified = found.get("qualified", 0)
    return MonthRow(
        month=f"{start:%Y-%m}",
        qualified=qualified,
        owed=owed_in(start, level.qualified_per_month, owing) if is_agreed else None,
        owed_per_month=level.qualified_per_month if is_agreed else None,
        owed_days=round(_inside(start, owing) / timedelta(days=1), 1) if is_agreed else 0.0,
        accepted_percent=_percent(found.get("accepted", 0), found.get("decided", 0)),
        accepted_percent_owed=level.accepted_percent if is_agreed else None,
        complete_percent=_percent(found.get("complete", 0), qualified),
        complete_percent_owed=level.complete_percent if is_agreed else None,
        missing=missing,
    )


def _percent(part: int, whole: int) -> int | None:
    return round(100 * part / whole) if whole else None


def _months(since: datetime, until: datetime) -> list[tuple[datetime, str]]:
    """Return the beginnings and names of the months that a period touches."""
    start = since.astimezone(UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    months = []
    while start < until:
        months.append((start, f"{start:%Y-%m}"))
        start = _next_month(start)
    return months


def _next_month(start: datetime) -> datetime:
    return (start + timedelta(days=32)).replace(day=1)
