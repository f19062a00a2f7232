"""How late timers fire, by the database's commit; beside a job queue's scheduled jobs."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random
from typing import Annotated, Final

import typer
import uvloop
from sqlalchemy import text

from bench import ground, report, scheduled
from leadloop.clock import SystemClock
from leadloop.database import Database, Work
from leadloop.events import timestamp
from leadloop.ids import Ids
from leadloop.loop import forever
from leadloop.outbox import Promise, promise
from leadloop.schema import OUTBOX, TIMERS
from leadloop.timers import Timer, TimerLoop, arm
from leadloop.v1.handoff_pb2 import ClockBreached

SCHEMA: Final = "bench_clocks"
PEER_SCHEMA: Final = "bench_scheduled"
# The server notes when each transaction committed.
SETTINGS: Final = {"track_commit_timestamp": "on"}
# Arming takes a moment; the first one is due only then.
BEGIN_AFTER: Final = timedelta(seconds=2)
GIVE_UP_AFTER: Final = timedelta(seconds=60)
MILLISECONDS: Final = 1000.0

TABLES: Final = """
CREATE TABLE subjects (id uuid PRIMARY KEY);
CREATE TABLE fired (subject uuid NOT NULL, due_at timestamptz NOT NULL)
"""
PEER_TABLES: Final = """
CREATE TABLE fired (subject uuid NOT NULL, due_at timestamptz NOT NULL)
"""

_ADD_SUBJECTS = text("INSERT INTO subjects (id) SELECT unnest(CAST(:ids AS uuid[]))")

_LOCK = text(
    "SELECT id FROM subjects WHERE id = ANY(CAST(:ids AS uuid[])) ORDER BY id FOR UPDATE"
)

_FIRED = text("""
INSERT INTO fired (subject, due_at)
SELECT s, d FROM unnest(CAST(:subjects AS uuid[]), CAST(:dues AS timestamptz[])) AS f (s, d)
""")

_LATENESS = text("""
SELECT CAST(extract(epoch FROM pg_xact_commit_timestamp(xmin) - due_at) AS float8) FROM fired
""")

_COUNT = text("SELECT count(DISTINCT subject) FROM fired")


@dataclass(frozen=True)
class Sizes:
    """How many timers there are, and over how many seconds their due times are spread."""

    timers: int = 2_000
    seconds: float = 20.0


@dataclass(frozen=True)
class Lateness:
    """How long after their due times things were committed, in milliseconds.

    Attributes:
        fired: How many different ones fired.
        repeated: How many fired more than once.
        ms: Of each, by the server's commit timestamp.
        acknowledged_ms: Of each, when the commit's answer had come back; empty if not noted.
    """

    fired: int
    repeated: int
    ms: Sequence[float]
    acknowledged_ms: Sequence[float] = ()


@dataclass(frozen=True)
class Figures:
    """Ours and the peer's; see Lateness."""

    timers: int
    fired: int
    repeated: int
    p50_ms: float
    p99_ms: float
    max_ms: float
    acknowledged_p99_ms: float
    peer_fired: int
    peer_p50_ms: float
    peer_p99_ms: float


class Breaches:
    """A service's own part of a timer: lock the subjects, then note and promise the breach."""

    def __init__(self) -> None:
        """Begin with nothing fired."""
        self.unacknowledged: list[Timer] = []

    async def lock(self, work: Work, subjects: Sequence[str]) -> None:
        """Lock the state rows."""
        await work.connection.execute(_LOCK, {"ids": list(subjects)})

    async def fire(self, work: Work, timers: Sequence[Timer]) -> None:
        """Write the breaches down and promise an event of each."""
        subjects = [timer.subject for timer in timers]
        dues = [timer.due_at for timer in timers]
        await work.connection.execute(_FIRED, {"subjects": subjects, "dues": dues})
        now = timestamp(work.now)
        events = [ClockBreached(lead_id=subject, occurred_at=now) for subject in subjects]
        await promise(work, [Promise(event) for event in events])
        self.unacknowledged += timers


class AcknowledgedTimers(TimerLoop):
    """The product's timers; notes when each commit was answered."""

    def __init__(self, database: Database, breaches: Breaches) -> None:
        """Fire into `breaches`."""
        super().__init__(database, lock=breaches.lock, fire=breaches.fire, service="bench")
        self._clock = database.clock
        self._breaches = breaches
        self.acknowledged_ms: list[float] = []

    async def run_once(self, now: datetime) -> int:
        """Fire what is due, then look at the time."""
        found = await super().run_once(now)
        answered_at = self._clock.now()
        self.acknowledged_ms += [
            (answered_at - timer.due_at).total_seconds() * MILLISECONDS
            for timer in self._breaches.unacknowledged
        ]
        self._breaches.unacknowledged.clear()
        return found


