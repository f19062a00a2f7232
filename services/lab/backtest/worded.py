"""How a backtest's report words what was counted: shares, lifts, groups of leads."""

from collections.abc import Sequence

from services.lab.backtest import figures
from services.lab.backtest.counts import Counts, Group
from services.lab.backtest.figures import Quality, Share
from services.lab.report.charts import Dot
from services.lab.report.sections import Row, Table


def quality_table(rows: Sequence[Row]) -> Table:
    """Return rows of `quality_row` under their header."""
    return Table(("", "leads", "of all", "won", "share", "lift"), rows)


def quality_row(name: str, group: Group, counts: Counts) -> Row:
    """Return how many leads a group holds, and how good they are."""
    quality = figures.quality_of(group, counts.leads)
    part = figures.share_of(group.all, counts.leads.all)
    return (
        name,
        f"{group.all:,}",
        plain(part),
        f"{group.won:,}",
        percent(quality.precision),
        lift(quality),
    )


def without(group: Group, part: Group) -> Group:
    """Return the leads of a group that are not of a part of it."""
    return Group(group.all - part.all, group.known - part.known, group.won - part.won)


def dot(label: str, share: Share) -> Dot:
    """Return a share as charts show it."""
    low, high = share.interval
    return Dot(label, share.value, low, high, percent(share))


def span(low: int, high: int) -> str:
    """Write a band of totals."""
    return f"{low}" if low == high else f"{low} to {high}"


def percent(share: Share) -> str:
    """Write a share with its interval."""
    if share.value is None:
        return "-"
    low, high = share.interval
    return f"{share.value * 100:.1f} % ({low * 100:.1f} to {high * 100:.1f})"


def plain(share: Share) -> str:
    """Write a share without its interval."""
    return "-" if share.value is None else f"{share.value * 100:.1f} %"


def lift(quality: Quality) -> str:
    """Write a lift with its interval."""
    if quality.lift is None or quality.lift_interval is None:
        return "-"
    low, high = quality.lift_interval
    return f"{quality.lift:.2f} ({low:.2f} to {high:.2f})"


def times(quality: Quality) -> str:
    """Write a lift as a word."""
    return f"{quality.lift:.2f} times" if quality.lift is not None else "-"
