"""What is planned to happen in virtual time, in an order that never varies."""

import heapq
from collections.abc import Callable
from datetime import datetime
from enum import IntEnum
from itertools import count

Act = Callable[[datetime], None]


class Rank(IntEnum):
    """What comes first at one moment: who acts at the last moment is in time."""

    PEOPLE = 0
    LEADS = 1
    CLOCKS = 2
    QUEUE = 3


class Agenda:
    """Plans by time; of one moment by rank, then by tie, then in the order of planning."""

    def __init__(self) -> None:
        """Begin empty."""
        self._heap: list[tuple[datetime, int, int, int, Act]] = []
        self._order = count()

    def plan(self, at: datetime, rank: Rank, act: Act, tie: int = 0) -> None:
        """Have something done at a moment."""
        heapq.heappush(self._heap, (at, rank, tie, next(self._order), act))

    @property
    def next_at(self) -> datetime | None:
        """Return when the next thing happens; None when nothing is planned."""
        return self._heap[0][0] if self._heap else None

    def step(self) -> datetime:
        """Do the next thing; return when that was.

        Raises:
            IndexError: Nothing is planned.
        """
        at, _, _, _, act = heapq.heappop(self._heap)
        act(at)
        return at
