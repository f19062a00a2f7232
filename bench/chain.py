"""Four stages in a row as four processes: fed at one end, counted at the other."""

import asyncio
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from google.protobuf.message import Message

from bench import assembled, bare, ends, report
from bench.cores import Meter, Spent
from bench.leads import email_of, lead_of
from deploy.child import Child
from deploy.stack import PARTITIONS
from leadloop.clock import SystemClock
from leadloop.events import encode, route_of, timestamp
from leadloop.ids import Ids
from leadloop.records import Promised, Record, to_record
from leadloop.v1.lead_pb2 import LeadCaptured

STAGES: Final = (1, 2, 3, 4)
# Leads that go through before those that count: one in ten, at least these.
WARM_UP_MIN: Final = 100
WARM_UP_SHARE: Final = 10
# Without anything new for so long something is broken.
SILENCE_SECONDS: Final = 60


@dataclass(frozen=True, kw_only=True)
class Chain:
    """One way to build four stages.

    Attributes:
        name: For people.
        module: Runs a stage: `python -m module STAGE`.
        options: Further words of that command.
        topic: Names the topic that a stage reads; the fifth one is the end.
    """

    name: str
    module: str
    options: Sequence[str] = ()
    topic: Callable[[int], str]


@dataclass(frozen=True, kw_only=True)
class FedChain(Chain):
    """A chain that is fed over Kafka, and read there at its end.

    Attributes:
        record: Makes what the first stage reads about a lead of this number.
    """

    record: Callable[[int], Record]


@dataclass(frozen=True)
class Place:
    """What a chain stands on.

    Attributes:
        url: The database.
        kafka: The broker.
        folder: Keeps the processes' logs.
        ground: The process ids of database and broker, by name.
    """

    url: str
    kafka: str
    folder: Path
    ground: Mapping[str, int]


@dataclass(frozen=True)
class Throughput:
    """How many leads went through in how many seconds, and what each process took for them."""

    leads: int
    seconds: float
    spent: Sequence[Spent]

    @property
    def leads_per_second(self) -> float:
        """From the first one in to the last one out."""
        return self.leads / self.seconds

    @property
    def cores(self) -> float:
        """How many cores all processes together kept busy."""
        return sum(one.seconds for one in self.spent) / self.seconds

    def cost_ms(self) -> dict[str, float]:
        """Return how many milliseconds of a core each process took for a lead."""
        return {one.part: one.seconds / self.leads * 1000 for one in self.spent}


def _bare_record(number: int) -> Record:
    """Return a capture as the kit's relay publishes it."""
    now, ids = SystemClock().now(), Ids()
    lead_id = ids.new(now)
    event = LeadCaptured(
        lead_id=lead_id, capture_id=ids.new(now), source="bench", lead=lead_of(number),
        is_new=True, occurred_at=timestamp(now), received_at=timestamp(now),
    )  # fmt: skip
    return _promised(event, lead_id, ids.new(now))


def _promised(event: Message, key: str, event_id: str) -> Record:
    route = route_of(type(event))
    row = Promised(
        0, event_id, route.topic, key, route.type_name, SystemClock().now(), "", encode(event)
    )
    return to_record(row, "bench")


def _assembled_record(number: int) -> Record:
    """Return a capture as JSON."""
    now = SystemClock().now()
    lead = lead_of(number)
    captured = assembled.Captured(
        lead_id=Ids().new(now), email=email_of(number), first_name=lead.first_name,
        last_name=lead.last_name, company=lead.company, job_title=lead.job_title,
        country=lead.country, received_at=now,
    )  # fmt: skip
    headers = {"content-type": b"application/json"}
    return Record("", captured.lead_id, captured.model_dump_json().encode(), headers)


BARE: Final = FedChain(
    name="the bare chain",
    module="bench.bare",
    topic=lambda stage: bare.prefix_of(stage) + bare.TOPIC,
    record=_bare_record,
)
ASSEMBLED: Final = FedChain(
    name="what most teams assemble",
    module="bench.assembled",
    topic=assembled.topic_of,
    record=_assembled_record,
)


