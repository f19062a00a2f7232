"""A broker that asks who we are, and what those get who say it wrongly."""

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import suppress

import pytest
from aiokafka.errors import KafkaConnectionError
from structlog.testing import capture_logs

from deploy.broker import Broker, free_port
from leadloop.brokers import Security
from leadloop.consumer import KafkaTransport, create_topics
from leadloop.records import Record
from tests.conftest import until

PLAIN_LOGIN = "org.apache.kafka.common.security.plain.PlainLoginModule"
US = Security("sasl_plaintext", "PLAIN", "leadloop", "hunter2")


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Name the door of a broker that lets in only those who say a name and a password."""
    inside, controller, door = free_port(), free_port(), free_port()
    inner = f"PLAINTEXT://127.0.0.1:{inside},SASL://127.0.0.1:{door}"
    settings = {
        "controller.quorum.voters": f"1@127.0.0.1:{controller}",
        "listeners": f"{inner},CONTROLLER://127.0.0.1:{controller}",
        "advertised.listeners": inner,
        "listener.security.protocol.map": (
            "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,SASL:SASL_PLAINTEXT"
        ),
        "inter.broker.listener.name": "PLAINTEXT",
        "listener.name.sasl.sasl.enabled.mechanisms": "PLAIN",
        "listener.name.sasl.plain.sasl.jaas.config": (
            f'{PLAIN_LOGIN} required user_leadloop="hunter2";'
        ),
    }
    with Broker(tmp_path_factory.mktemp("guarded"), inside, settings=settings):
        yield f"127.0.0.1:{door}"


async def test_who_says_name_and_password_makes_topics_publishes_and_reads(
    guarded, topic_prefix
):
    await create_topics(
        guarded, partitions=2, replicas=1, topic_prefix=topic_prefix, security=US
    )
    seen: list[bytes] = []

    async def handle(records: Sequence[Record]) -> None:
        seen.extend(record.value for record in records)

    transport = KafkaTransport(
        guarded, client="tests", instance="one", topic_prefix=topic_prefix, security=US
    )
    transport.subscribe("group", ["leads.v1"], handle)
    reading = asyncio.create_task(transport.run())
    await transport.publish([Record("leads.v1", "a", b"1", {"ce_type": b"t"})])
    await until(lambda: seen == [b"1"])

    reading.cancel()
    with suppress(asyncio.CancelledError):
        await reading
    await transport.stop()


async def test_who_says_a_wrong_password_is_told(guarded):
    stranger = Security("sasl_plaintext", "PLAIN", "leadloop", "guessed")

    with pytest.raises(KafkaConnectionError):
        await create_topics(guarded, partitions=1, replicas=1, security=stranger)


async def test_who_says_nothing_waits_aloud(guarded):
    transport = KafkaTransport(guarded, client="tests")
    transport.subscribe("group", ["leads.v1"], lambda _: asyncio.sleep(0))

    with capture_logs() as lines:
        reading = asyncio.create_task(transport.run())
        await until(lambda: any(line["event"] == "consumer.waits" for line in lines))
        reading.cancel()
        with suppress(asyncio.CancelledError):
            await reading
