"""A sales floor for tests: handoff as a whole on a real database, events in, events out."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import count
from typing import Any, TypeVar

from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import Message
from sqlalchemy import text

from leadloop.clock import VirtualClock
from leadloop.events import decode, encode, key_of, route_of, timestamp
from leadloop.ids import Ids
from leadloop.records import Promised, Record, to_record
from leadloop.service import Service
from leadloop.v1 import agreement_pb2, lead_pb2, qualification_pb2
from tests.intake_builders import Answered, call

M = TypeVar("M", bound=Message)
TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
REASONS = {
    "no_budget": agreement_pb2.CONSEQUENCE_RETURN,
    "competitor": agreement_pb2.CONSEQUENCE_DISQUALIFY,
    "wrong_territory": agreement_pb2.CONSEQUENCE_REROUTE,
}
_numbers = count(1)


def a_lead_id() -> str:
    return f"00000000-0000-7000-8000-{next(_numbers):012}"


def an_agreement(
    version: int = 1, *, zone: str = "Europe/Berlin", reassign_max: int = 1, accept: int = 15
) -> agreement_pb2.AgreementSigned:
    """Sign one: weekdays from 9 to 17, 15 minutes to accept, an hour to a first attempt."""
    agreement = agreement_pb2.Agreement(
        name="default",
        version=version,
        service_levels=[
            agreement_pb2.ServiceLevel(
                tier="hot",
                accept=Duration(seconds=accept * 60),
                first_attempt=Duration(seconds=3_600),
                warn_percent=50,
            )
        ],
        calendar=agreement_pb2.Calendar(
            name="office",
            time_zone=zone,
            opening_hours=[
                agreement_pb2.OpeningHours(weekday=day, opens_minute=540, closes_minute=1020)
                for day in range(1, 6)
            ],
        ),
        routing=agreement_pb2.Routing(reassign_max=reassign_max),
        reasons=[
            agreement_pb2.Reason(code=code, label=code, consequence=consequence)
            for code, consequence in REASONS.items()
        ],
    )
    return agreement_pb2.AgreementSigned(name="default", agreement=agreement)


def qualified(
    lead_id: str | None = None, *, cycle: int = 1, version: int = 1, tier: str = "hot"
) -> qualification_pb2.LeadQualified:
    """Qualify a lead, with everything that sales should see."""
    return qualification_pb2.LeadQualified(
        lead_id=lead_id or a_lead_id(),
        qualification_id=a_lead_id(),
        cycle=cycle,
        tier=tier,
        score=qualification_pb2.Score(
            total=60,
            fit=20,
            engagement=40,
            parts=[
                qualification_pb2.ScorePart(rule="our market", points=20),
                qualification_pb2.ScorePart(rule="asked for a demo", points=40, count=1),
            ],
        ),
        lead=lead_pb2.Lead(email="ada@example.com", first_name="Ada", company="Engines"),
        product="crm",
        changes=[qualification_pb2.Change(what="industry", after="steel")],
        touch=lead_pb2.Touch(campaign="spring", referrer="https://example.com/ada"),
        agreement_version=version,
        received_at=timestamp(datetime.fromisoformat("2026-03-02T08:59:59+00:00")),
        trigger="demo_request",
    )


def disqualified(lead_id: str, cycle: int = 1) -> qualification_pb2.LeadDisqualified:
    return qualification_pb2.LeadDisqualified(
        lead_id=lead_id, cycle=cycle, reason="The person does not want to be contacted."
    )


@dataclass
class Floor:
    """One replica of handoff, moved by hand."""

    service: Service
    clock: VirtualClock
    ids: Ids
    seen: int = 0

    async def take(self, *events: Message) -> None:
        """Bring events in one batch, as the broker would."""
        await self.service.inbox.handle([self.record(event) for event in events])

    def record(self, event: Message) -> Record:
        now = self.clock.now()
        route = route_of(type(event))
        row = Promised(
            0,
            self.ids.new(now),
            route.topic,
            key_of(event),
            route.type_name,
            now,
            TRACE,
            encode(event),
        )
        return to_record(row, "scoring")

    async def staffed(self, *people: str, version: int = 1) -> None:
        """Sign an agreement and hire people, then forget the noise it made."""
        await self.take(an_agreement(version))
        for person in people:
            await self.hire(person)
        await self.fire_timers()

    async def hire(self, person: str, **changes: object) -> Answered:
        profile = {"name": person.title(), **changes}
        return await self.ask("PUT", f"/v1/people/{person}", profile)

    async def hand_over(self, **changes: Any) -> dict[str, Any]:
        """Qualify a lead and return its handoff."""
        event = qualified(**changes)
        await self.take(event)
        return await self.of_lead(event.lead_id)

    async def of_lead(self, lead_id: str) -> dict[str, Any]:
        (listed,) = (await self.ask("GET", f"/v1/handoffs?lead_id={lead_id}")).json["items"]
        return await self.get(listed["id"])

    async def get(self, handoff_id: str) -> dict[str, Any]:
        found: dict[str, Any] = (await self.ask("GET", f"/v1/handoffs/{handoff_id}")).json
        return found

    async def command(
        self, handoff_id: str, command: str, actor: str = "ann", **told: object
    ) -> Answered:
        body = {"actor": actor, **told}
        return await self.ask("POST", f"/v1/handoffs/{handoff_id}/{command}", body)

    async def ask(
        self, method: str, path: str, body: object = None, **headers: str
    ) -> Answered:
        content = b"" if body is None else json.dumps(body).encode()
        given = {"content-type": "application/json"} if body is not None else {}
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return await call(self.service.app, method, path, body=content, headers=given | named)

    async def fire_timers(self) -> None:
        """Fire what is due now, and what that arms for now."""
        timers = self.service.loops[0]
        while await timers.run_once(self.clock.now()):
            pass

    async def wait(self, length: timedelta) -> None:
        """Let time pass from timer to timer, as the loop would."""
        end = self.clock.now() + length
        timers = self.service.loops[0]
        await self.fire_timers()
        while (due := await timers.next_due(self.clock.now())) is not None and due <= end:
            self.clock.advance_to(max(due, self.clock.now()))
            await self.fire_timers()
        self.clock.advance_to(end)

    async def published(self) -> list[Message]:
        """Return what was promised since the last look, in order."""
        rows = await self.rows(
            f"SELECT id, type, value FROM outbox WHERE id > {self.seen} ORDER BY id"
        )
        self.seen = max([self.seen, *(row[0] for row in rows)])
        return [decode(type_, value) for _, type_, value in rows]

    async def names(self) -> list[str]:
        return [type(event).__name__ for event in await self.published()]

    async def rows(self, statement: str) -> Sequence[Any]:
        async with self.service.database.transaction() as work:
            return await work.connection.execute(text(statement))


def only(kind: type[M], events: Sequence[Message]) -> M:
    (found,) = [event for event in events if isinstance(event, kind)]
    return found
