import asyncio

import pytest
from prometheus_client import REGISTRY
from sqlalchemy import text
from structlog.testing import capture_logs

from leadloop import inbox as inbox_module
from leadloop.errors import Rejected, Retry
from leadloop.events import encode
from leadloop.inbox import Inbox, TooManyParked
from leadloop.records import Promised, Record, to_record
from leadloop.v1.lead_pb2 import LeadErased, LeadsMerged

POISON = "poison"
TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
TRACEPARENT = f"00-{TRACE}-00f067aa0ba902b7-01"


async def write_down(work, envelopes):
    """Handle by writing each key down; refuse the poisoned ones."""
    for envelope in envelopes:
        if envelope.key.startswith(POISON):
            raise Rejected("this one can't be handled")
        await work.connection.execute(
            text("INSERT INTO seen (key) VALUES (:key)"), {"key": envelope.key}
        )


def a_record(key: str, ids, now, event_type=LeadErased) -> Record:
    event = event_type(lead_id=key)
    name = event_type.DESCRIPTOR.full_name
    row = Promised(0, ids.new(now), "leads.v1", key, name, now, "", encode(event))
    return to_record(row, "intake")


@pytest.fixture
def record(ids, clock):
    return lambda key, event_type=LeadErased: a_record(key, ids, clock.now(), event_type)


@pytest.fixture
def database(make_database):
    return make_database("kit")


@pytest.fixture
def inbox(database):
    return Inbox(database, {LeadErased: write_down}, service="kit")


async def seen(database) -> list[str]:
    async with database.transaction() as work:
        rows = await work.connection.execute(text("SELECT key FROM seen ORDER BY position"))
        return [row[0] for row in rows]


async def parked(database) -> list[tuple[str, str]]:
    async with database.transaction() as work:
        rows = await work.connection.execute(text("SELECT key, error FROM parked ORDER BY key"))
        return [tuple(row) for row in rows]


async def test_an_event_delivered_twice_is_handled_once(inbox, database, record):
    event = record("a")

    await inbox.handle([event, event])
    await inbox.handle([event])

    assert await seen(database) == ["a"]


async def test_a_batch_is_one_line_that_names_its_traces(inbox, record):
    followed = record("a")
    followed.headers["traceparent"] = TRACEPARENT.encode()

    with capture_logs() as logs:
        await inbox.handle([followed, record("b"), record("c", LeadsMerged)])

    (line,) = logs
    assert line.pop("duration_ms") >= 0
    assert line == {
        "event": "batch.handled",
        "events": 2,
        "traces": 1,
        "trace_ids": [TRACE],
        "log_level": "info",
    }


async def test_a_parked_event_is_told_with_its_trace(inbox, record):
    poisoned = record(POISON)
    poisoned.headers["traceparent"] = TRACEPARENT.encode()

    with capture_logs() as logs:
        await inbox.handle([poisoned])

    (line,) = [line for line in logs if line["event"] == "event.parked"]
    assert line["trace_id"] == TRACE


async def test_a_consumer_that_has_nothing_to_read_moves_all_the_same(inbox, database, clock):
    await inbox.handle([])

    labels = {"service": "kit", "loop": "consumer"}
    moved = REGISTRY.get_sample_value("leadloop_loop_moved_timestamp_seconds", labels)
    assert moved == clock.now().timestamp()
    assert database.stalled() == {"consumer": False}


async def test_an_event_that_may_be_repeated_is_handled_once_a_batch_and_not_marked(
    database, record
):
    inbox = Inbox(database, {LeadErased: write_down}, service="kit", repeatable=[LeadErased])
    event = record("a")

    await inbox.handle([event, event])
    await inbox.handle([event, record("b")])

    assert await seen(database) == ["a", "a", "b"]
    async with database.transaction() as work:
        assert await work.connection.scalar(text("SELECT count(*) FROM inbox")) == 0


async def test_a_parked_event_that_may_be_repeated_is_parked_once(database, record):
    inbox = Inbox(database, {LeadErased: write_down}, service="kit", repeatable=[LeadErased])
    event = record(POISON)

    await inbox.handle([event, record("a")])
    await inbox.handle([event, record("b")])

    assert [key for key, _ in await parked(database)] == [POISON]
    assert await seen(database) == ["a", "b"]


async def test_racing_consumers_handle_an_event_once(inbox, database, record):
    event = record("a")

    await asyncio.gather(*(inbox.handle([event]) for _ in range(8)))

    assert await seen(database) == ["a"]


async def test_types_without_a_handler_leave_no_trace(inbox, database, record):
    await inbox.handle([record("a", LeadsMerged)])

    async with database.transaction() as work:
        assert await work.connection.scalar(text("SELECT count(*) FROM inbox")) == 0


async def test_a_poison_event_is_parked_alone_and_the_rest_goes_through(
    inbox, database, record
):
    batch = [record(f"k{n}") for n in range(10)]
    batch[3] = record(POISON)

    await inbox.handle(batch)

    assert await seen(database) == [f"k{n}" for n in range(10) if n != 3]
    assert await parked(database) == [(POISON, "Rejected: this one can't be handled")]


async def test_a_parked_event_is_not_handled_when_it_comes_again(inbox, database, record):
    event = record(POISON)

    await inbox.handle([event])
    await inbox.handle([event])

    assert len(await parked(database)) == 1


async def test_a_parked_event_is_handled_on_command_once_it_can_be(
    inbox, database, record, monkeypatch
):
    await inbox.handle([record(POISON)])
    async with database.transaction() as work:
        event_id = await work.connection.scalar(text("SELECT event_id::text FROM parked"))
    with pytest.raises(Rejected):
        await inbox.retry([event_id])
    assert len(await parked(database)) == 1
    monkeypatch.setattr("tests.integration.leadloop.test_inbox.POISON", "nothing")

    assert await inbox.retry([event_id]) == 1
    assert await parked(database) == []
    assert await seen(database) == ["poison"]


async def test_what_is_no_event_is_parked_as_it_came(inbox, database, record):
    good = record("a")
    broken = Record(good.topic, "broken", b"\xff\xff\xff", good.headers)

    await inbox.handle([broken, record("b")])

    assert [key for key, _ in await parked(database)] == ["broken"]
    assert await seen(database) == ["b"]


async def test_a_failing_batch_leaves_nothing_when_it_must_come_again(database, record):
    async def away(work, envelopes):
        await write_down(work, envelopes)
        raise Retry("the other side is away")

    inbox = Inbox(database, {LeadErased: away}, service="kit")

    with pytest.raises(Retry):
        await inbox.handle([record("a")])

    assert await seen(database) == []
    async with database.transaction() as work:
        assert await work.connection.scalar(text("SELECT count(*) FROM inbox")) == 0


async def test_too_many_parked_events_stop_the_consumer(inbox, database, record, monkeypatch):
    monkeypatch.setattr(inbox_module, "PARKED_MAX", 3)

    with pytest.raises(TooManyParked):
        await inbox.handle([record(f"{POISON}-{n}") for n in range(5)])

    assert len(await parked(database)) == 4
