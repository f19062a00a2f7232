"""Feedback as it runs, on a real database, in a time that stands still."""

from collections.abc import AsyncIterator, Sequence
from typing import Any

import pytest
from google.protobuf.message import Message
from sqlalchemy import text

from leadloop.database import Database
from leadloop.events import EVENT_TYPES, encode
from leadloop.records import Promised, to_record
from leadloop.service import Service
from services.feedback.app import build
from services.feedback.settings import Settings
from tests.asgi import Client
from tests.unit.feedback.builders import SOUND, enveloped


class Room:
    """Feedback with its doors, and with the agreement that tests sign."""

    def __init__(self, service: Service, http: Client) -> None:
        self.service = service
        self.database: Database = service.database
        self.http = http

    async def hear(self, *events: Message) -> None:
        """Hand events to the inbox as the transport does."""
        records = [
            to_record(
                Promised(0, e.id, e.topic, e.key, e.type, e.time, "", encode(e.event)), "test"
            )
            for e in enveloped(events, self.database.clock.now())
        ]
        await self.service.inbox.handle(records)

    async def promised(self, type_name: str) -> list[Message]:
        """Return the events of a type that wait in the outbox, in order."""
        return [
            EVENT_TYPES[row.type].FromString(row.value)
            for row in await self.rows("SELECT type, value FROM outbox ORDER BY id")
            if row.type.endswith(f".{type_name}")
        ]

    async def rows(self, sql: str) -> Sequence[Any]:
        async with self.database.transaction() as work:
            return await work.connection.execute(text(sql))

    async def sign(self, agreement: str = SOUND) -> Any:
        """Propose and sign by both sides."""
        proposed = await self.http.post("/v1/agreements", json={"text": agreement})
        for side, signer in proposed.json()["signers"].items():
            answer = await self.http.post(
                "/v1/agreements/default/sign",
                json={
                    "side": side,
                    "signer": signer,
                    "text_sha256": proposed.json()["text_sha256"],
                },
            )
        return answer.json()


@pytest.fixture
async def room(database_url, clock, ids) -> AsyncIterator[Room]:
    settings = Settings(database_url=database_url, allow_private_endpoints=True)
    service = build(settings, clock=clock, ids=ids)
    yield Room(service, Client(service.app))
    await service.close()
