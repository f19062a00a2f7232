"""Intake as a whole, on a database of the test's own; posted to in this process."""

from collections.abc import AsyncIterator, Callable

import pytest_asyncio

from leadloop.clock import VirtualClock
from leadloop.ids import Ids
from leadloop.service import Service
from services.intake.app import build
from services.intake.settings import Settings
from services.intake.sources import parse_sources
from tests.intake_builders import ENVIRON, NOON, SOURCES

MakeIntake = Callable[..., Service]


@pytest_asyncio.fixture
async def make_intake(
    database_url: str, clock: VirtualClock, ids: Ids
) -> AsyncIterator[MakeIntake]:
    """Start another replica of intake on the same database."""
    clock.advance_to(NOON)
    opened: list[Service] = []

    def make(waiting_requests_max: int = 4_000) -> Service:
        chosen = Settings(database_url=database_url, waiting_requests_max=waiting_requests_max)
        sources = parse_sources(SOURCES, ENVIRON)
        opened.append(build(chosen, clock=clock, ids=ids, sources=sources))
        return opened[-1]

    yield make
    for service in opened:
        await service.close()


@pytest_asyncio.fixture
async def intake(make_intake: MakeIntake) -> Service:
    return make_intake()
