"""What chance of being won a score stands for."""

import math
from dataclasses import dataclass

# Beyond this a chance is 0 or 1 to the last digit, and exp would overflow.
ODDS_MAX = 700.0


@dataclass(frozen=True, slots=True)
class Chances:
    """A straight line from a score to the log-odds of being won."""

    intercept: float
    slope: float

    def log_odds(self, score: float) -> float:
        """Return the logarithm of the odds that a score stands for; 0 is a chance of a half."""
        return self.intercept + self.slope * score

    def of(self, score: float) -> float:
        """Return the chance of being won that a score stands for, from 0 to 1."""
        odds = min(max(self.log_odds(score), -ODDS_MAX), ODDS_MAX)
        return 1 / (1 + math.exp(-odds))


# A score that is the log-odds already.
AS_IT_IS = Chances(0.0, 1.0)
