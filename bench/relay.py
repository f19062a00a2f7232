"""The relay under slow writers: none missed, order kept per lead; beside a naive reader."""

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from random import Random
from typing import Annotated, Final

import typer
from sqlalchemy import text

from bench import ground, report
from deploy.broker import Broker
from leadloop.clock import SystemClock
from leadloop.consumer import KafkaTransport, create_topics
from leadloop.database import Database, Work
from leadloop.events import timestamp
from leadloop.ids import Ids
from leadloop.loop import Loop, forever
from leadloop.outbox import Promise, promise
from leadloop.records import Record, to_envelope
from leadloop.relay import Relay
from leadloop.schema import OUTBOX
from leadloop.transport import LocalTransport, Transport
from leadloop.v1.handoff_pb2 import HandoffAccepted

SCHEMA: Final = "bench_relay"
TOPIC: Final = "handoffs.v1"
LEADS: Final = 200
PATIENT: Final = "lead-of-the-patient"
EVENTS_MAX: Final = 5
# Pools hold 16 connections; two of them serve 16 writers, the patient one and both readers.
REPLICAS: Final = 2
DRAIN_SECONDS: Final = 60

TABLES: Final = """
CREATE TABLE leads (id text PRIMARY KEY, sequence integer NOT NULL DEFAULT 0);
CREATE TABLE stream (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    lead_id text NOT NULL,
    sequence integer NOT NULL
)
"""

_ADD_LEADS = text("INSERT INTO leads (id) SELECT unnest(CAST(:ids AS text[]))")

# Locks the lead's row, as every writer of the product does before it promises.
_COUNT_ON = text("""
UPDATE leads SET sequence = sequence + :events WHERE id = :lead RETURNING sequence
""")

_STREAM = text("""
INSERT INTO stream (lead_id, sequence)
SELECT :lead, n FROM generate_series(CAST(:first AS int), CAST(:last AS int)) AS n
""")

_READ_ON = text("""
SELECT id, lead_id, sequence FROM stream WHERE id > :last ORDER BY id LIMIT 1000
""")

Event = tuple[str, int]


@dataclass(frozen=True)
class Sizes:
    """How much is written.

    Attributes:
        seconds: How long the writers write.
        writers: How many write at once.
        slow_percent: Of 100 transactions, how many stay open for a while before they commit.
        slow_ms_min: The shortest such while.
        slow_ms_max: The longest.
        open_seconds: How long one single transaction stays open.
    """

    seconds: float = 15.0
    writers: int = 16
    slow_percent: int = 10
    slow_ms_min: int = 50
    slow_ms_max: int = 300
    open_seconds: float = 5.0


@dataclass(frozen=True)
class Figures:
    """What came of it.

    Attributes:
        events: Committed promises.
        missed: Of these, how many the relay never handed on.
        out_of_order: Events handed on after a later one of the same lead.
        repeated: Events handed on more than once.
        naive_missed: Of the same events, how many a reader of `id > last` never saw.
        seconds: From the first write to the last event handed on.
    """

    events: int
    missed: int
    out_of_order: int
    repeated: int
    naive_missed: int
    seconds: float


@dataclass
class Recorder:
    """A group that writes down which event came when."""

    seen: set[Event] = field(default_factory=set)
    newest: dict[str, int] = field(default_factory=dict)
    out_of_order: int = 0
    repeated: int = 0

    async def handle(self, records: Sequence[Record]) -> None:
        """Take a batch, as a service would."""
        for record in records:
            event = to_envelope(record).event
            if isinstance(event, HandoffAccepted):
                self._note(event.lead_id, event.sequence)

    def _note(self, lead: str, sequence: int) -> None:
        if (lead, sequence) in self.seen:
            self.repeated += 1
            return
        self.seen.add((lead, sequence))
        self.out_of_order += sequence < self.newest.get(lead, 0)
        self.newest[lead] = max(sequence, self.newest.get(lead, 0))


