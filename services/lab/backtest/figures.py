"""What counts say: shares with their intervals, volumes, thresholds, bands of scores."""

from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

from services.lab.backtest.counts import Counts, Group, at_least
from services.lab.learning.intervals import Interval, Rate, wilson

THRESHOLDS_SHOWN: Final = 15
BANDS: Final = 10
BARS_MAX: Final = 60


class Share(NamedTuple):
    """A share of leads, and where its true value lies with 95 % confidence."""

    rate: Rate
    interval: Interval

    @property
    def value(self) -> float | None:
        """Return the share; None of nothing."""
        return self.rate.share if self.rate.of else None


def share_of(hits: int, of: int) -> Share:
    """Return which share `hits` are of so many, and how far it can be trusted."""
    rate = Rate(hits, of)
    return Share(rate, wilson(rate))


class Quality(NamedTuple):
    """How well some leads were chosen.

    Attributes:
        group: The leads.
        precision: Of those with a known outcome, how many were won.
        recall: Of all leads that were won, how many are among them.
        lift: Precision over the share of all leads; None when that is 0.
        lift_interval: The interval of the precision over the same share.
    """

    group: Group
    precision: Share
    recall: Share
    lift: float | None
    lift_interval: Interval | None


def quality_of(group: Group, leads: Group) -> Quality:
    """Return how well a group was chosen out of all leads."""
    precision, base = share_of(group.won, group.known), Rate(leads.won, leads.known)
    has_lift = leads.won > 0 and group.known > 0
    low, high = precision.interval
    return Quality(
        group,
        precision,
        share_of(group.won, leads.won),
        precision.rate.share / base.share if has_lift else None,
        Interval(low / base.share, high / base.share) if has_lift else None,
    )


class Volume(NamedTuple):
    """Leads for sales in a week, on average and at most; None without times."""

    weeks: int
    mean: float
    most: int
    most_week: int


def volume_of(counts: Counts) -> Volume | None:
    """Return how many leads a week sales would have had."""
    weeks = {key for key in (*counts.arrivals, *counts.weeks) if isinstance(key, int)}
    if not weeks:
        return None
    number = (max(weeks) - min(weeks)) // 7 + 1
    by_week = {week: group.all for week, group in counts.weeks.items() if isinstance(week, int)}
    most = max(by_week, key=lambda week: (by_week[week], -week), default=min(weeks))
    return Volume(number, sum(by_week.values()) / number, by_week.get(most, 0), most)


class Threshold(NamedTuple):
    """What it would mean to qualify at this total, gates open."""

    total: int
    quality: Quality


def thresholds(counts: Counts) -> list[Threshold]:
    """Return every total that a lead reached, ascending."""
    reached = at_least(counts.peaks)
    return [
        Threshold(total, quality_of(group, counts.leads)) for total, group in reversed(reached)
    ]


def some(every: Sequence[Threshold]) -> list[Threshold]:
    """Return thresholds to show in a table, about evenly spaced by their number of leads."""
    if len(every) <= THRESHOLDS_SHOWN:
        return list(every)
    most = every[0].quality.group.all
    wanted = [most * (THRESHOLDS_SHOWN - n) / THRESHOLDS_SHOWN for n in range(THRESHOLDS_SHOWN)]
    shown: dict[int, Threshold] = {}
    for number in wanted:
        near = min(every, key=lambda one: abs(one.quality.group.all - number))
        shown[near.total] = near
    # The highest totals hold few leads, and are what a threshold is looked for among.
    for one in every[-1:]:
        shown[one.total] = one
    return sorted(shown.values())


class Band(NamedTuple):
    """Leads whose highest total lay between two values, both included."""

    low: int
    high: int
    group: Group
    won: Share


def bands(counts: Counts) -> list[Band]:
    """Return about ten bands of totals with about equally many leads."""
    totals = sorted(key for key in counts.peaks if isinstance(key, int))
    every = sum(counts.peaks[total].all for total in totals)
    found: list[Band] = []
    begun, group, done = 0, Group(), 0
    for n, total in enumerate(totals):
        group.merge(counts.peaks[total])
        is_full = done + group.all >= every * (len(found) + 1) / BANDS
        if is_full or n == len(totals) - 1:
            found.append(Band(totals[begun], total, group, share_of(group.won, group.known)))
            done, begun, group = done + group.all, n + 1, Group()
    return found


class Bar(NamedTuple):
    """Some weeks together: qualifications by tier, in the order of the tiers."""

    week: int
    weeks: int
    arrivals: int
    tiers: tuple[int, ...]


def bars(counts: Counts, tiers: Sequence[str]) -> list[Bar]:
    """Return volumes by week; several weeks together when there are very many."""
    weeks = [key for key in (*counts.arrivals, *counts.weeks) if isinstance(key, int)]
    if not weeks:
        return []
    size = -(-((max(weeks) - min(weeks)) // 7 + 1) // BARS_MAX)
    starts = range(min(weeks), max(weeks) + 1, 7 * size)
    return [_bar(counts, tiers, range(start, start + 7 * size, 7)) for start in starts]


def _bar(counts: Counts, tiers: Sequence[str], weeks: range) -> Bar:
    came = sum(counts.arrivals[week].all for week in weeks if week in counts.arrivals)
    by_tier = tuple(sum(counts.volume[week, tier] for week in weeks) for tier in tiers)
    return Bar(weeks[0], len(weeks), came, by_tier)


def rule_shares(counts: Counts, names: Sequence[str]) -> Iterator[tuple[str, Quality, Share]]:
    """Yield each rule with how well it parts leads, and the leads it did not hold on."""
    leads = counts.leads
    for name in names:
        held = counts.rules.get(name, Group())
        rest = share_of(leads.won - held.won, leads.known - held.known)
        yield name, quality_of(held, leads), rest
