"""The bare chain between a webhook and a CRM: the two ends of the loop, and still no rules.

Stage 1 takes signed webhooks, group-committed, in the place of events; stage 4 posts signed
webhooks to a receiver in the place of events. It does for each lead what any four services must
do that stand where the loop stands, so what the loop takes longer than this one is the price of
its rules alone.
"""

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from typing import Annotated, Final

import orjson
import typer
import uvloop
from fastapi import FastAPI
from google.protobuf.message import Message
from starlette.types import Receive, Scope, Send

from bench import bare, ground, report
from bench.leads import SECRET, SOURCE
from bench.stage import Kafka, Stage, Url
from leadloop import endpoint_store
from leadloop.clock import SystemClock
from leadloop.consumer import KafkaTransport
from leadloop.database import Database, Work
from leadloop.delivery import DeliveryLoop, enqueue
from leadloop.delivery_schema import ATTEMPTS, DELIVERIES, ENDPOINTS, HELD
from leadloop.endpoint_store import NewEndpoint
from leadloop.events import Envelope, moment, timestamp
from leadloop.ids import Ids
from leadloop.inbox import Handler
from leadloop.logs import configure
from leadloop.loop import Loop
from leadloop.outbox import Promise, promise
from leadloop.posting import HttpPoster
from leadloop.schema import INBOX, OUTBOX, PARKED, TIMERS
from leadloop.service import Service, serve
from leadloop.signing import (
    ID_HEADER,
    SIGNATURE_HEADER,
    TIMESTAMP_HEADER,
    SignedMessage,
    Verdict,
    decode_secret,
    verify,
)
from leadloop.v1.lead_pb2 import Lead, LeadCaptured

NAME: Final = "ends"
DOOR, POSTER = 1, 4
TOLERANCE: Final = timedelta(days=1)
_KEY: Final = decode_secret(SECRET)
_FIELDS: Final = ("email", "first_name", "last_name", "company", "job_title", "country")


def prefix_of(stage: int) -> str:
    """Return what stands before the name of the topic that a stage reads."""
    return bare.prefix_of(stage, NAME)


class Door:
    """Takes webhooks; answers when their leads and promises are committed, many at once."""

    def __init__(self, database: Database) -> None:
        """Write to `database`."""
        self._database = database
        self._waiting: list[tuple[Lead, asyncio.Future[None]]] = []
        self._task: asyncio.Task[None] | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer 202 to a proven webhook, 401 to others."""
        headers = {name.decode(): value.decode() for name, value in scope["headers"]}
        body = (await receive())["body"]
        signed = SignedMessage(
            headers[ID_HEADER], headers[TIMESTAMP_HEADER], headers[SIGNATURE_HEADER], body
        )
        now = self._database.clock.now()
        is_proven = verify([_KEY], signed, now=now, tolerance=TOLERANCE) is Verdict.VALID
        if is_proven:
            said = orjson.loads(body)["data"]
            await self._write(Lead(**{name: said[name] for name in _FIELDS}))
        status = 202 if is_proven else 401
        head = [(b"content-length", b"0")]
        await send({"type": "http.response.start", "status": status, "headers": head})
        await send({"type": "http.response.body", "body": b""})

    async def _write(self, lead: Lead) -> None:
        """Return once the lead is durable; whoever comes during a commit is in the next."""
        done = asyncio.get_running_loop().create_future()
        self._waiting.append((lead, done))
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._write_all())
        await done

    async def _write_all(self) -> None:
        while self._waiting:
            batch, self._waiting = self._waiting, []
            async with self._database.transaction() as work:
                captured = [_captured(work, lead) for lead, _ in batch]
                await bare.save(work, captured)
                await promise(work, [Promise(event) for event in captured])
            for _, done in batch:
                done.set_result(None)


def _captured(work: Work, lead: Lead) -> LeadCaptured:
    now = timestamp(work.now)
    return LeadCaptured(
        lead_id=work.ids.new(work.now), capture_id=work.ids.new(work.now), source=SOURCE,
        lead=lead, is_new=True, occurred_at=now, received_at=now,
    )  # fmt: skip


async def save_and_post(work: Work, captures: Sequence[Envelope[LeadCaptured]]) -> None:
    """Keep one row a lead and queue the event for the receiver."""
    await bare.save(work, [capture.event for capture in captures])
    await enqueue(work, captures, [moment(c.event.received_at) for c in captures])


async def run_end(stage: int, url: str, kafka: str, *, door: int, receiver: int) -> None:
    """Run the first or the last stage until ended."""
    name = f"{NAME}{stage}"
    database = Database(url, name, clock=SystemClock(), ids=Ids())
    deliveries = (ENDPOINTS, DELIVERIES, ATTEMPTS, HELD)
    tables = (OUTBOX, INBOX, PARKED, TIMERS, *deliveries, bare.TABLES)
    await ground.make_schema(database, *tables)
    handlers: dict[type[Message], Handler] = {}
    loops: list[Loop] = []
    if stage == POSTER:
        await _subscribe(database, receiver)
        handlers[LeadCaptured] = save_and_post
        post = HttpPoster(allow_private=True)
        loops.append(DeliveryLoop(database, service=name, post=post))
    service = Service(
        name=name, database=database, migrations=None, api=FastAPI(), paths=(),
        handlers=handlers, door=Door(database), loops=loops,
    )  # fmt: skip
    # The first stage only publishes, to the second; the last one only reads.
    prefix = prefix_of(2 if stage == DOOR else stage)
    transport = KafkaTransport(kafka, client=name, topic_prefix=prefix)
    port = door if stage == DOOR else 0
    await serve([service], transport, service.app, host="127.0.0.1", port=port)


async def _subscribe(database: Database, receiver: int) -> None:
    async with database.transaction() as work:
        endpoint = NewEndpoint(
            work.ids.new(work.now), f"http://127.0.0.1:{receiver}/", "", [], SECRET
        )
        await endpoint_store.create(work.connection, endpoint, work.now)


app = report.command_line()


@app.command()
def main(
    stage: Stage,
    url: Url,
    kafka: Kafka,
    door: Annotated[int, typer.Option(help="Where stage 1 listens on 127.0.0.1.")],
    receiver: Annotated[int, typer.Option(help="Where the CRM listens on 127.0.0.1.")],
) -> None:
    """Run one of the four stages until ended."""
    configure(level="INFO", service=f"{NAME}{stage}", json=True)
    if stage in {DOOR, POSTER}:
        uvloop.run(run_end(stage, url, kafka, door=door, receiver=receiver))
    else:
        uvloop.run(bare.run_stage(stage, url, kafka, NAME))


if __name__ == "__main__":
    app()
