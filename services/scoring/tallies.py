"""What an engagement rule has counted, and what that is worth as time passes.

Time counts in whole days, UTC: points fade or expire at midnight, so a score holds for a day
and the time when it changes next can be told. A worth is a whole number of UNITs: sums of whole
numbers do not depend on the order in which activities came, sums of fractions do.

A tally is a function of the set of activities that were counted. It keeps no more than the rule
needs for the next one, so that this costs the same after 10 or 10,000 of them.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
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
OPEN_DAYS = 14

# Never changed; equal to what is read back from JSON.
_NO_DAYS: list[int] = []
_EXACT = Context(prec=50)
_START_OF_TIME = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_MICROSECONDS_A_DAY = timedelta(days=1) // _MICROSECOND
_DAYS_BEFORE_EPOCH = EPOCH - _START_OF_TIME.toordinal()


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

    @property
    def fades(self) -> bool:
        """Say whether time alone takes points away."""
        return bool(self.half_life_days or self.within_days)


class Tally(NamedTuple):
    """How often an engagement rule held, and the newest activity for which it did.

    Only numbers and texts, as JSON has them: standings are read and written for each activity.

    Attributes:
        newest_us: When the newest was: microseconds since 1970, UTC.
        days: Where the rule needs them and they are still open: a day since EPOCH, how many
            activities it had, the next day, and so on; the oldest first. Of a rule that counts
            by periods, and fades nothing, the first days of periods stand for all their days.
        closed_before: The days before this one are closed: they are in the two sums below.
        closed_count: Activities of closed days that count.
        faded: The worth of closed days, of a rule with a half-life, as `_Worth.written`;
            without periods all days are closed at once.
    """

    times: int
    activity_id: str
    newest_us: int
    days: Sequence[int] = _NO_DAYS
    closed_before: int = 0
    closed_count: int = 0
    faded: str = ""

    @property
    def occurred_at(self) -> datetime:
        """Return when the newest activity was."""
        return _START_OF_TIME + timedelta(microseconds=self.newest_us)


Hit = tuple[datetime, str]
PointsOf = Callable[[Tally, int], int]


def day_of(moment: datetime) -> int:
    """Return the day since EPOCH, UTC; the first one for all that was before."""
    return max(moment.toordinal() - EPOCH, 0)


def tally_of(hits: Sequence[Hit], timing: Timing) -> Tally:
    """Count activities from scratch.

    Args:
        hits: When each was, UTC, and its id; at least one, each once.
        timing: The rule's.
    """
    newest_at, activity_id = max(hits)
    tally = Tally(len(hits), activity_id, (newest_at - _START_OF_TIME) // _MICROSECOND)
    if timing.needs_days:
        days = Counter([_kept_as(day_of(moment), timing) for moment, _ in hits])
        return _closed(tally, days, day_of(newest_at), timing)
    if timing.half_life_days:
        worth = _worth_of([(day_of(moment), 1) for moment, _ in hits], timing.half_life_days)
        return tally._replace(faded=worth.written())
    return tally


def counted(tally: Tally | None, hit: Hit, timing: Timing) -> Tally | None:
    """Count one more activity; None when it is so late that all must be counted again."""
    if tally is None:
        return tally_of([hit], timing)
    moment, activity_id = hit
    newest = max(
        ((moment - _START_OF_TIME) // _MICROSECOND, activity_id),
        (tally.newest_us, tally.activity_id),
    )
    more = tally._replace(times=tally.times + 1, newest_us=newest[0], activity_id=newest[1])
    day = day_of(moment)
    if timing.needs_days:
        if day < tally.closed_before:
            return None
        days, day = dict(_pairs(tally.days)), _kept_as(day, timing)
        days[day] = days.get(day, 0) + 1
        newest_day = max(newest[0] // _MICROSECONDS_A_DAY - _DAYS_BEFORE_EPOCH, 0)
        return _closed(more, days, newest_day, timing)
    if timing.half_life_days:
        worth = _read(tally.faded).plus(_worth_of([(day, 1)], timing.half_life_days))
        return more._replace(faded=worth.written())
    return more


def points_by(points: int, timing: Timing) -> PointsOf:
    """Return what gives a tally's whole points on a day; half a point is rounded up.

    Made once a rule: what its timing does not ask for costs nothing at each score.
    """
    most, half_life = timing.count_max, timing.half_life_days
    if half_life:
        twice = 2 * abs(points)
        sign = 1 if points >= 0 else -1
        # Twice the worth and one half: so the rest that is cut off rounds a half up.
        return lambda tally, day: (
            sign * ((twice * _units_on(tally, timing, day) + UNIT) >> (_UNIT_BITS + 1))
        )
    if timing.needs_days:
        return lambda tally, day: points * _counting_on(tally, timing, day)
    if most:
        return lambda tally, _: points * (tally[0] if tally[0] < most else most)
    return lambda tally, _: points * tally[0]


def worth_on(tally: Tally, timing: Timing, day: int) -> float:
    """Return what a tally is worth on a day, in activities that count in full."""
    if timing.half_life_days:
        return _units_on(tally, timing, day) / UNIT
    return float(_counting_on(tally, timing, day))


def count_on(tally: Tally, timing: Timing, day: int) -> tuple[int, int]:
    """Return how many activities are not too old on a day, and how many of those count."""
    eligible = tally.times
    if timing.within_days:
        eligible = _not_expired(tally.days, day - timing.within_days)
    return eligible, _counting_on(tally, timing, day)


def _counting_on(tally: Tally, timing: Timing, day: int) -> int:
    """Return how many activities count on a day."""
    most = timing.count_max
    if not timing.needs_days:
        return min(tally.times, most) if most else tally.times
    if not most:
        return _not_expired(tally.days, day - timing.within_days)
    if timing.period_days and not timing.half_life_days and not timing.within_days:
        return tally.closed_count + sum([min(times, most) for times in tally.days[1::2]])
    open_days = _counting(_pairs(tally.days), timing, day)
    return tally.closed_count + sum([times for _, times in open_days])


def _not_expired(days: Sequence[int], oldest: int) -> int:
    """Return how many activities were after a day; most of what is kept was."""
    count, at = sum(days[1::2]), 0
    while at < len(days) and days[at] <= oldest:
        count -= days[at + 1]
        at += 2
    return count


def _units_on(tally: Tally, timing: Timing, day: int) -> int:
    """Return what a tally whose worth fades is worth on a day, in UNITs."""
    half_life = timing.half_life_days
    worth = _read(tally.faded)
    if tally.days:
        worth = worth.plus(_worth_of(_counting(_pairs(tally.days), timing, day), half_life))
    # Asked about a day before its newest activity, a tally is worth no more than on that one.
    newest = tally.newest_us // _MICROSECONDS_A_DAY - _DAYS_BEFORE_EPOCH
    halves, rest = divmod(max(day, newest), half_life)
    return worth.grown * _shrunk(half_life)[rest] >> (_UNIT_BITS + halves - worth.since)


def _kept_as(day: int, timing: Timing) -> int:
    """Return the day under which an activity of this day is kept."""
    if timing.period_days and not timing.half_life_days and not timing.within_days:
        return day - day % timing.period_days
    return day


def _pairs(days: Sequence[int]) -> list[tuple[int, int]]:
    """Return days with how many activities each had."""
    return list(zip(days[::2], days[1::2], strict=True))


def _flat(days: Iterable[tuple[int, int]]) -> list[int]:
    """Return days as a tally holds them."""
    return [number for pair in sorted(days) for number in pair]


def _counting(
    days: Sequence[tuple[int, int]], timing: Timing, day: int
) -> list[tuple[int, int]]:
    """Return the activities of these days that count, by day: the newest of each period.

    Args:
        days: The oldest first.
        timing: The rule's.
        day: The one on which it is asked.
    """
    most, period_days = timing.count_max, timing.period_days
    oldest = day - timing.within_days if timing.within_days else -1
    if not most:
        return [pair for pair in days if pair[0] > oldest]
    counting = []
    period, room = -1, most
    for since, times in reversed(days):
        if since <= oldest:
            break
        of_period = since // period_days if period_days else 0
        if of_period != period:
            period, room = of_period, most
        if room:
            taken = min(room, times)
            room -= taken
            counting.append((since, taken))
    return counting


def _closed(tally: Tally, days: Mapping[int, int], newest: int, timing: Timing) -> Tally:
    """Return a tally with these days, those closed that are not likely to change any more."""
    if timing.within_days:
        oldest = newest - timing.within_days
        return tally._replace(days=_flat(pair for pair in days.items() if pair[0] > oldest))
    if not timing.period_days:
        return tally._replace(days=_flat(_counting(sorted(days.items()), timing, newest)))
    period = timing.period_days
    border = max((newest - OPEN_DAYS) // period * period, tally.closed_before)
    old = sorted(pair for pair in days.items() if pair[0] < border)
    if not old:
        return tally._replace(days=_flat(days.items()), closed_before=border)
    counting = _counting(old, timing, newest)
    worth = _read(tally.faded)
    if timing.half_life_days:
        worth = worth.plus(_worth_of(counting, timing.half_life_days))
    return tally._replace(
        days=_flat(pair for pair in days.items() if pair[0] >= border),
        closed_before=border,
        closed_count=tally.closed_count + sum(times for _, times in counting),
        faded=worth.written() if worth.grown else "",
    )


class _Worth(NamedTuple):
    """The worth of activities, in UNITs, on a day before all of them.

    It doubles each half-life; so worths can be added, and shrink together.

    Attributes:
        since: That day: so many half-lives after EPOCH, the last of them before the oldest
            activity, as longer ago the number would be longer.
        grown: What they are worth then.
    """

    since: int
    grown: int

    def plus(self, other: "_Worth") -> "_Worth":
        """Return both together."""
        if not (self.grown and other.grown):
            return self if self.grown else other
        since = min(self.since, other.since)
        grown = self.grown << (self.since - since)
        return _Worth(since, grown + (other.grown << (other.since - since)))

    def written(self) -> str:
        """Return it as a standing keeps it: both numbers, the second one hexadecimal."""
        return f"{self.since}:{self.grown:x}"


_NOTHING = _Worth(0, 0)


def _read(written: str) -> _Worth:
    """Read a kept worth; empty for nothing."""
    if not written:
        return _NOTHING
    # Earlier versions wrote the second number alone, for the day EPOCH.
    since, _, grown = written.rpartition(":")
    return _Worth(int(since or 0), int(grown, 16))


def _worth_of(days: Sequence[tuple[int, int]], half_life_days: int) -> _Worth:
    """Return what activities are worth, by the day and how many they were."""
    if not days:
        return _NOTHING
    growth = _growth(half_life_days)
    since = min(days)[0] // half_life_days
    grown = 0
    for day, times in days:
        doubled, rest = divmod(day, half_life_days)
        grown += times * growth[rest] << (doubled - since)
    return _Worth(since, grown)


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
