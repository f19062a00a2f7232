"""Calendars that never open, and service levels that their calendar has no time for."""

from collections.abc import Iterator
from datetime import date, timedelta

from leadloop.agreement.calendars import Calendar
from leadloop.agreement.checks.case import Case
from leadloop.agreement.checks.finding import Found, Level
from leadloop.agreement.terms import ServiceLevel

YEAR = timedelta(days=365)
QUARTER = timedelta(days=91)


def times_that_never_come(case: Case) -> Iterator[Found]:
    """Give a finding for a calendar that stays closed, and for levels longer than a quarter."""
    calendar = case.agreement.calendar
    if not open_time(calendar, case.today, YEAR):
        yield Found(
            f"/calendars/{calendar.name}",
            "never_open",
            f'The calendar "{calendar.name}" has no open hour in the year from {case.today}: '
            "no service level is ever due.",
            "Open it on days that are not closed.",
        )
        return
    quarter = open_time(calendar, case.today, QUARTER)
    for level in case.agreement.service_levels:
        yield from _of_level(level, calendar, quarter)


def open_time(calendar: Calendar, first: date, length: timedelta) -> timedelta:
    """Return how long a calendar is open in the days from `first` on."""
    minutes: dict[int, int] = {}
    for opening in calendar.openings:
        length_minutes = opening.closes_minute - opening.opens_minute
        minutes[opening.weekday] = minutes.get(opening.weekday, 0) + length_minutes
    closed = {closed.day for closed in calendar.closed_days}
    days = (first + timedelta(days=n) for n in range(length.days))
    total = sum(minutes.get(day.isoweekday(), 0) for day in days if day not in closed)
    return timedelta(minutes=total)


def _of_level(level: ServiceLevel, calendar: Calendar, quarter: timedelta) -> Iterator[Found]:
    path = f"/service_levels/tiers/{level.tier}"
    for name, length in (("accept", level.accept), ("first_attempt", level.first_attempt)):
        if length > quarter:
            yield Found(
                f"{path}/{name}",
                "level_too_long",
                f'The tier "{level.tier}" has {_hours(length)} for {name}, more than the '
                f'{_hours(quarter)} that the calendar "{calendar.name}" opens in a quarter.',
                "Shorten it; it counts in business time.",
                Level.WARNING,
            )
    if level.first_attempt < level.accept:
        yield Found(
            f"{path}/first_attempt",
            "attempt_before_accept",
            f'The tier "{level.tier}" owes its first attempt before it must be accepted.',
            "Make accept the shorter one of the two.",
            Level.WARNING,
        )


def _hours(length: timedelta) -> str:
    return f"{length.total_seconds() / 3600:g} h"
