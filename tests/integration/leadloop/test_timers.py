import asyncio
from datetime import timedelta

import pytest
from sqlalchemy import text

from leadloop.timers import Timer, TimerLoop, arm, cancel

A, B = "00000000-0000-0000-0000-00000000000a", "00000000-0000-0000-0000-00000000000b"
SOON = timedelta(minutes=10)

LOCK = text(
    "SELECT id FROM subjects WHERE id = ANY(CAST(:ids AS uuid[])) ORDER BY id FOR UPDATE"
)


async def lock(work, subjects):
    await work.connection.execute(LOCK, {"ids": list(subjects)})


async def write_down(work, timers):
    for timer in timers:
        if timer.kind == "poison":
            raise ValueError("this timer can't be fired")
        await work.connection.execute(
            text("INSERT INTO seen (key, note) VALUES (:key, :kind)"),
            {"key": timer.subject[-1], "kind": timer.kind},
        )


@pytest.fixture
def database(make_database):
    return make_database("kit")


@pytest.fixture
def timers(database):
    return TimerLoop(database, lock=lock, fire=write_down, service="kit")


async def fired(database) -> list[tuple[str, str]]:
    async with database.transaction() as work:
        rows = await work.connection.execute(
            text("SELECT key, note FROM seen ORDER BY position")
        )
        return [tuple(row) for row in rows]


async def arm_all(database, *timers: Timer) -> None:
    async with database.transaction() as work:
        await arm(work, timers)


async def test_timers_fire_when_due_and_not_before(timers, database, clock):
    await arm_all(
        database, Timer(A, "late", clock.now() + SOON * 2), Timer(A, "soon", clock.now() + SOON)
    )

    assert await timers.run_once(clock.now()) == 0
    assert await timers.next_due(clock.now()) == clock.now() + SOON
    clock.advance_to(clock.now() + SOON)
    assert await timers.run_once(clock.now()) == 1

    assert await fired(database) == [("a", "soon")]


async def test_a_timer_fires_once_though_replicas_race(database, clock):
    await arm_all(database, *(Timer(A, f"kind-{n}", clock.now()) for n in range(20)))
    loops = [TimerLoop(database, lock=lock, fire=write_down, service="kit") for _ in range(4)]

    await asyncio.gather(*(loop.run_once(clock.now()) for loop in loops))

    assert len(await fired(database)) == 20


async def test_arming_again_moves_the_timer(timers, database, clock):
    await arm_all(database, Timer(A, "kind", clock.now()))
    await arm_all(database, Timer(A, "kind", clock.now() + SOON))

    assert await timers.run_once(clock.now()) == 0


async def test_a_cancelled_timer_does_not_fire(timers, database, clock):
    await arm_all(database, Timer(A, "kind", clock.now()), Timer(B, "kind", clock.now()))
    async with database.transaction() as work:
        await cancel(work, [(A, "kind"), (A, "never set")])

    await timers.run_once(clock.now())

    assert await fired(database) == [("b", "kind")]


async def test_of_a_command_and_a_due_timer_only_one_acts(timers, database, clock):
    async with database.transaction() as work:
        await work.connection.execute(
            text("INSERT INTO subjects (id) VALUES (CAST(:id AS uuid))"), {"id": A}
        )
    await arm_all(database, Timer(A, "kind", clock.now()))
    async with database.transaction() as command:
        await lock(command, [A])
        firing = asyncio.create_task(timers.run_once(clock.now()))
        await asyncio.sleep(0)
        await cancel(command, [(A, "kind")])
    await firing

    assert await fired(database) == []


async def test_a_timer_that_fails_is_put_off_and_the_others_fire(timers, database, clock):
    await arm_all(
        database, Timer(A, "poison", clock.now() - SOON), Timer(B, "kind", clock.now())
    )

    while await timers.run_once(clock.now()):
        pass

    assert await fired(database) == [("b", "kind")]
    due = await timers.next_due(clock.now())
    assert due is not None
    assert due > clock.now()


async def test_a_timer_armed_in_the_past_fires_at_the_next_full_read(timers, database, clock):
    await timers.run_once(clock.now())
    await arm_all(database, Timer(A, "kind", clock.now() - timedelta(days=1)))

    clock.advance_to(clock.now() + timedelta(seconds=31))
    await timers.run_once(clock.now())

    assert await fired(database) == [("a", "kind")]
