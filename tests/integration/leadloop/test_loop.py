"""Loops that run by themselves: what /readyz may believe of them."""

from datetime import timedelta

import pytest


@pytest.fixture
def database(make_database):
    return make_database("kit")


async def test_a_loop_that_has_made_no_pass_for_too_long_has_stalled(database, clock):
    database.note_moved("relay")
    assert database.stalled() == {"relay": False}

    clock.advance_to(clock.now() + timedelta(seconds=31))

    assert database.stalled() == {"relay": True}


async def test_a_loop_may_sleep_as_long_as_it_said(database, clock):
    database.note_moved("upkeep", idle=timedelta(minutes=1))

    clock.advance_to(clock.now() + timedelta(seconds=80))
    assert database.stalled() == {"upkeep": False}

    clock.advance_to(clock.now() + timedelta(seconds=20))
    assert database.stalled() == {"upkeep": True}
