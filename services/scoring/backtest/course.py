"""What would have become of a lead of the past under an agreement."""

from collections.abc import Mapping
from datetime import datetime
from typing import NamedTuple

from leadloop.conditions import Verdict
from services.scoring import rules
from services.scoring.definition import Activity, Agreement
from services.scoring.fading import midnight, next_change
from services.scoring.history.past import PastLead
from services.scoring.rules import Fault, Points, Standing, Sums
from services.scoring.tallies import Tally, day_of, points_on


class Qualified(NamedTuple):
    """When a lead was first qualified, and as what.

    Attributes:
        activities: How many of its activities it took.
    """

    at: datetime
    tier: str
    sums: Sums
    activities: int


class Course(NamedTuple):
    """What became of a lead.

    Attributes:
        qualified: None when it never met a tier.
        peak: The highest total it had while it was known; None while a gate was closed.
        standing: What the rules found in the end.
        faults: Rules, gates and tiers that could not be judged on it, with the reason.
    """

    qualified: Qualified | None
    peak: int | None
    standing: Standing
    faults: Mapping[str, Verdict]


def course_of(lead: PastLead, agreement: Agreement) -> Course:
    """Replay a lead, activity by activity, from when it was known.

    A lead qualifies when it comes, at one of its activities, or at a midnight at which a
    penalty has faded enough.
    """
    known, rest = _parted(lead)
    found = rules.replay(lead.facts, known, agreement)
    if found.standing.closed:
        # Facts alone close gates, so nothing that it does later can help.
        last = rules.replay(lead.facts, lead.activities, agreement) if rest else found
        return Course(None, None, last.standing, _causes(last.faults))
    watcher = _Watcher(lead, agreement, len(known))
    watcher.look_at(found.standing, found.faults, lead.at)
    standing = found.standing
    for activity in rest:
        watcher.wait(standing, activity.occurred_at)
        watcher.activities += 1
        advanced = rules.advance(standing, lead.facts, lead.facts, activity, agreement)
        if advanced is None:
            so_far = lead.activities[: watcher.activities]
            advanced = rules.replay(lead.facts, so_far, agreement)
        standing = advanced.standing
        watcher.look_at(standing, advanced.faults, activity.occurred_at)
    watcher.wait(standing, lead.decided_at)
    return Course(watcher.qualified, watcher.peak, standing, watcher.faults)


def _parted(lead: PastLead) -> tuple[tuple[Activity, ...], tuple[Activity, ...]]:
    """Return what was done until the lead was known, and what came after that."""
    border = 0
    for activity in lead.activities:
        if activity.occurred_at > lead.at:
            break
        border += 1
    return lead.activities[:border], lead.activities[border:]


class _Watcher:
    """Watches a score from one activity to the next; works out again only what has moved."""

    def __init__(self, lead: PastLead, agreement: Agreement, activities: int) -> None:
        self._lead = lead
        self._agreement = agreement
        self._tallies: Mapping[str, Tally] | None = None
        self._day = -1
        self._uncapped: list[int] = []
        self._sums = Sums(0, 0)
        self.activities = activities
        self.qualified: Qualified | None = None
        self.peak: int | None = None
        self.faults: dict[str, Verdict] = {}

    def look_at(self, standing: Standing, faults: tuple[Fault, ...], at: datetime) -> None:
        """Work out the score at a moment, unless nothing can have changed."""
        agreement = self._agreement
        if faults:
            self.faults.update(_causes(faults))
        is_new = standing.tallies is not self._tallies
        day = day_of(at) if is_new or agreement.fades else self._day
        if is_new or day != self._day:
            self._sums = sums = self._sums_on(standing, day)
            total = sums.fit + sums.engagement
            if self.peak is None or total > self.peak:
                self.peak = total
        elif not agreement.tiers_read_activities:
            return
        if self.qualified is None:
            tier, faults = rules.tier_of(standing, self._sums, self._lead.facts, agreement)
            if faults:
                self.faults.update(_causes(faults))
            if tier:
                self.qualified = Qualified(at, tier, self._sums, self.activities)

    def _sums_on(self, standing: Standing, day: int) -> Sums:
        """Return what `rules.points_on` and `rules.sums_of` come to."""
        agreement, before, points = self._agreement, self._tallies, self._uncapped
        if before is None:
            before, by_facts = {}, Standing(standing.fit)
            points = self._uncapped = rules.points_on(by_facts, agreement, day).uncapped
        is_later = day != self._day
        for name, tally in standing.tallies.items():
            place, rule = agreement.by_name[name]
            timing = rule.timing
            fades = is_later and (timing.half_life_days or timing.within_days)
            if fades or tally is not before.get(name):
                points[place] = points_on(rule.points, tally, timing, day)
        self._tallies, self._day = standing.tallies, day
        given = rules.capped(points, agreement)
        return rules.sums_of(Points(given, points, day), agreement)

    def wait(self, standing: Standing, until: datetime | None) -> None:
        """Let time pass to the next activity, or to the outcome."""
        agreement = self._agreement
        if self.qualified is not None or not agreement.has_fading_penalties:
            return
        facts = self._lead.facts
        day = next_change(standing, "", facts, agreement, self._day)
        if day is not None and (until is None or midnight(day) < until):
            self.look_at(standing, (), midnight(day))


def _causes(faults: tuple[Fault, ...]) -> dict[str, Verdict]:
    return {fault.name: fault.cause for fault in faults}
