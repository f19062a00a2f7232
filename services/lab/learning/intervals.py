"""How far a rate, a difference of rates or a ratio of rates can be trusted."""

import math
from typing import Final, NamedTuple

# The two-sided 95 % point of the normal distribution, that is 1.959964.
Z: Final = 1.959963984540054


class Interval(NamedTuple):
    """Where the true value lies with 95 % confidence; ends may be infinite or 0."""

    low: float
    high: float

    def holds(self, value: float) -> bool:
        """Say whether the value lies inside."""
        return self.low <= value <= self.high


class Rate(NamedTuple):
    """So many hits of so many."""

    hits: int
    of: int

    @property
    def share(self) -> float:
        """Return hits per one; not a number when there is nothing."""
        return self.hits / self.of if self.of else math.nan


def wilson(rate: Rate, z: float = Z) -> Interval:
    """Return the score interval of a rate (Wilson 1927): right for few and for none."""
    if not rate.of:
        return Interval(0.0, 1.0)
    share, weight = rate.share, z * z / rate.of
    middle = (share + weight / 2) / (1 + weight)
    half = math.sqrt(share * (1 - share) * weight + weight * weight / 4) / (1 + weight)
    # At no hits and at all hits the end is exact; arithmetic would miss it by a hair.
    low = 0.0 if rate.hits == 0 else middle - half
    high = 1.0 if rate.hits == rate.of else middle + half
    return Interval(low, high)


def difference(one: Rate, other: Rate, z: float = Z) -> Interval:
    """Return the interval of one rate minus another.

    Newcombe's hybrid of two score intervals (Statistics in Medicine 17, 1998, method 10): it
    never leaves -1..1 and keeps its promise for small counts, which the plain one does not.
    """
    if not (one.of and other.of):
        return Interval(-1.0, 1.0)
    gap = one.share - other.share
    first, second = wilson(one, z), wilson(other, z)
    below = math.hypot(one.share - first.low, second.high - other.share)
    above = math.hypot(first.high - one.share, other.share - second.low)
    return Interval(gap - below, gap + above)


def ratio(one: Rate, other: Rate, z: float = Z) -> Interval:
    """Return the interval of one rate divided by another.

    The interval of the logarithm by Katz and others (Biometrics 34, 1978). Where nobody or
    everybody was hit on a side, half a hit and half a miss are added to both sides, as Haldane
    and Anscombe did for odds; otherwise there would be no interval.
    """
    if not (one.of and other.of):
        return Interval(0.0, math.inf)
    extra = 0.0 if _is_inside(one) and _is_inside(other) else 0.5
    hits, of = one.hits + extra, one.of + 2 * extra
    other_hits, other_of = other.hits + extra, other.of + 2 * extra
    middle = math.log(hits / of) - math.log(other_hits / other_of)
    spread = math.sqrt(max(0.0, 1 / hits - 1 / of + 1 / other_hits - 1 / other_of))
    return Interval(math.exp(middle - z * spread), math.exp(middle + z * spread))


def two_sided(z: float) -> float:
    """Return how likely a normal value lies at least this far from its mean, either side."""
    return math.erfc(abs(z) / math.sqrt(2))


def _is_inside(rate: Rate) -> bool:
    """Say whether some were hit and some were not."""
    return 0 < rate.hits < rate.of
