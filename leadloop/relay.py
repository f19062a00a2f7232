"""Hand promised events on to their topics: none missed, in order per lead.

One relay of a service works at a time; it holds an advisory lock as long as its connection
lives. It reads what is in the outbox, not what is above the last id: a transaction that began
early and commits late leaves its rows below ids already handed on.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from zlib import crc32

import asyncpg
import structlog
from sqlalchemy import text

from leadloop import metrics
from leadloop.connection import Connection, Row
from leadloop.database import Database, is_unreachable
from leadloop.loop import telling_when_slow
from leadloop.outbox import RELAY
from leadloop.records import Promised, to_record
from leadloop.transport import Transport

log = structlog.get_logger()

BATCH_MAX = 1_000
LOOK_EVERY = timedelta(milliseconds=200)
PATIENT_GATHERS = 10
# The broker's client goes on trying for as long as it takes, so that nothing is overtaken; that
# it takes long is said meanwhile.
SLOW_AFTER = timedelta(seconds=10)

# Session lock: it ends with the connection, so a relay that lost its database lost its turn.
_TRY_LOCK = text("SELECT pg_try_advisory_lock(:space, :service)")
_LOCK_SPACE = 0x4C4C

# A sequence that nobody asked yet shows the value that it will give first.
_HORIZON = text("""
SELECT CAST(CAST(pg_snapshot_xmin(pg_current_snapshot()) AS text) AS bigint),
       CAST(CAST(pg_snapshot_xmax(pg_current_snapshot()) AS text) AS bigint),
       (SELECT last_value - CAST(NOT is_called AS int) FROM outbox_id_seq)
""")

_READ = text("""
SELECT id, CAST(event_id AS text), topic, key, type, time, traceparent, value
FROM outbox WHERE id > :low ORDER BY id LIMIT :limit
""")

_DELETE = text("DELETE FROM outbox WHERE id = ANY(CAST(:ids AS bigint[]))")


@dataclass(frozen=True)
class Horizon:
    """What PostgreSQL says about transactions under way and ids given out.

    Attributes:
        xmin: Every transaction with a lower number is over.
        xmax: Every transaction that has a number has a lower one.
        last_id: No id above this one was given out yet.
    """

    xmin: int
    xmax: int
    last_id: int


class LowWater:
    """Knows an id below which no row can appear any more, so that dead rows are not read again.

    An id is drawn by a transaction that has its number already (see schema.OUTBOX). So every
    id up to `last_id` of one look belongs to a transaction numbered below `xmax` of the next
    look; once `xmin` reaches that number, all of them have committed or rolled back.
    """

    def __init__(self) -> None:
        """Know nothing yet."""
        self.settled = 0
        self._given_out = 0
        self._candidate: tuple[int, int] | None = None

    def look(self, horizon: Horizon) -> None:
        """Learn from one look; `settled` rises when it proves something."""
        if self._candidate is None:
            self._candidate = (self._given_out, horizon.xmax)
            self._given_out = horizon.last_id
        elif horizon.xmin >= self._candidate[1]:
            self.settled = max(self.settled, self._candidate[0])
            self._candidate = (self._given_out, horizon.xmax)
            self._given_out = horizon.last_id


class Relay:
    """The loop that empties one service's outbox."""

    name = RELAY
    idle = timedelta(milliseconds=100)

    def __init__(
        self,
        database: Database,
        transport: Transport,
        *,
        service: str,
        is_patient: bool = False,
        batch_max: int = BATCH_MAX,
    ) -> None:
        """Hand on what `database` promised, through `transport`.

        Args:
            database: The service's schema.
            transport: Where to.
            service: Its name, a label of the metrics and the source of its events.
            is_patient: Let more gather: nobody waits for what this service promises.
            batch_max: Events handed on at once.
        """
        self.gathers = PATIENT_GATHERS if is_patient else 1
        self._database = database
        self._transport = transport
        self._service = service
        self._batch_max = batch_max
        self._driver: asyncpg.Connection[Row] | None = None
        self._water = LowWater()
        self._low = 0
        self._looked_at: datetime | None = None

    async def run_once(self, now: datetime) -> int:
        """Hand on one batch; return how many events, 0 also while another relay works."""
        try:
            connection = await self._locked_connection()
            if connection is None:
                return 0
            await self._look(connection, now)
            return await self._hand_on(connection)
        except Exception as error:
            if is_unreachable(error):
                await self.close()
            raise

    async def next_due(self, now: datetime) -> datetime | None:
        """Return None: commits here wake the relay, those of other processes are looked for."""
        return None

    async def close(self) -> None:
        """Give up the turn, for another replica or a new connection."""
        driver, self._driver = self._driver, None
        self._water, self._low, self._looked_at = LowWater(), 0, None
        if driver is not None:
            driver.terminate()

    async def _locked_connection(self) -> Connection | None:
        """Return the connection that holds the lock; None while another relay has it."""
        if self._driver is not None:
            return Connection(self._driver)
        driver = await self._database.connect()
        try:
            # A deletion lost in a crash only means that its events are handed on twice.
            await driver.execute("SET synchronous_commit = off")
            key = crc32(self._database.schema.encode()) & 0x7FFFFFFF
            lock = {"space": _LOCK_SPACE, "service": key}
            if await Connection(driver).scalar(_TRY_LOCK, lock):
                self._driver = driver
                return Connection(driver)
        except BaseException:
            driver.terminate()
            raise
        driver.terminate()
        return None

    async def _look(self, connection: Connection, now: datetime) -> None:
        """Ask for the horizon, now and then."""
        if self._looked_at is not None and now - self._looked_at < LOOK_EVERY:
            return
        row = (await connection.execute(_HORIZON)).one()
        self._water.look(Horizon(*row))
        self._looked_at = now

    async def _hand_on(self, connection: Connection) -> int:
        """Publish the oldest promised events, then forget them."""
        rows = await connection.execute(_READ, {"low": self._low, "limit": self._batch_max})
        promised = [Promised(*row) for row in rows]
        if promised:
            with telling_when_slow(self._tell_of_waiting, every=SLOW_AFTER):
                await self._transport.publish([to_record(r, self._service) for r in promised])
            await connection.execute(_DELETE, {"ids": [row.id for row in promised]})
            self._count(promised)
        self._raise_low(promised)
        return len(promised)

    def _tell_of_waiting(self, seconds: float) -> None:
        """Say, and count as a failed pass, that the broker has not taken a batch for long."""
        metrics.LOOP_FAILURES.labels(self._service, self.name).inc()
        log.warning("loop.waits", loop=self.name, reason="NotTaken", seconds=round(seconds))

    def _raise_low(self, promised: Sequence[Promised]) -> None:
        """Skip what is settled, as far as this batch has read."""
        read_up_to_end = len(promised) < self._batch_max
        settled = self._water.settled
        seen = settled if read_up_to_end else min(settled, promised[-1].id)
        self._low = max(self._low, seen)

    def _count(self, promised: Sequence[Promised]) -> None:
        """Count what was handed on, by topic."""
        for topic in {row.topic for row in promised}:
            count = sum(row.topic == topic for row in promised)
            metrics.EVENTS_PUBLISHED.labels(self._service, topic).inc(count)
