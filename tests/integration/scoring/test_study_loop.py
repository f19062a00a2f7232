"""A study's process is heard, ended and begun anew; whatever it does, the service goes on."""

import asyncio
import os
import signal
from asyncio.subprocess import PIPE
from datetime import date, timedelta

import pytest
from sqlalchemy import text

from leadloop.stepper import Stepper
from services.embedded import assemble
from services.rooms import STUDIES
from services.scoring.studies import child as study_child
from services.scoring.studies.loop import TAKES_MAX, TRIES_MAX, UNSEEN_FOR, StudyLoop
from services.scoring.studies.news import Done, Failed, Order, line_of_order, news_of
from services.scoring.studies.requests import BacktestIn, SimulationIn
from tests.asgi import Client
from tests.conftest import PATIENCE_SECONDS, ROOT
from tests.integration.scoring.studies import (
    MEMORY_MB_MAX,
    TEXT,
    program,
    studies_of,
    work_off,
)

pytestmark = pytest.mark.integration

MONDAY = date(2026, 3, 2)
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

NOTHING = '{"title": "", "summary": [], "warnings": [], "sections": []}'
TELLS_ZEROS = program(f"""
import os
os.write(1, rb'''{{"done": {{"found": {NOTHING}, "page": "a\\u0000b", "more": {{}}}}}}''')
os.write(1, b"\\n")
""")


@pytest.fixture
async def make_loop(database):
    """Make loops on the test's database; each is closed in the end."""
    made = []

    def make(command, memory_mb_max=MEMORY_MB_MAX):
        made.append(StudyLoop(database, command, memory_mb_max))
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


async def test_what_a_table_can_not_hold_is_left_out_of_a_page(client, clock, make_loop):
    backtest_id = await ask(client)

    await work_off(make_loop(TELLS_ZEROS), clock)

    page = await client.get(f"/v1/backtests/{backtest_id}/page")
    assert page.body == b"a b"


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


async def test_a_study_that_needs_more_memory_than_it_may_take_fails_alone(
    client, clock, make_loop
):
    asked = {"text": TEXT, "people": 2, "leads_per_week": 2_000, "weeks": 50, "mend": False}
    answer = await client.post("/v1/simulations", asked)

    # More than its libraries take, so that it is the study that asks for too much.
    await work_off(make_loop(STUDIES, memory_mb_max=128), clock)

    failed = await client.get(f"/v1/simulations/{answer.json()['simulation_id']}")
    assert failed.json()["state"] == "failed"
    assert "more than 128 MB of memory" in failed.json()["problem"]["detail"]


async def started(order):
    """Start the program of studies as the loop does, and leave it to itself."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    process = await asyncio.create_subprocess_exec(
        *STUDIES, stdin=PIPE, stdout=PIPE, env=environment
    )
    assert process.stdin is not None
    process.stdin.write(line_of_order(order))
    return process


async def test_a_process_ends_when_its_service_is_killed(database_url):
    asked = SimulationIn(text=TEXT, people=2, leads_per_week=2_000, weeks=50, first_day=MONDAY)
    order = Order("simulation", asked.model_dump_json(), database_url, MEMORY_MB_MAX)
    process = await started(order)
    assert b"progress" in await process.stdout.readline()

    # As the system does with the pipes of a service that is gone.
    process.stdin.close()

    async with asyncio.timeout(PATIENCE_SECONDS):
        assert await process.wait() == 1


async def test_a_process_that_is_done_ends_in_order(database_url):
    asked = SimulationIn(text=TEXT, people=2, leads_per_week=9, weeks=1, first_day=MONDAY)
    order = Order("simulation", asked.model_dump_json(), database_url, MEMORY_MB_MAX)
    process = await started(order)

    told = (await process.stdout.read()).splitlines()

    assert isinstance(news_of(told[-1]), Done)
    assert await process.wait() == 0


async def test_a_database_that_is_away_is_no_fault_of_the_request():
    order = Order(
        "backtest",
        BacktestIn(text=TEXT).model_dump_json(),
        "postgresql+asyncpg://nobody@127.0.0.1:1/nothing",
        MEMORY_MB_MAX,
    )

    child = await study_child.start(STUDIES, order)
    while not isinstance(news := await child.news(), Failed):
        assert news is None
    await child.stop()

    assert news == Failed("Scoring's database was away.")


async def test_the_assembled_services_work_out_studies(database_url, clock, ids):
    loop = await assemble(database_url, clock=clock, ids=ids, parts={"intake": {"sources": {}}})
    stepper = Stepper(loop.services, loop.transport, clock)
    client = Client(loop.app)
    asked = await client.post("/v1/simulations", {"text": TEXT, "people": 3, "mend": False})

    await stepper.settle()

    path = f"/v1/simulations/{asked.json()['simulation_id']}"
    assert (await client.get(path)).json()["state"] == "done"
    assert (await client.get(f"{path}/page")).status == 200
    await stepper.close()
    for service in loop.services:
        await service.close()


async def test_of_many_that_ask_the_same_at_once_each_gets_the_same_study(client):
    asked = await asyncio.gather(*(ask(client) for _ in range(8)))

    assert len(set(asked)) == 1


async def test_of_loops_that_look_at_once_one_begins_the_study(client, clock, make_loop):
    await ask(client)
    loops = [make_loop(HANGS) for _ in range(4)]

    begun = await asyncio.gather(*(loop.run_once(clock.now()) for loop in loops))

    assert sorted(begun) == [0, 0, 0, 1]
