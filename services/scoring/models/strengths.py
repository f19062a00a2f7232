"""How strongly each rule holds for a lead: what its points are multiplied by.

The same numbers whether a model learns from them or judges by them; so they are brought to the
precision in which many leads are kept while something is learned.
"""

from collections.abc import Mapping
from struct import Struct
from typing import Final

from services.scoring.definition import Agreement
from services.scoring.standings import Standing
from services.scoring.tallies import worth_on

_KEPT: Final = Struct("<f")


def strengths_on(standing: Standing, agreement: Agreement, day: int) -> list[float]:
    """Return the strength of each rule on a day, by the rules' places.

    A fit rule's is 1 or 0; an engagement rule's is the number of activities that count, each
    faded as its points are.
    """
    found = [0.0] * len(agreement.rules)
    for name in standing.fit:
        found[agreement.by_name[name][0]] = 1.0
    for name, tally in standing.tallies.items():
        place, rule = agreement.by_name[name]
        found[place] = as_kept(worth_on(tally, rule.timing, day))
    return found


def named_strengths(standing: Standing, agreement: Agreement, day: int) -> Mapping[str, float]:
    """Return the strength of each rule on a day, by name."""
    found = strengths_on(standing, agreement, day)
    return {rule.name: found[place] for place, rule in enumerate(agreement.rules)}


def as_kept(strength: float) -> float:
    """Return a strength in the precision of those that are learned from."""
    kept: float = _KEPT.unpack(_KEPT.pack(strength))[0]
    return kept
