"""What could not be used of a file: counted, and the first few told with their lines."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from heapq import nsmallest
from typing import Final, NamedTuple

TOLD_MAX: Final = 20


class SetAside(NamedTuple):
    """A row that was left out; `kind` is what rows with the same trouble share.

    Attributes:
        line: Where the row begins, from 1.
        why: What was expected and found, and what to do.
    """

    file: str
    line: int
    kind: str
    why: str


@dataclass
class Aside:
    """Rows that were left out; which ones are told does not depend on the order of adding."""

    counts: Counter[tuple[str, str]] = field(default_factory=Counter)
    first: list[SetAside] = field(default_factory=list)

    def add(self, one: SetAside) -> None:
        """Leave out a row."""
        self.counts[one.file, one.kind] += 1
        if len(self.first) < TOLD_MAX or one < self.first[-1]:
            self.first = nsmallest(TOLD_MAX, [*self.first, one])

    def merge(self, other: "Aside") -> None:
        """Add what others have left out."""
        self.counts.update(other.counts)
        self.first = nsmallest(TOLD_MAX, [*self.first, *other.first])

    @property
    def total(self) -> int:
        """Return how many rows were left out."""
        return self.counts.total()


def joined(asides: Iterable[Aside]) -> Aside:
    """Return all that was left out."""
    every = Aside()
    for one in asides:
        every.merge(one)
    return every
