"""What is missing to the next tier is told in points where points would do."""

import pytest

from services.scoring.definition import Axis
from services.scoring.explain.next_tier import Missing, missing_to_next_tier
from services.scoring.rules import replay, score_on
from tests.unit.scoring.builders import (
    TODAY,
    a_fit_rule,
    a_tier,
    an_activity,
    an_agreement,
    an_engagement_rule,
    facts,
)


def missing(condition: str, tier: str = "") -> Missing | None:
    """Ask with 20 points of fit and 10 of engagement."""
    rules = (a_fit_rule("true", 20, "fits"), an_engagement_rule(points=10, name="did"))
    agreement = an_agreement(rules, tiers=(a_tier("A", condition), a_tier("B", "total > 0")))
    standing = replay(facts(), [an_activity()], agreement).standing
    return missing_to_next_tier(
        standing, score_on(standing, facts(), agreement, TODAY).sums, facts(), agreement, tier
    )


@pytest.mark.parametrize(
    ("condition", "axis", "points"),
    [
        ("total >= 50", Axis.ENGAGEMENT, 20),
        ("total > 50", Axis.ENGAGEMENT, 21),
        ("fit >= 35", Axis.FIT, 15),
        ("fit >= 20 && engagement > 10", Axis.ENGAGEMENT, 1),
        ("fit >= 100 && engagement >= 100", None, 0),
        ('activity.kind == "demo_request"', None, 0),
    ],
)
def test_the_fewest_points_of_one_side_that_reach_the_tier_are_told(condition, axis, points):
    assert missing(condition, "B") == Missing("A", condition, axis, points)


def test_a_lead_without_a_tier_aims_at_the_last_one_and_the_first_has_none_above():
    agreement_condition = "total >= 50"

    aim = missing(agreement_condition)
    assert aim is not None
    assert aim.tier == "B"
    assert missing(agreement_condition, "A") is None
