from datetime import timedelta
from random import Random

from hypothesis import given
from hypothesis import strategies as st

from leadloop import backoff

seeds = st.integers()
waits = st.timedeltas(timedelta(0), timedelta(days=3))


@given(st.lists(waits, min_size=1, max_size=12), seeds, st.data())
def test_a_delay_is_between_the_scheduled_one_and_a_tenth_more(schedule, seed, data):
    attempt = data.draw(st.integers(1, len(schedule)))
    scheduled = schedule[attempt - 1]

    delay = backoff.delay(attempt, tuple(schedule), Random(seed))

    assert scheduled <= delay <= scheduled * 1.1 + timedelta(microseconds=1)


@given(st.integers(0, 10**9), seeds)
def test_an_exponential_pause_is_positive_and_below_its_cap(failures, seed):
    first, cap = timedelta(seconds=0.5), timedelta(minutes=2)

    pause = backoff.exponential(failures, first=first, cap=cap, random=Random(seed))

    assert first / 2 <= pause <= cap


@given(st.integers(1, 6), seeds)
def test_an_exponential_pause_at_most_doubles_with_each_failure(failures, seed):
    first, cap = timedelta(seconds=1), timedelta(days=1)

    def pause(n):
        return backoff.exponential(n, first=first, cap=cap, random=Random(seed))

    doubled = pause(failures + 1) - pause(failures) * 2
    assert abs(doubled) <= timedelta(microseconds=2)
