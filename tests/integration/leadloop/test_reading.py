"""What a group reads, who reads it, and what it says of itself, on a real broker."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from datetime import timedelta

import pytest
import pytest_asyncio
from aiokafka.admin import AIOKafkaAdminClient, NewPartitions
from prometheus_client import REGISTRY
from structlog.testing import capture_logs
from structlog.types import EventDict

from deploy.broker import Broker
from leadloop import watching
from leadloop.consumer import KafkaTransport, create_topics
from leadloop.errors import Retry
from leadloop.events import topics as contract_topics
from leadloop.records import Record
from tests.conftest import a_moment, until

TOPIC = "leads.v1"
FEW, MANY = 2, 6


class Replica:
    """One process of a service: it reads until it stops, as if it had crashed."""

    def __init__(self, kafka: str, prefix: str, *, instance: str = "only") -> None:
        self.seen: set[str] = set()
        self.calls = 0
        self.go_on = asyncio.Event()
        self.go_on.set()
        self.transport = KafkaTransport(
            kafka, client="tests", instance=instance, topic_prefix=prefix
        )
        self.transport.subscribe("group", [TOPIC], self.handle)
        self._reading: asyncio.Task[None] | None = None

    async def handle(self, records: Sequence[Record]) -> None:
        await self.go_on.wait()
        self.calls += 1
        self.seen |= {record.value.decode() for record in records}

    async def publish(self, *values: str) -> None:
        """Publish as the relay does, each value under a key of its own."""
        batch = [Record(TOPIC, f"key {v}", v.encode(), {"ce_type": b"t"}) for v in values]
        while True:
            try:
                return await self.transport.publish(batch)
            except Retry:
                await a_moment()

    async def __aenter__(self) -> "Replica":
        self._reading = asyncio.create_task(self.transport.run())
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._reading is not None
        self._reading.cancel()
        with suppress(asyncio.CancelledError):
            await self._reading
        await self.transport.stop()


@pytest_asyncio.fixture
async def admin(kafka):
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka)
    await admin.start()
    yield admin
    await admin.close()


async def read(kafka: str, prefix: str, values: set[str]) -> None:
    """Publish values and read them; many enough to reach every partition."""
    async with Replica(kafka, prefix) as replica:
        await replica.publish(*values)
        await until(lambda: values <= replica.seen)


def numbered(word: str) -> set[str]:
    return {f"{word} {n}" for n in range(50)}


async def test_partitions_added_while_a_named_replica_was_away_are_read(
    kafka, topic_prefix, admin
):
    await create_topics(kafka, partitions=FEW, replicas=1, topic_prefix=topic_prefix)
    await read(kafka, topic_prefix, numbered("before"))

    await admin.create_partitions({topic_prefix + TOPIC: NewPartitions(MANY)})

    await read(kafka, topic_prefix, numbered("after"))


async def test_topics_made_anew_while_a_named_replica_was_away_are_read(
    kafka, topic_prefix, admin
):
    await create_topics(kafka, partitions=FEW, replicas=1, topic_prefix=topic_prefix)
    await read(kafka, topic_prefix, numbered("before"))

    await admin.delete_topics([topic_prefix + name for name in contract_topics()])
    await create_topics(kafka, partitions=MANY, replicas=1, topic_prefix=topic_prefix)

    await read(kafka, topic_prefix, numbered("after"))


async def test_two_named_replicas_read_all_after_a_restart_with_more_partitions(
    kafka, topic_prefix, admin
):
    await create_topics(kafka, partitions=FEW, replicas=1, topic_prefix=topic_prefix)
    await read_by_two(kafka, topic_prefix, numbered("before"))

    await admin.create_partitions({topic_prefix + TOPIC: NewPartitions(MANY)})

    await read_by_two(kafka, topic_prefix, numbered("after"))


async def read_by_two(kafka: str, prefix: str, values: set[str]) -> None:
    async with (
        Replica(kafka, prefix, instance="one") as one,
        Replica(kafka, prefix, instance="two") as two,
    ):
        await one.publish(*values)
        await until(lambda: values <= one.seen | two.seen)


async def test_a_named_replica_that_comes_back_to_the_same_partitions_parts_nothing_anew(
    kafka, topic_prefix
):
    await create_topics(kafka, partitions=FEW, replicas=1, topic_prefix=topic_prefix)
    await read(kafka, topic_prefix, numbered("before"))

    with capture_logs() as lines:
        await read(kafka, topic_prefix, numbered("after"))

    assert [line["event"] for line in lines] == []


def lag(prefix: str) -> float | None:
    """Return what the gauge says of the test's group; None where it says nothing."""
    labels = {"service": f"{prefix}group", "topic": prefix + TOPIC}
    return REGISTRY.get_sample_value("leadloop_consumer_lag_records", labels)


