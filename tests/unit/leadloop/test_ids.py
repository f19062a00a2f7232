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
