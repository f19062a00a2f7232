"""The people in sales: when they work, how fast, and what they find."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time, timedelta
from itertools import cycle, islice
from zoneinfo import ZoneInfo

from leadloop.agreement.terms import Agreement
from services.handoff.calendar import Calendar, due
from services.handoff.routing import Person

PEOPLE_MAX = 2_000
_INSTANT = timedelta(microseconds=1)

# What is assumed where neither the agreement nor the file of people says anything.
ACCEPTED_PERCENT = 80
CONVERTED_PERCENT = 25
WON_PERCENT = 30


@dataclass(frozen=True, slots=True)
class Pace:
    """How someone works; times are in their own working hours.

    Attributes:
        half_within: Half of all new leads are looked at within this, if nothing else is to do.
        nine_within: Nine of ten are.
        minutes_per_lead: From looking at it to the end of the first attempt and its notes.
        minutes_per_attempt: Each further attempt.
        leads_at_once: Accepted and not yet ended; 0: as many as come.
        forgets: The share of new leads that they find two working days later.
        attempts: To reach someone, before they give up.
    """

    half_within: timedelta = timedelta(minutes=15)
    nine_within: timedelta = timedelta(minutes=60)
    minutes_per_lead: int = 25
    minutes_per_attempt: int = 10
    leads_at_once: int = 0
    forgets: float = 0.0
    attempts: int = 4


@dataclass(frozen=True, slots=True)
class Absence:
    """Days on which somebody is away.

    Attributes:
        told_on: When they say so, at the earliest; None: they tell nobody.
    """

    first: date
    last: date
    told_on: date | None


@dataclass(frozen=True, eq=False)
class Worker:
    """Someone in sales; their calendar is closed on the days on which they are away."""

    person: Person
    calendar: Calendar
    pace: Pace = Pace()
    absences: tuple[Absence, ...] = ()


@dataclass(frozen=True)
class Market:
    """What people in sales find when they work a lead: shares from 0 to 1.

    Attributes:
        accepted: Of leads that are looked at; the others are refused.
        reached: Of attempts.
        converted: Of accepted leads that are reached.
        won: Of deals.
        comes_back: Of leads that return, once they have cooled down.
        weights: How often each reason is given beside the others; 1 if not named.
    """

    accepted: float = ACCEPTED_PERCENT / 100
    reached: float = 0.5
    converted: float = CONVERTED_PERCENT / 100
    won: float = WON_PERCENT / 100
    comes_back: float = 0.1
    weights: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Team:
    """Everybody in sales, and what they find."""

    workers: tuple[Worker, ...]
    market: Market

    def with_people(self, count: int) -> "Team":
        """Return a team of so many: the same people, then more who work just like them."""
        new = islice(cycle(self.workers), max(count - len(self.workers), 0))
        more = [
            replace(one, person=Person(f"new-{n:04}", f"New {n}"), absences=())
            for n, one in enumerate(new, 1)
        ]
        return replace(self, workers=(*self.workers, *more)[:count])


def market_of(agreement: Agreement) -> Market:
    """Return what the agreement itself expects of leads, and assumptions for the rest."""
    goals, level = agreement.goals, agreement.marketing_level
    accepted = (goals and goals.accepted_percent) or (level and level.accepted_percent)
    return Market(
        accepted=(accepted or ACCEPTED_PERCENT) / 100,
        converted=((goals and goals.converted_percent) or CONVERTED_PERCENT) / 100,
        won=((goals and goals.won_percent) or WON_PERCENT) / 100,
    )


def alike(count: int, calendar: Calendar, market: Market) -> Team:
    """Return a team of people who all work alike, in the hours of one calendar."""
    people = [Person(f"person-{n:04}", f"Person {n}") for n in range(1, count + 1)]
    return Team(tuple(Worker(person, calendar) for person in people), market)


def next_open(at: datetime, calendar: Calendar) -> datetime:
    """Return `at` if it lies in opening hours, else when they begin next."""
    return due(at, _INSTANT, calendar).at - _INSTANT


def known_away(absence: Absence, worker: Worker) -> tuple[datetime, datetime] | None:
    """Return from when and until when handoff knows that someone is away; None: it does not."""
    if absence.told_on is None:
        return None
    begins = datetime.combine(absence.first, time(), ZoneInfo(worker.calendar.time_zone))
    back = next_open(begins.astimezone(UTC), worker.calendar)
    told = datetime.combine(absence.told_on, time(), ZoneInfo(worker.calendar.time_zone))
    known = max(begins, told).astimezone(UTC)
    return (known, back) if known < back else None
