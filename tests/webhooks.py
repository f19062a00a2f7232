"""Queue webhooks and see what became of them."""

from datetime import datetime
from typing import Any

from google.protobuf.message import Message
from sqlalchemy import text

from leadloop import endpoint_store
from leadloop.delivery import enqueue
from leadloop.endpoint_store import NewEndpoint
from leadloop.events import Envelope
from leadloop.outbox import Promise, promise
from leadloop.v1.handoff_pb2 import HandoffAccepted

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


async def add_endpoint(database, url: str, *, types=(), secret=SECRET) -> str:
    async with database.transaction() as work:
        endpoint_id = work.ids.new(work.now)
        new = NewEndpoint(endpoint_id, url, "", list(types), secret)
        row = await endpoint_store.create(work.connection, new, work.now)
    return row.id


async def queue(
    database, *events, received_at: datetime | None = None
) -> list[Envelope[Message]]:
    async with database.transaction() as work:
        envelopes = await promise(work, [Promise(event) for event in events])
        await enqueue(work, envelopes, [received_at] * len(envelopes))
    return envelopes


async def run_until_idle(loop, clock) -> int:
    done = 0
    while count := await loop.run_once(clock.now()):
        done += count
    return done


async def deliveries(database, columns="state, attempt, last_status") -> list[tuple[Any, ...]]:
    async with database.transaction() as work:
        rows = await work.connection.execute(
            text(f"SELECT {columns} FROM deliveries ORDER BY id")
        )
        return [tuple(row) for row in rows]


def accepted(lead: str = "lead-1", sequence: int = 1) -> HandoffAccepted:
    return HandoffAccepted(lead_id=lead, sequence=sequence, actor="Ada")
