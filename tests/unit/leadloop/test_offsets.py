import asyncio

import pytest
from aiokafka import ConsumerRecord, TopicPartition
from aiokafka.errors import CommitFailedError, KafkaConnectionError

from leadloop import offsets
from leadloop.offsets import Offsets

ONE, TWO = TopicPartition("leads", 1), TopicPartition("leads", 2)


class Consumer:
    """Has two partitions, and answers commits as it is told."""

    def __init__(self) -> None:
        self.mine = {ONE, TWO}
        self.commits: list[dict[TopicPartition, int]] = []
        self.asked = asyncio.Event()
        self.error: Exception | None = None
        self.answers = asyncio.Event()
        self.answers.set()

    def assignment(self):
        return self.mine

    async def commit(self, wanted):
        self.asked.set()
        await self.answers.wait()
        if self.error is not None:
            raise self.error
        self.commits.append(wanted)


@pytest.fixture
def consumer():
    return Consumer()


@pytest.fixture
def noted(consumer):
    return Offsets(consumer, "scoring")


def records(partition, *numbers):
    return {
        partition: [
            ConsumerRecord(*partition, number, 0, 0, b"", b"", None, 0, 0, ())
            for number in numbers
        ]
    }


async def test_the_next_record_of_each_partition_is_committed_once(noted, consumer):
    noted.note(records(ONE, 3, 4))
    noted.note(records(ONE, 5) | records(TWO, 9))
    await noted.end()
    await noted.end()
    assert consumer.commits == [{ONE: 6, TWO: 10}]


async def test_what_is_handled_while_the_broker_thinks_goes_with_the_next_commit(
    noted, consumer, monkeypatch
):
    monkeypatch.setattr(offsets, "COMMIT_EVERY", offsets.COMMIT_EVERY / 250)
    consumer.answers.clear()
    async with asyncio.timeout(10), asyncio.TaskGroup() as tasks:
        running = tasks.create_task(noted.run())
        noted.note(records(ONE, 1))
        await consumer.asked.wait()
        noted.note(records(ONE, 2))
        noted.note(records(ONE, 3))
        consumer.asked.clear()
        consumer.answers.set()
        await consumer.asked.wait()
        running.cancel()
    assert consumer.commits == [{ONE: 2}, {ONE: 4}]


async def test_partitions_that_went_elsewhere_are_left_to_their_new_reader(noted, consumer):
    noted.note(records(ONE, 1) | records(TWO, 1))
    consumer.mine = {TWO}
    await noted.end()
    assert consumer.commits == [{TWO: 2}]


async def test_a_broker_that_parts_the_group_anew_ends_nothing(noted, consumer):
    consumer.error = CommitFailedError()
    async with asyncio.timeout(10), asyncio.TaskGroup() as tasks:
        running = tasks.create_task(noted.run())
        noted.note(records(ONE, 1))
        await consumer.asked.wait()
        consumer.error = None
        noted.note(records(ONE, 2))
        consumer.asked.clear()
        await consumer.asked.wait()
        running.cancel()
    assert consumer.commits == [{ONE: 3}]


async def test_a_broker_that_is_away_begins_the_reading_anew(noted, consumer):
    consumer.error = KafkaConnectionError()
    noted.note(records(ONE, 1))
    with pytest.raises(KafkaConnectionError):
        await noted.run()


async def test_the_end_does_not_wait_for_a_broker_that_does_not_answer(
    noted, consumer, monkeypatch
):
    monkeypatch.setattr(offsets, "LAST_COMMIT_WITHIN_SECONDS", 0.01)
    consumer.answers.clear()
    noted.note(records(ONE, 1))
    async with asyncio.timeout(10):
        await noted.end()
    assert consumer.commits == []
    consumer.error = KafkaConnectionError()
    consumer.answers.set()
    noted.note(records(ONE, 1))
    await noted.end()
    assert consumer.commits == []
