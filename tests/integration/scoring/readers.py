"""What tests look at after scoring has done its work."""

import asyncio
from collections.abc import Sequence

from google.protobuf.message import Message
from sqlalchemy import text

from leadloop.clock import Clock
from leadloop.database import Database
from services.scoring import store
from services.scoring.rescore import RescoreLoop
from services.scoring.tables import LeadState
from tests.conftest import PATIENCE_SECONDS
from tests.integration.scoring.builders import ONE


async def rows(database: Database, table: str) -> int:
    return await _scalar(database, f"SELECT count(*) FROM {table}")


async def state_of(database: Database, lead_id: str = ONE) -> LeadState:
    async with database.transaction() as work:
        return (await store.lock_leads(work.connection, [lead_id]))[lead_id]


async def rescored(database: Database, clock: Clock) -> int:
    """Run the rescore loop until it is idle; return how many leads it judged."""
    loop = RescoreLoop(database)
    done = 0
    while count := await loop.run_once(clock.now()):
        done += count
    return done


def kinds(events: Sequence[Message]) -> list[str]:
    return [type(event).__name__ for event in events]


async def until_one_waits(database: Database) -> None:
    """Return when a transaction of this database waits for a lock."""
    waiting = "SELECT count(*) FROM pg_locks WHERE NOT granted AND pid <> pg_backend_pid()"
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not await _scalar(database, waiting):
            pass


async def _scalar(database: Database, sql: str) -> int:
    async with database.transaction() as work:
        return int(await work.connection.scalar(text(sql)) or 0)
