"""What many leads score under an agreement, all at once: as `rules.sums_of` has it for one."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from services.lab.learning.history import Flags, Strengths, Whole
from services.scoring.definition import Agreement

# Leads that are worked out at once; points of all of them would take the most memory.
BLOCK: Final = 50_000


@dataclass(frozen=True, slots=True, eq=False)
class AllSums:
    """The sums of many leads, by the names under which conditions read them."""

    by_name: dict[str, Whole]

    def __getitem__(self, name: str) -> Whole:
        """Return one sum of each lead."""
        return self.by_name[name]


def sums_of_all(agreement: Agreement, strengths: Strengths) -> AllSums:
    """Return the sums of leads with these strengths.

    Args:
        agreement: The definition.
        strengths: A column for each of its rules, in their order.
    """
    blocks = [
        _sums_of(agreement, strengths[begin : begin + BLOCK])
        for begin in range(0, max(len(strengths), 1), BLOCK)
    ]
    names = blocks[0]
    return AllSums({name: np.concatenate([block[name] for block in blocks]) for name in names})


def _sums_of(agreement: Agreement, strengths: Strengths) -> dict[str, Whole]:
    given = _given(agreement, strengths)
    border = len(agreement.fit_rules)
    fit, engagement = given[:, :border].sum(axis=1), given[:, border:].sum(axis=1)
    by_name = {"fit": fit, "engagement": engagement, "total": fit + engagement}
    for line, places in agreement.products.items():
        by_name[f"products.{line}"] = given[:, list(places)].sum(axis=1)
    return by_name


def _given(agreement: Agreement, strengths: Strengths) -> Whole:
    """Return whole points, a half rounded up, once every cap has taken its share."""
    points = np.array([rule.points for rule in agreement.rules], dtype=np.float64)
    exact = strengths.astype(np.float64) * np.abs(points)
    given = (np.floor(exact + 0.5) * np.sign(points)).astype(np.int64)
    for cap in agreement.caps:
        _cut(given, cap.places, cap.points)
    return given


def _cut(given: Whole, places: Sequence[int], most: int) -> None:
    """Take away what some rules give above a cap, from the last of them first."""
    over = np.maximum(given[:, list(places)].sum(axis=1) - most, 0)
    for n in reversed(places):
        taken = np.minimum(over, np.maximum(given[:, n], 0))
        given[:, n] -= taken
        over = over - taken


def only(sums: AllSums, chosen: Flags) -> AllSums:
    """Return the sums of the leads that are chosen."""
    return AllSums({name: values[chosen] for name, values in sums.by_name.items()})
