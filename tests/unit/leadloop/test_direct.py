"""How many deliveries may wait in memory, and whose go first."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from leadloop.delivery_store import Queued
from leadloop.direct import FASTEST, PACE_OVER, WAITS_AT_MOST, Direct
from leadloop.events import Envelope, encode
from leadloop.v1.handoff_pb2 import HandoffAccepted

NOW = datetime(2026, 3, 2, tzinfo=UTC)
PLACES = 4


def opened(*endpoints: str) -> Direct:
    direct = Direct(PLACES, lambda: None)
    direct.begin_look(endpoints)
    for endpoint in endpoints:
        direct.end_look(endpoint)
    return direct


def queued(endpoint: str, at: datetime = NOW) -> Queued:
    event = HandoffAccepted(lead_id="lead-1")
    envelope = Envelope("e", "handoffs.v1", "lead-1", "", at, "", event, encode(event))
    return Queued("d", endpoint, envelope, None, lease_until=at + timedelta(seconds=25))


def fill(direct: Direct, endpoint: str) -> int:
    """Hand over until there is no place; return how many there were. Closes the endpoint."""
    placed: list[Queued] = []
    while direct.reserve(endpoint):
        placed.append(queued(endpoint))
    direct.settle([*placed, without_place(endpoint)], is_committed=True)
    return len(placed)


def without_place(endpoint: str) -> Queued:
    envelope = queued(endpoint).envelope
    return Queued("d", endpoint, envelope, None, lease_until=None)


def open_again(direct: Direct, endpoints: Sequence[str]) -> None:
    direct.begin_look(endpoints)
    for endpoint in endpoints:
        direct.end_look(endpoint)


def pass_through(direct: Direct, endpoint: str, count: int, now: datetime) -> None:
    for _ in range(count):
        assert direct.reserve(endpoint)
        direct.settle([queued(endpoint)], is_committed=True)
        direct.take({endpoint: 1}, 1, now)


def test_an_endpoint_of_unknown_pace_has_the_fewest_places():
    assert fill(opened("a"), "a") == PLACES


def test_a_fast_endpoint_has_places_for_what_it_takes_while_a_delivery_may_wait():
    direct = opened("fast", "slow")
    direct.take({}, 0, NOW)
    pass_through(direct, "fast", 3, NOW)
    direct.take({}, 0, NOW + PACE_OVER)

    assert fill(direct, "fast") == 3 * (WAITS_AT_MOST // PACE_OVER)
    assert fill(direct, "slow") == PLACES


def test_the_fastest_has_a_bounded_number_of_places():
    direct = opened("a")
    direct.take({}, 0, NOW)
    pass_through(direct, "a", 1_000, NOW)
    direct.take({}, 0, NOW + PACE_OVER)

    assert fill(direct, "a") == FASTEST * PLACES


def test_an_endpoint_that_became_slow_has_few_places_again():
    direct = opened("a")
    direct.take({}, 0, NOW)
    pass_through(direct, "a", 3, NOW)
    direct.take({}, 0, NOW + PACE_OVER)
    direct.take({}, 0, NOW + 2 * PACE_OVER)

    assert fill(direct, "a") == PLACES


def test_the_endpoint_that_has_waited_longest_is_served_first():
    direct = opened("a", "b")
    later = NOW + timedelta(seconds=1)
    for endpoint, at in (("a", later), ("b", NOW), ("a", later), ("b", later)):
        assert direct.reserve(endpoint)
        direct.settle([queued(endpoint, at)], is_committed=True)

    taken = direct.take({"a": 9, "b": 9}, 3, later)

    assert [one.endpoint_id for one in taken] == ["b", "b", "a"]
    assert [one.endpoint_id for one in direct.take({}, 9, later)] == ["a"]


def test_one_without_room_does_not_hold_up_the_others():
    direct = opened("full", "free")
    for endpoint in ("full", "free"):
        assert direct.reserve(endpoint)
        direct.settle([queued(endpoint)], is_committed=True)

    taken = direct.take({"full": 0, "free": 1}, 9, NOW)

    assert [one.endpoint_id for one in taken] == ["free"]


def test_what_goes_to_nobody_leaves_without_being_asked_for():
    direct = opened("gone")
    assert direct.reserve("gone")
    direct.settle([queued("gone")], is_committed=True)

    assert len(direct.take({}, 9, NOW)) == 1
    assert direct.take({}, 9, NOW) == []


def test_a_closed_endpoint_opens_when_the_table_was_read_to_its_end():
    direct = opened("a")
    fill(direct, "a")
    assert not direct.is_open("a")
    assert not direct.reserve("a")
    direct.settle([without_place("a")], is_committed=False)

    direct.take({"a": 99}, 99, NOW)
    open_again(direct, ["a"])

    assert direct.is_open("a")
    assert direct.reserve("a")
