"""Sets of numbers: stretches of the number line, of all numbers or of whole ones only."""

from dataclasses import dataclass, replace
from math import ceil, floor, inf, isinf, isnan


@dataclass(frozen=True, slots=True)
class Range:
    """The numbers from `least` to `most`; each end is in it or not."""

    least: float = -inf
    most: float = inf
    has_least: bool = True
    has_most: bool = True

    @property
    def is_empty(self) -> bool:
        """Say whether no number is in it."""
        if self.least == self.most:
            return not (self.has_least and self.has_most)
        return self.least > self.most

    def both(self, other: "Range") -> "Range":
        """Return the numbers that are in both."""
        low = max((self.least, not self.has_least), (other.least, not other.has_least))
        high = min((self.most, self.has_most), (other.most, other.has_most))
        return Range(low[0], high[0], not low[1], high[1])

    def whole(self) -> "Range":
        """Return the stretch from the first to the last whole number of this one."""
        least, most = self.least, self.most
        if not isinf(least):
            least = ceil(least) + (not self.has_least and ceil(least) == least)
        if not isinf(most):
            most = floor(most) - (not self.has_most and floor(most) == most)
        return Range(least, most)


EVERY = Range()


@dataclass(frozen=True, slots=True)
class Numbers:
    """A set of numbers.

    Attributes:
        ranges: Disjoint.
        nan: Whether what is no number is in it too; it equals nothing and has no order.
        is_whole: Only whole numbers are in it.
    """

    ranges: tuple[Range, ...] = (EVERY,)
    nan: bool = False
    is_whole: bool = False

    @property
    def is_empty(self) -> bool:
        """Say whether nothing is in it."""
        return not self.ranges and not self.nan

    @property
    def least(self) -> float:
        """Return the least number; infinity when there is none."""
        return min((one.least for one in self.ranges), default=inf)

    @property
    def most(self) -> float:
        """Return the greatest number; minus infinity when there is none."""
        return max((one.most for one in self.ranges), default=-inf)

    def both(self, other: "Numbers") -> "Numbers":
        """Return what is in both sets."""
        is_whole = self.is_whole or other.is_whole
        found = (one.both(two) for one in self.ranges for two in other.ranges)
        ranges = (each.whole() if is_whole else each for each in found)
        kept = tuple(each for each in ranges if not each.is_empty)
        return Numbers(kept, self.nan and other.nan, is_whole)

    def __contains__(self, number: float) -> bool:
        """Say whether a number is in it."""
        if isnan(number):
            return self.nan
        return any(
            (one.least < number or (one.least == number and one.has_least))
            and (number < one.most or (one.most == number and one.has_most))
            for one in self.ranges
        )


NO_NUMBERS = Numbers(())
ALL_NUMBERS = Numbers(nan=True)


def between(least: float, most: float) -> Numbers:
    """Return the whole numbers from `least` to `most`."""
    return Numbers((Range(least, most),) if least <= most else (), is_whole=True)


def compared(operator: str, number: float) -> Numbers:
    """Return the numbers of which `x operator number` is true."""
    below, above = Range(most=number, has_most=False), Range(number, has_least=False)
    return {
        "==": Numbers((Range(number, number),)),
        "!=": Numbers((below, above), nan=True),
        "<": Numbers((below,)),
        "<=": Numbers((replace(below, has_most=True),)),
        ">": Numbers((above,)),
        ">=": Numbers((replace(above, has_least=True),)),
    }[operator]
