"""What would have become of a lead of the past under an agreement."""

from collections.abc import Mapping
from datetime import datetime
from typing import NamedTuple

from leadloop.conditions import Verdict
from services.scoring import rules
from services.scoring.definition import Activity, Agreement
from services.scoring.fading import midnight, next_change
from services.scoring.history.past import Learned, PastLead
from services.scoring.rules import Fault, Found, Points, Standing, Sums
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
    """Replay a lead, step by step, from when it was known.

    A lead qualifies when it comes, at one of its activities, when something is learned of it,
    or at a midnight at which a penalty has faded enough.
    """
    watcher = _Watcher(lead, agreement)
    if watcher.standing.closed and not lead.learned:
        # Facts alone close gates, so nothing that it does later can help.
        last = rules.replay(lead.facts, lead.activities, agreement)
        return Course(None, None, last.standing, _causes(last.faults))
    rest: tuple[Activity | Learned, ...] = lead.activities[watcher.activities :]
    if lead.learned:
        rest = tuple(sorted((*lead.learned, *rest), key=_moment))
    for step in rest:
        watcher.wait(_moment(step))
        if isinstance(step, Activity):
            watcher.take(step)
        else:
            watcher.learn(step)
    watcher.wait(lead.decided_at)
    return Course(watcher.qualified, watcher.peak, watcher.standing, watcher.faults)


def _moment(step: Activity | Learned) -> datetime:
    return step.occurred_at if isinstance(step, Activity) else step.at


def _until_known(lead: PastLead) -> int:
    """Return how many activities were done until the lead was known."""
    border = 0
    for activity in lead.activities:
        if activity.occurred_at > lead.at:
            break
        border += 1
    return border


class _Watcher:
    """Watches a lead from one step to the next; works out again only what has moved.

    Attributes:
        activities: How many it has taken.
    """

    def __init__(self, lead: PastLead, agreement: Agreement) -> None:
        self._lead = lead
        self._agreement = agreement
        self._facts = lead.facts
        self._tallies: Mapping[str, Tally] | None = None
        self._day = -1
        self._uncapped: list[int] = []
        self._sums = Sums(0, 0)
        self.activities = _until_known(lead)
        self.qualified: Qualified | None = None
        self.peak: int | None = None
        self.faults: dict[str, Verdict] = {}
        known = lead.activities[: self.activities]
        self.standing = Standing()
        self._look_at(rules.replay(lead.facts, known, agreement), lead.at)

    def take(self, activity: Activity) -> None:
        """Take the next activity."""
        facts, agreement = self._facts, self._agreement
        self.activities += 1
        found = rules.advance(self.standing, facts, facts, activity, agreement)
        self._look_at(found or self._anew(), activity.occurred_at)

    def learn(self, learned: Learned) -> None:
        """Take what became known."""
        before, self._facts = self._facts, learned.facts
        found = rules.advance(self.standing, before, self._facts, None, self._agreement)
        self._tallies = None
        self._look_at(found or self._anew(), learned.at)

    def wait(self, until: datetime | None) -> None:
        """Let time pass to the next step, or to the outcome."""
        agreement = self._agreement
        if self.qualified is not None or not agreement.has_fading_penalties:
            return
        day = next_change(self.standing, "", self._facts, agreement, self._day)
        if day is not None and (until is None or midnight(day) < until):
            self._look_at(Found(self.standing, ()), midnight(day))

    def _anew(self) -> Found:
        so_far = self._lead.activities[: self.activities]
        return rules.replay(self._facts, so_far, self._agreement)

    def _look_at(self, found: Found, at: datetime) -> None:
        """Work out the score at a moment, unless nothing can have changed."""
        self.standing, agreement = found.standing, self._agreement
        if found.faults:
            self.faults.update(_causes(found.faults))
        if found.standing.closed:
            return
        is_new = found.standing.tallies is not self._tallies
        day = day_of(at) if is_new or agreement.fades else self._day
        if is_new or day != self._day:
            self._sums = sums = self._sums_on(found.standing, day)
            total = sums.fit + sums.engagement
            if self.peak is None or total > self.peak:
                self.peak = total
        elif not agreement.tiers_read_activities:
            return
        if self.qualified is None:
            self._qualify(at)

    def _qualify(self, at: datetime) -> None:
        """Note the tier that the lead meets, if any."""
        tier, faults = rules.tier_of(self.standing, self._sums, self._facts, self._agreement)
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


def _causes(faults: tuple[Fault, ...]) -> dict[str, Verdict]:
    return {fault.name: fault.cause for fault in faults}
