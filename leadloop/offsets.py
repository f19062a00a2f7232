"""How far a reader has come, told to the broker now and then."""

import asyncio
from collections.abc import Mapping, Sequence
from datetime import timedelta

import structlog
from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from aiokafka.errors import CommitFailedError, IllegalStateError, KafkaError

from leadloop.loop import sleep_until_woken

log = structlog.get_logger()

COMMIT_EVERY = timedelta(milliseconds=250)
LAST_COMMIT_WITHIN_SECONDS = 2.0


class Offsets:
    """What one consumer has handled, committed beside the reading.

    A batch is not held up by the broker's answer about the one before it: the inbox knows what
    was handled, so an offset that is lost costs no more than reading some records again.
    """

    def __init__(self, consumer: AIOKafkaConsumer, group: str) -> None:
        """Know of nothing handled yet.

        Args:
            consumer: Whose offsets; a started one.
            group: Its name, for the log.
        """
        self._consumer = consumer
        self._group = group
        self._next: dict[TopicPartition, int] = {}
        self._handled = asyncio.Event()

    def note(self, batches: Mapping[TopicPartition, Sequence[ConsumerRecord]]) -> None:
        """Note that these records are handled."""
        self._next |= {partition: batch[-1].offset + 1 for partition, batch in batches.items()}
        self._handled.set()

    async def run(self) -> None:
        """Commit what was noted, a few times a second at most, until cancelled.

        Raises:
            KafkaError: The broker is away; what was not committed is read again.
        """
        while True:
            await self._handled.wait()
            await self._commit()
            await sleep_until_woken(asyncio.Event(), COMMIT_EVERY)

    async def end(self) -> None:
        """Commit what is left before the consumer stops; a broker that is away is let be."""
        try:
            async with asyncio.timeout(LAST_COMMIT_WITHIN_SECONDS):
                await self._commit()
        except (KafkaError, OSError, TimeoutError) as error:
            log.info("offsets.left", group=self._group, reason=type(error).__name__)

    async def _commit(self) -> None:
        """Commit what was noted of the partitions that are still the consumer's."""
        self._handled.clear()
        noted, self._next = self._next, {}
        mine = self._consumer.assignment()
        offsets = {
            partition: offset for partition, offset in noted.items() if partition in mine
        }
        if not offsets:
            return
        try:
            await self._consumer.commit(offsets)
        except (CommitFailedError, IllegalStateError) as error:
            # The partitions went to another consumer meanwhile. It reads the records again, and
            # the inbox knows that all of them are handled.
            log.info("offsets.left", group=self._group, reason=type(error).__name__)
