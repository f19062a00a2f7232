"""What became of many leads, added up; the sums do not depend on the order of adding.

Nothing here grows with the number of leads: what is not a count is a histogram with fixed bins.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from services.lab.backtest.course import Course, Qualified
from services.lab.history.joined import UNDATED
from services.lab.history.past import PastLead
from services.lab.learning.intervals import Rate

# Totals up to here are counted one by one, then in tens, in hundreds, and as one.
EXACT_MAX: Final = 500
TENS_MAX: Final = 5_000
HUNDREDS_MAX: Final = 50_000
# How long a lead waited for its qualification; the first border that is not exceeded.
WAITS: Final = (
    ("at once", timedelta(0)),
    ("1 hour", timedelta(hours=1)),
    ("1 day", timedelta(days=1)),
    ("1 week", timedelta(days=7)),
    ("30 days", timedelta(days=30)),
    ("90 days", timedelta(days=90)),
    ("longer", timedelta.max),
)


@dataclass(slots=True)
class Group:
    """Some leads: all, those whose outcome is known, and those that were won."""

    all: int = 0
    known: int = 0
    won: int = 0

    def add(self, won: bool | None) -> None:
        """Add a lead."""
        self.all += 1
        if won is not None:
            self.known += 1
            self.won += won

    def merge(self, other: "Group") -> None:
        """Add other leads."""
        self.all += other.all
        self.known += other.known
        self.won += other.won

    @property
    def rate(self) -> Rate:
        """Return the share of those with a known outcome that were won."""
        return Rate(self.won, self.known)


class Groups(dict[str | int, Group]):
    """Groups of leads by name or number; one that is not there is empty."""

    def __missing__(self, key: str | int) -> Group:
        """Begin a group."""
        group = self[key] = Group()
        return group

    def merge(self, other: "Groups") -> None:
        """Add other leads to their groups."""
        for key, group in other.items():
            self[key].merge(group)

    def total(self) -> Group:
        """Return all groups as one."""
        every = Group()
        for group in self.values():
            every.merge(group)
        return every


class Unjudged(NamedTuple):
    """A lead on which something could not be judged, to be looked at."""

    line: int
    lead_id: str


@dataclass
class Counts:
    """What became of leads under one agreement.

    Attributes:
        leads: All of them.
        first: When the first one came; None without times.
        last: When the last one came, likewise.
        arrivals: Leads that came, by week; a week is the ordinal of its Monday.
        tiers: Those that qualified, by their first tier.
        weeks: The same by week of qualification.
        volume: Qualifications by week and tier.
        waits: Those that qualified, by how long it took from when they came.
        peaks: Leads that no gate kept back, by their highest total, in the bins of `bin_of`.
        closed: Leads that a gate kept back, by gate; a lead may be in several.
        kept_back: Leads that any gate kept back.
        rules: Leads on which a rule held, by rule.
        times: How often an engagement rule held.
        faults: Leads on which a rule, gate or tier could not be judged, and why.
        examples: The first such lead of each.
    """

    leads: Group = field(default_factory=Group)
    first: datetime | None = None
    last: datetime | None = None
    arrivals: Groups = field(default_factory=Groups)
    tiers: Groups = field(default_factory=Groups)
    weeks: Groups = field(default_factory=Groups)
    volume: Counter[tuple[int, str]] = field(default_factory=Counter)
    waits: Groups = field(default_factory=Groups)
    peaks: Groups = field(default_factory=Groups)
    closed: Groups = field(default_factory=Groups)
    kept_back: Group = field(default_factory=Group)
    rules: Groups = field(default_factory=Groups)
    times: Counter[str] = field(default_factory=Counter)
    faults: Counter[tuple[str, str]] = field(default_factory=Counter)
    examples: dict[tuple[str, str], Unjudged] = field(default_factory=dict)

    def add(self, lead: PastLead, course: Course) -> None:
        """Add what became of a lead."""
        won = lead.won
        self.leads.add(won)
        if lead.at != UNDATED:
            self._note_time(lead)
        if course.peak is None:
            self.kept_back.add(won)
            for gate in course.standing.closed:
                self.closed[gate].add(won)
        else:
            self.peaks[bin_of(course.peak)].add(won)
        if course.qualified:
            self._add_qualified(lead, course.qualified)
        for name in course.standing.fit:
            self.rules[name].add(won)
        for name, tally in course.standing.tallies.items():
            self.rules[name].add(won)
            self.times[name] += tally.times
        for name, cause in course.faults.items():
            self._add_fault((name, cause.value), Unjudged(lead.line, lead.lead_id))

    def merge(self, other: "Counts") -> None:
        """Add what became of other leads."""
        self.leads.merge(other.leads)
        self.kept_back.merge(other.kept_back)
        for name in ("arrivals", "tiers", "weeks", "waits", "peaks", "closed", "rules"):
            getattr(self, name).merge(getattr(other, name))
        for name in ("volume", "times", "faults"):
            getattr(self, name).update(getattr(other, name))
        moments = [at for at in (self.first, other.first) if at]
        self.first = min(moments, default=None)
        moments = [at for at in (self.last, other.last) if at]
        self.last = max(moments, default=None)
        for key, one in other.examples.items():
            self.examples[key] = min(self.examples.get(key, one), one)

    @property
    def qualified(self) -> Group:
        """Return all that qualified."""
        return self.tiers.total()

    @property
    def is_dated(self) -> bool:
        """Say whether leads have times."""
        return self.first is not None

    def _note_time(self, lead: PastLead) -> None:
        self.arrivals[week_of(lead.at)].add(lead.won)
        if self.first is None or lead.at < self.first:
            self.first = lead.at
        if self.last is None or lead.at > self.last:
            self.last = lead.at

    def _add_qualified(self, lead: PastLead, qualified: Qualified) -> None:
        self.tiers[qualified.tier].add(lead.won)
        if lead.at != UNDATED:
            week = week_of(qualified.at)
            self.weeks[week].add(lead.won)
            self.volume[week, qualified.tier] += 1
            waited = qualified.at - lead.at
            self.waits[next(name for name, most in WAITS if waited <= most)].add(lead.won)

    def _add_fault(self, key: tuple[str, str], lead: Unjudged) -> None:
        self.faults[key] += 1
        self.examples[key] = min(self.examples.get(key, lead), lead)


def week_of(moment: datetime) -> int:
    """Return the ordinal of the Monday of a moment's week, UTC."""
    day = moment.toordinal()
    return day - (day - 1) % 7


def bin_of(total: int) -> int:
    """Return the least total that is counted together with this one."""
    size = abs(total)
    if size <= EXACT_MAX:
        return total
    if size <= TENS_MAX:
        return total // 10 * 10
    return max(min(total // 100 * 100, HUNDREDS_MAX), -HUNDREDS_MAX)


def at_least(peaks: Mapping[str | int, Group]) -> list[tuple[int, Group]]:
    """Return, for each total that leads reached, those that reached it or more; descending."""
    reached: list[tuple[int, Group]] = []
    so_far = Group()
    for total in sorted((key for key in peaks if isinstance(key, int)), reverse=True):
        so_far.merge(peaks[total])
        reached.append((total, Group(so_far.all, so_far.known, so_far.won)))
    return reached
