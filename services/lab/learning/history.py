"""What is learned from: leads whose outcome is known, as the agreement saw them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from services.scoring.models.columns import Field

Floats = NDArray[np.float64]
Strengths = NDArray[np.float32]
Whole = NDArray[np.int64]
Flags = NDArray[np.bool_]
Times = NDArray[np.datetime64]

# A bound on what is held in memory: a million leads under fifty rules take 200 MB.
CELLS_MAX = 100_000_000


class RatedRule(NamedTuple):
    """A rule of the agreement with the points it gives now."""

    name: str
    points: int


@dataclass(frozen=True, eq=False)
class History:
    """Leads with outcomes, one row each.

    Attributes:
        rules: One for each column of `strengths`.
        strengths: What each rule's points are multiplied by: 1 or 0 for a fit rule, the decayed
            and capped count for an engagement rule.
        won: Whether the lead was won.
        at: When the lead stood as it is described here; parts of the history are cut by it.
        scores: What the agreement gave, caps included; strengths times points when not given.
        fields: Raw columns by name, a value for each lead, None where there is none.
        sources: Where each lead came from; empty when that is not asked about.
        reasons: Why sales refused the lead, None where it did not; empty when not asked about.
    """

    rules: tuple[RatedRule, ...]
    strengths: Strengths
    won: Flags
    at: Times
    scores: Whole | None = None
    fields: Mapping[str, Sequence[Field]] = field(default_factory=dict)
    sources: Sequence[str] = ()
    reasons: Sequence[str | None] = ()

    def __post_init__(self) -> None:
        """Refuse rows that do not belong together."""
        count = len(self.won)
        if self.strengths.shape != (count, len(self.rules)):
            raise ValueError(
                f"expected strengths of {count} leads and {len(self.rules)} rules, "
                f"found {self.strengths.shape}"
            )
        if self.strengths.size > CELLS_MAX:
            raise ValueError(
                f"expected at most {CELLS_MAX:,} strengths, found {self.strengths.size:,}"
            )
        _check_lengths(self, count)
        if not np.isfinite(self.strengths).all():
            row, column = np.argwhere(~np.isfinite(self.strengths))[0]
            raise ValueError(
                f"expected a finite strength, found {self.strengths[row, column]} for rule "
                f"{self.rules[column].name!r} of lead {row}"
            )
        if np.isnat(self.at).any():
            raise ValueError(
                f"expected a time, found none for lead {np.isnat(self.at).argmax()}"
            )

    def __len__(self) -> int:
        """Return the number of leads."""
        return len(self.won)

    @property
    def names(self) -> tuple[str, ...]:
        """Return the names of the rules."""
        return tuple(rule.name for rule in self.rules)

    @property
    def points(self) -> Whole:
        """Return the points of each rule."""
        return np.array([rule.points for rule in self.rules], dtype=np.int64)

    def totals(self) -> Floats:
        """Return each lead's score under the agreement as it is."""
        if self.scores is not None:
            return self.scores.astype(np.float64)
        return weigh(self.strengths, self.points)

    def part(self, chosen: Flags) -> "History":
        """Return the leads that are chosen."""
        places = np.flatnonzero(chosen).tolist()
        return History(
            rules=self.rules,
            strengths=self.strengths[places],
            won=self.won[places],
            at=self.at[places],
            scores=None if self.scores is None else self.scores[places],
            fields={name: [held[i] for i in places] for name, held in self.fields.items()},
            sources=[self.sources[i] for i in places] if self.sources else (),
            reasons=[self.reasons[i] for i in places] if self.reasons else (),
        )


def weigh(strengths: Strengths, points: Whole | Floats) -> Floats:
    """Return the sum of strengths times points of each lead."""
    # In the strengths' own precision: a wider copy of them could take all the memory.
    return (strengths @ points.astype(np.float32)).astype(np.float64)


def split_at(history: History, moment: np.datetime64) -> tuple[History, History]:
    """Return the leads before `moment` and the later ones; never shuffled."""
    earlier = history.at < moment
    return history.part(earlier), history.part(~earlier)


def moment_of_share(history: History, share: float) -> np.datetime64:
    """Return the moment that about this share of the leads lies before.

    Leads of the very same time stay together, so the share is not met exactly.
    """
    if not len(history):
        raise ValueError("expected leads, found none")
    ordered = np.sort(history.at)
    moment: np.datetime64 = ordered[min(len(ordered) - 1, round(share * len(ordered)))]
    return moment


def _check_lengths(history: History, count: int) -> None:
    """Refuse a column that is not as long as the others."""
    columns: dict[str, Sequence[object] | Times | Whole | None] = {
        "at": history.at,
        "scores": history.scores,
        "sources": history.sources or None,
        "reasons": history.reasons or None,
        **{f"fields[{name!r}]": held for name, held in history.fields.items()},
    }
    for name, held in columns.items():
        if held is not None and len(held) != count:
            raise ValueError(f"expected {count} values in {name}, found {len(held)}")
