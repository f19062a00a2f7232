"""Leave a receiver alone as long as it asks: no delivery to its endpoint is begun meanwhile.

What was claimed and not begun goes back unposted, as if it had not been claimed.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple

from leadloop.attempts import Delivery, Endpoint

# So many posts may be under way after a pause at first, and one more with each that is taken:
# they double with each round, as long as the receiver keeps up.
AT_ONCE_FIRST = 4


class Hold(NamedTuple):
    """What a receiver asked for; of no meaning once its endpoint has another URL."""

    endpoint_id: str
    url: str
    until: datetime


@dataclass(frozen=True, slots=True)
class Unwritten:
    """What the database does not know yet."""

    holds: Sequence[Hold]
    returned: Sequence[Delivery]

    def __bool__(self) -> bool:
        """Say whether there is anything."""
        return bool(self.holds or self.returned)


@dataclass
class Holding:
    """Knows which endpoints are held back: what was read, and what was asked since."""

    _until: dict[str, datetime] = field(default_factory=dict)
    _asked: dict[str, Hold] = field(default_factory=dict)
    _returned: list[Delivery] = field(default_factory=list)
    # The leads, by endpoint, of which something went back: what is newer must not overtake it.
    _behind: dict[str, set[str]] = field(default_factory=dict)
    # Endpoints to which something went back since their last reading began.
    _unread: set[str] = field(default_factory=set)
    # How many posts may be under way to endpoints that were held back.
    _at_once: dict[str, int] = field(default_factory=dict)

    def read(self, endpoints: Mapping[str, Endpoint]) -> None:
        """Take over what the database says, and keep what it does not know yet."""
        known = self._until
        self._until = {
            one.id: one.held_until for one in endpoints.values() if one.held_until is not None
        }
        for endpoint_id, until in self._until.items():
            if until != known.get(endpoint_id):
                self._at_once[endpoint_id] = AT_ONCE_FIRST
        for hold in self._asked.values():
            self._raise(hold)

    def ask(self, endpoint: Endpoint, until: datetime) -> None:
        """Hold an endpoint back; who asked for longer before is heard."""
        hold = Hold(endpoint.id, endpoint.url, until)
        known = self._asked.get(endpoint.id)
        if known is None or known.url != hold.url or known.until < until:
            self._asked[endpoint.id] = hold
        self._raise(hold)
        self._at_once[endpoint.id] = AT_ONCE_FIRST

    def at_once(self, endpoint_id: str, most: int) -> int:
        """Return how many posts may be under way to an endpoint: at most so many."""
        return min(self._at_once.get(endpoint_id, most), most)

    def grow(self, endpoint_id: str, now: datetime) -> None:
        """Let one more be under way, as one was taken; during a pause this tells nothing."""
        if endpoint_id in self._at_once and not self.is_held(endpoint_id, now):
            self._at_once[endpoint_id] += 1

    def is_held(self, endpoint_id: str, now: datetime) -> bool:
        """Say whether nothing may be posted to an endpoint now."""
        until = self._until.get(endpoint_id)
        return until is not None and until > now

    def must_wait(self, delivery: Delivery, now: datetime) -> bool:
        """Say whether a claimed delivery must go back unposted, and take it back if so."""
        leads = self._behind.get(delivery.endpoint_id, ())
        if not self.is_held(delivery.endpoint_id, now) and delivery.lead_id not in leads:
            return False
        self.give_back(delivery)
        return True

    def give_back(self, delivery: Delivery) -> None:
        """Let a claimed delivery go back unposted, and what is newer of its lead behind it."""
        self._returned.append(delivery)
        self._behind.setdefault(delivery.endpoint_id, set()).add(delivery.lead_id)
        self._unread.add(delivery.endpoint_id)

    def drains(self, under_way: Iterable[tuple[str, str]]) -> set[str]:
        """Return the endpoints for which nothing may be claimed yet, of what is under way.

        What went back would be claimed, and let go, before the last that is behind it had its
        turn to go back, too.

        Args:
            under_way: Endpoints and leads.
        """
        return {one for one, lead in under_way if lead in self._behind.get(one, ())}

    def begin_claim(self, endpoint_ids: Iterable[str]) -> None:
        """Note that the table is read for these endpoints from now on."""
        self._unread.difference_update(endpoint_ids)

    def claim(self, deliveries: Iterable[Delivery]) -> None:
        """Note what comes from the table, where each lead's oldest comes first."""
        for delivery in deliveries:
            # What went back since the reading began is not in what was read.
            if delivery.endpoint_id not in self._unread:
                self._behind.get(delivery.endpoint_id, set()).discard(delivery.lead_id)

    def catch_up(self, endpoint_id: str) -> None:
        """Note that nothing of an endpoint is left in the table."""
        self._behind.pop(endpoint_id, None)

    def returning(self) -> set[str]:
        """Return the endpoints to which something older goes back than waits in the table."""
        return {delivery.endpoint_id for delivery in self._returned}

    def unwritten(self) -> Unwritten:
        """Return what is to be written now."""
        return Unwritten(list(self._asked.values()), list(self._returned))

    def settle(self, written: Unwritten) -> None:
        """Forget what was written; more may have come meanwhile."""
        for hold in written.holds:
            if self._asked.get(hold.endpoint_id) is hold:
                del self._asked[hold.endpoint_id]
        del self._returned[: len(written.returned)]

    def _raise(self, hold: Hold) -> None:
        known = self._until.get(hold.endpoint_id, hold.until)
        self._until[hold.endpoint_id] = max(known, hold.until)
