"""A made-up stream of qualified leads: so many a week, at office hours or at any hour."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from random import Random
from zoneinfo import ZoneInfo

from leadloop.errors import Rejected
from services.feedback.rules import Return
from services.lab.simulation.leads import Lead, Prospect, Seen
from services.lab.simulation.pattern import Pattern
from services.lab.simulation.world import ComeBack
from services.scoring.definition import Activity
from services.scoring.standings import Standing

VISIT = "visit"
_OFFICE_DAYS, _OPENS, _CLOSES = 5, 8, 18
_WEEK_SECONDS = 7 * 86_400
_OFFICE_SECONDS = (_CLOSES - _OPENS) * 3_600
_BACK_AFTER_DAYS_MAX = 30


@dataclass(frozen=True)
class Stream:
    """What is made up.

    Attributes:
        weeks: How long leads come.
        per_week: How many, of which all are qualified.
        zone: Whose office hours.
    """

    first_day: date
    weeks: int
    per_week: float
    pattern: Pattern
    zone: str
    seed: int

    @property
    def begins_at(self) -> datetime:
        """Return the first moment."""
        return _local(self.first_day, timedelta(), self.zone)

    @property
    def ends_at(self) -> datetime:
        """Return the first moment after it."""
        return _local(self.first_day, timedelta(weeks=self.weeks), self.zone)

    def prospects(self) -> Iterator[Prospect]:
        """Make up the leads, in order of time."""
        number = 0
        for week in range(self.weeks):
            count = int(self.per_week * (week + 1)) - int(self.per_week * week)
            random = Random(f"{self.seed}/week/{week}")  # noqa: S311 (a simulation)
            for offset in sorted(self._offset(random) for _ in range(count)):
                number += 1
                at = _local(self.first_day, timedelta(weeks=week) + offset, self.zone)
                yield Prospect(f"{number:08}", (_visit(at, f"{number:08}/1", random.random()),))

    def _offset(self, random: Random) -> timedelta:
        """Return when in the week one comes."""
        if self.pattern is Pattern.EVEN:
            return timedelta(seconds=random.randrange(_WEEK_SECONDS))
        day, second = divmod(random.randrange(_OFFICE_DAYS * _OFFICE_SECONDS), _OFFICE_SECONDS)
        return timedelta(days=day, hours=_OPENS, seconds=second)


class ByShares:
    """Judges made-up leads: each meets the tier that its draw falls to."""

    def __init__(self, tiers: Sequence[str], shares: Mapping[str, float]) -> None:
        """Share them among the tiers of an agreement.

        Args:
            tiers: Their names, in order.
            shares: Weights by tier; a tier that is not named gets none. Empty: all alike.

        Raises:
            Rejected: None of the tiers has a share.
        """
        weights = [shares.get(tier, 0.0) if shares else 1.0 for tier in tiers]
        total = sum(weights)
        if total <= 0:
            named, known = ", ".join(shares), ", ".join(tiers)
            raise Rejected(f"None of the tiers {known} has a share of the leads, only {named}.")
        self._up_to: list[tuple[float, str]] = []
        so_far = 0.0
        for tier, weight in zip(tiers, weights, strict=True):
            so_far += weight / total
            if weight:
                self._up_to.append((so_far, tier))

    def judge(self, lead: Lead, seen: Seen | None, _now: datetime) -> str:
        """Take in a visit; return the tier."""
        if seen is None:
            return lead.tier
        lead.standing = Standing(newest=seen.activity)
        return next((t for up_to, t in self._up_to if seen.draw < up_to), self._up_to[-1][1])

    def reopens(self, _lead: Lead, _activity: Activity) -> bool:
        """Take every visit after a return for the evidence that it waits for."""
        return True


def comes_back(share: float, seed: int, ends_at: datetime) -> ComeBack:
    """Return how leads come back: this share of them, once, in the month after cooling down."""

    def come_back(lead: Lead, back: Return, _now: datetime) -> Seen | None:
        random = Random(f"{seed}/{lead.lead_id}/{lead.cycle.number}/back")  # noqa: S311 (as above)
        drawn, seconds = random.random(), random.randrange(1, _BACK_AFTER_DAYS_MAX * 86_400)
        if back.not_before is None or drawn >= share:
            return None
        at = back.not_before + timedelta(seconds=seconds)
        visit_id = f"{lead.lead_id}/{lead.cycle.number + 1}"
        return _visit(at, visit_id, random.random()) if at < ends_at else None

    return come_back


def _visit(at: datetime, activity_id: str, draw: float) -> Seen:
    return Seen(at, None, Activity(activity_id, VISIT, at), 0, draw)


def _local(first_day: date, offset: timedelta, zone: str) -> datetime:
    local = datetime.combine(first_day, time()) + offset
    return local.replace(tzinfo=ZoneInfo(zone)).astimezone(UTC)
