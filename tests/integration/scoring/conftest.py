"""A scoring schema of the test's own, and the events that it takes and makes."""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from datetime import timedelta
from typing import Any

import pytest
from google.protobuf.message import Message
from sqlalchemy import text

from leadloop.clock import VirtualClock
from leadloop.database import Database
from leadloop.events import Envelope, decode, encode, key_of, route_of
from leadloop.ids import Ids
from services.scoring.app import build
from services.scoring.handlers import HANDLERS
from services.scoring.settings import Settings
from tests.asgi import Client
from tests.integration.scoring.builders import ONE, TWO, captured, lost, signed, visit, won

Handle = Callable[..., Awaitable[None]]
Published = Callable[[], Awaitable[list[Message]]]


@pytest.fixture
def database(make_database: Callable[[str], Database]) -> Database:
    return make_database("scoring")


@pytest.fixture
def handle(database: Database, clock: VirtualClock, ids: Ids) -> Handle:
    """Handle events of one type as one batch."""

    async def handle_batch(*events: Message) -> None:
        async with database.transaction() as work:
            await HANDLERS[type(events[0])](work, envelopes(events, clock, ids))

    return handle_batch


@pytest.fixture
async def client(database_url: str, clock: VirtualClock, ids: Ids) -> AsyncIterator[Client]:
    """Ask scoring's API."""
    service = build(Settings(database_url=database_url), clock=clock, ids=ids)
    yield Client(service.app)
    await service.close()


@pytest.fixture
async def two_leads(handle: Handle, clock: VirtualClock) -> None:
    """Qualify two leads, of which one is won and one is lost."""
    await handle(signed())
    await handle(captured(ONE, activity=visit(1)), captured(TWO, activity=visit(2)))
    clock.advance_to(clock.now() + timedelta(days=1))
    await handle(won(clock.now(), ONE))
    await handle(lost(clock.now(), TWO))


@pytest.fixture
def published(database: Database) -> Published:
    """Return what was promised since the last look, in order."""
    seen = [0]

    async def new_events() -> list[Message]:
        async with database.transaction() as work:
            rows = await work.connection.execute(
                text("SELECT id, type, value FROM outbox WHERE id > :seen ORDER BY id"),
                {"seen": seen[0]},
            )
            found = rows
        seen[0] = max([seen[0], *(row.id for row in found)])
        return [decode(row.type, row.value) for row in found]

    return new_events


def envelopes(events: Sequence[Message], clock: VirtualClock, ids: Ids) -> list[Envelope[Any]]:
    now = clock.now()
    return [
        Envelope(
            ids.new(now),
            route_of(type(event)).topic,
            key_of(event),
            route_of(type(event)).type_name,
            now,
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            event,
            encode(event),
        )
        for event in events
    ]
