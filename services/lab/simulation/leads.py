"""Leads as scoring judges them: what becomes known of each, and when that brings it to sales.

Whatever is decided here is decided by `services.scoring`; this only keeps what it decides on.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple, Protocol

from leadloop.conditions import Values
from services.scoring import fading, rules
from services.scoring.cycles import Cycle, Stage
from services.scoring.definition import Activity, Agreement
from services.scoring.rules import HOLDS, Decision
from services.scoring.standings import Standing
from services.scoring.tallies import day_of


class Seen(NamedTuple):
    """What becomes known of a lead at one moment.

    Attributes:
        facts: Who it is from now on; None when nothing is new about that.
        activity: What it did; None when it did nothing.
        order: Its place among all that becomes known at one moment.
        draw: Of a made-up lead: which tier it meets then, as a share from 0 to 1.
    """

    at: datetime
    facts: Values | None = None
    activity: Activity | None = None
    order: int = 0
    draw: float = 0.0


class Prospect(NamedTuple):
    """Somebody whom marketing reaches, with all that becomes known of them, in order."""

    lead_id: str
    seen: Sequence[Seen]


@dataclass(slots=True)
class Lead:
    """A lead as it stands."""

    lead_id: str
    seen: list[Seen]
    place: int = 0
    facts: Values = field(default_factory=dict)
    activities: list[Activity] = field(default_factory=list)
    standing: Standing = field(default_factory=Standing)
    tier: str = ""
    cycle: Cycle = field(default_factory=Cycle)
    fades_at: datetime | None = None
    cools_until: datetime | None = None

    @property
    def next_at(self) -> datetime | None:
        """Return when the next thing happens to it by itself; None when nothing does."""
        seen = self.seen[self.place].at if self.place < len(self.seen) else None
        moments = (seen, self.fades_at, self.cools_until)
        return min((at for at in moments if at is not None), default=None)


class Judge(Protocol):
    """Tells what tier a lead meets."""

    def judge(self, lead: Lead, seen: Seen | None, now: datetime) -> str:
        """Take in what became known, or only the time; return the tier, empty when none."""
        ...

    def reopens(self, lead: Lead, activity: Activity) -> bool:
        """Say whether an activity is the evidence that the lead's return waits for."""
        ...


class ByRules:
    """Judges by the agreement's rules, as scoring does."""

    def __init__(self, agreement: Agreement) -> None:
        """Judge by this definition."""
        self._agreement = agreement

    def judge(self, lead: Lead, seen: Seen | None, now: datetime) -> str:
        """Take in what became known, or only the time; return the tier, empty when none."""
        agreement = self._agreement
        if seen is not None:
            self._take_in(lead, seen)
        day = day_of(now)
        predicted = rules.predicted_on(lead.standing, lead.facts, agreement, day)
        points = rules.points_on(lead.standing, agreement, day)
        sums = rules.sums_of(points, agreement, predicted)
        tier, _ = rules.tier_of(lead.standing, sums, lead.facts, agreement)
        lead.fades_at = None
        if agreement.fades:
            by = _judged_again_by(lead, seen)
            fades_on = fading.next_change(lead.standing, tier, lead.facts, agreement, day, by)
            lead.fades_at = fading.midnight(fades_on) if fades_on is not None else None
        return tier

    def reopens(self, lead: Lead, activity: Activity) -> bool:
        """Say whether an activity is the evidence that the lead's return waits for."""
        reason = self._agreement.reason(lead.cycle.reason)
        if reason is None or reason.reopened_by is None:
            return False
        return reason.reopened_by.judge(lead.facts, activity.values) is HOLDS

    def _take_in(self, lead: Lead, seen: Seen) -> None:
        before, lead.facts = lead.facts, lead.facts if seen.facts is None else seen.facts
        if seen.activity is not None:
            lead.activities.append(seen.activity)
        first = lead.place == 0
        found = None
        if not first:
            found = rules.advance(
                lead.standing, before, lead.facts, seen.activity, self._agreement
            )
        if found is None:
            found = rules.replay(lead.facts, lead.activities, self._agreement)
        lead.standing = found.standing


def _judged_again_by(lead: Lead, seen: Seen | None) -> int | None:
    """Return the day on which the next thing becomes known; None when nothing does."""
    place = lead.place if seen is None else lead.place + 1
    return day_of(lead.seen[place].at) if place < len(lead.seen) else None


def advance(
    lead: Lead, judge: Judge, agreement: Agreement, now: datetime
) -> Iterator[Decision]:
    """Let happen to a lead what is due by `now`; give what scoring decides, one by one."""
    while lead.place < len(lead.seen) and lead.seen[lead.place].at <= now:
        seen = lead.seen[lead.place]
        yield decide(lead, seen, judge, agreement, now)
    if any(at is not None and at <= now for at in (lead.fades_at, lead.cools_until)):
        lead.cools_until = None
        yield decide(lead, None, judge, agreement, now)


def decide(
    lead: Lead, seen: Seen | None, judge: Judge, agreement: Agreement, now: datetime
) -> Decision:
    """Judge a lead with what became known, or only with the time, and move its cycle."""
    before = lead.tier
    lead.tier = judge.judge(lead, seen, now)
    if seen is not None:
        lead.place += 1
        if seen.activity is not None:
            _reopen(lead, [seen.activity], judge)
    decision = rules.decide(before, lead.tier, lead.standing, lead.cycle, agreement, now)
    if decision is Decision.QUALIFIED:
        lead.cycle = lead.cycle.next(lead.lead_id, now)
    elif decision is Decision.DISQUALIFIED:
        lead.cycle = lead.cycle.close_by_gate(now)
    return decision


def end_cycle(lead: Lead, cycle: Cycle, judge: Judge, now: datetime) -> None:
    """Let the lead's cycle be as sales left it; a cool-down has it judged again at its end."""
    lead.cycle = cycle
    if cycle.not_before is not None and cycle.not_before > now:
        lead.cools_until = cycle.not_before
    _reopen(lead, lead.activities, judge)


def _reopen(lead: Lead, activities: Iterable[Activity], judge: Judge) -> None:
    """Note the new evidence that a return waits for."""
    cycle = lead.cycle
    if cycle.stage is not Stage.RETURNED or cycle.is_reopened or cycle.closed_at is None:
        return
    if any(
        one.occurred_at > cycle.closed_at and judge.reopens(lead, one) for one in activities
    ):
        lead.cycle = cycle._replace(is_reopened=True)