class NaiveReader:
    """Reads what lies above the last id it saw, woken as often as the relay is."""

    name = "naive"
    idle = Relay.idle
    gathers = 1

    def __init__(self, database: Database) -> None:
        """Begin below the first id."""
        self._database = database
        self._last = 0
        self.seen: set[Event] = set()

    async def run_once(self, now: datetime) -> int:
        """Read one batch; return its size."""
        async with self._database.transaction() as work:
            rows = await work.connection.execute(_READ_ON, {"last": self._last})
        self.seen |= {(lead, sequence) for _, lead, sequence in rows}
        self._last = rows[-1].id if rows else self._last
        return len(rows)

    async def next_due(self, now: datetime) -> datetime | None:
        """Return None: nothing is planned."""
        return None


class Writers:
    """Many tasks that change leads and promise events, some of them slowly."""

    def __init__(self, databases: Sequence[Database], sizes: Sizes, seed: int) -> None:
        """Write through `databases` in turn."""
        self._databases = databases
        self.sizes = sizes
        self._seed = seed
        self.committed: set[Event] = set()

    async def run(self) -> None:
        """Write until the time is over."""
        until = time.monotonic() + self.sizes.seconds
        async with asyncio.TaskGroup() as tasks:
            for number in range(self.sizes.writers):
                tasks.create_task(self._write_until(until, number))
            tasks.create_task(self._stay_open())

    async def _write_until(self, until: float, number: int) -> None:
        random = Random(self._seed * 1000 + number)
        database = self._databases[number % len(self._databases)]
        while time.monotonic() < until:
            lead = f"lead-{random.randrange(LEADS)}"
            await self._write(database, lead, random.randint(1, EVENTS_MAX), self._hold(random))

    async def _stay_open(self) -> None:
        """Promise early, commit late: what others promise meanwhile has higher ids."""
        await self._write(self._databases[0], PATIENT, 1, self.sizes.open_seconds)

    async def _write(self, database: Database, lead: str, events: int, hold: float) -> None:
        async with database.transaction() as work:
            last = await work.connection.scalar(_COUNT_ON, {"lead": lead, "events": events})
            sequences = range(last - events + 1, last + 1)
            await _write_both(work, lead, sequences)
            if hold:
                await asyncio.sleep(hold)
        self.committed |= {(lead, sequence) for sequence in sequences}

    def _hold(self, random: Random) -> float:
        """Return for how many seconds a transaction stays open, mostly not at all."""
        if random.randrange(100) >= self.sizes.slow_percent:
            return 0.0
        return random.randint(self.sizes.slow_ms_min, self.sizes.slow_ms_max) / 1000


async def _write_both(work: Work, lead: str, sequences: range) -> None:
    """Promise the events, and write them to the naive reader's table, in one transaction."""
    now = timestamp(work.now)
    events = [HandoffAccepted(lead_id=lead, sequence=n, occurred_at=now) for n in sequences]
    await promise(work, [Promise(event) for event in events])
    await work.connection.execute(
        _STREAM, {"lead": lead, "first": sequences[0], "last": sequences[-1]}
    )
    work.wakes.add(NaiveReader.name)


async def measure(url: str, transport: Transport, sizes: Sizes, seed: int = 1) -> Figures:
    """Write, relay and read naively at once; compare what arrived with what was committed.

    Args:
        url: A database; one schema of it is made anew.
        transport: How the relay hands events on.
        sizes: How much is written.
        seed: The same one makes the same choices again.
    """
    databases = [Database(url, SCHEMA, clock=SystemClock(), ids=Ids()) for _ in range(REPLICAS)]
    await _lay(databases[0])
    recorder = Recorder()
    transport.subscribe("recorder", [TOPIC], recorder.handle)
    relay = Relay(databases[0], transport, service="bench")
    naive = NaiveReader(databases[0])
    writers = Writers(databases, sizes, seed)
    started = time.monotonic()
    async with _running(databases[0], transport, (relay, naive)):
        await _write_and_drain(writers, recorder)
    seconds = time.monotonic() - started
    while await naive.run_once(databases[0].clock.now()):
        pass
    await relay.close()
    for database in databases:
        await database.close()
    return _compare(writers, recorder, naive, seconds)


