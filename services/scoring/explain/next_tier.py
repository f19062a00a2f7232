"""What is missing to the next tier, where more points alone would do."""

import re
from dataclasses import dataclass

from leadloop.conditions import Values, Verdict
from services.scoring.definition import Agreement, Axis, Tier
from services.scoring.rules import NO_ACTIVITY, Sums
from services.scoring.standings import Standing

_NUMBER = re.compile(r"\b\d{1,6}\b")


@dataclass(frozen=True, slots=True)
class Missing:
    """The tier above, and the fewest points of one side that would reach it.

    Attributes:
        condition: The tier's, as the agreement words it.
        axis: The side that the points would have to come from; None when points alone won't do.
        points: How many; 0 when points alone won't do.
    """

    tier: str
    condition: str
    axis: Axis | None = None
    points: int = 0


def missing_to_next_tier(
    standing: Standing, sums: Sums, facts: Values, agreement: Agreement, tier: str
) -> Missing | None:
    """Return what is missing to the tier above `tier`; None when there is none above.

    Points are tried, not solved for: the numbers that the condition names are the only places
    where more points can make a difference.
    """
    names = [one.name for one in agreement.tiers]
    above = names.index(tier) - 1 if tier in names else len(names) - 1
    if above < 0:
        return None
    target = agreement.tiers[above]
    activity = standing.newest.values if standing.newest else NO_ACTIVITY
    for points in _steps(target, sums):
        for axis in (Axis.ENGAGEMENT, Axis.FIT):
            side = axis.value
            more = sums._replace(**{side: getattr(sums, side) + points})
            if target.condition.judge(facts, activity, more.as_values()) is Verdict.HOLDS:
                return Missing(target.name, target.condition.text, axis, points)
    return Missing(target.name, target.condition.text)


def _steps(tier: Tier, sums: Sums) -> list[int]:
    """Return the additions that bring a sum to a number of the condition, or just past it."""
    numbers = [int(found) for found in _NUMBER.findall(tier.condition.text)]
    gaps = {
        number - value
        for number in numbers
        for value in (sums.fit, sums.engagement, sums.total)
    }
    return sorted(step for gap in gaps for step in (gap, gap + 1) if step > 0)
