"""The Kafka side of the transport: an idempotent producer, one consumer for each group."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from time import perf_counter
from zlib import crc32

import structlog
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, ConsumerRecord, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import (
    CommitFailedError,
    IllegalStateError,
    KafkaError,
    TopicAlreadyExistsError,
    for_code,
)

from leadloop import metrics
from leadloop.database import is_unreachable
from leadloop.errors import Retry
from leadloop.events import topics as contract_topics
from leadloop.loop import let_gather, sleep_until_woken
from leadloop.records import Record
from leadloop.transport import PATIENTLY, PROMPT, Handle

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
RETENTION_MS = 29 * 24 * 3600 * 1000


@dataclass(frozen=True)
class _Subscription:
    group: str
    topics: tuple[str, ...]
    handle: Handle
    hold: timedelta


class KafkaTransport:
    """Publishes to and reads from a Kafka broker."""

    def __init__(
        self, bootstrap: str, *, client: str, instance: str = "", topic_prefix: str = ""
    ) -> None:
        """Prepare for the broker at `bootstrap` ("host:port,..."); nothing connects yet.

        Args:
            bootstrap: Where to find the brokers.
            client: Name of this process in the broker's logs.
            instance: Names this replica over restarts; nobody else in its groups may have the
                name. The broker then gives its partitions back to it at once after a crash,
                not after the session timeout.
            topic_prefix: Put before each topic's name, so that tests share one broker.
        """
        self._bootstrap = bootstrap
        self._client = client
        self._instance = instance or None
        self._prefix = topic_prefix
        self._producer: AIOKafkaProducer | None = None
        self._subscriptions: list[_Subscription] = []

    def subscribe(
        self, group: str, topics: Sequence[str], handle: Handle, *, hold: timedelta = PROMPT
    ) -> None:
        """Read `topics` as `group`; the reading begins with `run`."""
        self._subscriptions.append(_Subscription(group, tuple(topics), handle, hold))

    async def start(self) -> None:
        """Connect lazily: the broker may come up later than the service."""

    async def publish(self, records: Sequence[Record]) -> None:
        """Send all records and wait until every replica in sync has them."""
        try:
            producer = await self._connected_producer()
            sent = [
                await producer.send(
                    self._prefix + record.topic,
                    record.value,
                    record.key.encode(),
                    headers=list(record.headers.items()),
                )
                for record in records
            ]
            await asyncio.gather(*sent)
        except (KafkaError, OSError) as error:
            await self._drop_producer()
            raise Retry(f"the broker did not take {len(records)} records: {error!r}") from error

    async def run(self) -> None:
        """Read for all groups until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            for subscription in self._subscriptions:
                tasks.create_task(self._read(subscription), name=f"read-{subscription.group}")

    async def stop(self) -> None:
        """Close the producer; consumers close when `run` is cancelled."""
        await self._drop_producer()

    async def _connected_producer(self) -> AIOKafkaProducer:
        """Return the producer, connected; a new one after a failure."""
        if self._producer is None:
            producer = AIOKafkaProducer(
                bootstrap_servers=self._bootstrap,
                client_id=self._client,
                enable_idempotence=True,
                acks="all",
                request_timeout_ms=60_000,
                retry_backoff_ms=100,
                metadata_max_age_ms=60_000,
                linger_ms=0,
                max_batch_size=256 * 1024,
                partitioner=partition_of,
            )
            try:
                await producer.start()
            except BaseException:
                await producer.stop()
                raise
            self._producer = producer
        return self._producer

    async def _drop_producer(self) -> None:
        """Close the producer, whatever state it is in."""
        producer, self._producer = self._producer, None
        if producer is not None:
            try:
                await asyncio.wait_for(producer.stop(), timeout=5)
            except (KafkaError, OSError) as error:
                log.info("producer.dropped", reason=type(error).__name__)

    async def _read(self, subscription: _Subscription) -> None:
        """Read for one group until cancelled; begin anew whenever the broker goes away."""
        while True:
            consumer = self._consumer(subscription)
            try:
                await consumer.start()
                await self._read_on(consumer, subscription)
            except (KafkaError, OSError) as error:
                log.warning("consumer.waits", group=subscription.group, reason=repr(error))
                await sleep_until_woken(asyncio.Event(), PAUSE_BEFORE_AGAIN)
            finally:
                await consumer.stop()

    def _consumer(self, subscription: _Subscription) -> AIOKafkaConsumer:
        """Return a consumer that starts at the oldest record and commits only when told."""
        return AIOKafkaConsumer(
            *(self._prefix + topic for topic in subscription.topics),
            bootstrap_servers=self._bootstrap,
            client_id=self._client,
            group_id=self._prefix + subscription.group,
            group_instance_id=self._instance,
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            session_timeout_ms=SESSION_TIMEOUT_MS,
            heartbeat_interval_ms=3_000,
            max_poll_interval_ms=POLL_INTERVAL_MAX_MS,
            rebalance_timeout_ms=30_000,
            metadata_max_age_ms=60_000,
            fetch_max_wait_ms=subscription.hold // timedelta(milliseconds=1),
            fetch_min_bytes=FETCH_BYTES_MIN,
        )

    async def _read_on(self, consumer: AIOKafkaConsumer, subscription: _Subscription) -> None:
        """Take batches, let them be handled, then commit their offsets."""
        while True:
            batches = await consumer.getmany(timeout_ms=POLL_WAIT_MS, max_records=BATCH_MAX)
            records = [self._record(r) for batch in batches.values() for r in batch]
            started = perf_counter()
            await _handle_until_done(subscription, records)
            if batches:
                await _commit(consumer, batches, subscription.group)
                await let_gather(perf_counter() - started, is_full=len(records) >= BATCH_MAX)

    def _record(self, record: ConsumerRecord) -> Record:
        """Return a record as the rest of the kit knows it."""
        topic = record.topic[len(self._prefix) :]
        key = (record.key or b"").decode(errors="replace")
        return Record(topic, key, record.value or b"", dict(record.headers))


