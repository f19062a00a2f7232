"""Loops that run by themselves: what /readyz may believe of them."""

import asyncio
from contextlib import suppress
from datetime import datetime, timedelta

import pytest
from structlog.testing import capture_logs

from leadloop.database import Database
from leadloop.loop import forever
from leadloop.transport import LocalTransport
from leadloop.upkeep import Upkeep
from services.rooms import build_service, room_of
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


class Stuck:
    """A loop whose first pass never ends."""

    name = "relay"
    idle = timedelta(seconds=1)
    gathers = 1

    def __init__(self) -> None:
        self.begun = False

    async def run_once(self, now: datetime) -> int:
        self.begun = True
        await asyncio.Event().wait()
        return 0

    async def next_due(self, now: datetime) -> datetime | None:
        return None


async def test_a_loop_whose_first_pass_never_ends_has_stalled(database, clock):
    stuck = Stuck()
    running = asyncio.create_task(forever(stuck, service="kit", database=database))
    await until(lambda: stuck.begun)
    assert database.stalled() == {"relay": False}

    clock.advance_to(clock.now() + timedelta(seconds=32))

    assert database.stalled() == {"relay": True}
    running.cancel()
    with suppress(asyncio.CancelledError):
        await running


async def test_a_consumer_that_never_reached_its_broker_has_stalled(database_url, clock, ids):
    settings = room_of("scoring").settings(database_url=database_url)
    service = build_service("scoring", clock=clock, ids=ids, settings=settings)
    service.subscribe(LocalTransport())
    assert service.database.stalled() == {"consumer": False}

    clock.advance_to(clock.now() + timedelta(seconds=31))

    assert service.database.stalled() == {"consumer": True}
    await service.close()


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
