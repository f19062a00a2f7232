"""What each rule alone says about outcomes, and whether it earns its points.

Lift is the rate of won leads with the rule divided by the rate without it. A ratio, since such
rates are small and people speak of "twice as often"; its interval is Katz's, which a reader can
check by hand. Beside it stands the difference, with Newcombe's interval, since twice as often
of nearly nothing is nearly nothing.

Each rule is looked at alone and at 95 %: of forty rules without any effect, two will seem to
have one. What rules are worth beside each other, the model in `suggest.py` weighs.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Final

from services.lab.learning.enough import LEADS_PER_RULE_MIN
from services.lab.learning.history import Flags, History
from services.lab.learning.intervals import Interval, Rate, difference, ratio

# With fewer than this of an outcome expected on a side, the interval is only a guess.
EXPECTED_MIN: Final = 5.0
# A lift surely within these is no difference that points should be given for.
NEARLY_SAME: Final = Interval(0.8, 1.25)


class Earns(Enum):
    """Whether outcomes speak for a rule's points."""

    FOR = "earns its points"
    AGAINST = "works the other way round"
    NOTHING = "makes no difference"
    UNSURE = "no clear evidence yet"
    TOO_LITTLE = "too little data"
    HELPFUL = "gives no points and could"


@dataclass(frozen=True, slots=True)
class Lift:
    """One rule against outcomes.

    Attributes:
        lift: The rate with it divided by the rate without it; infinite or not a number where
            there is nothing to divide by.
        difference: The rate with it minus the rate without it.
        reasons: How often sales refused leads that it held for, by reason.
    """

    rule: str
    points: int
    with_it: Rate
    without: Rate
    lift: float
    lift_interval: Interval
    difference: float
    difference_interval: Interval
    earns: Earns
    reasons: Mapping[str, int]

    def __str__(self) -> str:
        """Say it in a sentence."""
        low, high = self.lift_interval
        return (
            f"{self.rule} ({self.points:+d}): {self.earns.value}; won {_percent(self.with_it)} "
            f"with it and {_percent(self.without)} without it, "
            f"lift {self.lift:.2f} ({low:.2f} to {high:.2f})"
        )


def lifts(history: History) -> tuple[Lift, ...]:
    """Return what each rule alone says, in the agreement's order."""
    return tuple(_lift(history, place) for place in range(len(history.rules)))


def earns(points: int, with_it: Rate, without: Rate) -> Earns:
    """Say whether outcomes speak for these points."""
    if not _is_enough(with_it, without):
        return Earns.TOO_LITTLE
    interval = ratio(with_it, without)
    if interval.low >= NEARLY_SAME.low and interval.high <= NEARLY_SAME.high:
        return Earns.NOTHING
    if interval.holds(1.0):
        return Earns.UNSURE
    if points == 0:
        return Earns.HELPFUL
    return Earns.FOR if (interval.low > 1) == (points > 0) else Earns.AGAINST


def _lift(history: History, place: int) -> Lift:
    """Look at one rule."""
    rule = history.rules[place]
    held = history.strengths[:, place] != 0
    with_it, without = _rate(history.won, held), _rate(history.won, ~held)
    divisor = without.share
    return Lift(
        rule=rule.name,
        points=rule.points,
        with_it=with_it,
        without=without,
        lift=with_it.share / divisor if divisor else float("inf" if with_it.hits else "nan"),
        lift_interval=ratio(with_it, without),
        difference=with_it.share - without.share,
        difference_interval=difference(with_it, without),
        earns=earns(rule.points, with_it, without),
        reasons=_reasons(history, held),
    )


def _rate(won: Flags, chosen: Flags) -> Rate:
    """Count the won ones of those chosen."""
    return Rate(int((won & chosen).sum()), int(chosen.sum()))


def _is_enough(with_it: Rate, without: Rate) -> bool:
    """Say whether both sides are large enough, and both outcomes to be expected on them."""
    if min(with_it.of, without.of) < LEADS_PER_RULE_MIN:
        return False
    rate = (with_it.hits + without.hits) / (with_it.of + without.of)
    smaller = min(with_it.of, without.of)
    return smaller * min(rate, 1 - rate) >= EXPECTED_MIN


def _reasons(history: History, held: Flags) -> Mapping[str, int]:
    """Count the reasons of refusals, the most frequent first."""
    if not history.reasons:
        return {}
    reasons = (reason for reason, it in zip(history.reasons, held, strict=True) if it)
    counts = Counter(reason for reason in reasons if reason)
    return dict(sorted(counts.items(), key=lambda counted: (-counted[1], counted[0])))


def _percent(rate: Rate) -> str:
    """Write a rate for people."""
    return f"{rate.share:.1%} of {rate.of:,}" if rate.of else "none of 0"
