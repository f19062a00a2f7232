"""The short way never lets a delivery overtake an older one about the same lead."""

from datetime import UTC, datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from leadloop.delivery_store import Queued
from leadloop.direct import Direct
from leadloop.events import Envelope, encode
from leadloop.v1.handoff_pb2 import HandoffAccepted

NOW = datetime(2026, 3, 2, tzinfo=UTC)
ENDPOINT = "e-1"


def queued(number: int, is_leased: bool) -> Queued:
    event = HandoffAccepted(lead_id="lead-1", sequence=number)
    envelope = Envelope(str(number), "handoffs.v1", "lead-1", "", NOW, "", event, encode(event))
    lease = NOW + timedelta(seconds=25) if is_leased else None
    return Queued(str(number), ENDPOINT, envelope, None, lease)


class Model:
    """One endpoint, units of work of several deliveries each, and a table."""

    def __init__(self, places: int) -> None:
        self.direct = Direct(places, lambda: None)
        self.table: list[int] = []
        self.posted: list[int] = []
        self.committed: list[int] = []
        self.unit: list[Queued] = []
        self.number = 0

    def begin(self, size: int) -> None:
        """Begin a unit of work, the only one about this lead: its row is locked."""
        if not self.unit:
            for _ in range(size):
                self.number += 1
                self.unit.append(queued(self.number, self.direct.reserve(ENDPOINT)))

    def end(self, is_committed: bool) -> None:
        unit, self.unit = self.unit, []
        if is_committed:
            self.committed += [int(one.id) for one in unit]
            self.table += [int(one.id) for one in unit if one.lease_until is None]
        self.direct.settle(unit, is_committed=is_committed)

    def take(self, room: int) -> int:
        """Return how much room is left."""
        taken = self.direct.take({ENDPOINT: room}, 1_000, NOW)
        self.posted += [int(one.id) for one in taken]
        return room - len(taken)

    def look(self, room: int, comes_between: bool) -> None:
        """Make a pass as the loop does; a commit may come between reading and opening."""
        room = self.take(room)
        self.direct.begin_look([ENDPOINT])
        if not room:
            return
        found, self.table = self.table[:room], self.table[room:]
        self.posted += found
        is_read_up = len(found) < room
        if comes_between:
            self.end(is_committed=True)
        if is_read_up:
            self.direct.end_look(ENDPOINT)


steps = st.lists(
    st.one_of(
        st.tuples(st.just("begin"), st.integers(1, 4)),
        st.tuples(st.just("end"), st.booleans()),
        st.tuples(st.just("take"), st.integers(0, 3)),
        st.tuples(st.just("look"), st.integers(0, 3), st.booleans()),
    ),
    max_size=40,
)


@settings(max_examples=400)
@given(st.integers(0, 4), steps)
def test_deliveries_of_one_lead_go_out_once_and_in_order(places, taken):
    model = Model(places)
    for name, *values in taken:
        getattr(model, name)(*values)
    model.end(is_committed=True)
    while len(model.posted) < len(model.committed):
        model.look(2, comes_between=False)

    assert model.posted == model.committed