async def _handle_until_done(subscription: _Subscription, records: Sequence[Record]) -> None:
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


async def _commit(
    consumer: AIOKafkaConsumer,
    batches: Mapping[TopicPartition, Sequence[ConsumerRecord]],
    group: str,
) -> None:
    """Commit the offsets after a handled batch, and note how far behind the group is."""
    try:
        await consumer.commit({tp: batch[-1].offset + 1 for tp, batch in batches.items()})
    except (CommitFailedError, IllegalStateError) as error:
        # The partitions went to another consumer meanwhile. It reads the batch again, and the
        # inbox knows that all of it is handled.
        log.info("offsets.left", group=group, reason=type(error).__name__)
    for partition, batch in batches.items():
        newest = consumer.highwater(partition) if partition in consumer.assignment() else None
        if newest is not None:
            lag = newest - batch[-1].offset - 1
            service = group.removesuffix(PATIENTLY)
            metrics.CONSUMER_LAG.labels(service, partition.topic).set(lag)


def partition_of(key: bytes, everyone: Sequence[int], available: Sequence[int]) -> int:
    """Return the partition of a key: by CRC-32, as librdkafka's clients choose by default.

    The client's own hash is written in Python and costs more than all else about a record.
    """
    return everyone[crc32(key) % len(everyone)]


async def create_topics(
    bootstrap: str, *, partitions: int, replicas: int, topic_prefix: str = ""
) -> list[str]:
    """Create the contract's topics that do not exist yet; return the names of all of them."""
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    try:
        wanted = [
            NewTopic(
                topic_prefix + name,
                # Agreements are few, and one order for all of them is easier to reason about.
                1 if compacted else partitions,
                replicas,
                topic_configs=_configs(compacted),
            )
            for name, compacted in contract_topics().items()
        ]
        answer = await admin.create_topics(wanted)
    finally:
        await admin.close()
    for _, code, *_ in answer.topic_errors:
        if code and for_code(code) is not TopicAlreadyExistsError:
            raise for_code(code)(f"topics could not be created: {answer.topic_errors}")
    return [topic.name for topic in wanted]


def _configs(compacted: bool) -> dict[str, str]:
    """Return a topic's settings: personal data stays under 30 days, agreements for ever."""
    if compacted:
        return {"cleanup.policy": "compact"}
    return {"cleanup.policy": "delete", "retention.ms": str(RETENTION_MS)}
