"""The story says what the reports say, within the width of a terminal."""

from io import StringIO

import pytest
from rich.console import Console, RenderableType

from services.demo import story
from services.demo.company import SIZES

FUNNEL = [
    {
        "group": "pricing-search",
        "captured": 1_433,
        "qualified": 150,
        "routed": 150,
        "accepted": 145,
        "converted": 73,
        "won": 26,
        "lost": 28,
        "returned": 82,
        "values": {"EUR": 144_860_000},
    },
    {
        "group": "",
        "captured": 3,
        "qualified": 0,
        "routed": 0,
        "accepted": 0,
        "converted": 0,
        "won": 0,
        "lost": 0,
        "returned": 0,
        "values": {},
    },
]


def printed(drawn: RenderableType, width: int = 80) -> str:
    out = StringIO()
    Console(file=out, width=width).print(drawn)
    return out.getvalue()


def a_reason(group: str, label: str, leads: int, percent: int) -> dict[str, object]:
    return {"group": group, "label": label, "leads": leads, "percent": percent}


def test_the_funnel_adds_up_and_fits():
    text = printed(story.funnel(FUNNEL))

    assert "…" not in text
    last = next(line for line in text.splitlines() if line.startswith("all"))
    assert " ".join(last.split()) == "all 1,436 150 10 145 73 26 28 82 1,448,600"
    assert "(none)" in text


def test_the_shared_goal_is_told_beside_what_was_reached():
    size = SIZES["full"]

    text = " ".join(printed(story.goals(FUNNEL, size)).split())

    assert f"{size.customers} customers and {size.revenue:,} EUR" in text
    assert "Reached: 26 customers and 1,448,600 EUR" in text


def test_clocks_are_told_in_hours_and_minutes():
    row = {
        "tier": "hand-raiser",
        "kind": "first attempt",
        "allowed_seconds_min": 7_200,
        "allowed_seconds_max": 7_200,
        "met": 58,
        "late": 6,
        "breached": 0,
        "running": 1,
        "p50_seconds": 1_800.0,
        "p95_seconds": 8_760.0,
    }

    text = printed(story.sales_levels([row, {**row, "met": 0, "late": 0, "p50_seconds": None}]))

    assert "…" not in text
    words = [" ".join(line.split()) for line in text.splitlines()]
    assert "hand-raiser first attempt 2 h 58 6 0 91 % 30 min 2 h 26" in words
    assert "hand-raiser first attempt 2 h 0 0 0 - - 2 h 26" in words


def test_a_month_without_decisions_has_dashes():
    row = {
        "month": "2026-04",
        "qualified": 3,
        "owed": 160,
        "accepted_percent": None,
        "accepted_percent_owed": 75,
        "complete_percent": 100,
        "complete_percent_owed": 80,
    }

    assert "-" in printed(story.marketing_levels([row])).splitlines()[-1]


def test_what_stands_out_is_what_one_campaign_has_more_of_than_all_others():
    rows = [
        a_reason("search", "Not reached", 33, 60),
        a_reason("search", "Wrong data", 4, 7),
        a_reason("fair", "Wrong data", 17, 39),
        a_reason("fair", "Not reached", 8, 20),
    ]

    text = " ".join(printed(story.reasons(rows)).split())

    assert "Wrong data: 39 % of what came back from fair, 34 % of what came back in all" in text


def test_without_returned_leads_nothing_stands_out():
    assert "came back from" not in printed(story.reasons([]))


def an_item(sentence: str, *details: str, **event: object) -> dict[str, object]:
    return {
        "at": "2026-04-02T14:00:00Z",
        "service": "handoff",
        "sentence": sentence,
        "details": list(details),
        "event": event,
    }


def test_people_passed_over_for_one_reason_share_a_line():
    item = an_item("Goes to Ben", "not Ida: is away", "not Tim: is busy", "not Eva: is busy")

    text = printed(story.timeline([item], "Ada"))

    assert "not Tim, Eva: is busy" in text
    assert "not Ida: is away" in text


def test_a_clock_over_easter_names_the_days_on_which_it_slept():
    clock = {
        "intervals": [
            {"starts_at": "2026-04-02T14:00:00Z", "ends_at": "2026-04-02T15:30:00Z"},
            {"starts_at": "2026-04-07T07:00:00Z", "ends_at": "2026-04-07T07:30:00Z"},
        ]
    }

    text = " ".join(
        printed(story.timeline([an_item("Goes to Ben", clocks=[clock])], "Ada")).split()
    )

    assert (
        "no clock runs on Good Friday (3 April), the weekend, Easter Monday (6 April)" in text
    )


def test_times_are_those_of_the_companys_wall_clock():
    assert "16:00" in printed(story.timeline([an_item("Goes to Ben")], "Ada"))


@pytest.mark.parametrize("folder", [".leadloop", "elsewhere"])
def test_what_to_try_next_serves_the_folder_that_was_kept(folder: str):
    text = printed(story.what_next(folder, "0196"), width=200)

    assert ("leadloop up\n" in text) is (folder == ".leadloop")
    assert "leadloop timeline 0196" in text
