"""Reports as plain text, for a terminal: the same tables everywhere."""

from collections.abc import Iterable, Sequence

from services.feedback.reports import (
    By,
    ClockRow,
    FunnelRow,
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


def funnel(rows: Sequence[FunnelRow], by: By) -> str:
    """Return the funnel with a line for all."""
    steps = ("captured", "qualified", "routed", "accepted", "converted")
    headers = (by.value, *steps, "won", "lost", "returned", "value")
    lines = [_funnel_line(row) for row in rows]
    if len(rows) > 1:
        lines.append(_funnel_line(_all(rows)))
    return table(headers, lines)


def service_levels(levels: ServiceLevels) -> str:
    """Return what both sides owed and gave."""
    sales = table(
        ("tier", "clock", "agreed", "met", "late", "breached", "running", "kept", "p50", "p95"),
        [_clock_line(row) for row in levels.sales],
        texts=2,
    )
    marketing = table(
        ("month", "qualified", "owed", "accepted", "owed", "complete", "owed"),
        [_month_line(row) for row in levels.marketing],
    )
    return f"Sales owes leads its time\n\n{sales}\nMarketing owes sales leads\n\n{marketing}"


def reasons(rows: Sequence[ReasonRow], by: By) -> str:
    """Return why leads came back."""
    return table(
        (by.value, "reason", "what follows", "leads", "share"),
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
        "-" if row.owed is None else str(row.owed),
        _percent(row.accepted_percent),
        _percent(row.accepted_percent_owed),
        _percent(row.complete_percent),
        _percent(row.complete_percent_owed),
    )


def _percent(value: int | None) -> str:
    return "-" if value is None else f"{value}%"
