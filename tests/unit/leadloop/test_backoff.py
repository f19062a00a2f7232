import doctest
from datetime import timedelta
from random import Random

import pytest

from leadloop import backoff


def test_the_examples_in_the_documentation_hold():
    results = doctest.testmod(backoff)

    assert results.attempted > 0
    assert results.failed == 0


def test_the_webhook_schedule_adds_up_to_three_days_and_some():
    assert sum(backoff.WEBHOOK_SCHEDULE, timedelta()) == timedelta(
        hours=75, minutes=35, seconds=5
    )


@pytest.mark.parametrize("attempt", [10, 11, 1_000])
def test_after_the_last_delay_it_gives_up(attempt):
    assert backoff.delay(attempt, backoff.WEBHOOK_SCHEDULE, Random(7)) is None


def test_an_empty_schedule_gives_up_at_once():
    assert backoff.delay(1, (), Random(7)) is None
