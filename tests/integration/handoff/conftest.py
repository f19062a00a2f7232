"""Handoff as a whole, on a database of the test's own."""

from collections.abc import AsyncIterator, Callable

import pytest_asyncio

from leadloop.clock import VirtualClock
from leadloop.ids import Ids
from services.handoff.app import build
from services.handoff.settings import Settings
from tests.integration.handoff.floor import Floor

MakeFloor = Callable[[], Floor]


@pytest_asyncio.fixture
async def make_floor(
    database_url: str, clock: VirtualClock, ids: Ids
) -> AsyncIterator[MakeFloor]:
    """Start another replica on the same database."""
    opened: list[Floor] = []

    def make() -> Floor:
        settings = Settings(database_url=database_url, allow_private_endpoints=True)
        opened.append(Floor(build(settings, clock=clock, ids=ids), clock, ids))
        return opened[-1]

    yield make
    for floor in opened:
        await floor.service.close()


@pytest_asyncio.fixture
async def floor(make_floor: MakeFloor) -> Floor:
    return make_floor()
