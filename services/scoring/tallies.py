"""What an engagement rule has counted, and what that is worth as time passes.

Time counts in whole days, UTC: points fade or expire at midnight, so a score holds for a day
and the time when it changes next can be told. A worth is a whole number of UNITs: sums of whole
numbers do not depend on the order in which activities came, sums of fractions do.

A tally is a function of the set of activities that were counted. It keeps no more than the rule
needs for the next one, so that this costs the same after 10 or 10,000 of them.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import ROUND_CEILING, Context
from functools import lru_cache
from typing import NamedTuple

# The worth of one activity that counts in full. 48 bits keep the error of ten thousand faded
# activities far below the half point that rounding looks at.
_UNIT_BITS = 48
UNIT = 1 << _UNIT_BITS
# Days from here are not negative for any activity that can matter.
EPOCH = date(2000, 1, 1).toordinal()
# Days that stay open to late activities, of rules that count by period; an activity that comes
# later still has the lead judged from scratch.
OPEN_DAYS = 60

_EXACT = Context(prec=50)
_NO_DAYS: Mapping[int, int] = {}


@dataclass(frozen=True, slots=True)
class Timing:
    """How often and for how long an engagement rule counts; 0 stands for no such limit.

    Attributes:
        count_max: Activities that count, the newest ones, in each period.
        period_days: 0: count_max holds for all time.
        half_life_days: The worth of an activity halves each time these have passed.
        within_days: Only activities of this many last days count, today among them.
        needs_days: Whether it matters on which days the activities were.
    """

    count_max: int = 0
    period_days: int = 0
    half_life_days: int = 0
    within_days: int = 0
    needs_days: bool = field(init=False, default=False)

    def __post_init__(self) -> None:
        """Find out once what is asked for each activity."""
        by_period = self.count_max and (self.period_days or self.half_life_days)
        object.__setattr__(self, "needs_days", bool(self.within_days or by_period))


class Tally(NamedTuple):
    """How often an engagement rule held, and the newest activity for which it did.

    Attributes:
        days: Activities by day since EPOCH, where the rule needs them and they are still open.
        closed_before: The days before this one are closed: they are in the two sums below.
        closed_count: Activities of closed days that count.
        faded: The worth of closed days on the day EPOCH, of a rule with a half-life; without
            periods all days are closed at once.
    """

    times: int
    activity_id: str
    occurred_at: datetime
    days: Mapping[int, int] = _NO_DAYS
    closed_before: int = 0
    closed_count: int = 0
    faded: int = 0


class Worth(NamedTuple):
    """What a tally is worth on a day.

    Attributes:
        eligible: Activities that are not too old.
        counting: Those of them that no cap leaves out.
        units: What they are worth, in UNITs.
    """

    eligible: int
    counting: int
    units: int


Hit = tuple[datetime, str]


def day_of(moment: datetime) -> int:
    """Return the day since EPOCH, UTC; the first one for all that was before."""
    return max(moment.toordinal() - EPOCH, 0)


def tally_of(hits: Sequence[Hit], timing: Timing) -> Tally:
    """Count activities from scratch.

    Args:
        hits: When each was, UTC, and its id; at least one, each once.
        timing: The rule's.
    """
    occurred_at, activity_id = max(hits)
    if timing.needs_days:
        days = Counter([max(moment.toordinal() - EPOCH, 0) for moment, _ in hits])
        return _closed(Tally(len(hits), activity_id, occurred_at, days), timing)
    if timing.half_life_days:
        faded = sum([_grown(day_of(moment), timing.half_life_days) for moment, _ in hits])
        return Tally(len(hits), activity_id, occurred_at, faded=faded)
    return Tally(len(hits), activity_id, occurred_at)


def counted(tally: Tally | None, hit: Hit, timing: Timing) -> Tally | None:
    """Count one more activity; None when it is so late that all must be counted again."""
    if tally is None:
        return tally_of([hit], timing)
    newest = max(hit, (tally.occurred_at, tally.activity_id))
    more = tally._replace(times=tally.times + 1, occurred_at=newest[0], activity_id=newest[1])
    if timing.needs_days:
        day = day_of(hit[0])
        if day < tally.closed_before:
            return None
        days = {**tally.days, day: tally.days.get(day, 0) + 1}
        return _closed(more._replace(days=days), timing)
    if timing.half_life_days:
        return more._replace(faded=tally.faded + _grown(day_of(hit[0]), timing.half_life_days))
    return more


def worth_on(tally: Tally, timing: Timing, day: int) -> Worth:
    """Return what a tally is worth on a day."""
    if not timing.needs_days:
        counting = min(tally.times, timing.count_max) if timing.count_max else tally.times
        units = _faded(tally.faded, timing, day) if timing.half_life_days else counting * UNIT
        return Worth(tally.times, counting, units)
    eligible = tally.times
    if timing.within_days:
        oldest = day - timing.within_days
        eligible = sum([times for since, times in tally.days.items() if since > oldest])
    open_days = _counting(tally.days, timing, day)
    counting = tally.closed_count + sum(open_days.values())
    if not timing.half_life_days:
        return Worth(eligible, counting, counting * UNIT)
    grown = tally.faded
    for since, times in open_days.items():
        grown += times * _grown(since, timing.half_life_days)
    return Worth(eligible, counting, _faded(grown, timing, day))


def points_for(points: int, units: int) -> int:
    """Return whole points for a worth in UNITs; half a point is rounded up."""
    rounded = (2 * abs(points) * units + UNIT) >> (_UNIT_BITS + 1)
    return rounded if points >= 0 else -rounded


def _faded(grown: int, timing: Timing, day: int) -> int:
    """Return what the sum of worths on the day EPOCH has shrunk to on a day."""
    halves, rest = divmod(day, timing.half_life_days)
    return grown * _shrunk(timing.half_life_days)[rest] >> (_UNIT_BITS + halves)


def _counting(days: Mapping[int, int], timing: Timing, day: int) -> Mapping[int, int]:
    """Return the activities of open days that count, by day: the newest of each period."""
    most, period_days = timing.count_max, timing.period_days
    oldest = day - timing.within_days if timing.within_days else -1
    if not most:
        return {since: times for since, times in days.items() if since > oldest}
    left: dict[int, int] = {}
    counting: dict[int, int] = {}
    for since in sorted(days, reverse=True):
        if since <= oldest:
            break
        period = since // period_days if period_days else 0
        room = left.get(period, most)
        if room:
            counting[since] = taken = min(room, days[since])
            left[period] = room - taken
    return counting


def _closed(tally: Tally, timing: Timing) -> Tally:
    """Close the days that no further activity can make count otherwise, or is likely to."""
    newest = day_of(tally.occurred_at)
    if timing.within_days:
        kept = {day: n for day, n in tally.days.items() if day > newest - timing.within_days}
        return tally._replace(days=kept)
    if not timing.period_days:
        return tally._replace(days=_counting(tally.days, timing, newest))
    return _with_closed_periods(tally, timing, newest)


def _with_closed_periods(tally: Tally, timing: Timing, newest: int) -> Tally:
    """Close the periods that ended before the open days."""
    period = timing.period_days
    border = max((newest - OPEN_DAYS) // period * period, tally.closed_before)
    if border == tally.closed_before:
        return tally
    old = {day: n for day, n in tally.days.items() if day < border}
    if not old:
        return tally._replace(closed_before=border)
    counting = _counting(old, timing, newest)
    faded = 0
    if timing.half_life_days:
        faded = sum(n * _grown(day, timing.half_life_days) for day, n in counting.items())
    return tally._replace(
        days={day: n for day, n in tally.days.items() if day >= border},
        closed_before=border,
        closed_count=tally.closed_count + sum(counting.values()),
        faded=tally.faded + faded,
    )


def _grown(day: int, half_life_days: int) -> int:
    """Return the worth, on the day EPOCH, of an activity that counts in full on a later day.

    It doubles each half-life; so worths can be added, and shrink together.
    """
    doubled, rest = divmod(day, half_life_days)
    return _growth(half_life_days)[rest] << doubled


@lru_cache(maxsize=256)
def _growth(half_life_days: int) -> tuple[int, ...]:
    """Return 2^(day/half-life) in UNITs, rounded up, for each day of one half-life."""
    return tuple(_root_of_two(day, half_life_days) for day in range(half_life_days))


@lru_cache(maxsize=256)
def _shrunk(half_life_days: int) -> tuple[int, ...]:
    """Return 2^-(day/half-life) in UNITs, rounded up, for each day of one half-life.

    Both are rounded up, so that what is exactly half a point is never taken for less.
    """
    growth = _growth(half_life_days)
    return (UNIT, *(-(-growth[half_life_days - day] // 2) for day in range(1, half_life_days)))


def _root_of_two(numerator: int, denominator: int) -> int:
    """Return 2^(numerator/denominator) in UNITs, rounded up.

    Decimals of a fixed precision are the same on every machine; the last bit of a power of
    floats is not.
    """
    power = _EXACT.power(2, _EXACT.divide(numerator, denominator))
    return int(_EXACT.multiply(power, UNIT).to_integral_value(ROUND_CEILING))