async def _lay(database: Database) -> None:
    """Make the tables and the leads."""
    await ground.make_schema(database, OUTBOX, TABLES)
    ids = [f"lead-{n}" for n in range(LEADS)] + [PATIENT]
    async with database.transaction() as work:
        await work.connection.execute(_ADD_LEADS, {"ids": ids})


@asynccontextmanager
async def _running(
    database: Database, transport: Transport, loops: Sequence[Loop]
) -> AsyncIterator[None]:
    """Run the transport and the loops meanwhile; fail when one of them does."""
    work = [transport.run()]
    work += [forever(loop, service="bench", database=database) for loop in loops]
    async with asyncio.TaskGroup() as tasks:
        background = [tasks.create_task(coroutine) for coroutine in work]
        yield
        for task in background:
            task.cancel()


async def _write_and_drain(writers: Writers, recorder: Recorder) -> None:
    """Write for the time given, then wait until all is handed on; show how far it is."""
    with report.Steps("seconds of writing", round(writers.sizes.seconds)) as steps:
        watching = asyncio.create_task(_watch(steps, writers, recorder))
        await writers.run()
        deadline = time.monotonic() + DRAIN_SECONDS
        # A fault may lose events for good: then this ends at the deadline.
        while not writers.committed <= recorder.seen and time.monotonic() < deadline:  # noqa: ASYNC110 (it looks at the work of other tasks, which set no event)
            await asyncio.sleep(0.05)
        watching.cancel()


async def _watch(steps: report.Steps, writers: Writers, recorder: Recorder) -> None:
    """Show how far it has come, until cancelled."""
    started = time.monotonic()
    while True:
        await asyncio.sleep(0.2)
        note = f"{len(writers.committed):,} committed, {len(recorder.seen):,} handed on"
        steps.show(round(time.monotonic() - started), note)


def _compare(
    writers: Writers, recorder: Recorder, naive: NaiveReader, seconds: float
) -> Figures:
    return Figures(
        events=len(writers.committed),
        missed=len(writers.committed - recorder.seen),
        out_of_order=recorder.out_of_order,
        repeated=recorder.repeated,
        naive_missed=len(writers.committed - naive.seen),
        seconds=seconds,
    )


app = report.command_line()


@app.command()
def main(
    seconds: Annotated[float, typer.Option(help="How long the writers write.")] = 15.0,
    writers: Annotated[int, typer.Option(help="How many write at once, up to 16.")] = 16,
    open_seconds: Annotated[
        float, typer.Option(help="How long one single transaction stays open.")
    ] = 5.0,
    kafka: Annotated[
        bool, typer.Option(help="Through a real broker instead of within the process.")
    ] = False,
    seed: Annotated[int, typer.Option(help="Chooses leads and slow transactions.")] = 1,
) -> None:
    """Write with slow transactions; count what the relay and a naive reader missed."""
    sizes = Sizes(seconds=seconds, writers=writers, open_seconds=open_seconds)
    with ExitStack() as stack:
        folder = stack.enter_context(ground.folder_of("relay"))
        report.tell("starting PostgreSQL" + (" and Kafka" if kafka else ""))
        postgres = stack.enter_context(ground.postgres_in(folder))
        broker = stack.enter_context(Broker(folder / "kafka")) if kafka else None
        figures = asyncio.run(_measure_through(postgres.url, broker, sizes, seed))
    _present(figures)


async def _measure_through(url: str, broker: Broker | None, sizes: Sizes, seed: int) -> Figures:
    """Measure over Kafka when there is a broker, else within this process."""
    if broker is None:
        return await measure(url, LocalTransport(), sizes, seed)
    await create_topics(broker.bootstrap, partitions=8, replicas=1)
    transport = KafkaTransport(broker.bootstrap, client="bench")
    try:
        return await measure(url, transport, sizes, seed)
    finally:
        await transport.stop()


def _present(figures: Figures) -> None:
    per_second = figures.events / figures.seconds
    report.table(
        f"{figures.events:,} events, {per_second:,.0f} a second",
        ("", "missed", "out of order", "repeated"),
        [
            ("relay", figures.missed, figures.out_of_order, figures.repeated),
            ("naive reader: id > last", figures.naive_missed, "", ""),
        ],
    )
    report.last_line(figures)


if __name__ == "__main__":
    app()
