"""The Kafka side of the transport: an idempotent producer, one consumer for each group."""

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from zlib import crc32

import structlog
from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import KafkaError, TopicAlreadyExistsError, for_code

from leadloop.brokers import PLAINTEXT, Brokers, Security
from leadloop.errors import Retry
from leadloop.events import topics as contract_topics
from leadloop.reading import Reader, Subscription
from leadloop.records import Record
from leadloop.transport import PROMPT, Handle

log = structlog.get_logger()

RETENTION_MS = 29 * 24 * 3600 * 1000


class KafkaTransport:
    """Publishes to and reads from a Kafka broker."""

    def __init__(
        self,
        bootstrap: str,
        *,
        client: str,
        instance: str = "",
        topic_prefix: str = "",
        security: Security = PLAINTEXT,
    ) -> None:
        """Prepare for the broker at `bootstrap` ("host:port,..."); nothing connects yet.

        Args:
            bootstrap: Where to find the brokers.
            client: Name of this process in the broker's logs.
            instance: Names this replica over restarts; nobody else in its groups may have the
                name. The broker then gives its partitions back to it at once after a crash,
                not after the session timeout.
            topic_prefix: Put before each topic's name, so that tests share one broker.
            security: How connections are kept safe.
        """
        self._brokers = Brokers(bootstrap, client, security)
        self._instance = instance or None
        self._prefix = topic_prefix
        self._producer: AIOKafkaProducer | None = None
        self._subscriptions: list[Subscription] = []

    def subscribe(
        self, group: str, topics: Sequence[str], handle: Handle, *, hold: timedelta = PROMPT
    ) -> None:
        """Read `topics` as `group`; the reading begins with `run`."""
        self._subscriptions.append(Subscription(group, tuple(topics), handle, hold))

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
                reader = Reader(
                    self._brokers, subscription, instance=self._instance, prefix=self._prefix
                )
                tasks.create_task(reader.run(), name=f"read-{subscription.group}")

    async def stop(self) -> None:
        """Close the producer; consumers close when `run` is cancelled."""
        await self._drop_producer()

    async def _connected_producer(self) -> AIOKafkaProducer:
        """Return the producer, connected; a new one after a failure."""
        if self._producer is None:
            producer = AIOKafkaProducer(
                **self._brokers.options(),
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


def partition_of(key: bytes, everyone: Sequence[int], available: Sequence[int]) -> int:
    """Return the partition of a key: by CRC-32, as librdkafka's clients choose by default.

    The client's own hash is written in Python and costs more than all else about a record.
    """
    return everyone[crc32(key) % len(everyone)]


async def create_topics(
    bootstrap: str,
    *,
    partitions: int,
    replicas: int,
    topic_prefix: str = "",
    security: Security = PLAINTEXT,
) -> list[str]:
    """Create the contract's topics that do not exist yet; return the names of all of them."""
    admin = AIOKafkaAdminClient(**Brokers(bootstrap, security=security).options())
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