async def measure(url: str, sizes: Sizes, seed: int = 1) -> Lateness:
    """Arm timers, let them fire in real time, and ask the server when they did."""
    database = Database(url, SCHEMA, clock=SystemClock(), ids=Ids())
    await ground.make_schema(database, OUTBOX, TIMERS, TABLES)
    timers = plan(database, sizes, seed)
    async with database.transaction() as work:
        await work.connection.execute(_ADD_SUBJECTS, {"ids": [t.subject for t in timers]})
        await arm(work, timers)
    loop = AcknowledgedTimers(database, Breaches())
    running = asyncio.create_task(forever(loop, service="bench", database=database))
    await _until_fired(timers, lambda: _length(loop.acknowledged_ms), "timers fired")
    running.cancel()
    lateness = await _ask(database, loop.acknowledged_ms)
    await database.close()
    return lateness


async def measure_peer(url: str, sizes: Sizes, seed: int = 1) -> Lateness:
    """Let procrastinate run jobs scheduled for such times; ask the server when they ran."""
    database = Database(url, PEER_SCHEMA, clock=SystemClock(), ids=Ids())
    await ground.make_schema(database, PEER_TABLES)
    timers = plan(database, sizes, seed)
    async with scheduled.worker(database, timers):
        await _until_fired(timers, lambda: _count(database), "scheduled jobs run")
    lateness = await _ask(database)
    await database.close()
    return lateness


def plan(database: Database, sizes: Sizes, seed: int) -> list[Timer]:
    """Spread timers at random over the time given."""
    random = Random(seed)
    begin = database.clock.now() + BEGIN_AFTER
    dues = sorted(
        begin + timedelta(seconds=sizes.seconds * random.random()) for _ in range(sizes.timers)
    )
    return [Timer(database.ids.new(begin), "bench", due) for due in dues]


async def _length(fired: Sequence[float]) -> int:
    return len(fired)


async def _count(database: Database) -> int:
    async with database.transaction() as work:
        count: int = await work.connection.scalar(_COUNT)
    return count


async def _until_fired(
    timers: Sequence[Timer], fired: Callable[[], Awaitable[int]], what: str
) -> None:
    """Wait until all have fired, or for as long as a fault deserves."""
    last_due = max(timer.due_at for timer in timers)
    deadline = last_due + GIVE_UP_AFTER
    with report.Steps(what, len(timers)) as steps:
        while (done := await fired()) < len(timers) and SystemClock().now() < deadline:
            steps.show(done)
            await asyncio.sleep(1)


async def _ask(database: Database, acknowledged_ms: Sequence[float] = ()) -> Lateness:
    """Ask the server for the commit times."""
    async with database.transaction() as work:
        seconds = await work.connection.scalars(_LATENESS)
    fired = await _count(database)
    ms = [late * MILLISECONDS for late in seconds]
    return Lateness(fired, len(ms) - fired, ms, acknowledged_ms)


app = report.command_line()


@app.command()
def main(
    timers: Annotated[int, typer.Option(help="How many timers.")] = 2_000,
    seconds: Annotated[float, typer.Option(help="Spread their due times over this.")] = 20.0,
    peer: Annotated[bool, typer.Option(help="Measure procrastinate as well.")] = True,
    seed: Annotated[int, typer.Option(help="Chooses the due times.")] = 1,
) -> None:
    """Let timers fire in real time; print how late their effects were committed."""
    sizes = Sizes(timers, seconds)
    with ExitStack() as stack:
        report.tell("starting PostgreSQL")
        folder = stack.enter_context(ground.folder_of("clocks"))
        postgres = stack.enter_context(ground.postgres_in(folder, SETTINGS))
        ours = uvloop.run(measure(postgres.url, sizes, seed))
        theirs = Lateness(0, 0, ())
        if peer:
            theirs = uvloop.run(measure_peer(postgres.url, sizes, seed))
    _present(sizes, ours, theirs)


def _present(sizes: Sizes, ours: Lateness, theirs: Lateness) -> None:
    rows = [("leadloop, by commit", ours.fired, *_shown(ours.ms))]
    rows.append(("leadloop, commit answered", ours.fired, *_shown(ours.acknowledged_ms)))
    if theirs.fired:
        rows.append(("procrastinate, by commit", theirs.fired, *_shown(theirs.ms)))
    title = f"{sizes.timers:,} due times over {sizes.seconds:.0f} s: milliseconds late"
    report.table(title, ("", "fired", "p50", "p99", "max"), rows)
    report.last_line(_figures(sizes, ours, theirs))


def _shown(ms: Sequence[float]) -> tuple[float, float, float]:
    return report.quantile(ms, 0.5), report.quantile(ms, 0.99), report.quantile(ms, 1)


def _figures(sizes: Sizes, ours: Lateness, theirs: Lateness) -> Figures:
    return Figures(
        timers=sizes.timers,
        fired=ours.fired,
        repeated=ours.repeated,
        p50_ms=report.quantile(ours.ms, 0.5),
        p99_ms=report.quantile(ours.ms, 0.99),
        max_ms=report.quantile(ours.ms, 1),
        acknowledged_p99_ms=report.quantile(ours.acknowledged_ms, 0.99),
        peer_fired=theirs.fired,
        peer_p50_ms=report.quantile(theirs.ms, 0.5),
        peer_p99_ms=report.quantile(theirs.ms, 0.99),
    )


if __name__ == "__main__":
    app()
