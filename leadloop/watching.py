"""What the broker says of one group's reading: does it answer, what waits, who reads what.

Asked every few seconds, whatever the handler is doing.
"""

import asyncio
from collections.abc import Callable, Sequence
from datetime import timedelta
from time import monotonic

import structlog
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.coordinator.protocol import ConsumerProtocol
from aiokafka.errors import IllegalStateError, KafkaError, for_code

from leadloop import metrics
from leadloop.brokers import Brokers
from leadloop.loop import sleep_until_woken
from leadloop.seldom import Seldom
from leadloop.transport import PATIENTLY

log = structlog.get_logger()

LOOK_EVERY = timedelta(seconds=3)
ANSWER_WITHIN_SECONDS = 7.0
# As long as a rebalance of the largest group: those that it brings in have read by then.
READERS_EVERY_SECONDS = 30.0
WAITS_SAID_EVERY = timedelta(minutes=1)
STABLE = "Stable"


class Outage:
    """Says that a group waits for its broker, again now and then, and when that is over."""

    def __init__(
        self, group: str, bootstrap: str, clock: Callable[[], float] = monotonic
    ) -> None:
        """Expect the broker to answer; `clock` tells seconds that never go back."""
        self._log = log.bind(group=group, brokers=bootstrap)
        self._clock = clock
        self._answered_at = clock()
        self._seldom: Seldom | None = None

    @property
    def is_on(self) -> bool:
        """Whether the broker is waited for."""
        return self._seldom is not None

    def goes_on(self, reason: str) -> None:
        """Note that the broker did not answer."""
        self._seldom = self._seldom or Seldom(WAITS_SAID_EVERY, self._clock)
        if self._seldom.left_out(reason) is not None:
            self._log.warning("consumer.waits", reason=reason[:300], seconds=self._seconds())

    def is_over(self) -> None:
        """Note that the broker answered."""
        if self.is_on:
            self._seldom = None
            self._log.warning("consumer.recovered", seconds=self._seconds())
        self._answered_at = self._clock()

    def _seconds(self) -> int:
        """Return how long ago the broker last answered."""
        return round(self._clock() - self._answered_at)


class Watch:
    """Watches over one consumer.

    Attributes:
        outage: Whether the broker answers.
        begun: Where the batches under way begin, by partition.
        has_unread: Some partitions are read by nobody: the group must part them anew.
    """

    def __init__(
        self, brokers: Brokers, group: str, topics: Sequence[str], outage: Outage
    ) -> None:
        """Prepare to watch; `group` and `topics` are named as the broker knows them."""
        self.outage = outage
        self.begun: dict[TopicPartition, int] = {}
        self.has_unread = False
        self._brokers = brokers
        self._group = group
        self._topics = topics
        self._readers_at = 0.0

    async def run(self, consumer: AIOKafkaConsumer, *, readers: bool) -> None:
        """Look every few seconds until cancelled.

        Args:
            consumer: A started one.
            readers: Look also for partitions that nobody reads.
        """
        try:
            while True:
                await self._look(consumer, readers=readers)
                await sleep_until_woken(asyncio.Event(), LOOK_EVERY)
        finally:
            self._forget_lag()

    async def _look(self, consumer: AIOKafkaConsumer, *, readers: bool) -> None:
        """Ask once; without an answer there is no lag to show, rather than an old one."""
        try:
            async with asyncio.timeout(ANSWER_WITHIN_SECONDS):
                await self._measure_lag(consumer)
                if readers and monotonic() >= self._readers_at:
                    await self._look_for_readers(consumer)
        except IllegalStateError:
            # The partitions went elsewhere while we asked.
            return
        except TimeoutError:
            self.outage.goes_on("no answer")
            self._forget_lag()
        except (KafkaError, OSError) as error:
            self.outage.goes_on(repr(error))
            self._forget_lag()
        else:
            self.outage.is_over()

    async def _measure_lag(self, consumer: AIOKafkaConsumer) -> None:
        """Set how many records of each topic wait for this process."""
        existing = self._existing(consumer)
        mine = consumer.assignment() & existing
        # Who has nothing to read asks all the same: does the broker answer?
        ends = await consumer.end_offsets(mine or sorted(existing)[:1])
        lag = dict.fromkeys(self._topics, 0)
        for partition in mine:
            position = await consumer.position(partition)
            handled = self.begun.get(partition, position)
            lag[partition.topic] += max(0, ends[partition] - handled)
        for topic, waiting in lag.items():
            metrics.CONSUMER_LAG.labels(self._service, topic).set(waiting)

    async def _look_for_readers(self, consumer: AIOKafkaConsumer) -> None:
        """Find partitions that no member of the group was given."""
        given = await given_in(self._brokers, self._group)
        if given is None:
            return
        self._readers_at = monotonic() + READERS_EVERY_SECONDS
        unread = self._existing(consumer) - given
        self.has_unread = bool(unread)
        if unread:
            names = [f"{one.topic}-{one.partition}" for one in sorted(unread)]
            log.warning("partitions.unread", group=self._group, partitions=names)

    def _existing(self, consumer: AIOKafkaConsumer) -> set[TopicPartition]:
        """Return the partitions of our topics, as the consumer knows them.

        The group's leader parts what its own consumer knows: more would be of no use.
        """
        return {
            TopicPartition(topic, number)
            for topic in self._topics
            for number in consumer.partitions_for_topic(topic) or ()
        }

    def _forget_lag(self) -> None:
        for topic in self._topics:
            metrics.CONSUMER_LAG.remove(self._service, topic)

    @property
    def _service(self) -> str:
        return self._group.removesuffix(PATIENTLY)


async def given_in(brokers: Brokers, group: str) -> set[TopicPartition] | None:
    """Return the partitions given to any member of a group; None while they are being parted.

    Raises:
        KafkaError: The broker did not say.
    """
    admin = AIOKafkaAdminClient(**brokers.options())
    try:
        await admin.start()
        (answer,) = await admin.describe_consumer_groups([group])
    finally:
        await admin.close()
    ((code, _, state, _, _, members, *_),) = answer.groups
    if code:
        raise for_code(code)(f"group {group} could not be described")
    if state != STABLE:
        return None
    parts = (ConsumerProtocol.ASSIGNMENT.decode(assignment) for *_, assignment in members)
    return {partition for part in parts for partition in part.partitions()}
