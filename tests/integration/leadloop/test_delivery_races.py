import asyncio
from datetime import timedelta

import orjson
import pytest
from sqlalchemy import text

from leadloop import delivery_store, endpoint_store
from leadloop.attempts import Answer
from leadloop.delivery import (
    COMMITS_WITHIN,
    DELIVERIES,
    DIRECT_FACTOR,
    READ_ALL_EVERY,
    DeliveryLoop,
    Limits,
    enqueue,
)
from leadloop.outbox import Promise, promise
from leadloop.v1.handoff_pb2 import HandoffRouted
from tests.conftest import PATIENCE_SECONDS, until
from tests.webhooks import accepted, add_endpoint, deliveries, queue, run_until_idle


@pytest.fixture
def database(make_database):
    return make_database("kit")


@pytest.fixture
def loop(make_loop):
    return make_loop()


async def test_a_delivery_whose_sender_died_goes_out_again_when_its_lease_ends(
    database, make_loop, receiver, clock
):
    async def die(url, headers, body):
        raise SystemError("the process ends here")

    await add_endpoint(database, receiver.url)
    (envelope,) = await queue(database, accepted())
    with pytest.raises(SystemError):
        await make_loop(post=die).run_once(clock.now())
    other = make_loop()

    assert await run_until_idle(other, clock) == 0
    clock.advance_to(await other.next_due(clock.now()))
    await run_until_idle(other, clock)

    assert receiver.ids() == [envelope.id]
    assert await deliveries(database) == [("delivered", 2, 204)]


async def test_replicas_that_race_deliver_each_event_once(database, make_loop, receiver, clock):
    await add_endpoint(database, receiver.url)
    await queue(database, *(accepted(f"lead-{n}") for n in range(200)))
    loops = [make_loop(limits=Limits(at_once=16, at_once_each=16)) for _ in range(4)]

    await asyncio.gather(*(run_until_idle(loop, clock) for loop in loops))

    assert len(receiver.received) == 200
    assert len(set(receiver.ids())) == 200
    assert {state for state, *_ in await deliveries(database)} == {"delivered"}


@pytest.fixture
def make_late_loop(make_loop):
    """Make a loop whose posts wait to be told what they are answered."""

    def make(**options) -> tuple[DeliveryLoop, asyncio.Future[int]]:
        status = asyncio.get_running_loop().create_future()

        async def post(url, headers, body):
            return Answer(await status)

        return make_loop(post=post, **options), status

    return make


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        (500, 204, ("delivered", 2, 204)),
        (500, 400, ("pending", 2, 400)),
        (200, 400, ("delivered", 2, 200)),
        (200, 204, ("delivered", 2, 204)),
    ],
    ids=["late failure", "late retry", "late success", "second success"],
)
async def test_a_result_that_comes_after_its_lease_counts_only_as_success(
    database, make_late_loop, clock, first, second, expected
):
    await add_endpoint(database, "https://crm.example.com")
    await queue(database, accepted())
    (slow, slow_status), (quick, quick_status) = make_late_loop(), make_late_loop()
    await slow.run_once(clock.now())
    clock.advance_to(await quick.next_due(clock.now()))
    quick_status.set_result(second)
    await quick.run_once(clock.now())
    slow_status.set_result(first)
    await run_until_idle(slow, clock)

    assert await deliveries(database) == [expected]


async def test_results_are_kept_while_the_database_is_away(
    database, make_loop, receiver, clock
):
    await add_endpoint(database, receiver.url)
    await queue(database, accepted())
    loop = make_loop()
    receiver.hold.clear()
    await loop.run_once(clock.now())
    async with database.transaction() as work:
        await work.connection.execute(text("ALTER TABLE deliveries RENAME TO away"))
    receiver.hold.set()
    await until(lambda: loop._results)

    with pytest.raises(Exception, match="deliveries"):
        await loop.run_once(clock.now())
    async with database.transaction() as work:
        await work.connection.execute(text("ALTER TABLE away RENAME TO deliveries"))
    await run_until_idle(loop, clock)

    assert len(receiver.received) == 1
    assert await deliveries(database) == [("delivered", 1, 204)]


