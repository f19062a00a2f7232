"""Calendars of an agreement: when sales is at work, with the country's holidays resolved."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from functools import cache
from itertools import pairwise
from zoneinfo import available_timezones

import holidays

from leadloop.agreement.document import Value, shortened
from leadloop.nearest import did_you_mean

WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
RANGES_PER_DAY_MAX = 12
CLOSED_DAYS_MAX = 400
# Deadlines reach from the past year (a history that is replayed) some years ahead.
YEARS_BACK = 1
YEARS_AHEAD = 4

_DAYS = re.compile(r"(\w{3})(?:-(\w{3}))?")
_RANGE = re.compile(r"(\d\d):(\d\d)-(\d\d):(\d\d)")


@dataclass(frozen=True, order=True)
class Opening:
    """One stretch of work: ISO weekday, then minutes after local midnight."""

    weekday: int
    opens_minute: int
    closes_minute: int


@dataclass(frozen=True, order=True)
class ClosedDay:
    """A day without work, and what it is called."""

    day: date
    name: str


@dataclass(frozen=True)
class Calendar:
    """When sales is at work, in one time zone."""

    name: str
    time_zone: str
    openings: tuple[Opening, ...]
    closed_days: tuple[ClosedDay, ...]


def calendar(name: str, value: Value, today: date) -> Calendar:
    """Read one calendar; its holidays are those of the years around `today`."""
    fields = value.fields(("time_zone", "open"), ("holidays", "closed"))
    closed = {}
    if not fields["holidays"].is_missing:
        years = range(today.year - YEARS_BACK, today.year + YEARS_AHEAD + 1)
        closed = _holidays(fields["holidays"], years)
    if not fields["closed"].is_missing:
        days = [item.day() for item in fields["closed"].items(CLOSED_DAYS_MAX)]
        closed |= {day: "closed" for day in days if day and day not in closed}
    return Calendar(
        name=name,
        time_zone=_time_zone(fields["time_zone"]),
        openings=_openings(fields["open"]),
        closed_days=tuple(ClosedDay(day, closed[day]) for day in sorted(closed)),
    )


@cache
def _zones() -> frozenset[str]:
    """Return the names of all zones; walking the zone database takes a while."""
    return frozenset(available_timezones())


def _time_zone(value: Value) -> str:
    """Return the name of a known zone."""
    expected = "an IANA time zone such as Europe/Berlin"
    name = value.text(expected)
    if name and name not in _zones():
        value.fault(expected, shortened(name) + did_you_mean(name, _zones()))
    return name


def _openings(value: Value) -> tuple[Opening, ...]:
    """Return the stretches of work of a week, sorted."""
    openings: list[Opening] = []
    faults_before = len(value.faults.found)
    for key, ranges in value.entries(most=50):
        weekdays = _weekdays(key)
        for item in ranges.items(RANGES_PER_DAY_MAX):
            minutes = _range(item)
            if minutes is None:
                continue
            new = [Opening(day, *minutes) for day in weekdays]
            if _overlap(openings + new):
                item.fault("hours that do not overlap others of the day")
            openings += new
    # Hours that were all refused have their faults already.
    if not openings and len(value.faults.found) == faults_before:
        value.fault("at least one open hour in the week", "none")
    return tuple(sorted(openings))


def _overlap(openings: Iterable[Opening]) -> bool:
    """Say whether two stretches of one weekday share a minute."""
    ordered = sorted(openings)
    return any(
        first.weekday == second.weekday and second.opens_minute < first.closes_minute
        for first, second in pairwise(ordered)
    )


def _weekdays(key: Value) -> range:
    """Return the ISO weekdays of a key such as mon or mon-fri."""
    expected = "a weekday such as mon, or a stretch of them such as mon-fri"
    found = _DAYS.fullmatch(key.scalar(expected).lower())
    names = [name for name in found.groups() if name] if found else []
    if not names or any(name not in WEEKDAYS for name in names):
        key.fault(expected)
        return range(0)
    first, last = WEEKDAYS.index(names[0]) + 1, WEEKDAYS.index(names[-1]) + 1
    if first > last:
        key.fault("a stretch from an earlier day to a later one of the week from mon to sun")
    return range(first, last + 1)


def _range(item: Value) -> tuple[int, int] | None:
    """Return hours such as 09:00-17:30 in minutes; None after a fault."""
    expected = "hours such as 09:00-17:30, the end after the start and at most 24:00"
    found = _RANGE.fullmatch(item.scalar(expected))
    if found:
        hour, minute, end_hour, end_minute = (int(part) for part in found.groups())
        opens, closes = hour * 60 + minute, end_hour * 60 + end_minute
        if minute < 60 and end_minute < 60 and opens < closes <= 24 * 60:
            return opens, closes
    item.fault(expected)
    return None


def _holidays(value: Value, years: Iterable[int]) -> dict[date, str]:
    """Return the public holidays of a country such as DE, or a part of it such as DE-BY."""
    code = value.scalar("a country such as DE, or a part of it such as DE-BY")
    country, _, part = code.upper().partition("-")
    known = holidays.list_supported_countries()
    if code and country not in known:
        value.fault("a country (ISO 3166-1) with known holidays, such as DE")
    elif part and part not in known[country]:
        parts = ", ".join(known[country]) or "none"
        value.fault(f"a part of {country} with known holidays ({shortened(parts)})")
    elif code:
        found = holidays.country_holidays(country, subdiv=part or None, years=years)
        return dict(found.items())
    return {}
