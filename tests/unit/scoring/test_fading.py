"""The day on which time changes a tier, however the tier names what it asks for."""

from datetime import UTC, datetime

import pytest

from leadloop.conditions import Condition
from services.scoring import rules
from services.scoring.definition import Activity, Agreement, Axis, Rule, Tier
from services.scoring.fading import next_change
from services.scoring.tallies import Timing, day_of

AT = datetime(2026, 3, 2, 10, tzinfo=UTC)
VISIT = Rule(
    "visit", Axis.ENGAGEMENT, Condition("true"), 10, timing=Timing(within_days=5), product="crm"
)


@pytest.mark.parametrize(
    "condition",
    [
        "products.crm >= 10",
        'products["crm"] >= 10',
        '10 <= products["crm"]',
        'products["cr" + "m"] >= 10',
        "engagement >= 10",
        "total > 9",
    ],
)
def test_a_tier_ends_when_the_activity_behind_it_expires(condition):
    agreement = Agreement(
        "a", 1, (VISIT,), (), (Tier("A", Condition(condition)),), product_lines=("crm",)
    )
    standing = rules.replay({}, [Activity("1", "visit", AT)], agreement).standing

    assert next_change(standing, "A", {}, agreement, day_of(AT)) == day_of(AT) + 5
