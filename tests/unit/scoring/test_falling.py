"""Conditions that hold for less: seldom written, and then time brings a lead to a tier."""

import pytest

from leadloop.conditions import Condition
from services.scoring.falling import may_hold_for_less


@pytest.mark.parametrize(
    "text",
    [
        "total >= 40",
        "40 <= total && (engagement > 3 || fit < 10)",
        "products.crm >= 10",
        'products["crm"] > 10',
        'predicted < 10 && activity.kind == "visit"',
        'lead.country == "DE"',
        "total >",
    ],
)
def test_what_asks_for_more_never_holds_by_points_that_fade(text):
    assert not may_hold_for_less(Condition(text))


@pytest.mark.parametrize(
    "text",
    [
        "engagement < 10",
        "fit >= 20 && 10 > total",
        "!(total >= 40)",
        "total == 40",
        "products.crm <= 3 || total > 90",
        "total > engagement",
        "fit - engagement > 10",
        "total > 10 ? fit > 3 : fit > 1",
    ],
)
def test_what_asks_for_less_may_come_to_hold(text):
    assert may_hold_for_less(Condition(text))
