import pytest

from services.feedback import render
from services.feedback.reports import By, ClockRow, FunnelRow, ServiceLevels


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

    lines = render.funnel(rows, By.CAMPAIGN).splitlines()

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
