"""Loops that run by themselves: what /readyz may believe of them."""

import asyncio
from datetime import timedelta

import pytest
from structlog.testing import capture_logs

from leadloop.database import Database
from leadloop.loop import forever
from leadloop.upkeep import Upkeep
from tests.conftest import until


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


async def test_a_loop_that_waits_for_its_database_says_where_it_should_be(clock, ids):
    url = "postgresql+asyncpg://ada:secret-word@127.0.0.1:9/none"
    away = Database(url, "kit", clock=clock, ids=ids)

    running = asyncio.create_task(forever(Upkeep(away), service="kit", database=away))
    with capture_logs() as logs:
        await until(lambda: logs)
    running.cancel()

    assert logs[0]["event"] == "loop.waits"
    assert logs[0]["database"] == "127.0.0.1:9/none"
    assert "secret-word" not in str(logs)
