"""Reports as plain text, for a terminal: the same tables everywhere."""

from collections.abc import Iterable, Sequence

from services.feedback.reports import (
    By,
    ClockRow,
    FunnelRow,
    Grouping,
    MonthRow,
    ReasonRow,
    ServiceLevels,
)

NONE = "(none)"
_CONSEQUENCES = {1: "returned", 2: "re-routed", 3: "disqualified"}


def table(headers: Sequence[str], rows: Iterable[Sequence[str]], texts: int = 1) -> str:
    """Return rows in columns; the first `texts` columns are words, the others numbers."""
    lines = [list(headers), *(list(row) for row in rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(headers))]
    lines.insert(1, ["-" * width for width in widths])
    return "".join(_line(line, widths, texts) for line in lines)


def grouping(group: Grouping) -> str:
    """Return what the groups of a report are, as its first line."""
    groups = {
        By.CAMPAIGN: f"By campaign of the {group.touch.value} touch",
        By.SOURCE: "By source of the first capture",
        By.TIER: "By tier",
    }
    return f"{groups[group.by]}\n\n"


def funnel(rows: Sequence[FunnelRow], group: Grouping) -> str:
    """Return the funnel with a line for all."""
    steps = ("captured", "qualified", "routed", "accepted", "converted")
    headers = (group.by.value, *steps, "won", "lost", "returned", "value")
    lines = [_funnel_line(row) for row in rows]
    if len(rows) > 1:
        lines.append(_funnel_line(_all(rows)))
    return grouping(group) + table(headers, lines)


def service_levels(levels: ServiceLevels) -> str:
    """Return what both sides owed and gave."""
    sales = table(
        ("tier", "clock", "agreed", "met", "late", "breached", "running", "kept", "p50", "p95"),
        [_clock_line(row) for row in levels.sales],
        texts=2,
    )
    marketing = table(
        ("month", "qualified", "owed", "accepted", "owed", "complete", "owed", "missing most"),
        [_month_line(row) for row in levels.marketing],
    )
    return (
        f"Sales owes leads its time\n\n{sales}\n"
        f"Marketing owes sales leads\n\n{marketing}\n{_how_it_is_owed(levels)}"
    )


def reasons(rows: Sequence[ReasonRow], group: Grouping) -> str:
    """Return why leads came back."""
    return grouping(group) + table(
        (group.by.value, "reason", "what follows", "leads", "share"),
        [
            (
                row.group or NONE,
                row.label or row.reason,
                _CONSEQUENCES.get(row.consequence, ""),
                str(row.leads),
                f"{row.percent}%",
            )
            for row in rows
        ],
        texts=3,
    )


def duration(seconds: float | None) -> str:
    """Return business time as people say it; a dash for none."""
    if seconds is None:
        return "-"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes}m {rest}s" if minutes < 10 and rest else f"{minutes}m"
    hours, minutes = divmod(minutes, 60)
    return f"{hours}h {minutes}m" if minutes else f"{hours}h"


def money(values: dict[str, int]) -> str:
    """Return amounts by currency in whole units; a dash for none."""
    return (
        " + ".join(f"{cents // 100:,} {name}" for name, cents in sorted(values.items())) or "-"
    )


def _line(cells: Sequence[str], widths: Sequence[int], texts: int) -> str:
    aligned = [
        cell.ljust(width) if column < texts else cell.rjust(width)
        for column, (cell, width) in enumerate(zip(cells, widths, strict=True))
    ]
    return "  ".join(aligned).rstrip() + "\n"


def _funnel_line(row: FunnelRow) -> Sequence[str]:
    counts = (row.captured, row.qualified, row.routed, row.accepted, row.converted)
    ends = (row.won, row.lost, row.returned)
    return (row.group or NONE, *map(str, counts + ends), money(dict(row.values)))


def _all(rows: Sequence[FunnelRow]) -> FunnelRow:
    values: dict[str, int] = {}
    for row in rows:
        for currency, cents in row.values.items():
            values[currency] = values.get(currency, 0) + cents
    return FunnelRow(
        group="all",
        captured=sum(row.captured for row in rows),
        qualified=sum(row.qualified for row in rows),
        routed=sum(row.routed for row in rows),
        accepted=sum(row.accepted for row in rows),
        converted=sum(row.converted for row in rows),
        won=sum(row.won for row in rows),
        lost=sum(row.lost for row in rows),
        returned=sum(row.returned for row in rows),
        values=values,
    )


def _clock_line(row: ClockRow) -> Sequence[str]:
    ended = row.met + row.late + row.breached
    kept = f"{round(100 * row.met / ended)}%" if ended else "-"
    counts = map(str, (row.met, row.late, row.breached, row.running))
    times = (duration(row.p50_seconds), duration(row.p95_seconds))
    return (row.tier or NONE, row.kind, _agreed(row), *counts, kept, *times)


def _agreed(row: ClockRow) -> str:
    """Return what was agreed: one time, or from the shortest to the longest of the versions."""
    shortest, longest = duration(row.allowed_seconds_min), duration(row.allowed_seconds_max)
    return longest if shortest == longest else f"{shortest} to {longest}"


def _month_line(row: MonthRow) -> Sequence[str]:
    return (
        row.month,
        str(row.qualified),
        _owed(row),
        _percent(row.accepted_percent),
        _percent(row.accepted_percent_owed),
        _percent(row.complete_percent),
        _percent(row.complete_percent_owed),
        _missing(row),
    )


def _owed(row: MonthRow) -> str:
    """Return the leads owed, and for which part of the month unless for all of it."""
    if row.owed is None:
        return "-"
    is_whole = row.owed == row.owed_per_month
    return str(row.owed) if is_whole else f"{row.owed} for {row.owed_days:g} days"


def _missing(row: MonthRow) -> str:
    """Return what qualified leads lacked, the most frequent first."""
    found = sorted(row.missing.items(), key=lambda one: (-one[1], one[0]))
    return ", ".join(f"{field} {leads}" for field, leads in found) or "-"


def _how_it_is_owed(levels: ServiceLevels) -> str:
    """Return what the figures of marketing mean."""
    complete = "Complete: with phone, company and country; missing: how many lacked each.\n"
    owed = next((row.owed_per_month for row in levels.marketing if row.owed_per_month), None)
    if owed is None or levels.agreed_at is None:
        return complete
    since = f"{levels.agreed_at:%Y-%m-%d %H:%M %Z}"
    return (
        f"Owed: {owed} leads a month, in proportion for the part of a month that lies in the "
        f"period and after the first\nagreement was signed ({since}).\n{complete}"
    )


def _percent(value: int | None) -> str:
    return "-" if value is None else f"{value}%"
