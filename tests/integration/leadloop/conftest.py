"""Loops that deliver, and somebody to deliver to."""

from datetime import timedelta

import pytest

from leadloop.delivery import DeliveryLoop, Limits
from leadloop.posting import HttpPoster
from tests.receivers import listening

SHORT = (timedelta(seconds=5), timedelta(minutes=5))


@pytest.fixture
async def receiver():
    async with listening() as receiver:
        yield receiver


@pytest.fixture
async def poster():
    poster = HttpPoster(allow_private=True)
    yield poster
    await poster.close()


@pytest.fixture
async def make_loop(database, poster):
    loops = []

    def make(**options) -> DeliveryLoop:
        options = {"post": poster, "limits": Limits(schedule=SHORT)} | options
        loops.append(DeliveryLoop(database, service="kit", **options))
        return loops[-1]

    yield make
    for loop in loops:
        await loop.close()
