"""What is planned to happen, taken out moment by moment, in the order it was planned."""

import heapq
from collections.abc import Iterable
from datetime import datetime
from itertools import count

from services.demo.company import Absence
from services.demo.journeys import Step
from services.demo.sales import Action

Planned = Step | Action | Absence


class Agenda:
    """Plans by time; of one moment, what was planned first comes first."""

    def __init__(self) -> None:
        """Begin empty."""
        self._heap: list[tuple[datetime, int, Planned]] = []
        self._order = count()

    def add(self, planned: Iterable[Planned]) -> None:
        """Plan some more."""
        for one in planned:
            heapq.heappush(self._heap, (one.at, next(self._order), one))

    @property
    def next_at(self) -> datetime | None:
        """Return when the next thing happens; None when nothing is planned."""
        return self._heap[0][0] if self._heap else None

    def take(self, until: datetime) -> list[Planned]:
        """Take out all that happens up to `until`."""
        taken = []
        while self._heap and self._heap[0][0] <= until:
            taken.append(heapq.heappop(self._heap)[2])
        return taken
