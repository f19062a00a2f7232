"""What would have become of a lead of the past under an agreement."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import NamedTuple

from leadloop.conditions import Verdict
from services.lab.backtest.foretelling import Foretelling
from services.lab.history.past import Learned, PastLead
from services.scoring import rules
from services.scoring.definition import Activity, Agreement
from services.scoring.fading import midnight, next_change
from services.scoring.rules import Fault, Points, Sums
from services.scoring.standings import Standing
from services.scoring.tallies import Tally, day_of

_NONE_MOVED: Mapping[str, Tally] = {}


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


def course_of(lead: PastLead, agreement: Agreement, until: datetime | None = None) -> Course:
    """Replay a lead, step by step, from when it was known.

    A lead qualifies when it comes, at one of its activities, when something is learned of it,
    or at a midnight at which a penalty has faded enough or the agreement's model says more.

    Args:
        lead: With all that became of it.
        agreement: With its model, if that is at hand.
        until: When the past ends; None when that is not known.
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
    watcher.wait(lead.decided_at or until)
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
        model = agreement.model
        self._lead = lead
        self._agreement = agreement
        self._facts = lead.facts
        self._day = -1
        self._sums = Sums(0, 0)
        self._foretelling = Foretelling(agreement, model) if model else None
        self.activities = _until_known(lead)
        self.qualified: Qualified | None = None
        self.peak: int | None = None
        self.faults: dict[str, Verdict] = {}
        self._tallies: dict[str, Tally] = {}
        self._newest: Activity | None = None
        # By place; None when all have to be worked out again.
        self._uncapped: list[int] | None = None
        self._begin_anew()
        self._look_at(lead.at)

    @property
    def standing(self) -> Standing:
        """Return what the rules have found so far."""
        return Standing(self._fit, self._closed, self._tallies, self._newest)

    def take(self, activity: Activity) -> None:
        """Take the next activity."""
        self.activities += 1
        faults: list[Fault] = []
        moved = rules.held(self._tallies, self._facts, activity, self._agreement, faults)
        if faults:
            self.faults.update(_causes(faults))
        if moved is None:
            self._begin_anew()
        else:
            self._tallies.update(moved)
            self._newest = activity
        self._look_at(activity.occurred_at, moved or {})

    def learn(self, learned: Learned) -> None:
        """Take what became known."""
        self._facts = learned.facts
        self._begin_anew()
        self._look_at(learned.at)

    def wait(self, until: datetime | None) -> None:
        """Let time pass to the next step, or to the outcome."""
        agreement = self._agreement
        if not (agreement.may_rise_by_points or agreement.prediction_fades):
            return
        by = None if until is None else day_of(until)
        day = self._next_look(self._day, by)
        while day is not None and (until is None or midnight(day) < until):
            self._look_at(midnight(day))
            day = self._next_look(day, by)

    def _next_look(self, day: int, by: int | None) -> int | None:
        if self.qualified is not None or self._closed:
            return None
        agreement, standing = self._agreement, self.standing
        if agreement.may_rise_by_points:
            return next_change(standing, "", self._facts, agreement, day, by)
        # While the model says the same, points that fade bring nobody to a tier.
        return self._foretelling.next_day(standing, day) if self._foretelling else None

    def _begin_anew(self) -> None:
        """Judge all that is known."""
        so_far = self._lead.activities[: self.activities]
        found = rules.replay(self._facts, so_far, self._agreement)
        self._fit, self._closed, tallies, self._newest = found.standing
        self._tallies = dict(tallies)
        self._uncapped = None
        self.faults.update(_causes(found.faults))

    def _look_at(self, at: datetime, moved: Mapping[str, Tally] = _NONE_MOVED) -> None:
        """Work out the score at a moment, unless nothing can have changed."""
        if self._closed:
            return
        agreement = self._agreement
        is_new = bool(moved) or self._uncapped is None
        day = day_of(at) if is_new or agreement.fades else self._day
        if is_new or day != self._day:
            self._sums = sums = self._sums_on(day, moved)
            total = sums.fit + sums.engagement
            if self.peak is None or total > self.peak:
                self.peak = total
        elif not agreement.tiers_read_activities:
            return
        if self.qualified is None:
            self._qualify(at)

    def _qualify(self, at: datetime) -> None:
        """Note the tier that the lead meets, if any."""
        standing, sums = self.standing, self._sums
        if self._foretelling is not None:
            predicted = self._foretelling.on(standing, self._facts, self._day)
            sums = sums._replace(predicted=predicted)
        tier, faults = rules.tier_of(standing, sums, self._facts, self._agreement)
        if faults:
            self.faults.update(_causes(faults))
        if tier:
            self.qualified = Qualified(at, tier, sums, self.activities)

    def _sums_on(self, day: int, moved: Mapping[str, Tally]) -> Sums:
        """Return what `rules.points_on` and `rules.sums_of` come to."""
        agreement, points = self._agreement, self._uncapped
        if points is None:
            points = rules.points_on(self.standing, agreement, day).uncapped
            self._uncapped = points = list(points)
        else:
            by_name = agreement.by_name
            for name, tally in moved.items():
                place, rule = by_name[name]
                points[place] = rule.points_of(tally, day)
            if day != self._day:
                self._fade(points, day, moved)
        self._day = day
        given = rules.capped(points, agreement)
        return rules.sums_of(Points(given, points, day), agreement)

    def _fade(self, points: list[int], day: int, moved: Mapping[str, Tally]) -> None:
        """Work out again what time alone has moved."""
        tallies = self._tallies
        for place, rule in self._agreement.fading_rules:
            name = rule.name
            if name in tallies and name not in moved:
                points[place] = rule.points_of(tallies[name], day)


def _causes(faults: Iterable[Fault]) -> dict[str, Verdict]:
    return {fault.name: fault.cause for fault in faults}
