from datetime import UTC, datetime, timedelta
from random import Random
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from leadloop.ids import Ids

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)


def test_the_same_seed_gives_the_same_ids():
    first, second = Ids(Random(3)), Ids(Random(3))

    assert [first.new(NOW) for _ in range(5)] == [second.new(NOW) for _ in range(5)]


@given(st.integers(0, 10**10), st.integers(1, 10**6))
def test_a_later_id_sorts_after_an_earlier_one(milliseconds, gap):
    ids = Ids(Random(1))
    earlier = NOW + timedelta(milliseconds=milliseconds)

    assert ids.new(earlier) < ids.new(earlier + timedelta(milliseconds=gap))


def test_an_id_is_a_uuid_of_version_7():
    made = UUID(Ids().new(NOW))

    assert made.version == 7
    assert made.variant == "specified in RFC 4122"


@given(st.integers(0, 1_000), st.integers(2, 200))
def test_identifiers_of_one_moment_sort_in_the_order_they_were_drawn(seed, count):
    ids = Ids(Random(seed))

    drawn = [ids.new(NOW) for _ in range(count)]

    assert drawn == sorted(set(drawn))


def test_identifiers_of_two_transactions_in_turn_keep_each_ones_order():
    ids, later = Ids(Random(5)), NOW + timedelta(milliseconds=1)

    drawn = [(ids.new(NOW), ids.new(later)) for _ in range(50)]

    assert [first for first, _ in drawn] == sorted(first for first, _ in drawn)
    assert [second for _, second in drawn] == sorted(second for _, second in drawn)
