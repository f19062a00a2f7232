"""How good a score is, on leads that it was not learned from.

The AUC is the chance that a won lead stands above a lost one, ties counting half. Its interval
is DeLong's (Biometrics 44, 1988) by ranks: it needs no random numbers, handles ties, and also
tells whether two scores of the same leads differ. It is taken on the logit scale, so that it
stays between 0 and 1.
"""

import math
from dataclasses import dataclass
from typing import Final

import numpy as np

from services.lab.learning.enough import TO_MEASURE, TooLittle, too_little
from services.lab.learning.history import Flags, Floats
from services.lab.learning.intervals import Interval, Rate, Z, two_sided, wilson

BINS: Final = 10


@dataclass(frozen=True, slots=True)
class Bin:
    """Leads of about the same promised chance, and how many of them were won.

    Attributes:
        promised: The mean of the chances that were promised.
        interval: Of the rate that came.
    """

    promised: float
    came: Rate
    interval: Interval


@dataclass(frozen=True, slots=True)
class Measures:
    """What a score was worth.

    Attributes:
        brier: The mean squared error of the chances; lower is better.
        brier_of_rate: The same for who promises every lead the mean rate of these leads.
        calibration_error: How far promised and come lie apart, on average over the bins,
            weighted by leads. Chance alone makes it some more than 0.
    """

    leads: int
    won: int
    auc: float
    auc_interval: Interval
    brier: float
    brier_of_rate: float
    calibration_error: float
    curve: tuple[Bin, ...]


@dataclass(frozen=True, slots=True)
class Gain:
    """How much better one score orders the same leads than another.

    Attributes:
        auc: The first AUC minus the second.
        p: How likely so large a difference would be if they were equally good.
    """

    auc: float
    interval: Interval
    p: float

    @property
    def is_real(self) -> bool:
        """Say whether chance alone does not explain it (5 %)."""
        return self.p < 0.05


def measure(scores: Floats, chances: Floats, won: Flags) -> Measures | TooLittle:
    """Measure a score, and the chances of being won that it promises."""
    missing = too_little(won, TO_MEASURE)
    if missing is not None:
        return missing
    curve = calibration_curve(chances, won)
    return Measures(
        leads=len(won),
        won=int(won.sum()),
        auc=auc(scores, won),
        auc_interval=auc_interval(scores, won),
        brier=brier(chances, won),
        brier_of_rate=float(np.var(won)),
        calibration_error=calibration_error(curve),
        curve=curve,
    )


def auc(scores: Floats, won: Flags) -> float:
    """Return the AUC; not a number when all leads ended alike."""
    above, _ = _placements(scores, won)
    return float(above.mean()) if above.size and above.size < len(won) else math.nan


def auc_interval(scores: Floats, won: Flags) -> Interval:
    """Return the 95 % interval of the AUC; 0 to 1 when it can't be told."""
    value = auc(scores, won)
    above, below = _placements(scores, won)
    if math.isnan(value) or min(above.size, below.size) < 2:
        return Interval(0.0, 1.0)
    if value in {0.0, 1.0}:
        # All pairs agree, so the spread seen is 0; as few as the rarer outcome could tell.
        few = min(above.size, below.size)
        return wilson(Rate(few if value else 0, few))
    spread = math.sqrt(_variance(above) + _variance(below)) / (value * (1 - value))
    middle = math.log(value / (1 - value))
    return Interval(_logistic(middle - Z * spread), _logistic(middle + Z * spread))


def compare(one: Floats, other: Floats, won: Flags) -> Gain:
    """Return by how much the first score orders these leads better than the second."""
    gain = auc(one, won) - auc(other, won)
    first, second = _placements(one, won), _placements(other, won)
    if math.isnan(gain) or min(first[0].size, first[1].size) < 2:
        return Gain(gain, Interval(-1.0, 1.0), 1.0)
    spread = math.sqrt(_variance(first[0] - second[0]) + _variance(first[1] - second[1]))
    if spread == 0:
        return Gain(gain, Interval(gain, gain), 1.0 if gain == 0 else 0.0)
    half = Z * spread
    return Gain(gain, Interval(gain - half, gain + half), two_sided(gain / spread))


def brier(chances: Floats, won: Flags) -> float:
    """Return the mean squared error of chances; not a number for no leads."""
    return float(np.mean((chances - won) ** 2)) if len(won) else math.nan


def calibration_curve(chances: Floats, won: Flags, bins: int = BINS) -> tuple[Bin, ...]:
    """Return promised against come, in bins of about equally many leads.

    Leads of the same chance stay in one bin, so there may be fewer bins.
    """
    if not len(won):
        return ()
    inner = np.quantile(chances, np.linspace(0, 1, bins + 1)[1:-1], method="lower")
    bin_of = np.searchsorted(np.unique(inner), chances, side="left")
    found = []
    for number in np.unique(bin_of):
        inside = bin_of == number
        came = Rate(int(won[inside].sum()), int(inside.sum()))
        found.append(Bin(float(chances[inside].mean()), came, wilson(came)))
    return tuple(found)


def calibration_error(curve: tuple[Bin, ...]) -> float:
    """Return the mean distance of promised and come, weighted by leads."""
    leads = sum(bin_.came.of for bin_ in curve)
    if not leads:
        return math.nan
    apart = sum(abs(bin_.promised - bin_.came.share) * bin_.came.of for bin_ in curve)
    return apart / leads


def log_loss(chances: Floats, won: Flags) -> float:
    """Return the mean negative log likelihood; not a number for no leads."""
    return float(losses(chances, won).mean()) if len(won) else math.nan


def losses(chances: Floats, won: Flags) -> Floats:
    """Return each lead's negative log likelihood, bounded where a chance is 0 or 1."""
    bounded = np.clip(chances, 1e-12, 1 - 1e-12)
    lost: Floats = -np.where(won, np.log(bounded), np.log1p(-bounded))
    return lost


def _placements(scores: Floats, won: Flags) -> tuple[Floats, Floats]:
    """Return for each won lead the share of lost ones below it, and the other way round."""
    if np.isnan(scores).any():
        raise ValueError("expected scores that are numbers, found one that is not")
    hits, misses = int(won.sum()), int((~won).sum())
    ranks = _midranks(scores)
    above = (ranks[won] - _midranks(scores[won])) / max(misses, 1)
    below = 1 - (ranks[~won] - _midranks(scores[~won])) / max(hits, 1)
    return above, below


def _midranks(values: Floats) -> Floats:
    """Return the rank of each value from 1, equal values sharing the mean of theirs."""
    _, place, counts = np.unique(values, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    ranks: Floats = (last - (counts - 1) / 2)[place]
    return ranks


def _variance(placements: Floats) -> float:
    """Return the variance of their mean."""
    return float(np.var(placements, ddof=1)) / placements.size


def _logistic(value: float) -> float:
    return 1 / (1 + math.exp(-value))