@pytest.fixture
def hasty(monkeypatch):
    """Look often, and give up soon."""
    monkeypatch.setattr(watching, "LOOK_EVERY", timedelta(milliseconds=200))
    monkeypatch.setattr(watching, "ANSWER_WITHIN_SECONDS", 1.0)


async def test_lag_is_what_waits_in_all_partitions_while_a_batch_is_under_way(
    kafka, topic_prefix, hasty
):
    await create_topics(kafka, partitions=MANY, replicas=1, topic_prefix=topic_prefix)
    async with Replica(kafka, topic_prefix) as replica:
        await until(lambda: lag(topic_prefix) == 0)
        replica.go_on.clear()

        await replica.publish(*numbered("first"))
        await until(lambda: lag(topic_prefix) == 50)
        await replica.publish(*numbered("more"))
        await until(lambda: lag(topic_prefix) == 100)

        replica.go_on.set()
        await until(lambda: lag(topic_prefix) == 0)

    assert lag(topic_prefix) is None


async def test_lag_after_a_restart_is_what_came_meanwhile(kafka, topic_prefix, hasty):
    await create_topics(kafka, partitions=FEW, replicas=1, topic_prefix=topic_prefix)
    await read(kafka, topic_prefix, numbered("before"))

    returned = Replica(kafka, topic_prefix)
    returned.go_on.clear()
    await returned.publish(*numbered("after"))
    async with returned:
        await until(lambda: lag(topic_prefix) == 50)
        returned.go_on.set()
        await until(lambda: lag(topic_prefix) == 0)


async def test_a_broker_that_goes_away_is_waited_for_aloud_and_nothing_moves(
    tmp_path, topic_prefix, hasty
):
    with Broker(tmp_path) as broker, capture_logs() as lines:
        await create_topics(
            broker.bootstrap, partitions=FEW, replicas=1, topic_prefix=topic_prefix
        )
        async with Replica(broker.bootstrap, topic_prefix) as replica:
            await until(lambda: lag(topic_prefix) == 0 and replica.calls)

            broker.kill()
            await until(lambda: said(lines, "consumer.waits"))
            calls = replica.calls
            await until(lambda: lag(topic_prefix) is None)
            assert replica.calls <= calls + 1

            await asyncio.to_thread(broker.start)
            await until(lambda: said(lines, "consumer.recovered"))
            await replica.publish("after")
            await until(lambda: "after" in replica.seen and lag(topic_prefix) == 0)

    waits = said(lines, "consumer.waits")
    assert (waits[0]["brokers"], waits[0]["group"]) == (broker.bootstrap, "group")
    assert len(waits) < 5


async def test_brokers_that_cannot_be_found_are_said_at_once():
    with capture_logs() as lines:
        async with Replica("no-such-host.invalid:9092", "t."):
            await until(lambda: said(lines, "consumer.waits"))

    line = said(lines, "consumer.waits")[0]
    assert line["brokers"] == "no-such-host.invalid:9092"
    assert "no-such-host.invalid" in line["reason"]


async def test_a_record_without_a_type_is_said_once_with_its_place(kafka, topic_prefix):
    await create_topics(kafka, partitions=1, replicas=1, topic_prefix=topic_prefix)
    alien = Record(TOPIC, "key", b"alien", {})

    with capture_logs() as lines:
        async with Replica(kafka, topic_prefix) as replica:
            await replica.publish("ours")
            await replica.transport.publish([alien] * 3)
            await replica.publish("ours too")
            await until(lambda: {"ours", "ours too"} <= replica.seen)

    (line,) = said(lines, "record.without_type")
    assert line["log_level"] == "warning"
    assert (line["topic"], line["partition"], line["offset"]) == (topic_prefix + TOPIC, 0, 1)


def said(lines: list[EventDict], event: str) -> list[EventDict]:
    return [line for line in lines if line["event"] == event]
