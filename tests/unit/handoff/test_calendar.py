"""Business time, case by case: weekends, lunch, holidays, both clock changes, bad input."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from services.handoff.calendar import (
    Calendar,
    InvalidCalendar,
    NoOpenHours,
    Opening,
    due,
    moment_after,
    used,
)
from tests.unit.handoff.builders import HOUR, MINUTE, WEEKDAYS, a_calendar, hours

BERLIN = ZoneInfo("Europe/Berlin")
ALWAYS = tuple(Opening(day, 0, 1440) for day in range(1, 8))


def berlin(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=BERLIN)


@pytest.mark.parametrize(
    ("start", "allowed", "expected"),
    [
        ("2026-03-02 10:00", 30 * MINUTE, "2026-03-02 10:30"),
        ("2026-03-02 16:50", 30 * MINUTE, "2026-03-03 09:20"),
        ("2026-03-02 16:30", 30 * MINUTE, "2026-03-02 17:00"),
        ("2026-03-02 17:00", 30 * MINUTE, "2026-03-03 09:30"),
        ("2026-03-02 03:00", 30 * MINUTE, "2026-03-02 09:30"),
        ("2026-03-06 16:45", 30 * MINUTE, "2026-03-09 09:15"),
        ("2026-03-07 15:00", 30 * MINUTE, "2026-03-09 09:30"),
        ("2026-03-07 16:50", 30 * MINUTE, "2026-03-09 09:30"),
        ("2026-03-07 02:00", 30 * MINUTE, "2026-03-09 09:30"),
        ("2026-03-02 10:00", 8 * HOUR, "2026-03-03 10:00"),
        ("2026-03-02 10:00", 40 * HOUR, "2026-03-09 10:00"),
        ("2026-03-02 10:00", timedelta(seconds=1), "2026-03-02 10:00:01"),
    ],
)
def test_an_allowance_is_used_up_in_open_hours_only(start, allowed, expected):
    assert due(berlin(start), allowed, a_calendar()).at == berlin(expected)


def test_a_start_outside_hours_waits_for_the_next_opening():
    found = due(berlin("2026-03-07 15:00"), HOUR, a_calendar())

    assert [one.starts_at for one in found.intervals] == [berlin("2026-03-09 09:00")]


def test_lunch_is_no_business_time():
    morning_and_afternoon = hours(*WEEKDAYS, closes=12) + hours(*WEEKDAYS, opens=13)

    found = due(berlin("2026-03-02 11:30"), HOUR, a_calendar(morning_and_afternoon))

    assert found.at == berlin("2026-03-02 13:30")
    assert [one.length for one in found.intervals] == [HOUR / 2, HOUR / 2]


def test_a_holiday_is_skipped():
    good_friday, easter_monday = date(2026, 4, 3), date(2026, 4, 6)
    calendar = a_calendar(closed=(good_friday, easter_monday))

    found = due(berlin("2026-04-02 16:30"), HOUR, calendar)

    assert found.at == berlin("2026-04-07 09:30")


def test_the_hour_that_spring_skips_is_no_time():
    night = (Opening(7, 0, 6 * 60),)

    found = due(berlin("2026-03-29 00:00"), 5 * HOUR, a_calendar(night))

    assert found.at == berlin("2026-03-29 06:00")
    assert used(berlin("2026-03-29 00:00"), berlin("2026-03-29 06:00"), a_calendar(night)) == (
        5 * HOUR
    )


def test_the_hour_that_autumn_repeats_counts_twice():
    night = (Opening(7, 0, 6 * 60),)

    whole = used(berlin("2026-10-25 00:00"), berlin("2026-10-25 06:00"), a_calendar(night))

    assert whole == 7 * HOUR


def test_an_opening_inside_the_skipped_hour_begins_when_the_clock_jumps():
    early = (Opening(7, 150, 240),)

    found = due(berlin("2026-03-29 00:00"), HOUR, a_calendar(early))

    assert found.intervals[0].starts_at == datetime(2026, 3, 29, 1, tzinfo=UTC)
    assert found.at == datetime(2026, 3, 29, 2, tzinfo=UTC)


def test_a_closing_inside_the_repeated_hour_happens_twice():
    until_half_past_two = (Opening(7, 60, 150),)

    found = due(berlin("2026-10-25 00:00"), 2 * HOUR, a_calendar(until_half_past_two))

    assert [one.length for one in found.intervals] == [90 * MINUTE, 30 * MINUTE]
    assert found.at == datetime(2026, 10, 25, 1, 30, tzinfo=UTC)


def test_days_without_a_gap_are_one_stretch():
    found = due(berlin("2026-03-02 10:00"), 72 * HOUR, a_calendar(ALWAYS))

    assert found.at == berlin("2026-03-05 10:00")
    assert len(found.intervals) == 1


def test_a_zone_that_skipped_a_whole_day_skips_its_business_time():
    apia = a_calendar(hours(*range(1, 8)), zone="Pacific/Apia")
    thursday = datetime(2011, 12, 29, 16, tzinfo=ZoneInfo("Pacific/Apia"))

    found = due(thursday, 2 * HOUR, apia)

    assert found.at == datetime(2011, 12, 31, 10, tzinfo=ZoneInfo("Pacific/Apia"))


def test_midnight_that_happens_twice_keeps_the_stretches_in_order():
    st_johns = a_calendar(ALWAYS, zone="America/St_Johns")
    start = datetime(2006, 10, 28, 12, tzinfo=UTC)

    found = due(start, 48 * HOUR, st_johns)

    assert found.at == start + 48 * HOUR


def test_overlapping_openings_count_once():
    calendar = a_calendar(hours(1, opens=9, closes=13) + hours(1, opens=12, closes=15))

    assert due(berlin("2026-03-02 09:00"), 5 * HOUR, calendar).at == berlin("2026-03-02 14:00")


def test_no_allowance_is_due_at_once():
    start = berlin("2026-03-07 15:00")

    assert due(start, timedelta(), a_calendar()).at == start


def test_nothing_is_used_between_moments_out_of_order():
    assert (
        used(berlin("2026-03-02 12:00"), berlin("2026-03-02 10:00"), a_calendar())
        == timedelta()
    )


def test_a_calendar_that_never_opens_again_is_refused():
    every_monday = tuple(date(2026, 3, 2) + timedelta(weeks=week) for week in range(120))
    calendar = a_calendar(hours(1), closed=every_monday)

    with pytest.raises(NoOpenHours, match="office"):
        due(berlin("2026-03-01 10:00"), HOUR, calendar)


@pytest.mark.parametrize("zone", ["Europe/Atlantis", "", "../etc/passwd", "x" * 300])
def test_an_unknown_zone_is_refused_by_its_name(zone):
    with pytest.raises(InvalidCalendar, match="expected an IANA time zone"):
        a_calendar(zone=zone)


@pytest.mark.parametrize(
    "opening",
    [
        Opening(0, 60, 120),
        Opening(8, 60, 120),
        Opening(1, 120, 60),
        Opening(1, 60, 60),
        Opening(1, -1, 60),
        Opening(1, 0, 1441),
    ],
)
def test_impossible_hours_are_refused(opening):
    with pytest.raises(InvalidCalendar):
        a_calendar((opening,))


def test_a_calendar_without_hours_is_refused():
    with pytest.raises(NoOpenHours):
        Calendar("office", "Europe/Berlin", ())


def test_half_of_an_allowance_over_lunch_is_found_in_its_intervals():
    calendar = a_calendar(hours(1, closes=12) + hours(1, opens=13))
    found = due(berlin("2026-03-02 11:30"), 2 * HOUR, calendar)

    assert moment_after(found.intervals, HOUR) == berlin("2026-03-02 13:30")
    with pytest.raises(ValueError, match="shorter"):
        moment_after(found.intervals, 3 * HOUR)