async def test_a_transaction_that_commits_late_is_delivered_all_the_same(
    database, loop, receiver, clock
):
    await add_endpoint(database, receiver.url)
    async with database.transaction() as late:
        (slow,) = await promise(late, [Promise(accepted("lead-1"))])
        await enqueue(late, [slow])
        clock.advance_to(clock.now() + timedelta(minutes=1))
        (quick,) = await queue(database, accepted("lead-2"))
        await run_until_idle(loop, clock)
        assert receiver.ids() == [quick.id]

    clock.advance_to(clock.now() + READ_ALL_EVERY)
    await run_until_idle(loop, clock)

    assert receiver.ids() == [quick.id, slow.id]


async def test_what_was_committed_after_a_pass_is_due_at_its_own_time_though_that_is_past(
    database, make_loop, clock
):
    await add_endpoint(database, "https://crm.example.com")
    queued_at = clock.now()
    await queue(database, accepted())
    clock.advance_to(queued_at + COMMITS_WITHIN)

    assert await make_loop().next_due(clock.now()) == queued_at


async def test_a_transaction_that_commits_a_little_late_is_delivered_at_the_next_pass(
    database, loop, receiver, clock
):
    await add_endpoint(database, receiver.url)
    async with database.transaction() as late:
        (slow,) = await promise(late, [Promise(accepted("lead-1"))])
        await enqueue(late, [slow])
        clock.advance_to(clock.now() + COMMITS_WITHIN)
        (quick,) = await queue(database, accepted("lead-2"))
        await run_until_idle(loop, clock)

    await run_until_idle(loop, clock)

    assert receiver.ids() == [quick.id, slow.id]


async def ready(database, loop, clock) -> None:
    """Let a loop see that nothing waits, so that it takes work directly."""
    await add_endpoint(database, "https://crm.example.com")
    await run_until_idle(loop, clock)


def noting(arrived, status: int = 204):
    async def post(url, headers, body):
        data = orjson.loads(body)["data"]
        arrived.append((data["lead_id"], data["sequence"]))
        return Answer(status)

    return post


async def test_a_loop_takes_what_its_own_process_commits_without_reading_the_table(
    database, make_loop, clock
):
    arrived: list[tuple[str, int]] = []
    loop = make_loop(post=noting(arrived))
    await ready(database, loop, clock)

    await queue(database, accepted())
    assert await deliveries(database) == [("pending", 1, None)]
    async with database.transaction() as work:
        await work.connection.execute(text("ALTER TABLE endpoints RENAME TO away"))
    await run_until_idle(loop, clock)

    assert arrived == [("lead-1", 1)]
    assert await deliveries(database) == [("delivered", 1, 204)]


async def test_a_unit_of_work_that_fails_hands_nothing_over_and_keeps_no_place(
    database, make_loop, clock
):
    arrived: list[tuple[str, int]] = []
    loop = make_loop(post=noting(arrived), limits=Limits(at_once=1, at_once_each=1))
    await ready(database, loop, clock)

    async def fail() -> None:
        async with database.transaction() as work:
            await enqueue(work, await promise(work, [Promise(accepted())]))
            raise ZeroDivisionError

    for _ in range(DIRECT_FACTOR + 1):
        with pytest.raises(ZeroDivisionError):
            await fail()
    await run_until_idle(loop, clock)
    await queue(database, accepted())

    assert arrived == []
    assert await deliveries(database) == [("pending", 1, None)]


async def test_what_was_handed_over_to_a_process_that_died_goes_out_when_its_lease_ends(
    database, make_loop, receiver, clock
):
    dead = make_loop(post=noting([]))
    await ready(database, dead, clock)
    await queue(database, accepted())
    arrived: list[tuple[str, int]] = []
    other = make_loop(post=noting(arrived))

    assert await run_until_idle(other, clock) == 0
    clock.advance_to(await other.next_due(clock.now()))
    await run_until_idle(other, clock)

    assert arrived == [("lead-1", 1)]
    assert await deliveries(database) == [("delivered", 2, 204)]


