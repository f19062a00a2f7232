"""A study's process is heard, ended and begun anew; whatever it does, the service goes on."""

import os
import signal
from datetime import timedelta

import pytest
from sqlalchemy import text

from services.scoring.app import build
from services.scoring.settings import Settings
from services.scoring.study_loop import TAKES_MAX, TRIES_MAX, UNSEEN_FOR, StudyLoop
from tests.asgi import Client
from tests.integration.scoring.studies import TEXT, program, studies_of, work_off

pytestmark = pytest.mark.integration

# Tells its own number as its progress, then waits for ever.
HANGS = program("""
import os, sys
sys.stdin.buffer.readline()
os.write(1, b'{"progress": {"step": "%d", "done": 1, "total": 2}}\\n' % os.getpid())
sys.stdin.buffer.read()
""")
BABBLES = program("import os; os.write(1, b'hello\\n')")
ENDS = program("raise SystemExit(3)")
FLOODS = program("""
import os
while True:
    os.write(1, b'x' * 65536)
""")
STEP = text("SELECT step FROM studies WHERE state = 'running' AND step <> ''")


@pytest.fixture
async def client(database_url, clock, ids):
    service = build(Settings(database_url=database_url), clock=clock, ids=ids)
    yield Client(service.app)
    await service.close()


@pytest.fixture
async def make_loop(database):
    """Make loops on the test's database; each is closed in the end."""
    made = []

    def make(command):
        made.append(StudyLoop(database, command))
        return made[-1]

    yield make
    for loop in made:
        await loop.close()


async def ask(client, **more):
    answer = await client.post("/v1/backtests", {"text": TEXT, **more})
    return answer.json()["backtest_id"]


async def shown(client, backtest_id):
    return (await client.get(f"/v1/backtests/{backtest_id}")).json()


async def hangs(loop, database, clock) -> int:
    """Step a loop until its process hangs; return the process's number."""
    while True:
        await loop.run_once(clock.now())
        async with database.single() as connection:
            step = await connection.scalar(STEP)
        if step:
            return int(step)


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


async def test_how_far_it_is_is_shown(client, database, clock, make_loop):
    backtest_id = await ask(client)

    await hangs(make_loop(HANGS), database, clock)

    running = await shown(client, backtest_id)
    assert (running["state"], running["leads_done"], running["leads_total"]) == (
        "running",
        1,
        2,
    )


async def test_a_process_that_is_killed_is_told_as_failed_and_stops_nothing_else(
    client, database, clock, make_loop
):
    failing, fine = await ask(client), await ask(client, people=3)
    loop = make_loop(HANGS)
    os.kill(await hangs(loop, database, clock), signal.SIGKILL)
    while (await shown(client, failing))["state"] == "running":
        await loop.run_once(clock.now())
    await work_off(studies_of(database), clock)

    failed = await shown(client, failing)
    assert (failed["state"], failed["found"]) == ("failed", None)
    assert "killed (signal 9)" in failed["problem"]["detail"]
    assert (await shown(client, fine))["state"] == "done"


@pytest.mark.parametrize(
    ("command", "why"),
    [
        (ENDS, "ended with code 3"),
        (BABBLES, "what nobody understands"),
        (FLOODS, "bytes at once"),
    ],
)
async def test_a_process_that_tells_no_result_is_told_as_failed(
    client, clock, make_loop, command, why
):
    backtest_id = await ask(client)

    await work_off(make_loop(command), clock)

    failed = await shown(client, backtest_id)
    assert failed["state"] == "failed"
    assert why in failed["problem"]["detail"]


async def test_what_takes_too_long_is_ended(client, database, clock, make_loop):
    backtest_id, loop = await ask(client), make_loop(HANGS)
    pid = await hangs(loop, database, clock)

    clock.advance_to(clock.now() + TAKES_MAX + timedelta(seconds=1))
    await work_off(loop, clock)

    assert (await shown(client, backtest_id))["state"] == "failed"
    assert not is_alive(pid)


async def test_a_service_that_stops_ends_the_process_and_gives_the_study_back(
    client, database, clock, make_loop
):
    backtest_id, loop = await ask(client), make_loop(HANGS)
    pid = await hangs(loop, database, clock)

    await loop.close()

    assert not is_alive(pid)
    assert (await shown(client, backtest_id))["state"] == "waiting"
    await work_off(studies_of(database), clock)
    assert (await shown(client, backtest_id))["state"] == "done"


async def test_what_a_dead_service_began_is_begun_anew(client, database, clock, make_loop):
    backtest_id, dead, other = await ask(client), make_loop(HANGS), studies_of(database)
    pid = await hangs(dead, database, clock)

    assert await other.run_once(clock.now()) == 0
    clock.advance_to(clock.now() + UNSEEN_FOR + timedelta(seconds=1))
    await work_off(other, clock)

    assert (await shown(client, backtest_id))["state"] == "done"
    # Were it only slow, it would see that the study is no longer its own.
    assert await dead.run_once(clock.now()) == 1
    assert not is_alive(pid)
    assert (await shown(client, backtest_id))["state"] == "done"


async def test_what_ends_its_service_each_time_is_not_begun_for_ever(
    client, database, clock, make_loop
):
    backtest_id = await ask(client)
    for _ in range(TRIES_MAX):
        await make_loop(HANGS).run_once(clock.now())
        clock.advance_to(clock.now() + UNSEEN_FOR + timedelta(seconds=1))

    await work_off(studies_of(database), clock)

    failed = await shown(client, backtest_id)
    assert failed["state"] == "failed"
    assert f"begun {TRIES_MAX} times" in failed["problem"]["detail"]


async def test_a_question_that_is_at_work_is_not_asked_twice_at_once(client, database, clock):
    first, again, other = await ask(client), await ask(client), await ask(client, people=3)
    await work_off(studies_of(database), clock)
    later = await ask(client)

    assert first == again
    assert len({first, other, later}) == 3


async def test_only_so_many_wait(client):
    answers = [
        await client.post("/v1/backtests", {"text": TEXT, "people": n}) for n in range(21)
    ]

    assert [answer.status for answer in answers] == [202] * 20 + [503]
