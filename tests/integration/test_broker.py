"""The development broker keeps what it took, over a kill, and never outlives its owner."""

import asyncio
import sys
from asyncio.subprocess import PIPE
from collections.abc import Iterator
from pathlib import Path

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from deploy.broker import Broker, Unavailable
from deploy.child import Child, DidNotStart, wait_until_ready
from leadloop.postgres import is_alive
from tests.conftest import PATIENCE_SECONDS, until

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    with Broker(tmp_path_factory.mktemp("kafka")) as broker:
        yield broker


async def create(broker: Broker, topic: str) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=broker.bootstrap)
    await admin.start()
    await admin.create_topics([NewTopic(topic, num_partitions=1, replication_factor=1)])
    await admin.close()


async def send(broker: Broker, topic: str, *values: bytes) -> None:
    producer = AIOKafkaProducer(bootstrap_servers=broker.bootstrap, enable_idempotence=True)
    await producer.start()
    for value in values:
        await producer.send_and_wait(topic, value, partition=0)
    await producer.stop()


async def read(broker: Broker, topic: str, count: int) -> list[bytes]:
    consumer = AIOKafkaConsumer(bootstrap_servers=broker.bootstrap)
    await consumer.start()
    consumer.assign([TopicPartition(topic, 0)])
    await consumer.seek_to_beginning()
    values = [(await consumer.getone()).value for _ in range(count)]
    await consumer.stop()
    return values


async def test_what_was_sent_before_a_kill_is_read_after_it(broker: Broker) -> None:
    await create(broker, "kept")
    await send(broker, "kept", b"one", b"two")
    address = broker.bootstrap

    broker.kill()
    broker.start()

    assert broker.bootstrap == address
    assert await read(broker, "kept", 2) == [b"one", b"two"]


async def test_a_child_ends_with_the_process_that_started_it(tmp_path: Path) -> None:
    script = (
        "import signal, sys; from pathlib import Path; from deploy.child import Child\n"
        "child = Child(['sleep', '60'], log=Path(sys.argv[1]))\n"
        "child.start(); print(child.pid, flush=True); signal.pause()"
    )
    owner = await asyncio.create_subprocess_exec(
        sys.executable, "-c", script, str(tmp_path / "log"), stdout=PIPE
    )
    assert owner.stdout is not None
    orphan = int(await owner.stdout.readline())

    owner.kill()
    await owner.wait()

    await until(lambda: not is_alive(orphan))


def test_missing_jars_name_the_command_that_fetches_them(tmp_path: Path) -> None:
    broker = Broker(tmp_path, jars=tmp_path / "nowhere")

    with pytest.raises(Unavailable, match="make kafka"):
        broker.start()


def test_a_program_that_ends_early_shows_the_end_of_its_log(tmp_path: Path) -> None:
    child = Child(["sh", "-c", "echo no such port; exit 3"], log=tmp_path / "log")
    child.start()

    with pytest.raises(DidNotStart, match="no such port"):
        wait_until_ready(child, lambda: False, timeout_seconds=PATIENCE_SECONDS)

    child.stop()
