"""How much history is enough to learn from, and what is said when it is not.

The field asks for 1,000 leads and 120 won ones before it predicts (one vendor), or for 40 won
and 40 lost ones (another). Ours, and why:

- Points: 300 leads, 50 of each outcome, in the part that is learned from. With 50 of the rarer
  outcome a rate is known to within a little over a quarter of itself (1.96 / sqrt(50)); with 40
  or fewer, two rates must differ twofold before points could say so.
- A predictive model: 1,000 leads, 120 of each outcome. Trees choose among many splits and need
  several times the history of a model that only weighs rules that people chose.
- A measurement: 30 of each outcome in the part held back. Below that the interval of the AUC
  spans some 0.2, from useless to good, and says nothing.
- One rule: 30 leads with it and 30 without it.
"""

from dataclasses import dataclass
from typing import Final, NamedTuple

from services.lab.learning.history import Flags


class Least(NamedTuple):
    """The least history for something."""

    what: str
    leads: int
    of_each: int


TO_SUGGEST: Final = Least("points can be suggested", 300, 50)
TO_PREDICT: Final = Least("a predictive score can be learned", 1_000, 120)
TO_MEASURE: Final = Least("a score can be measured", 60, 30)
# Of one rule, or one value of a column: leads with it, and as many without it.
LEADS_PER_RULE_MIN: Final = 30


@dataclass(frozen=True, slots=True)
class TooLittle:
    """There is not enough history for what was asked.

    Attributes:
        least: What it takes.
    """

    least: Least
    leads: int
    won: int
    lost: int

    def __str__(self) -> str:
        """Say plainly what there is and what is missing."""
        missing = [
            f"{short:,} more {what}"
            for short, what in (
                (self.least.leads - self.leads, "leads with an outcome"),
                (self.least.of_each - self.won, "won ones"),
                (self.least.of_each - self.lost, "lost ones"),
            )
            if short > 0
        ]
        return (
            f"Not enough data: {self.leads:,} leads with an outcome, {self.won:,} won and "
            f"{self.lost:,} lost. Before {self.least.what} it takes {self.least.leads:,} with "
            f"{self.least.of_each:,} of each; missing: {', '.join(missing)}."
        )


def too_little(won: Flags, least: Least) -> TooLittle | None:
    """Return what is missing, None when there is enough."""
    leads, hits = len(won), int(won.sum())
    if leads >= least.leads and min(hits, leads - hits) >= least.of_each:
        return None
    return TooLittle(least, leads, hits, leads - hits)