def between_ends(door: int, receiver: int) -> Chain:
    """Return the bare chain from webhooks at the one port to webhooks at the other."""
    return Chain(
        name="the bare chain, webhook to CRM",
        module="bench.ends",
        options=("--door", str(door), "--receiver", str(receiver)),
        topic=lambda stage: ends.prefix_of(stage) + bare.TOPIC,
    )


async def create_topics(bootstrap: str, chain: Chain) -> None:
    """Create a chain's five topics."""
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    try:
        names = [chain.topic(stage) for stage in (*STAGES, len(STAGES) + 1)]
        await admin.create_topics([NewTopic(name, PARTITIONS, 1) for name in names])
    finally:
        await admin.close()


@contextmanager
def stages_of(chain: Chain, place: Place) -> Iterator[Mapping[str, int]]:
    """Run the four processes of a chain; give their ids by name."""
    where = ("--url", place.url, "--kafka", place.kafka)
    children = [
        Child(
            [sys.executable, "-m", chain.module, str(stage), *where, *chain.options],
            log=place.folder / f"{chain.module}-{stage}.log",
        )
        for stage in STAGES
    ]
    try:
        for child in children:
            child.start()
        yield {f"stage {n}": child.pid for n, child in zip(STAGES, children, strict=True)}
    finally:
        for child in children:
            child.stop()


async def _throughput(
    chain: FedChain, place: Place, stages: Mapping[str, int], leads: int
) -> Throughput:
    """Feed a running chain; measure from the first event in to the last one out."""
    end = AIOKafkaConsumer(
        chain.topic(len(STAGES) + 1),
        bootstrap_servers=place.kafka,
        auto_offset_reset="earliest",
    )
    producer = AIOKafkaProducer(bootstrap_servers=place.kafka, linger_ms=5)
    await end.start()
    await producer.start()
    try:
        warm_up = max(WARM_UP_MIN, leads // WARM_UP_SHARE)
        await _pass(chain, producer, end, range(warm_up))
        meter = Meter({**stages, **place.ground})
        seconds = await _pass(chain, producer, end, range(warm_up, warm_up + leads))
        return Throughput(leads, seconds, meter.spent())
    finally:
        await producer.stop()
        await end.stop()


async def _pass(
    chain: FedChain, producer: AIOKafkaProducer, end: AIOKafkaConsumer, numbers: range
) -> float:
    """Feed these leads and wait until all have come out; return the seconds that it took."""
    records = [chain.record(number) for number in numbers]
    waiting = {record.key for record in records}
    began = time.monotonic()
    feeding = asyncio.create_task(_feed(producer, chain.topic(1), records))
    with report.Steps(chain.name, len(records)) as steps:
        while waiting:
            found = await end.getmany(timeout_ms=SILENCE_SECONDS * 1000)
            if not found:
                raise TimeoutError(
                    f"{chain.name}: {len(waiting)} of {len(records)} leads never came out"
                )
            waiting -= {record.key.decode() for batch in found.values() for record in batch}
            steps.show(len(records) - len(waiting))
    seconds = time.monotonic() - began
    await feeding
    return seconds


async def _feed(producer: AIOKafkaProducer, topic: str, records: Sequence[Record]) -> None:
    """Publish to the first stage as fast as the broker takes it."""
    for record in records:
        await producer.send(
            topic, record.value, record.key.encode(), headers=list(record.headers.items())
        )
    await producer.flush()


def measure(chain: FedChain, place: Place, leads: int) -> Throughput:
    """Build a chain and measure it, after some leads that warm it up."""
    asyncio.run(create_topics(place.kafka, chain))
    with stages_of(chain, place) as stages:
        return asyncio.run(_throughput(chain, place, stages, leads))
