"""Whose rate moved between two windows of time: sources, rules, anything counted twice.

Each is tested as two rates (the N-1 chi-squared test, which Campbell, Statistics in Medicine
26, 2007, found to keep its promise down to expected counts of 1). Many are tested at once, so
Benjamini and Hochberg (1995) bound the share of false alarms among the alarms at 5 %; when
nothing moved at all, that is the chance of any alarm. A move must also be large enough to
matter, since of 200,000 leads everything differs.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Final

import numpy as np

from services.lab.learning.history import Flags, History
from services.lab.learning.intervals import Interval, Rate, difference, two_sided

FALSE_ALARMS: Final = 0.05
# Of hits and of misses expected in each window, when nothing moved.
EXPECTED_MIN: Final = 1.0
# And so many observed ones in a window, or the rate says nothing.
COUNT_MIN: Final = 20
# Cohen's h of a move that is worth a word: 5 % to 6.2 %, 50 % to 52.5 %.
EFFECT_MIN: Final = 0.05
# Sources tested at most, those with most leads first.
TESTED_MAX: Final = 1_000


class Moved(Enum):
    """What became of a rate."""

    ROSE = "rose"
    FELL = "fell"
    SLIGHTLY = "moved, too little to matter"
    STAYED = "stayed, as far as the numbers tell"
    TOO_LITTLE = "too little data"


@dataclass(frozen=True, slots=True)
class Windows:
    """A rate in two windows."""

    name: str
    before: Rate
    after: Rate


@dataclass(frozen=True, slots=True)
class Drift:
    """What became of one rate.

    Attributes:
        change: The later rate minus the earlier one.
        effect: Cohen's h, the difference of arcsines: 0.2 is small, 0.5 medium, 0.8 large.
        p: How likely so large a difference would be if nothing had moved.
        q: The same, corrected for how many were tested.
    """

    name: str
    before: Rate
    after: Rate
    change: float
    interval: Interval
    effect: float
    p: float
    q: float
    moved: Moved

    @property
    def is_alarm(self) -> bool:
        """Say whether people should look."""
        return self.moved in {Moved.ROSE, Moved.FELL}

    def __str__(self) -> str:
        """Say it in a sentence."""
        return (
            f"{self.name}: {self.moved.value}; {_percent(self.before)} before, "
            f"{_percent(self.after)} after"
        )


def drifts(windows: Sequence[Windows], false_alarms: float = FALSE_ALARMS) -> tuple[Drift, ...]:
    """Test all rates together; the surest moves come first."""
    testable = [w for w in windows if _is_testable(w)]
    rest = [w for w in windows if not _is_testable(w)]
    ps = [chance_of_no_move(w.before, w.after) for w in testable]
    tested = [
        _drift(window, p, q, false_alarms)
        for window, p, q in zip(testable, ps, corrected(ps), strict=True)
    ]
    tested.sort(key=lambda drift: (drift.p, -abs(drift.effect), drift.name))
    return (*tested, *(_drift(window, 1.0, 1.0, false_alarms) for window in rest))


def rates_of_sources(before: History, after: History) -> tuple[Windows, ...]:
    """Return how often leads of each source were won, in two windows."""
    first, second = _won_by_source(before), _won_by_source(after)
    leads = {
        name: first.get(name, Rate(0, 0)).of + second.get(name, Rate(0, 0)).of
        for name in (*first, *second)
    }
    names = sorted(leads, key=lambda name: (-leads[name], name))[:TESTED_MAX]
    nothing = Rate(0, 0)
    return tuple(
        Windows(name, first.get(name, nothing), second.get(name, nothing)) for name in names
    )


def shares_of_sources(before: History, after: History) -> tuple[Windows, ...]:
    """Return what share of leads came from each source, in two windows."""
    return tuple(
        Windows(
            window.name,
            Rate(window.before.of, len(before)),
            Rate(window.after.of, len(after)),
        )
        for window in rates_of_sources(before, after)
    )


def rates_of_rules(before: History, after: History) -> tuple[Windows, ...]:
    """Return how often each rule held, in two windows of the same agreement."""
    first, second = _held(before), _held(after)
    return tuple(Windows(name, rate, second[name]) for name, rate in first.items())


def wins_of_rules(before: History, after: History) -> tuple[Windows, ...]:
    """Return how often leads that a rule held for were won, in two windows."""
    first, second = _won_when_held(before), _won_when_held(after)
    return tuple(Windows(name, rate, second[name]) for name, rate in first.items())


def chance_of_no_move(before: Rate, after: Rate) -> float:
    """Return how likely so large a difference is when both windows have one rate."""
    leads = before.of + after.of
    rate = (before.hits + after.hits) / leads
    spread = rate * (1 - rate) * (1 / before.of + 1 / after.of)
    if spread == 0:
        return 1.0
    z = (after.share - before.share) / math.sqrt(spread) * math.sqrt((leads - 1) / leads)
    return two_sided(z)


def corrected(ps: Sequence[float]) -> list[float]:
    """Return for each p the least share of false alarms that lets it pass."""
    ordered = sorted(range(len(ps)), key=lambda place: ps[place], reverse=True)
    found = [1.0] * len(ps)
    least = 1.0
    for below, place in enumerate(ordered):
        rank = len(ps) - below
        least = min(least, ps[place] * (len(ps) / rank))
        found[place] = least
    return found


def _is_testable(window: Windows) -> bool:
    """Say whether both windows hold enough to tell."""
    before, after = window.before, window.after
    if min(before.of, after.of) < COUNT_MIN:
        return False
    rate = (before.hits + after.hits) / (before.of + after.of)
    return min(before.of, after.of) * min(rate, 1 - rate) >= EXPECTED_MIN


def _drift(window: Windows, p: float, q: float, false_alarms: float) -> Drift:
    """Say what became of one rate."""
    before, after = window.before, window.after
    effect = 0.0
    if before.of and after.of:
        effect = 2 * (math.asin(math.sqrt(after.share)) - math.asin(math.sqrt(before.share)))
    return Drift(
        name=window.name,
        before=before,
        after=after,
        change=after.share - before.share,
        interval=difference(after, before),
        effect=effect,
        p=p,
        q=q,
        moved=_moved(effect, q <= false_alarms) if _is_testable(window) else Moved.TOO_LITTLE,
    )


def _moved(effect: float, is_sure: bool) -> Moved:
    """Put a tested move in a word."""
    if not is_sure:
        return Moved.STAYED
    if abs(effect) < EFFECT_MIN:
        return Moved.SLIGHTLY
    return Moved.ROSE if effect > 0 else Moved.FELL


def _won_by_source(history: History) -> Mapping[str, Rate]:
    """Count the won leads of each source."""
    if not len(history) or not history.sources:
        return {}
    names, place = np.unique(np.array(history.sources, dtype=object), return_inverse=True)
    leads = np.bincount(place)
    hits = np.bincount(place, weights=history.won)
    return {
        str(name): Rate(int(hit), int(of))
        for name, hit, of in zip(names, hits, leads, strict=True)
    }


def _held(history: History) -> Mapping[str, Rate]:
    """Count the leads that each rule held for."""
    held = (history.strengths != 0).sum(axis=0)
    return {
        rule.name: Rate(int(hits), len(history))
        for rule, hits in zip(history.rules, held, strict=True)
    }


def _won_when_held(history: History) -> Mapping[str, Rate]:
    """Count the won leads of those that each rule held for."""
    return {
        rule.name: _won_of(history.won, history.strengths[:, place] != 0)
        for place, rule in enumerate(history.rules)
    }


def _won_of(won: Flags, held: Flags) -> Rate:
    return Rate(int((won & held).sum()), int(held.sum()))


def _percent(rate: Rate) -> str:
    """Write a rate for people."""
    return f"{rate.share:.1%} of {rate.of:,}" if rate.of else "none of 0"
