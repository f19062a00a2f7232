"""One group's reading: batches are taken and handled, and their offsets committed beside it."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from time import perf_counter

import structlog
from aiokafka import AIOKafkaConsumer, ConsumerRecord
from aiokafka.errors import KafkaError

from leadloop.brokers import Brokers
from leadloop.database import is_unreachable
from leadloop.errors import Retry
from leadloop.loop import let_gather, sleep_until_woken, telling_when_slow
from leadloop.offsets import Offsets
from leadloop.records import Record, type_of
from leadloop.seldom import Seldom
from leadloop.transport import Handle
from leadloop.watching import Outage, Watch

log = structlog.get_logger()

BATCH_MAX = 500
POLL_WAIT_MS = 200
# More than gathers in any hold: so it is the hold that ends a wait, or a full batch.
FETCH_BYTES_MIN = 256 * 1024
# A process that is stopped for half a minute (a pause of the machine, a blocked loop) keeps
# its partitions; a dead one is replaced after this time.
SESSION_TIMEOUT_MS = 45_000
# While the database is away a batch is tried again for as long as it takes.
POLL_INTERVAL_MAX_MS = 3_600_000
PAUSE_BEFORE_AGAIN = timedelta(seconds=1)
JOINS_WITHIN = timedelta(seconds=10)
STRAYS_SAID_EVERY = timedelta(minutes=1)


@dataclass(frozen=True)
class Subscription:
    """Who reads what, and who takes it; see `Transport.subscribe`."""

    group: str
    topics: tuple[str, ...]
    handle: Handle
    hold: timedelta


class Reader:
    """Reads for one group, from whatever brokers there are, until cancelled."""

    def __init__(
        self, brokers: Brokers, wanted: Subscription, *, instance: str | None, prefix: str
    ) -> None:
        """Prepare to read what is `wanted`; nothing connects yet.

        Args:
            brokers: From where.
            wanted: What, and who takes it.
            instance: Names this replica over restarts; see `KafkaTransport`.
            prefix: Stands before each topic's and the group's name at the broker.
        """
        self._brokers = brokers
        self._wanted = wanted
        self._instance = instance
        self._prefix = prefix
        self._topics = [prefix + topic for topic in wanted.topics]
        self._group = prefix + wanted.group
        self._outage = Outage(wanted.group, brokers.bootstrap)
        self._strays = Seldom(STRAYS_SAID_EVERY)

    async def run(self) -> None:
        """Read until cancelled; begin anew whenever the broker goes away."""
        while True:
            consumer = self._consumer()
            try:
                with telling_when_slow(self._tell_of_slow_start, every=JOINS_WITHIN):
                    await consumer.start()
                await self._read_watched(consumer)
            except* (KafkaError, OSError) as errors:
                self._outage.goes_on(repr(_first_of(errors)))
                await sleep_until_woken(asyncio.Event(), PAUSE_BEFORE_AGAIN)
            finally:
                await consumer.stop()

    def _tell_of_slow_start(self, _: float) -> None:
        self._outage.goes_on("no answer, or no topics, or the group waits for a member")

    def _consumer(self) -> AIOKafkaConsumer:
        """Return a consumer that starts at the oldest record and commits only when told."""
        return AIOKafkaConsumer(
            *self._topics,
            **self._brokers.options(),
            group_id=self._group,
            group_instance_id=self._instance,
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            session_timeout_ms=SESSION_TIMEOUT_MS,
            heartbeat_interval_ms=3_000,
            max_poll_interval_ms=POLL_INTERVAL_MAX_MS,
            rebalance_timeout_ms=30_000,
            metadata_max_age_ms=60_000,
            fetch_max_wait_ms=self._wanted.hold // timedelta(milliseconds=1),
            fetch_min_bytes=FETCH_BYTES_MIN,
        )

    async def _read_watched(self, consumer: AIOKafkaConsumer) -> None:
        """Read while other tasks watch and commit."""
        watch = Watch(self._brokers, self._group, self._topics, self._outage)
        # A member without a name comes as a new one, so that the group is always parted anew.
        has_name = self._instance is not None
        offsets = Offsets(consumer, self._wanted.group)
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(watch.run(consumer, readers=has_name))
                tasks.create_task(offsets.run())
                tasks.create_task(self._read_on(consumer, watch, offsets))
        finally:
            await offsets.end()

    async def _read_on(
        self, consumer: AIOKafkaConsumer, watch: Watch, offsets: Offsets
    ) -> None:
        """Take batches, let them be handled, and note how far that is."""
        while True:
            batches = await consumer.getmany(timeout_ms=POLL_WAIT_MS, max_records=BATCH_MAX)
            watch.begun = {partition: batch[0].offset for partition, batch in batches.items()}
            records = [self._record(r) for batch in batches.values() for r in batch]
            started = perf_counter()
            # Nothing to read is news only from a broker that answers.
            if records or not self._outage.is_on:
                await _handle_until_done(self._wanted, records)
            if batches:
                offsets.note(batches)
                watch.begun = {}
                await let_gather(perf_counter() - started, is_full=len(records) >= BATCH_MAX)
            if watch.has_unread:
                watch.has_unread = False
                _part_anew(consumer)

    def _record(self, found: ConsumerRecord) -> Record:
        """Return a record as the rest of the kit knows it."""
        topic = found.topic[len(self._prefix) :]
        key = (found.key or b"").decode(errors="replace")
        record = Record(topic, key, found.value or b"", dict(found.headers))
        if not type_of(record):
            self._note_stray(found)
        return record

    def _note_stray(self, found: ConsumerRecord) -> None:
        """Say that a record names no type: somebody else writes to our topics."""
        left_out = self._strays.left_out(found.topic)
        if left_out is not None:
            log.warning(
                "record.without_type",
                group=self._wanted.group,
                topic=found.topic,
                partition=found.partition,
                offset=found.offset,
                not_said_before=left_out,
            )


def _part_anew(consumer: AIOKafkaConsumer) -> None:
    """Join the group again under the same name.

    The broker gives a member that comes back under its name what it had, and tells nobody to
    lead the group: so nobody sees that there are more partitions than were parted. It keeps
    the group's leader, though, and parts anew when that one joins once more.
    """
    consumer.subscribe(set(consumer.subscription()))


def _first_of(errors: BaseExceptionGroup[BaseException]) -> BaseException:
    """Return the first error of a group of errors, or of the groups in it."""
    first = errors.exceptions[0]
    return _first_of(first) if isinstance(first, BaseExceptionGroup) else first


async def _handle_until_done(subscription: Subscription, records: Sequence[Record]) -> None:
    """Handle a batch, again and again while what it needs is away."""
    while True:
        try:
            await subscription.handle(records)
        except Exception as error:
            if not (isinstance(error, Retry) or is_unreachable(error)):
                raise
            log.warning("batch.waits", group=subscription.group, reason=repr(error)[:300])
            await sleep_until_woken(asyncio.Event(), PAUSE_BEFORE_AGAIN)
        else:
            return
