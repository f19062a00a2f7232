"""Business time holds its laws for any calendar, zone and moment."""

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st

from services.handoff.calendar import Calendar, Opening, due, used

ZONES = (
    "Europe/Berlin",
    "America/New_York",
    "America/St_Johns",
    "Australia/Lord_Howe",
    "Asia/Kathmandu",
    "Pacific/Apia",
    "Africa/Casablanca",
    "UTC",
)
MINUTE = timedelta(minutes=1)
LONG_AGO = datetime(2010, 1, 2, tzinfo=UTC)

openings = st.builds(
    lambda weekday, opens, length: Opening(weekday, opens, min(opens + length, 1440)),
    st.integers(1, 7),
    st.integers(0, 1380),
    st.integers(60, 1440),
)
days = st.dates(date(2010, 1, 1), date(2012, 12, 31))
calendars = st.builds(
    lambda zone, hours, closed: Calendar("any", zone, tuple(hours), frozenset(closed)),
    st.sampled_from(ZONES),
    st.lists(openings, min_size=1, max_size=9),
    st.sets(days, max_size=5),
)
moments = st.timedeltas(timedelta(), timedelta(days=1000)).map(lambda after: LONG_AGO + after)
allowances = st.timedeltas(timedelta(seconds=1), timedelta(hours=20))


def is_open(moment: datetime, calendar: Calendar) -> bool:
    """Tell it the slow way: by the wall clock alone."""
    wall = moment.astimezone(ZoneInfo(calendar.time_zone))
    minute = wall.hour * 60 + wall.minute
    return wall.date() not in calendar.closed_days and any(
        one.weekday == wall.isoweekday() and one.opens_minute <= minute < one.closes_minute
        for one in calendar.opening_hours
    )


@given(calendars, moments, allowances)
def test_the_intervals_add_up_to_the_allowance_and_end_when_it_is_due(calendar, start, allowed):
    found = due(start, allowed, calendar)

    assert sum((one.length for one in found.intervals), timedelta()) == allowed
    assert found.intervals[-1].ends_at == found.at
    assert found.intervals[0].starts_at >= start


@given(calendars, moments, allowances)
def test_intervals_are_in_order_and_never_touch(calendar, start, allowed):
    found = due(start, allowed, calendar).intervals

    assert all(one.starts_at < one.ends_at for one in found)
    assert all(a.ends_at < b.starts_at for a, b in pairwise(found))


@given(calendars, moments, allowances)
def test_what_is_used_until_the_due_time_is_the_allowance(calendar, start, allowed):
    at = due(start, allowed, calendar).at

    assert used(start, at, calendar) == allowed
    assert used(start, at - timedelta(microseconds=1), calendar) < allowed


@given(calendars, moments, allowances, allowances)
def test_a_larger_allowance_is_due_later(calendar, start, allowed, more):
    assert due(start, allowed, calendar).at < due(start, allowed + more, calendar).at


@given(calendars, moments, st.timedeltas(timedelta(), timedelta(days=9)), allowances)
def test_a_later_start_is_never_due_earlier(calendar, start, later, allowed):
    assert due(start, allowed, calendar).at <= due(start + later, allowed, calendar).at


@given(calendars, moments, allowances, allowances)
def test_two_allowances_in_a_row_are_one(calendar, start, first, second):
    halfway = due(start, first, calendar).at

    assert due(halfway, second, calendar).at == due(start, first + second, calendar).at


@given(calendars, moments, allowances)
def test_only_open_time_is_used(calendar, start, allowed):
    for interval in due(start, allowed, calendar).intervals:
        assert is_open(interval.starts_at, calendar)
        assert is_open(interval.ends_at - timedelta(microseconds=1), calendar)
        assert is_open(interval.starts_at + interval.length / 2, calendar)


@given(calendars, moments, st.integers(1, 36))
def test_business_time_is_what_the_wall_clock_says_minute_by_minute(calendar, start, length):
    start = start.replace(second=0, microsecond=0)
    end = start + timedelta(hours=length)

    minutes = sum(is_open(start + n * MINUTE, calendar) for n in range(length * 60))

    assert used(start, end, calendar) == minutes * MINUTE
