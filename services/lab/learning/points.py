"""From effects to whole points, on the scale of the agreement that is signed.

One factor turns log-odds to points. It is chosen so that scores spread as widely as under the
points that are signed: then thresholds and caps keep about their meaning, and what changes is
the order of leads. A base rate has no place in points, so thresholds still move;
`threshold_of_same_volume` says where to.
"""

from dataclasses import dataclass
from enum import Enum
from typing import Final

import numpy as np

from services.lab.learning.history import Floats, Strengths, weigh

# The largest points get at least this, so that rounding does not hide the smaller ones; and at
# most that, so that no rule outweighs every other.
LARGEST_MIN: Final = 10
LARGEST_MAX: Final = 100


class Change(Enum):
    """What is suggested for a rule."""

    KEPT = "too little data; keeps its points"
    SAME = "its points fit"
    RAISED = "is worth more"
    LOWERED = "is worth less"
    IDLE = "makes no difference beside the others; gets no points"
    FOUND = "had no points and makes a difference"
    TURNED = "works the other way round; look at it before signing"


@dataclass(frozen=True, slots=True)
class Scale:
    """How effects became points.

    Attributes:
        points_per_effect: Points for one unit of log-odds.
        keeps_spread: Whether scores spread as before. They do not where the points would have
            been too coarse or too large, or where there was no spread.
    """

    points_per_effect: float
    keeps_spread: bool


@dataclass(frozen=True, slots=True)
class Threshold:
    """Where a threshold moves so that about as many leads pass it.

    Attributes:
        passed_before: Leads that pass it as it is.
        passed_after: Leads that would pass the moved one.
    """

    before: float
    after: int
    passed_before: int
    passed_after: int


def scale_of(scores: Floats, strengths: Strengths, effects: Floats) -> Scale:
    """Return the factor that keeps the spread of scores, within bounds.

    Args:
        scores: What the rules that are weighed gave before.
        strengths: Of what is weighed now, a column each.
        effects: Of the same columns.
    """
    largest = float(np.abs(effects).max()) if effects.size else 0.0
    spread = float(weigh(strengths, effects).std()) if len(strengths) else 0.0
    if largest == 0 or spread == 0:
        return Scale(0.0, keeps_spread=False)
    wanted = float(scores.std()) / spread
    factor = min(max(wanted, LARGEST_MIN / largest), LARGEST_MAX / largest)
    return Scale(factor, keeps_spread=factor == wanted)


def change_of(before: int, after: int) -> Change:
    """Say what a change of points means."""
    if before == after:
        return Change.SAME
    if after == 0:
        return Change.IDLE
    if before == 0:
        return Change.FOUND
    if (before > 0) != (after > 0):
        return Change.TURNED
    return Change.RAISED if abs(after) > abs(before) else Change.LOWERED


def threshold_of_same_volume(before: Floats, after: Floats, threshold: float) -> Threshold:
    """Return the threshold that about as many leads pass under other points.

    Args:
        before: What the sum that the threshold looks at is for each lead now.
        after: The same sum of the same leads under the other points.
        threshold: What the sum has to reach now.
    """
    passed = int((before >= threshold).sum())
    if not after.size:
        return Threshold(threshold, round(threshold), passed, 0)
    ordered = np.sort(after)
    levels = np.unique(np.ceil(ordered))
    levels = np.append(levels, levels[-1] + 1)
    passing = len(ordered) - np.searchsorted(ordered, levels, side="left")
    # Of equally good ones the higher: sales get rather fewer leads than more.
    best = np.lexsort((-levels, np.abs(passing - passed)))[0]
    return Threshold(threshold, int(levels[best]), passed, int(passing[best]))
