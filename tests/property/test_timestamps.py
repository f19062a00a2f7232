"""Times travel as protobuf's own conversions would have them, and come back the same."""

from datetime import UTC, datetime, timedelta, timezone

from google.protobuf.timestamp_pb2 import Timestamp
from hypothesis import given
from hypothesis import strategies as st

from leadloop.events import moment, timestamp

zones = st.integers(-720, 840).map(lambda minutes: timezone(timedelta(minutes=minutes)))
moments = st.datetimes(
    datetime.fromisoformat("0002-01-01"), datetime.fromisoformat("9998-12-31"), timezones=zones
)


@given(moments)
def test_a_time_becomes_the_timestamp_that_protobuf_makes_of_it(when):
    theirs = Timestamp()
    theirs.FromDatetime(when)

    assert timestamp(when) == theirs


@given(moments)
def test_a_time_comes_back_as_it_was_in_utc(when):
    assert moment(timestamp(when)) == when
    assert moment(timestamp(when)).tzinfo is UTC


def test_what_is_finer_than_a_microsecond_is_cut():
    assert moment(Timestamp(seconds=1, nanos=1_999)).microsecond == 1
