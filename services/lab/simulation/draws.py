"""What chance decides about a lead, drawn by the lead's own seed.

So two runs meet the same chances, whoever gets a lead and when: what differs between them is
due to what was changed on purpose.
"""

import math
from dataclasses import dataclass
from random import Random

# The quantile of nine in ten of the normal distribution.
_NINE_OF_TEN = 1.2815515655446004
_EFFORT_SPREAD = 0.5


@dataclass(frozen=True, slots=True)
class Fate:
    """What is true of a lead in one cycle, whoever works it; shares from 0 to 1."""

    accepts: float
    reason: float
    converts: float
    wins: float
    deal_days: float

    @classmethod
    def of(cls, seed: int, lead_id: str, cycle: int) -> "Fate":
        """Draw it for one cycle of a lead."""
        random = Random(f"{seed}/{lead_id}/{cycle}")  # noqa: S311 (a simulation)
        deal_days = math.exp(random.gauss(math.log(25), 0.6))
        return cls(
            random.random(), random.random(), random.random(), random.random(), deal_days
        )


@dataclass(frozen=True, slots=True)
class Handling:
    """How it goes in the hands of one owner.

    Attributes:
        notice: Standard deviations from the median time to look at it.
        forgets: Below someone's share of forgotten leads, they forget it.
        effort: A factor on the minutes; 1 on average.
        chances: Of its attempts, one after the other.
    """

    notice: float
    forgets: float
    accepts_elsewhere: float
    effort: float
    chances: Random

    @classmethod
    def of(cls, seed: int, lead_id: str, cycle: int, turn: int) -> "Handling":
        """Draw it for one owner of that cycle; `turn` counts them."""
        random = Random(f"{seed}/{lead_id}/{cycle}/{turn}")  # noqa: S311 (a simulation)
        effort = math.exp(random.gauss(0, _EFFORT_SPREAD) - _EFFORT_SPREAD**2 / 2)
        return cls(
            random.gauss(0, 1),
            random.random(),
            random.random(),
            effort,
            random,
        )

    def attempt(self) -> tuple[float, float]:
        """Draw how the next attempt goes, and a factor on the time until the one after it."""
        return self.chances.random(), 0.5 + self.chances.random()


def spread_out(half: float, nine: float, deviations: float) -> float:
    """Return a value of the log-normal distribution with this median and ninth decile."""
    return half * math.exp(deviations * math.log(nine / half) / _NINE_OF_TEN)
