"""Business time: when sales is at work, and how much of that time lies between two moments.

A moment is open when the wall clock in the calendar's zone shows an open minute of a day that
is not closed. That one sentence also settles daylight saving: a skipped hour is no time at all,
and a repeated hour is open both times.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import NamedTuple
from zoneinfo import ZoneInfo

# A calendar that stays shut longer than this has no next opening that anybody could wait for.
CLOSED_DAYS_MAX = 400
# Some eleven years of cached days; far more than the clocks of one agreement ever visit.
_CACHED_DAYS_MAX = 4_000

_MINUTES_PER_DAY = 1_440
_DAY = timedelta(days=1)
_SAMPLED = timedelta(hours=6)
_SECOND = timedelta(seconds=1)
_LAST_DAY = date.max.toordinal() - 2


class InvalidCalendar(ValueError):
    """A calendar that no business time can be counted in."""


class NoOpenHours(InvalidCalendar):
    """No open minute was found within CLOSED_DAYS_MAX days."""


@dataclass(frozen=True, slots=True)
class Opening:
    """One stretch of work on one ISO weekday (1 is Monday), in minutes after local midnight."""

    weekday: int
    opens_minute: int
    closes_minute: int


class Interval(NamedTuple):
    """A stretch of open time, in UTC."""

    starts_at: datetime
    ends_at: datetime

    @property
    def length(self) -> timedelta:
        """Tell how long it is."""
        return self.ends_at - self.starts_at


class Due(NamedTuple):
    """When an allowance of business time is used up, with the stretches that used it."""

    at: datetime
    intervals: tuple[Interval, ...]


@dataclass(frozen=True, eq=False)
class Calendar:
    """When sales is at work; compared by identity, so that it is a cheap key of a cache."""

    name: str
    time_zone: str
    opening_hours: tuple[Opening, ...]
    closed_days: frozenset[date] = frozenset()
    _week: dict[int, tuple[tuple[timedelta, timedelta], ...]] = field(init=False, repr=False)
    _days: dict[int, tuple[Interval, ...]] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        """Check the hours and the zone.

        Raises:
            InvalidCalendar: An unknown zone, an impossible stretch, or no stretch at all.
        """
        _zone(self.time_zone)
        if not self.opening_hours:
            raise NoOpenHours(f"calendar {self.name!r} has no opening hours")
        object.__setattr__(self, "_week", _week_of(self.opening_hours))
        object.__setattr__(self, "_days", {})

    def open_on(self, utc_day: int) -> tuple[Interval, ...]:
        """List the open stretches within one UTC day (a proleptic ordinal), in order."""
        known = self._days.get(utc_day)
        if known is None:
            if len(self._days) >= _CACHED_DAYS_MAX:
                self._days.clear()
            known = self._days[utc_day] = _joined(self._stretches(utc_day))
        return known

    def _stretches(self, utc_day: int) -> Iterator[Interval]:
        starts = datetime.fromordinal(utc_day)
        for begins, ends, offset in _steady(_zone(self.time_zone), starts, starts + _DAY):
            first, last = begins + offset, ends + offset
            for day in range(first.toordinal(), last.toordinal() + 1):
                for opens, closes in self._hours_of(day):
                    if max(opens, first) < min(closes, last):
                        yield Interval(
                            (max(opens, first) - offset).replace(tzinfo=UTC),
                            (min(closes, last) - offset).replace(tzinfo=UTC),
                        )

    def _hours_of(self, local_day: int) -> Iterator[tuple[datetime, datetime]]:
        midnight = datetime.fromordinal(local_day)
        if midnight.date() not in self.closed_days:
            for opens, closes in self._week.get(midnight.isoweekday(), ()):
                yield midnight + opens, midnight + closes


def due(start: datetime, allowed: timedelta, calendar: Calendar) -> Due:
    """Find the first moment by which `allowed` business time has passed since `start`.

    Raises:
        NoOpenHours: The calendar stays closed for CLOSED_DAYS_MAX days in a row.
    """
    start = start.astimezone(UTC)
    left, taken, shut = allowed, [], 0
    if left <= timedelta():
        return Due(start, ())
    for day in range(start.toordinal(), _LAST_DAY):
        stretches = calendar.open_on(day)
        for stretch in stretches:
            begins = max(stretch.starts_at, start)
            if begins < stretch.ends_at:
                ends = min(stretch.ends_at, begins + left)
                taken.append(Interval(begins, ends))
                left -= ends - begins
                if not left:
                    return Due(ends, _joined(taken))
        shut = 0 if stretches else shut + 1
        if shut > CLOSED_DAYS_MAX:
            break
    raise NoOpenHours(
        f"calendar {calendar.name!r} is closed for {shut} days up to the search's end"
    )


def used(start: datetime, end: datetime, calendar: Calendar) -> timedelta:
    """Add up the business time between two moments; zero when they are not in order."""
    start, end = start.astimezone(UTC), end.astimezone(UTC)
    total = timedelta()
    for day in range(start.toordinal(), end.toordinal() + 1):
        for stretch in calendar.open_on(day):
            begins, ends = max(stretch.starts_at, start), min(stretch.ends_at, end)
            if begins < ends:
                total += ends - begins
    return total


def moment_after(intervals: Iterable[Interval], share: timedelta) -> datetime:
    """Find when `share` of some consumed intervals was used up.

    Raises:
        ValueError: The intervals are shorter than the share.
    """
    left = share
    for interval in intervals:
        if left <= interval.length:
            return interval.starts_at + left
        left -= interval.length
    raise ValueError(f"the intervals are {left} shorter than {share}")


@lru_cache(maxsize=64)
def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError) as error:
        raise InvalidCalendar(f"expected an IANA time zone, found {name!r}") from error


def _week_of(
    openings: Iterable[Opening],
) -> dict[int, tuple[tuple[timedelta, timedelta], ...]]:
    week: dict[int, list[tuple[timedelta, timedelta]]] = {}
    for opening in sorted(openings, key=lambda one: (one.weekday, one.opens_minute)):
        _check(opening)
        opens = timedelta(minutes=opening.opens_minute)
        closes = timedelta(minutes=opening.closes_minute)
        hours = week.setdefault(opening.weekday, [])
        if hours and opens <= hours[-1][1]:
            hours[-1] = (hours[-1][0], max(closes, hours[-1][1]))
        else:
            hours.append((opens, closes))
    return {weekday: tuple(hours) for weekday, hours in week.items()}


def _check(opening: Opening) -> None:
    if not 1 <= opening.weekday <= 7:
        raise InvalidCalendar(f"expected an ISO weekday from 1 to 7, found {opening.weekday}")
    if not 0 <= opening.opens_minute < opening.closes_minute <= _MINUTES_PER_DAY:
        raise InvalidCalendar(
            "expected minutes 0 <= opens < closes <= 1440, "
            f"found {opening.opens_minute} to {opening.closes_minute}"
        )


def _steady(
    zone: ZoneInfo, begins: datetime, ends: datetime
) -> Iterator[tuple[datetime, datetime, timedelta]]:
    """Cut a stretch of naive UTC where the zone's offset changes.

    No zone changes its offset twice within six hours, so such samples see every change.
    """
    offset, sampled = _offset(zone, begins), begins
    while sampled < ends:
        following = min(sampled + _SAMPLED, ends)
        if (changed := _offset(zone, following)) != offset:
            at = _change_between(zone, sampled, following)
            yield begins, at, offset
            begins, offset = at, changed
        sampled = following
    yield begins, ends, offset


def _change_between(zone: ZoneInfo, before: datetime, after: datetime) -> datetime:
    old = _offset(zone, before)
    while after - before > _SECOND:
        middle = before + timedelta(seconds=(after - before) // _SECOND // 2)
        if _offset(zone, middle) == old:
            before = middle
        else:
            after = middle
    return after


def _offset(zone: ZoneInfo, naive_utc: datetime) -> timedelta:
    return naive_utc.replace(tzinfo=UTC).astimezone(zone).utcoffset() or timedelta()


def _joined(stretches: Iterable[Interval]) -> tuple[Interval, ...]:
    joined: list[Interval] = []
    for stretch in stretches:
        if joined and joined[-1].ends_at == stretch.starts_at:
            joined[-1] = Interval(joined[-1].starts_at, stretch.ends_at)
        else:
            joined.append(stretch)
    return tuple(joined)