@pytest.mark.parametrize("at_once", [1, 3, 100])
async def test_nothing_overtakes_when_work_is_handed_over_or_waits(
    database, make_loop, clock, at_once
):
    """A loop with little room refuses some of each commit; per lead the order stays."""
    arrived: list[tuple[str, int]] = []
    loop = make_loop(post=noting(arrived), limits=Limits(at_once=at_once, at_once_each=at_once))
    await ready(database, loop, clock)

    for nth in range(1, 21):
        await queue(database, *(accepted(f"lead-{n}", nth) for n in range(3)))
        if nth % 4 == 0:
            await loop.run_once(clock.now())
    await run_until_idle(loop, clock)

    for lead in ("lead-0", "lead-1", "lead-2"):
        assert [nth for one, nth in arrived if one == lead] == list(range(1, 21))
    assert {attempt for _, attempt, _ in await deliveries(database)} == {1}


async def test_what_is_handed_over_waits_for_the_last_of_its_lead_not_the_first_to_end(
    database, make_loop, clock
):
    tried, slow = list[int](), asyncio.Event()

    async def post(url, headers, body):
        tried.append(orjson.loads(body)["data"]["sequence"])
        if tried[-1] == 2:
            await slow.wait()
        return Answer(204)

    loop = make_loop(post=post)
    await ready(database, loop, clock)
    await queue(database, accepted(sequence=1), accepted(sequence=2))
    await loop.run_once(clock.now())
    await until(lambda: len(tried) == 2)
    await queue(database, accepted(sequence=3))
    await loop.run_once(clock.now())
    assert tried == [1, 2]

    slow.set()
    await run_until_idle(loop, clock)
    assert tried == [1, 2, 3]


async def test_the_oldest_of_all_endpoints_goes_first_when_there_is_little_room(
    database, make_loop, receiver, clock
):
    await add_endpoint(database, receiver.url, types=["leadloop.v1.HandoffAccepted"])
    await add_endpoint(database, receiver.url, types=["leadloop.v1.HandoffRouted"])
    (older,) = await queue(database, HandoffRouted(lead_id="lead-1", sequence=1))
    clock.advance_to(clock.now() + timedelta(seconds=1))
    (newer,) = await queue(database, accepted())

    await run_until_idle(make_loop(limits=Limits(at_once=1, at_once_each=1)), clock)

    assert receiver.ids() == [older.id, newer.id]


async def test_who_is_gone_gets_nothing_of_what_was_handed_over(database, make_loop, clock):
    arrived: list[tuple[str, int]] = []
    loop = make_loop(post=noting(arrived, 410), limits=Limits(at_once=1, at_once_each=1))
    await ready(database, loop, clock)
    await queue(database, accepted("lead-1"), accepted("lead-2"))

    await run_until_idle(loop, clock)

    assert arrived == [("lead-1", 1)]
    assert await deliveries(database, "state") == [("failed",)] * 2


async def test_a_disabled_endpoint_takes_no_place_and_leaves_others_the_short_way(
    database, make_loop, clock
):
    arrived: list[tuple[str, int]] = []
    loop = make_loop(post=noting(arrived), limits=Limits(at_once=1, at_once_each=1))
    disabled = await add_endpoint(database, "https://old.example.com")
    await ready(database, loop, clock)
    await change(database, delivery_store.disable, [disabled], "for a test")

    for nth in range(DIRECT_FACTOR):
        await queue(database, accepted(sequence=nth + 1))

    found = await deliveries(database, "state, attempt")
    assert sorted(found) == [("failed", 0)] * DIRECT_FACTOR + [("pending", 1)] * DIRECT_FACTOR


async def test_an_endpoint_takes_the_short_way_once_it_is_enabled(database, make_loop, clock):
    loop = make_loop(post=noting([]))
    endpoint = await add_endpoint(database, "https://crm.example.com")
    await change(database, delivery_store.disable, [endpoint], "for a test")
    await queue(database, accepted(sequence=1))
    await change(database, endpoint_store.enable, endpoint)
    await run_until_idle(loop, clock)

    await queue(database, accepted(sequence=2))

    assert await deliveries(database, "state, attempt") == [("failed", 0), ("pending", 1)]


async def test_what_was_handed_over_for_an_endpoint_that_is_disabled_is_not_posted(
    database, make_loop, clock
):
    arrived: list[tuple[str, int]] = []
    loop = make_loop(post=noting(arrived))
    endpoint = await add_endpoint(database, "https://crm.example.com")
    await run_until_idle(loop, clock)
    await queue(database, accepted())

    await change(database, delivery_store.disable, [endpoint], "for a test")
    clock.advance_to(clock.now() + loop.idle)
    await run_until_idle(loop, clock)

    assert arrived == []
    assert await deliveries(database) == [("failed", 1, None)]


