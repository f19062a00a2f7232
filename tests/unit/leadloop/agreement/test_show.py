from datetime import date
from pathlib import Path

import pytest

from leadloop.agreement.diff import changes
from leadloop.agreement.goals import needed
from leadloop.agreement.reader import read_agreement
from leadloop.agreement.show import page
from leadloop.agreement.terms import Goals

SOUND = (Path(__file__).parents[3] / "agreements" / "sound.yaml").read_text()
TODAY = date(2026, 3, 2)


def changed(*replacements):
    """Return what changes, in words, when this is replaced in the sound text."""
    text = SOUND
    for was, becomes in replacements:
        assert was in text
        text = text.replace(was, becomes, 1)
    old, new = read_agreement(SOUND, TODAY), read_agreement(text, TODAY)
    return [str(change) for change in changes(old, new)]


def test_nothing_changes_with_layout_and_comments():
    assert changed(("qualified_lead:\n", "# Agreed in May.\nqualified_lead:\n")) == []


@pytest.mark.parametrize(
    ("was", "becomes", "told"),
    [
        ("points: 40", "points: 45", '~ rule "asked for a demo", points: +40 -> +45'),
        (
            "at_most: 3 per 7d",
            "at_most: 3",
            '~ rule "clicked in an e-mail", counts: at most 3 times in every 7 days'
            " -> at most 3 times",
        ),
        (
            "half_life: 60d",
            "within: 60d",
            '~ rule "sent a form", fades: halves every 60 days -> none',
        ),
        ("website: 40", "website: 30", '~ cap "website", points: 40 -> 30'),
        ("accept: 5m", "accept: 1h", '~ service level "hand-raiser", accept: 5m -> 1h'),
        ("cool_down: 90d", "cool_down: 2h", '~ reason "no_need", cool-down: 90d -> 2h'),
        ("competitor:", "rival:", '~ reason "competitor" is now called "rival"'),
        ("customers: 40", "customers: 41", "~ goals, customers a quarter: 40 -> 41"),
        ("cycles_at_most: 4", "cycles_at_most: 5", "~ cycles, at most: 4 -> 5"),
        ("sales: Tom Berger", "sales: Eve", '~ signer "sales", name: Tom Berger -> Eve'),
        ("16:00", "17:00", '~ calendar "office", fri: 09:00-12:30 13:30-16:00'
         " -> 09:00-12:30 13:30-17:00"),
    ],
)  # fmt: skip
def test_a_change_is_told_in_words(was, becomes, told):
    assert told in changed((was, becomes))


def test_what_comes_and_what_goes_is_told_with_its_terms():
    gone = "    - {name: C, when: total >= 20 && engagement >= 10}\n"
    rule = "    - {name: our size, when: lead.employees < 5, points: -5}\n"

    told = changed(
        (gone, ""),
        ("    C: {accept: 8h, first_attempt: 16h}\n", ""),
        ("  engagement:\n    -", rule + "  engagement:\n    -"),
    )

    assert told == [
        '+ rule "our size": side fit; when lead.employees < 5; points -5',
        "~ tiers, order: hand-raiser, A, B, C -> hand-raiser, A, B",
        '- tier "C": when total >= 20 && engagement >= 10',
        '- service level "C": accept 8h; first attempt 16h; warn at 50%',
    ]


def test_goals_say_how_many_leads_they_need():
    goals = Goals(40, 480_000_00, "EUR", 70, 50, 25)

    found = needed(goals)

    assert found
    assert (found.opportunities, found.accepted, found.qualified) == (160, 320, 458)
    assert (found.qualified_per_month, found.revenue_cents_each) == (153, 12_000_00)
    assert needed(Goals(40, 1, "EUR")) is None


def test_a_page_tells_all_that_is_agreed():
    told = page(read_agreement(SOUND, TODAY))

    for words in (
        "AGREEMENT default",
        'our market        +20                       lead.country in ["DE", "AT", "CH"]',
        "on email_click, at most 3 times in every 7 days, halves every 30 days",
        "website     at most 40 points",
        "hand-raiser  5m      15m            50%",
        "fri       09:00-12:30 13:30-16:00",
        "after 180d, with: A new budget year",
        "That needs 458 qualified leads, 153 a month:",
        "480,000 EUR (12,000 EUR a customer)",
        "What it costs",
    ):
        assert words in told


def test_a_condition_over_several_lines_stays_on_one_line_of_the_page():
    text = SOUND.replace(
        "when: total >= 60 && fit >= 30}", "when: 'total >= 60 &&\n      fit >= 30'}"
    )

    assert "  A            total >= 60 && fit >= 30\n" in page(read_agreement(text, TODAY))
