"""One suite for both transports: they mean the same."""

import asyncio
from collections import Counter
from collections.abc import Sequence

import pytest_asyncio

from leadloop.consumer import KafkaTransport, create_topics
from leadloop.errors import Retry
from leadloop.records import Record
from leadloop.transport import LocalTransport
from tests.conftest import a_moment, until


class Group:
    """Handles records, and fails when told to."""

    def __init__(self) -> None:
        self.seen: list[tuple[str, str]] = []
        self.failures = 0

    async def handle(self, records: Sequence[Record]) -> None:
        if self.failures:
            self.failures -= 1
            raise Retry("away")
        self.seen += [(record.key, record.value.decode()) for record in records]


@pytest_asyncio.fixture(params=["local", "kafka"])
async def transport(request, topic_prefix):
    if request.param == "local":
        yield LocalTransport()
        return
    bootstrap = request.getfixturevalue("kafka")
    await create_topics(bootstrap, partitions=3, replicas=1, topic_prefix=topic_prefix)
    transport = KafkaTransport(bootstrap, client="tests", topic_prefix=topic_prefix)
    yield transport
    await transport.stop()


@pytest_asyncio.fixture
async def run(transport):
    """Start the reading once all groups have subscribed; stop it after the test."""
    tasks: list[asyncio.Task[None]] = []
    yield lambda: tasks.append(asyncio.create_task(transport.run()))
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


def records(topic: str, *pairs: tuple[str, str]) -> list[Record]:
    return [Record(topic, key, value.encode(), {"ce_id": b"1"}) for key, value in pairs]


async def publish(transport, batch: list[Record]) -> None:
    """Publish as the relay does: again until it worked."""
    while True:
        try:
            return await transport.publish(batch)
        except Retry:
            await a_moment()


async def test_every_group_of_a_topic_gets_every_record(transport, run):
    one, two, other = Group(), Group(), Group()
    transport.subscribe("one", ["leads.v1"], one.handle)
    transport.subscribe("two", ["leads.v1", "handoffs.v1"], two.handle)
    transport.subscribe("other", ["outcomes.v1"], other.handle)
    run()

    await publish(transport, records("leads.v1", ("a", "1"), ("b", "2")))
    await publish(transport, records("handoffs.v1", ("a", "3")))
    await until(lambda: len(one.seen) == 2 and len(two.seen) == 3)

    assert sorted(one.seen) == [("a", "1"), ("b", "2")]
    assert sorted(two.seen) == [("a", "1"), ("a", "3"), ("b", "2")]
    assert other.seen == []


async def test_records_of_one_key_stay_in_order(transport, run):
    group = Group()
    transport.subscribe("group", ["leads.v1"], group.handle)
    run()

    for n in range(0, 300, 50):
        await publish(
            transport,
            records("leads.v1", *((f"k{m % 7}", str(m)) for m in range(n, n + 50))),
        )
    await until(lambda: len(group.seen) >= 300)

    for key in {key for key, _ in group.seen}:
        numbers = [int(value) for seen, value in group.seen if seen == key]
        assert numbers == sorted(numbers)
    assert Counter(group.seen).most_common(1)[0][1] == 1


async def test_a_batch_comes_again_until_it_is_handled(transport, run):
    group = Group()
    group.failures = 1
    transport.subscribe("group", ["leads.v1"], group.handle)
    run()

    await publish(transport, records("leads.v1", ("a", "1")))
    await until(lambda: group.seen)

    assert group.seen == [("a", "1")]


async def test_headers_and_topic_arrive_as_sent(transport, run):
    seen: list[Record] = []

    async def handle(batch: Sequence[Record]) -> None:
        seen.extend(batch)

    transport.subscribe("group", ["leads.v1"], handle)
    run()

    await publish(transport, records("leads.v1", ("a", "1")))
    await until(lambda: seen)

    assert seen[0].topic == "leads.v1"
    assert seen[0].headers == {"ce_id": b"1"}


async def read_one_and_vanish(bootstrap: str, prefix: str, value: str) -> list[tuple[str, str]]:
    """Publish a record and read what there is; then go without leaving the group.

    A member with a name does not leave: to the broker it looks like one that crashed.
    """
    group = Group()
    transport = KafkaTransport(bootstrap, client="tests", instance="only", topic_prefix=prefix)
    transport.subscribe("group", ["leads.v1"], group.handle)
    reading = asyncio.create_task(transport.run())
    await publish(transport, records("leads.v1", ("a", value)))
    await until(lambda: group.seen)
    reading.cancel()
    await asyncio.gather(reading, return_exceptions=True)
    await transport.stop()
    return group.seen


async def test_a_replica_that_comes_back_under_its_name_goes_on_at_once(kafka, topic_prefix):
    await create_topics(kafka, partitions=3, replicas=1, topic_prefix=topic_prefix)

    assert await read_one_and_vanish(kafka, topic_prefix, "before") == [("a", "before")]
    assert await read_one_and_vanish(kafka, topic_prefix, "after") == [("a", "after")]


async def test_a_group_is_told_that_there_is_nothing_to_read(transport, run):
    batches: list[int] = []

    async def handle(batch: Sequence[Record]) -> None:
        batches.append(len(batch))

    transport.subscribe("group", ["leads.v1"], handle)
    run()

    await until(lambda: batches)

    assert batches[0] == 0
