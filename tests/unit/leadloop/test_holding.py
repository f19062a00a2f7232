from dataclasses import replace
from datetime import UTC, datetime, timedelta

from leadloop.attempts import Delivery, Endpoint
from leadloop.holding import AT_ONCE_FIRST, Hold, Holding
from leadloop.v1.handoff_pb2 import HandoffRouted

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)
SECOND = timedelta(seconds=1)
ENDPOINT = Endpoint("e-1", "https://example.com/hook", (b"k" * 32,))
DELIVERY = Delivery(
    "d-1", "e-1", "event", "leadloop.v1.HandoffRouted", "lead-1", "", HandoffRouted(), NOW, 1,
    NOW, NOW + 25 * SECOND, None,
)  # fmt: skip


def held(until: datetime | None) -> dict[str, Endpoint]:
    return {ENDPOINT.id: replace(ENDPOINT, held_until=until)}


def test_an_endpoint_is_held_until_what_the_database_says_and_no_longer():
    holding = Holding()
    holding.read(held(NOW + SECOND))

    assert holding.is_held("e-1", NOW)
    assert not holding.is_held("e-1", NOW + SECOND)
    assert not holding.is_held("e-2", NOW)


def test_what_was_asked_counts_at_once_and_while_the_database_does_not_know_it():
    holding = Holding()
    holding.ask(ENDPOINT, NOW + SECOND)

    holding.read(held(None))

    assert holding.is_held("e-1", NOW)
    assert holding.unwritten().holds == [Hold("e-1", ENDPOINT.url, NOW + SECOND)]


def test_what_was_written_is_what_the_database_says_from_then_on():
    holding = Holding()
    holding.ask(ENDPOINT, NOW + SECOND)
    holding.settle(holding.unwritten())

    holding.read(held(None))

    assert not holding.is_held("e-1", NOW)
    assert not holding.unwritten()


def test_of_several_wishes_the_longest_counts():
    holding = Holding()
    for seconds in (2, 3, 1):
        holding.ask(ENDPOINT, NOW + seconds * SECOND)

    (hold,) = holding.unwritten().holds
    assert hold.until == NOW + 3 * SECOND
    assert holding.is_held("e-1", NOW + 2 * SECOND)


def test_a_wish_that_comes_during_the_writing_is_not_forgotten():
    holding = Holding()
    holding.ask(ENDPOINT, NOW + SECOND)
    written = holding.unwritten()
    holding.ask(ENDPOINT, NOW + 2 * SECOND)
    assert holding.must_wait(DELIVERY, NOW)

    holding.settle(written)

    assert [hold.until for hold in holding.unwritten().holds] == [NOW + 2 * SECOND]
    assert holding.unwritten().returned == [DELIVERY]


def test_a_newer_delivery_waits_until_what_went_back_was_claimed_again():
    holding = Holding()
    newer = DELIVERY._replace(id="d-2")
    another = DELIVERY._replace(id="d-3", lead_id="lead-2")
    holding.ask(ENDPOINT, NOW + SECOND)
    assert holding.must_wait(DELIVERY, NOW)
    later = NOW + SECOND

    assert holding.must_wait(newer, later)
    assert not holding.must_wait(another, later)
    assert holding.returning() == {"e-1"}
    holding.begin_claim(["e-1"])
    holding.claim([DELIVERY, newer])
    assert not holding.must_wait(DELIVERY, later)


def test_an_endpoint_drains_while_something_behind_what_went_back_is_under_way():
    holding = Holding()
    behind, beside, elsewhere = ("e-1", "lead-1"), ("e-1", "lead-2"), ("e-2", "lead-1")
    assert holding.drains([behind]) == set()

    holding.give_back(DELIVERY)
    assert holding.drains([behind]) == {"e-1"}
    assert holding.drains([beside, elsewhere]) == set()

    holding.begin_claim(["e-1"])
    holding.claim([DELIVERY])
    assert holding.drains([behind]) == set()


def test_what_goes_back_during_a_claim_is_not_taken_for_claimed():
    holding = Holding()
    older = DELIVERY._replace(id="d-0")
    holding.begin_claim(["e-1"])
    holding.give_back(DELIVERY)

    holding.claim([older])

    assert holding.must_wait(DELIVERY._replace(id="d-2"), NOW)


def test_nobody_waits_once_the_table_is_read_up():
    holding = Holding()
    holding.ask(ENDPOINT, NOW + SECOND)
    assert holding.must_wait(DELIVERY, NOW)

    holding.catch_up("e-1")

    assert not holding.must_wait(DELIVERY, NOW + SECOND)


def test_an_endpoint_that_was_not_held_back_may_get_the_most():
    holding = Holding()
    holding.read(held(None))
    holding.grow("e-1", NOW)

    assert holding.at_once("e-1", 128) == 128


def test_after_a_pause_few_go_at_once_and_one_more_with_each_that_is_taken():
    holding = Holding()
    holding.ask(ENDPOINT, NOW + SECOND)
    holding.grow("e-1", NOW)
    assert holding.at_once("e-1", 128) == AT_ONCE_FIRST

    holding.grow("e-1", NOW + SECOND)
    assert holding.at_once("e-1", 128) == AT_ONCE_FIRST + 1
    assert holding.at_once("e-1", 2) == 2


def test_each_pause_counts_once_whoever_was_asked_for_it():
    holding = Holding()
    holding.read(held(NOW))
    assert holding.at_once("e-1", 128) == AT_ONCE_FIRST

    holding.grow("e-1", NOW)
    holding.read(held(NOW))
    assert holding.at_once("e-1", 128) == AT_ONCE_FIRST + 1

    holding.read(held(NOW + SECOND))
    assert holding.at_once("e-1", 128) == AT_ONCE_FIRST
