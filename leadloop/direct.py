"""Deliveries on the short way: from the commit that queues them to the loop that posts them.

A delivery that the loop has room for is queued with a lease and handed over in memory; all
others wait in the table. Nothing overtakes: an endpoint takes the short way only while nothing
new for it is in the table or may still be committed there.
"""

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from leadloop.attempts import Delivery
from leadloop.delivery_store import LEASE, Queued
from leadloop.posting import TIMEOUT_SECONDS

# Half of what a lease leaves before a post must begin: no delivery waits its lease away.
WAITS_AT_MOST = (LEASE - timedelta(seconds=TIMEOUT_SECONDS)) / 2
PACE_OVER = timedelta(seconds=1)
# A fast endpoint may have so many times the places of one whose pace is not known.
FASTEST = 8


@dataclass(slots=True)
class _Line:
    """What stands before one endpoint.

    Attributes:
        places: How many deliveries may have a place.
        placed: Places that are kept or filled.
        refused: Deliveries without a place that may still be committed.
        taken: How many have gone since the pace was last measured.
    """

    places: int
    waiting: deque[Delivery] = field(default_factory=deque)
    placed: int = 0
    refused: int = 0
    taken: int = 0


class Direct:
    """What was handed over and waits to be posted, and who may hand over more."""

    def __init__(self, places: int, wake: Callable[[], None]) -> None:
        """Keep places for each endpoint; `wake` is called when there is work.

        Args:
            places: The fewest an endpoint has; a fast one has as many as it takes while a
                delivery may wait.
            wake: Called after a commit that handed something over.
        """
        self._places = places
        self._wake = wake
        self._lines: dict[str, _Line] = {}
        self._open: set[str] = set()
        # Endpoints with deliveries in the table that came after the last look began.
        self._unread: set[str] = set()
        self._paced_at = datetime.min.replace(tzinfo=UTC)
        self.must_look = True

    def reserve(self, key: str) -> bool:
        """Keep a place for a delivery to the endpoint `key`; without one it is closed."""
        line = self._line(key)
        if key in self._open and line.placed < line.places:
            line.placed += 1
            return True
        self._open.discard(key)
        line.refused += 1
        return False

    def settle(self, things: Sequence[Queued], *, is_committed: bool) -> None:
        """Take the deliveries of a commit; free their places after a rollback."""
        for queued in things:
            line = self._line(queued.endpoint_id)
            if queued.lease_until is None:
                line.refused -= 1
                if is_committed:
                    self._unread.add(queued.endpoint_id)
                    self.must_look = True
            elif is_committed:
                line.waiting.append(queued.leased())
            else:
                line.placed -= 1
        if is_committed:
            self._wake()

    def look(self) -> None:
        """Hear that a commit left work in the table."""
        self.must_look = True

    def begin_look(self, endpoint_ids: Sequence[str]) -> None:
        """Note that the table is read from now on, for these endpoints and no others."""
        self._open.intersection_update(endpoint_ids)
        self._unread.clear()
        self.must_look = False

    def end_look(self, endpoint_id: str) -> None:
        """Open an endpoint for which the table was read to the end."""
        if not self._line(endpoint_id).refused and endpoint_id not in self._unread:
            self._open.add(endpoint_id)

    def close(self) -> None:
        """Let everything wait in the table from now on."""
        self._open.clear()

    def is_open(self, endpoint_id: str) -> bool:
        """Say whether deliveries to this endpoint are taken."""
        return endpoint_id in self._open

    def take(self, room: Mapping[str, int], most: int, now: datetime) -> list[Delivery]:
        """Take deliveries that there is room for, of each endpoint and in all.

        The endpoint whose oldest has waited longest comes first. Those to an endpoint that is
        not named go too; nobody may post them.
        """
        self._measure(now)
        taken: list[Delivery] = []
        waiting = {key: line for key, line in self._lines.items() if line.waiting}
        for key in sorted(waiting, key=lambda key: waiting[key].waiting[0].event_time):
            line = waiting[key]
            count = min(len(line.waiting), room.get(key, len(line.waiting)), most - len(taken))
            taken += [line.waiting.popleft() for _ in range(count)]
            line.placed -= count
            line.taken += count
        return taken

    def _measure(self, now: datetime) -> None:
        """Give each endpoint the places for what it takes while a delivery may wait."""
        passed = now - self._paced_at
        if passed < PACE_OVER:
            return
        for line in self._lines.values():
            lasting = int(line.taken * (WAITS_AT_MOST / passed))
            line.places = min(max(self._places, lasting), FASTEST * self._places)
            line.taken = 0
        self._paced_at = now

    def _line(self, key: str) -> _Line:
        line = self._lines.get(key)
        if line is None:
            line = self._lines[key] = _Line(self._places)
        return line