async def test_a_loop_that_closes_posts_what_was_handed_over_and_takes_no_more(
    database, make_loop, clock
):
    arrived: list[tuple[str, int]] = []
    loop = make_loop(post=noting(arrived))
    await ready(database, loop, clock)
    await queue(database, accepted(sequence=1))

    await loop.close()
    await queue(database, accepted(sequence=2))

    assert arrived == [("lead-1", 1)]
    assert await deliveries(database) == [("delivered", 1, 204), ("pending", 0, None)]


async def test_a_loop_that_has_its_hands_full_does_not_read_the_table(
    database, make_late_loop, clock
):
    loop, status = make_late_loop(limits=Limits(at_once=1, at_once_each=2))
    await add_endpoint(database, "https://crm.example.com")
    await queue(database, accepted("lead-1"), accepted("lead-2"))
    await loop.run_once(clock.now())

    async with database.transaction() as work:
        await work.connection.execute(text("ALTER TABLE deliveries RENAME TO away"))
    assert await loop.run_once(clock.now()) == 1
    async with database.transaction() as work:
        await work.connection.execute(text("ALTER TABLE away RENAME TO deliveries"))
    status.set_result(204)
    await run_until_idle(loop, clock)

    assert await deliveries(database) == [("delivered", 1, 204)] * 2


async def change(database, command, *values) -> None:
    async with database.transaction() as work:
        await command(work.connection, *values)


async def enable_and_replay(database, endpoint: str, clock) -> None:
    """Do what a person does once the receiver is mended."""
    await change(database, endpoint_store.enable, endpoint)
    later = clock.now() + timedelta(seconds=1)
    span = delivery_store.Since(clock.now(), later, endpoint)
    async with database.transaction() as work:
        await delivery_store.replay_since(work.connection, span, work.now)
        work.wakes.add(DELIVERIES)


async def done_or_locked_out(database, task: asyncio.Task[object]) -> None:
    """Let a task run until it has ended, or waits for a lock."""
    waiting = text("""
        SELECT count(*) FROM pg_locks JOIN pg_database ON pg_database.oid = database
        WHERE datname = current_database() AND NOT granted
    """)
    async with asyncio.timeout(PATIENCE_SECONDS), database.single() as connection:
        while not (task.done() or await connection.scalar(waiting)):
            pass


async def test_who_enables_and_replays_gets_what_was_being_queued_as_failed(
    database, loop, receiver, clock
):
    endpoint = await add_endpoint(database, receiver.url)
    await change(database, delivery_store.disable, [endpoint], "for a test")
    async with database.transaction() as slow:
        envelopes = await promise(slow, [Promise(accepted())])
        await enqueue(slow, envelopes)
        mended = asyncio.create_task(enable_and_replay(database, endpoint, clock))
        await done_or_locked_out(database, mended)
    await mended
    await run_until_idle(loop, clock)

    assert receiver.ids() == [envelopes[0].id]


async def test_what_is_queued_while_an_endpoint_is_being_enabled_goes_out_by_itself(
    database, loop, receiver, clock
):
    endpoint = await add_endpoint(database, receiver.url)
    await change(database, delivery_store.disable, [endpoint], "for a test")
    async with database.transaction() as enabling:
        await endpoint_store.enable(enabling.connection, endpoint)
        queued = asyncio.create_task(queue(database, accepted()))
        await done_or_locked_out(database, queued)
    (envelope,) = await queued
    await run_until_idle(loop, clock)

    assert receiver.ids() == [envelope.id]


async def test_nothing_is_lost_between_events_and_who_enables_their_endpoint(
    database, loop, receiver, clock
):
    endpoint = await add_endpoint(database, receiver.url)
    await change(database, delivery_store.disable, [endpoint], "for a test")

    queued = [asyncio.create_task(queue(database, accepted(f"lead-{n}"))) for n in range(40)]
    await enable_and_replay(database, endpoint, clock)
    units = await asyncio.gather(*queued)
    await run_until_idle(loop, clock)

    assert sorted(receiver.ids()) == sorted(one.id for (one,) in units)
