"""Deliveries on the short way: from the commit that queues them to the loop that posts them.

A delivery that the loop has room for is queued with a lease and handed over in memory; all
others wait in the table. Nothing overtakes: an endpoint takes the short way only while nothing
new for it is in the table or may still be committed there.
"""

from collections import Counter, deque
from collections.abc import Callable, Mapping, Sequence

from leadloop.attempts import Delivery
from leadloop.delivery_store import Queued


class Direct:
    """What was handed over and waits to be posted, and who may hand over more."""

    def __init__(self, places: int, wake: Callable[[], None]) -> None:
        """Keep so many places for each endpoint; `wake` is called when there is work."""
        self._places = places
        self._wake = wake
        self._waiting: deque[Delivery] = deque()
        # Places that are kept or filled, and deliveries without a place that may be committed.
        self._placed: Counter[str] = Counter()
        self._refused: Counter[str] = Counter()
        self._open: set[str] = set()
        # Endpoints with deliveries in the table that came after the last look began.
        self._unread: set[str] = set()
        self.must_look = True

    def reserve(self, key: str) -> bool:
        """Keep a place for a delivery to the endpoint `key`; without one it is closed."""
        if key in self._open and self._placed[key] < self._places:
            self._placed[key] += 1
            return True
        self._open.discard(key)
        self._refused[key] += 1
        return False

    def settle(self, things: Sequence[Queued], *, is_committed: bool) -> None:
        """Take the deliveries of a commit; free their places after a rollback."""
        for queued in things:
            endpoint_id = queued.endpoint_id
            if queued.lease_until is None:
                self._refused[endpoint_id] -= 1
                if is_committed:
                    self._unread.add(endpoint_id)
                    self.must_look = True
            elif is_committed:
                self._waiting.append(queued.leased())
            else:
                self._placed[endpoint_id] -= 1
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
        if not self._refused[endpoint_id] and endpoint_id not in self._unread:
            self._open.add(endpoint_id)

    def close(self) -> None:
        """Let everything wait in the table from now on."""
        self._open.clear()

    def is_open(self, endpoint_id: str) -> bool:
        """Say whether deliveries to this endpoint are taken."""
        return endpoint_id in self._open

    def waiting_for(self) -> set[str]:
        """Return the endpoints for which something waits that was handed over."""
        return {delivery.endpoint_id for delivery in self._waiting}

    def take(self, room: Mapping[str, int], most: int) -> list[Delivery]:
        """Take the oldest deliveries that there is room for, of each endpoint and in all.

        Those to an endpoint that is not named go too; nobody may post them.
        """
        left = Counter(room)
        taken: list[Delivery] = []
        held: list[Delivery] = []
        while self._waiting and len(taken) < most:
            delivery = self._waiting.popleft()
            one = delivery.endpoint_id
            if one in room and left[one] <= 0:
                held.append(delivery)
                continue
            left[one] -= 1
            self._placed[one] -= 1
            taken.append(delivery)
        self._waiting.extendleft(reversed(held))
        return taken
