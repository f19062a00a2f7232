import asyncio
from collections.abc import Sequence
from datetime import timedelta

import pytest
from sqlalchemy import text
from structlog.testing import capture_logs

from leadloop import metrics
from leadloop import relay as relay_module
from leadloop.database import is_unreachable
from leadloop.errors import Retry
from leadloop.outbox import Promise, promise
from leadloop.records import Record, to_envelope
from leadloop.relay import Relay
from leadloop.transport import LocalTransport
from leadloop.v1.lead_pb2 import LeadErased
from tests.conftest import until


class Sink:
    """A group that writes down what it is handed."""

    def __init__(self) -> None:
        self.keys: list[str] = []
        self.away = False

    async def handle(self, records: Sequence[Record]) -> None:
        if self.away:
            raise Retry("away")
        self.keys += [to_envelope(record).key for record in records]


@pytest.fixture
def sink():
    return Sink()


@pytest.fixture
def transport(sink):
    transport = LocalTransport()
    transport.subscribe("sink", ["leads.v1"], sink.handle)
    return transport


async def emit(database, *keys: str) -> None:
    async with database.transaction() as work:
        await promise(work, [Promise(LeadErased(lead_id=key)) for key in keys])


async def emit_nothing(database) -> None:
    """Let a transaction get its number and end, as other work of a service does."""
    async with database.transaction() as work:
        await work.connection.execute(text("SELECT pg_current_xact_id()"))


async def test_events_leave_in_the_order_they_were_promised(
    make_database, transport, sink, clock
):
    database = make_database("kit")
    keys = [f"k{n}" for n in range(300)]
    await emit(database, *keys)

    relay = Relay(database, transport, service="kit", batch_max=100)
    while await relay.run_once(clock.now()):
        pass

    assert sink.keys == keys
    await relay.close()


async def test_a_transaction_that_commits_late_is_not_missed(
    make_database, transport, sink, clock
):
    database = make_database("kit")
    relay = Relay(database, transport, service="kit")
    async with database.transaction() as late:
        await promise(late, [Promise(LeadErased(lead_id="late"))])
        for n in range(20):
            await emit(database, f"early-{n}")
            clock.advance_to(clock.now() + relay.idle * 5)
            await relay.run_once(clock.now())
        assert "late" not in sink.keys

    await relay.run_once(clock.now())

    assert sink.keys[-1] == "late"
    assert len(sink.keys) == 21
    await relay.close()


async def test_the_low_water_mark_rises_and_new_rows_are_still_read(
    make_database, transport, sink, clock
):
    database = make_database("kit")
    relay = Relay(database, transport, service="kit", batch_max=10)
    for n in range(50):
        await emit(database, f"k{n}")
        clock.advance_to(clock.now() + relay.idle * 5)
        await relay.run_once(clock.now())

    assert sink.keys == [f"k{n}" for n in range(50)]
    assert relay._low > 40
    await relay.close()


async def test_the_first_event_of_an_outbox_is_read_however_long_the_relay_waited_for_it(
    make_database, transport, sink, clock
):
    database = make_database("kit")
    relay = Relay(database, transport, service="kit")
    for _ in range(5):
        await relay.run_once(clock.now())
        clock.advance_to(clock.now() + relay.idle * 5)
        await emit_nothing(database)

    await emit(database, "first")
    await relay.run_once(clock.now())

    assert sink.keys == ["first"]
    await relay.close()


async def test_events_stay_in_the_outbox_while_the_transport_is_away(
    make_database, transport, sink, clock
):
    database = make_database("kit")
    await emit(database, "kept")
    relay = Relay(database, transport, service="kit")
    sink.away = True
    with pytest.raises(Retry):
        await relay.run_once(clock.now())
    sink.away = False

    assert await relay.run_once(clock.now()) == 1
    assert sink.keys == ["kept"]
    await relay.close()


async def test_only_one_relay_of_a_service_works_and_the_next_takes_over(
    make_database, transport, sink, clock
):
    first = Relay(make_database("kit"), transport, service="kit")
    second = Relay(make_database("kit"), transport, service="kit")
    await first.run_once(clock.now())
    await emit(make_database("kit"), "once")

    assert await second.run_once(clock.now()) == 0
    await first.close()
    assert await second.run_once(clock.now()) == 1
    await second.close()


async def test_a_relay_whose_connection_was_cut_begins_anew(
    make_database, transport, sink, clock
):
    database = make_database("kit")
    relay = Relay(database, transport, service="kit")
    await relay.run_once(clock.now())
    await emit(database, "after")
    async with make_database("kit").transaction() as work:
        await work.connection.execute(
            text(
                "SELECT pg_terminate_backend(pid) FROM pg_locks "
                "WHERE locktype = 'advisory' AND database = "
                "(SELECT oid FROM pg_database WHERE datname = current_database())"
            )
        )
    with pytest.raises(Exception) as cut:  # noqa: PT011 (the driver has several words for it)
        await relay.run_once(clock.now())
    assert is_unreachable(cut.value)

    assert await relay.run_once(clock.now()) == 1
    assert sink.keys == ["after"]
    await relay.close()


async def test_racing_writers_keep_the_order_of_each_key(make_database, transport, sink, clock):
    database = make_database("kit")
    relay = Relay(database, transport, service="kit", batch_max=7)
    subject = "00000000-0000-0000-0000-00000000000"
    async with database.transaction() as work:
        for n in range(3):
            await work.connection.execute(
                text("INSERT INTO subjects (id, state) VALUES (CAST(:id AS uuid), '0')"),
                {"id": f"{subject}{n}"},
            )

    async def write(n: int) -> None:
        for _ in range(15):
            async with database.transaction() as work:
                count = await work.connection.scalar(
                    text(
                        "UPDATE subjects SET state = CAST(CAST(state AS int) + 1 AS text) "
                        "WHERE id = CAST(:id AS uuid) RETURNING state"
                    ),
                    {"id": f"{subject}{n % 3}"},
                )
                await promise(work, [Promise(LeadErased(lead_id=f"{n % 3}:{count}"))])

    async def relay_on(stop: asyncio.Event) -> None:
        while not stop.is_set():
            await relay.run_once(clock.now())

    stop = asyncio.Event()
    relaying = asyncio.create_task(relay_on(stop))
    await asyncio.gather(*(write(n) for n in range(6)))
    stop.set()
    await relaying
    while await relay.run_once(clock.now()):
        pass

    for n in range(3):
        counts = [int(key.split(":")[1]) for key in sink.keys if key.startswith(f"{n}:")]
        assert counts == list(range(1, 31))
    await relay.close()


async def test_a_batch_that_is_not_taken_for_long_is_said_while_it_goes_on(
    make_database, clock, monkeypatch
):
    monkeypatch.setattr(relay_module, "SLOW_AFTER", timedelta(milliseconds=20))
    database, taken, transport = make_database("kit"), asyncio.Event(), LocalTransport()
    await emit(database, "k1")

    async def take_in_the_end(_: Sequence[Record]) -> None:
        await taken.wait()

    transport.subscribe("slow", ["leads.v1"], take_in_the_end)
    relay = Relay(database, transport, service="slow")
    failures = metrics.LOOP_FAILURES.labels("slow", "relay")
    before = failures._value.get()
    with capture_logs() as lines:
        passing = asyncio.create_task(relay.run_once(clock.now()))
        await until(lambda: failures._value.get() >= before + 2)
        taken.set()

        assert await passing == 1

    assert lines[0]["event"] == "loop.waits"
    assert (lines[0]["loop"], lines[0]["log_level"]) == ("relay", "warning")
    await relay.close()
