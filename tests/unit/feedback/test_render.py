import pytest

from services.feedback import render
from services.feedback.reports import (
    By,
    ClockRow,
    FunnelRow,
    Grouping,
    MonthRow,
    ServiceLevels,
    Touch,
)
from tests.conftest import MONDAY_MORNING


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(None, "-"), (0, "0m"), (45, "0m 45s"), (900, "15m"), (3600, "1h"), (5430, "1h 30m")],
)
def test_business_time_reads_as_people_say_it(seconds, words):
    assert render.duration(seconds) == words


def test_money_is_told_by_currency():
    assert render.money({"USD": 5_000, "EUR": 123_456_700}) == "1,234,567 EUR + 50 USD"
    assert render.money({}) == "-"


def test_the_funnel_ends_with_a_line_for_all():
    rows = [
        FunnelRow("spring", 10, 5, 5, 4, 2, 1, 1, 1, {"EUR": 100}),
        FunnelRow("", 2, 0, 0, 0, 0, 0, 0, 0, {}),
    ]

    heading, _, *lines = render.funnel(rows, Grouping()).splitlines()

    assert heading == "By campaign of the first touch"
    assert lines[0].split() == [
        *("campaign", "captured", "qualified", "routed", "accepted", "converted"),
        *("won", "lost", "returned", "value"),
    ]
    assert lines[3].startswith("(none)")
    assert lines[4].split() == ["all", "12", "5", "5", "4", "2", "1", "1", "1", "1", "EUR"]
    assert len({len(line) for line in lines[:2]}) == 1


@pytest.mark.parametrize(
    ("shortest", "longest", "agreed"), [(3600, 3600, "1h"), (60, 3600, "1m to 1h")]
)
def test_what_was_agreed_is_one_time_or_the_range_of_the_versions(shortest, longest, agreed):
    row = ClockRow("A", "accept", shortest, longest, 8, 0, 0, 0, 360, 600)

    lines = render.service_levels(ServiceLevels((row,), ())).splitlines()

    assert " ".join(lines[4].split()) == f"A accept {agreed} 8 0 0 0 100% 6m 10m"


@pytest.mark.parametrize(
    ("group", "heading"),
    [
        (Grouping(), "By campaign of the first touch"),
        (Grouping(touch=Touch.LAST), "By campaign of the last touch"),
        (Grouping(By.SOURCE), "By source of the first capture"),
        (Grouping(By.TIER), "By tier"),
    ],
)
def test_the_reasons_say_by_what_they_count(group, heading):
    assert render.reasons([], group).splitlines()[0] == heading


def a_month(owed: int, days: float) -> MonthRow:
    missing = {"company": 1, "country": 3, "phone": 3}
    return MonthRow("2026-03", 4, owed, 200, days, None, 70, 0, 80, missing)


def test_what_marketing_owes_for_a_part_of_a_month_says_for_which():
    page = render.service_levels(ServiceLevels((), (a_month(1, 0.2),), MONDAY_MORNING))

    line = next(line for line in page.splitlines() if line.startswith("2026-03"))
    assert "1 for 0.2 days" in line
    assert line.endswith("country 3, phone 3, company 1")
    assert "Owed: 200 leads a month, in proportion for the part of a month" in page
    assert "agreement was signed (2026-03-02 09:00 UTC)." in page
    assert "Complete: with phone, company and country" in page


def test_what_marketing_owes_for_a_whole_month_is_one_number():
    page = render.service_levels(ServiceLevels((), (a_month(200, 31),), MONDAY_MORNING))

    assert " for 31 days" not in page
