import asyncio
from datetime import datetime, timedelta
from random import Random
from typing import Any

import orjson
import pytest
from aiohttp import web
from prometheus_client import REGISTRY
from sqlalchemy import text
from structlog.testing import capture_logs

from leadloop import attempt_store, delivery, delivery_store, metrics
from leadloop.attempts import RETRY_AFTER_MAX, Answer
from leadloop.delivery import COMMITS_WITHIN, READ_ALL_EVERY, Limits
from leadloop.endpoints import endpoints_router
from leadloop.holding import Hold
from leadloop.web import create_app
from tests.asgi import Client
from tests.conftest import PATIENCE_SECONDS, until
from tests.receivers import listening
from tests.webhooks import accepted, add_endpoint, deliveries, queue, run_until_idle

ONE = Limits(at_once=1, at_once_each=1)
SECOND, MINUTE = timedelta(seconds=1), timedelta(minutes=1)


@pytest.fixture
def database(make_database):
    return make_database("kit")


@pytest.fixture
def client(database, poster):
    rules: dict[str, Any] = {"topic": "handoffs.v1", "allow_private": True}
    app = create_app(service="kit", title="Kit", database=database)
    app.include_router(endpoints_router("/v1", post=poster, **rules))
    return Client(app)


def throttle(receiver, seconds: object = 60, status: int = 429) -> None:
    receiver.answer = lambda _: web.Response(
        status=status, headers={"retry-after": str(seconds)}
    )


def thank(receiver) -> None:
    receiver.answer = lambda _: web.Response(status=204)


async def held_until(database) -> list[datetime | None]:
    async with database.single() as connection:
        found: list[datetime | None] = await connection.scalars(
            text("SELECT held_until FROM endpoints ORDER BY id")
        )
    return found


async def hold(database, endpoint: str, url: str, until: datetime) -> None:
    async with database.single() as connection:
        await attempt_store.hold(connection, [Hold(endpoint, url, until)])


async def somebody_waits_for_a_lock(database) -> None:
    waiting = text("""
        SELECT count(*) FROM pg_locks JOIN pg_database ON pg_database.oid = database
        WHERE datname = current_database() AND NOT granted
    """)
    async with asyncio.timeout(PATIENCE_SECONDS), database.single() as connection:
        while not await connection.scalar(waiting):
            pass


@pytest.mark.parametrize("status", [429, 503])
async def test_all_deliveries_wait_as_long_as_a_receiver_asks_and_lose_no_attempt(
    database, make_loop, receiver, clock, status
):
    loop = make_loop(limits=ONE)
    await add_endpoint(database, receiver.url)
    throttle(receiver, 60, status)
    await queue(database, *(accepted(f"lead-{n}") for n in range(5)))
    asked_at = clock.now()

    await run_until_idle(loop, clock)
    await queue(database, accepted("lead-5"))
    clock.advance_to(asked_at + 59 * SECOND)
    await run_until_idle(loop, clock)
    assert len(receiver.received) == 1
    assert await held_until(database) == [asked_at + MINUTE]
    assert [attempt for _, attempt, _ in await deliveries(database)] == [1, 0, 0, 0, 0, 0]

    thank(receiver)
    assert await loop.next_due(clock.now()) == asked_at + MINUTE
    clock.advance_to(asked_at + MINUTE)
    await run_until_idle(loop, clock)
    clock.advance_to(asked_at + 6 * MINUTE)
    await run_until_idle(loop, clock)

    assert len(receiver.received) == 7
    assert {state for state, *_ in await deliveries(database)} == {"delivered"}
    assert [attempt for _, attempt, _ in await deliveries(database)] == [2, 1, 1, 1, 1, 1]


async def test_other_endpoints_go_on_and_the_short_way_stays_open_for_them(
    database, make_loop, receiver, clock
):
    loop = make_loop()
    async with listening() as other:
        await add_endpoint(database, receiver.url)
        await add_endpoint(database, other.url)
        throttle(receiver)
        await queue(database, accepted("lead-1"))
        await run_until_idle(loop, clock)

        await queue(database, accepted("lead-2"))
        found = await deliveries(database, "state, attempt")
        assert found[2:] == [("pending", 0), ("pending", 1)]
        await run_until_idle(loop, clock)

        assert len(receiver.received) == 1
        assert len(other.received) == 2


async def test_a_held_endpoint_leads_to_no_look_at_the_table(
    database, make_loop, receiver, clock
):
    loop = make_loop()
    await add_endpoint(database, receiver.url)
    throttle(receiver)
    await queue(database, accepted())
    await run_until_idle(loop, clock)

    async with database.transaction() as work:
        await work.connection.execute(text("ALTER TABLE endpoints RENAME TO away"))
    assert await run_until_idle(loop, clock) == 0


@pytest.mark.parametrize(
    ("asked", "seconds"), [("1", 1), ("7200", RETRY_AFTER_MAX.total_seconds()), ("0", None)]
)
async def test_a_pause_lasts_an_hour_at_most(
    database, make_loop, receiver, clock, asked, seconds
):
    await add_endpoint(database, receiver.url)
    throttle(receiver, asked)
    await queue(database, accepted())

    await run_until_idle(make_loop(), clock)

    expected = None if seconds is None else clock.now() + timedelta(seconds=seconds)
    assert await held_until(database) == [expected]


@pytest.mark.parametrize("status", [400, 500, 502])
async def test_only_a_throttling_answer_holds_its_endpoint_back(
    database, make_loop, receiver, clock, status
):
    await add_endpoint(database, receiver.url)
    throttle(receiver, 60, status)
    await queue(database, accepted())

    await run_until_idle(make_loop(), clock)

    assert await held_until(database) == [None]


async def test_a_wish_with_the_last_attempt_is_heard_too(database, make_loop, receiver, clock):
    await add_endpoint(database, receiver.url)
    throttle(receiver)
    await queue(database, accepted())

    await run_until_idle(make_loop(limits=Limits(schedule=())), clock)

    assert [state for state, *_ in await deliveries(database)] == ["failed"]
    assert await held_until(database) == [clock.now() + MINUTE]


async def test_a_pause_is_one_line_of_the_log(database, make_loop, receiver, clock):
    endpoint = await add_endpoint(database, receiver.url)
    throttle(receiver)
    await queue(database, accepted())

    with capture_logs() as logs:
        await run_until_idle(make_loop(), clock)

    (line,) = [one for one in logs if one["event"] == "endpoint.held"]
    assert (line["endpoint_id"], line["until"]) == (endpoint, "2026-03-02T09:01:00+00:00")


async def test_who_asked_for_longer_is_heard_whoever_writes_last(database, receiver, clock):
    endpoint, asked_at = await add_endpoint(database, receiver.url), clock.now()
    for minutes in (1, 3, 2):
        await hold(database, endpoint, receiver.url, asked_at + minutes * MINUTE)

    assert await held_until(database) == [asked_at + 3 * MINUTE]


async def test_what_is_held_back_is_next_due_when_its_pause_is_over(
    database, make_loop, receiver, clock
):
    endpoint, asked_at = await add_endpoint(database, receiver.url), clock.now()
    await queue(database, accepted())
    await hold(database, endpoint, receiver.url, asked_at + MINUTE)
    clock.advance_to(asked_at + MINUTE / 2)

    assert await make_loop().next_due(clock.now()) == asked_at + MINUTE


async def test_a_success_that_was_under_way_ends_no_pause(database, make_loop, clock):
    answers: dict[str, asyncio.Future[Answer]] = {}

    async def post(url, headers, body):
        lead = orjson.loads(body)["data"]["lead_id"]
        answers[lead] = asyncio.get_running_loop().create_future()
        return await answers[lead]

    loop = make_loop(post=post)
    await add_endpoint(database, "https://crm.example.com")
    await queue(database, accepted("lead-1"), accepted("lead-2"))
    await loop.run_once(clock.now())
    answers["lead-1"].set_result(Answer(429, retry_after="60"))
    await loop.run_once(clock.now())
    answers["lead-2"].set_result(Answer(204))
    await run_until_idle(loop, clock)

    assert await held_until(database) == [clock.now() + MINUTE]


async def test_what_waits_behind_another_of_its_lead_goes_back_unposted(
    database, make_loop, receiver, clock
):
    loop = make_loop()
    await add_endpoint(database, receiver.url)
    throttle(receiver)
    await queue(database, *(accepted("lead-1", nth) for nth in range(1, 5)))

    with capture_logs() as logs:
        await run_until_idle(loop, clock)
    assert len(receiver.received) == 1
    assert [attempt for _, attempt, _ in await deliveries(database)] == [1, 0, 0, 0]
    told = [line["event"] for line in logs]
    assert sorted(told) == ["delivery.attempted", "endpoint.held"]

    thank(receiver)
    clock.advance_to(clock.now() + MINUTE)
    await run_until_idle(loop, clock)
    arrived = [orjson.loads(one.body)["data"]["sequence"] for one in receiver.received[1:]]
    assert [nth for nth in arrived if nth != 1] == [2, 3, 4]
    assert {state for state, *_ in await deliveries(database)} == {"delivered"}


async def test_what_another_replica_has_claimed_goes_back_when_it_hears_of_the_pause(
    database, make_loop, receiver, clock
):
    """One has a lead's deliveries in a row, one under way, when the other is throttled."""
    endpoint = await add_endpoint(database, receiver.url)
    slow, other = make_loop(), make_loop()
    receiver.hold.clear()
    await queue(database, *(accepted("lead-1", nth) for nth in range(1, 4)))
    await slow.run_once(clock.now())
    await until(lambda: receiver.received)

    await hold(database, endpoint, receiver.url, clock.now() + 10 * SECOND)
    await queue(database, accepted("lead-2"))
    assert await run_until_idle(other, clock) == 0
    clock.advance_to(clock.now() + slow.idle)
    await slow.run_once(clock.now())
    receiver.hold.set()
    await run_until_idle(slow, clock)
    assert len(receiver.received) == 1
    assert [attempt for _, attempt, _ in await deliveries(database)] == [1, 0, 0, 0]

    clock.advance_to(clock.now() + READ_ALL_EVERY)
    await asyncio.gather(run_until_idle(slow, clock), run_until_idle(other, clock))
    assert len(receiver.received) == 4
    assert {attempt for _, attempt, _ in await deliveries(database)} == {1}


async def test_replicas_that_race_with_a_pause_post_everything_once_it_is_over(
    database, make_loop, receiver, clock
):
    await add_endpoint(database, receiver.url)
    loops = [make_loop(limits=Limits(4, 4, (SECOND,) * 30)) for _ in range(3)]
    await queue(database, *(accepted(f"lead-{n % 20}", n) for n in range(100)))
    throttled: list[str] = []

    def answer(got) -> web.Response:
        if len(receiver.received) % 10 == 0:
            throttled.append(got.message_id)
            return web.Response(status=429, headers={"retry-after": "2"})
        return web.Response(status=204)

    receiver.answer = answer
    for _ in range(200):
        await asyncio.gather(*(run_until_idle(loop, clock) for loop in loops))
        if {state for state, *_ in await deliveries(database)} == {"delivered"}:
            break
        clock.advance_to(clock.now() + 3 * SECOND)

    found = await deliveries(database, "CAST(event_id AS text), state, attempt")
    assert {state for _, state, _ in found} == {"delivered"}
    assert [n for one, _, n in found] == [1 + throttled.count(one) for one, *_ in found]
    assert len(receiver.received) == 100 + len(throttled)


async def test_a_lease_that_ended_is_not_given_back(database, make_loop, clock):
    endpoint = await add_endpoint(database, "https://crm.example.com")
    await queue(database, accepted())
    first, second = make_loop(), make_loop()
    await first._refresh(clock.now())
    ((_, claimed),) = await first._claim(clock.now())
    clock.advance_to(claimed.lease_until)
    await second._refresh(clock.now())
    assert len(await second._claim(clock.now())) == 1

    async with database.single() as connection:
        await attempt_store.put_back(connection, [claimed])

    assert await deliveries(database, "attempt") == [(2,)]
    assert endpoint == claimed.endpoint_id


async def test_what_was_given_up_meanwhile_is_not_given_back(database, make_loop, clock):
    endpoint = await add_endpoint(database, "https://crm.example.com")
    await queue(database, accepted())
    loop = make_loop()
    await loop._refresh(clock.now())
    ((_, claimed),) = await loop._claim(clock.now())

    async with database.single() as connection:
        await delivery_store.disable(connection, [endpoint], "for a test")
        await attempt_store.put_back(connection, [claimed])

    assert await deliveries(database, "state, attempt") == [("failed", 1)]


@pytest.mark.parametrize("at_once", [1, 3, 100])
@pytest.mark.parametrize("seed", range(4))
async def test_nothing_overtakes_what_went_back(database, make_loop, clock, at_once, seed):
    """Pauses begin and end in the midst of it; per lead first attempts keep their order."""
    random = Random(seed)
    tried: dict[str, list[int]] = {}

    async def post(url, headers, body):
        data = orjson.loads(body)["data"]
        tried.setdefault(data["lead_id"], []).append(data["sequence"])
        for _ in range(random.randrange(20)):
            await asyncio.sleep(0)
        clock.advance_to(clock.now() + timedelta(milliseconds=random.randrange(40)))
        is_throttled = random.random() < 0.2
        return Answer(429, retry_after="1") if is_throttled else Answer(204)

    loop = make_loop(post=post, limits=Limits(at_once, at_once, (SECOND,) * 30))
    await add_endpoint(database, "https://crm.example.com")
    await run_until_idle(loop, clock)
    for nth in range(1, 31):
        await queue(database, *(accepted(f"lead-{n}", nth) for n in range(3)))
        if random.random() < 0.5:
            await loop.run_once(clock.now())
        clock.advance_to(clock.now() + timedelta(milliseconds=random.randrange(400)))
    for _ in range(300):
        await run_until_idle(loop, clock)
        clock.advance_to(clock.now() + SECOND)

    assert {state for state, *_ in await deliveries(database)} == {"delivered"}
    for found in tried.values():
        firsts = list(dict.fromkeys(found))
        assert firsts == list(range(1, 31))
        assert len(found) > 30


async def test_what_went_back_is_claimed_when_all_that_is_newer_has_gone_back_too(
    database, make_loop, receiver, clock, monkeypatch
):
    """The newer ones came by the short way, the last of them after the pause."""
    monkeypatch.setattr(delivery, "GATHER_SECONDS", PATIENCE_SECONDS)
    loop, leads = make_loop(), ("lead-1", "lead-2")
    await add_endpoint(database, receiver.url)
    await run_until_idle(loop, clock)
    throttle(receiver, 1)
    await queue(database, *(accepted(lead, nth) for nth in (1, 2) for lead in leads))
    assert await loop.run_once(clock.now()) == 4
    assert await deliveries(database, "attempt") == [(1,), (1,), (0,), (0,)]

    thank(receiver)
    clock.advance_to(clock.now() + SECOND)
    await queue(database, *(accepted(lead, 3) for lead in leads))
    assert (await deliveries(database, "attempt"))[4:] == [(1,), (1,)]
    assert await loop.run_once(clock.now()) == len(leads)
    await queue(database, *(accepted(lead, 4) for lead in leads))
    await run_until_idle(loop, clock)

    arrived = [orjson.loads(one.body)["data"] for one in receiver.received]
    for lead in leads:
        assert [one["sequence"] for one in arrived if one["lead_id"] == lead] == [1, 2, 3, 4]


async def test_a_slow_answer_does_not_hold_up_what_went_back(database, make_loop, clock):
    answers: dict[tuple[str, int], Answer] = {("lead-2", 1): Answer(429, retry_after="1")}
    slow, tried = asyncio.Event(), list[tuple[str, int]]()

    async def post(url, headers, body):
        data = orjson.loads(body)["data"]
        tried.append((data["lead_id"], data["sequence"]))
        if data["lead_id"] == "lead-1":
            await slow.wait()
        return answers.get(tried[-1], Answer(204))

    loop = make_loop(post=post)
    await add_endpoint(database, "https://crm.example.com")
    await queue(database, accepted("lead-1", 1), accepted("lead-2", 1), accepted("lead-2", 2))
    for _ in range(3):
        await loop.run_once(clock.now())
    assert await deliveries(database, "attempt") == [(1,), (1,), (0,)]

    clock.advance_to(clock.now() + SECOND)
    for _ in range(3):
        await loop.run_once(clock.now())
    assert tried == [("lead-1", 1), ("lead-2", 1), ("lead-2", 2)]
    slow.set()


async def test_what_went_back_goes_on_when_the_pause_is_over_however_old_it_is(
    database, make_loop, receiver, clock
):
    loop = make_loop()
    await add_endpoint(database, receiver.url)
    throttle(receiver, 1)
    await queue(database, accepted("lead-1", 1), accepted("lead-1", 2))
    clock.advance_to(clock.now() + 2 * COMMITS_WITHIN)
    await run_until_idle(loop, clock)

    thank(receiver)
    clock.advance_to(clock.now() + SECOND)
    await run_until_idle(loop, clock)

    assert await deliveries(database, "state, attempt") == [("pending", 1), ("delivered", 1)]


async def test_nothing_goes_back_before_others_hear_of_the_pause(
    database, make_loop, receiver, clock
):
    loop = make_loop()
    await add_endpoint(database, receiver.url)
    throttle(receiver)
    await queue(database, accepted("lead-1", 1), accepted("lead-1", 2))
    async with database.transaction() as locking:
        await locking.connection.execute(text("LOCK TABLE endpoints IN EXCLUSIVE MODE"))
        writing = asyncio.create_task(run_until_idle(loop, clock))
        await somebody_waits_for_a_lock(database)
        assert await deliveries(database, "attempt") == [(1,), (1,)]
    await writing

    assert await deliveries(database, "attempt") == [(1,), (0,)]


async def test_who_went_back_here_and_out_elsewhere_holds_up_nothing_newer(
    database, make_loop, receiver, clock, monkeypatch
):
    monkeypatch.setattr(delivery, "GATHER_SECONDS", PATIENCE_SECONDS)
    other, loop = make_loop(), make_loop()
    await add_endpoint(database, receiver.url)
    throttle(receiver, 1)
    await queue(database, accepted("lead-1", 1), accepted("lead-1", 2))
    await run_until_idle(loop, clock)
    thank(receiver)
    clock.advance_to(clock.now() + SECOND)
    await run_until_idle(other, clock)
    await run_until_idle(loop, clock)

    await queue(database, accepted("lead-1", 3))
    await loop.run_once(clock.now())

    assert await deliveries(database, "state") == [("pending",), ("delivered",), ("delivered",)]


async def test_what_goes_back_while_the_table_is_read_is_not_overtaken(
    database, make_loop, clock
):
    posted: dict[int, asyncio.Future[Answer]] = {}

    async def post(url, headers, body):
        nth = orjson.loads(body)["data"]["sequence"]
        posted[nth] = asyncio.get_running_loop().create_future()
        return await posted[nth] if nth == 1 else Answer(204)

    loop = make_loop(post=post)
    await add_endpoint(database, "https://crm.example.com")
    await run_until_idle(loop, clock)
    await queue(database, accepted("lead-1", 1), accepted("lead-1", 2))
    await loop.run_once(clock.now())
    clock.advance_to(clock.now() + loop.idle)
    async with database.transaction() as locking:
        await locking.connection.execute(text("LOCK TABLE deliveries"))
        reading = asyncio.create_task(loop.run_once(clock.now()))
        await somebody_waits_for_a_lock(database)
        posted[1].set_result(Answer(429, retry_after="1"))
        await until(loop._holding.returning)
    await reading

    clock.advance_to(clock.now() + SECOND)
    await queue(database, accepted("lead-1", 3))
    await run_until_idle(loop, clock)

    assert list(posted) == [1, 2, 3]


async def test_nothing_overtakes_what_could_not_go_back_while_the_database_was_away(
    database, make_loop, receiver, clock
):
    loop = make_loop(limits=Limits(2, 2))
    await add_endpoint(database, receiver.url)
    throttle(receiver, 1)
    await queue(database, *(accepted("lead-1", nth) for nth in range(1, 5)))

    async def rename(old: str, new: str) -> None:
        async with database.transaction() as work:
            await work.connection.execute(text(f"ALTER TABLE {old} RENAME TO {new}"))

    receiver.hold.clear()
    await loop.run_once(clock.now())
    await rename("deliveries", "away")
    receiver.hold.set()
    await until(lambda: loop._results)
    with pytest.raises(Exception, match="deliveries"):
        await loop.run_once(clock.now())
    await rename("away", "deliveries")
    thank(receiver)
    clock.advance_to(clock.now() + SECOND)
    await run_until_idle(loop, clock)

    arrived = [orjson.loads(one.body)["data"]["sequence"] for one in receiver.received]
    assert arrived == [1, 2, 3, 4]


async def test_what_waited_its_lease_away_is_not_overtaken(database, make_loop, clock):
    """A slow answer holds up the lead's next event for longer than its lease lets it wait."""
    answered, tried = asyncio.Event(), list[int]()

    async def post(url, headers, body):
        tried.append(orjson.loads(body)["data"]["sequence"])
        await answered.wait()
        return Answer(204)

    loop = make_loop(post=post)
    await add_endpoint(database, "https://crm.example.com")
    await run_until_idle(loop, clock)
    await queue(database, accepted("lead-1", 1), accepted("lead-1", 2))
    await loop.run_once(clock.now())
    clock.advance_to(clock.now() + 11 * SECOND)
    answered.set()
    await queue(database, accepted("lead-1", 3))
    await run_until_idle(loop, clock)

    assert tried == [1, 2, 3]
    assert await deliveries(database, "state, attempt") == [("delivered", 1)] * 3


async def test_after_a_pause_deliveries_begin_few_at_once_and_double_as_they_are_taken(
    database, make_loop, receiver, clock, monkeypatch
):
    monkeypatch.setattr(delivery, "GATHER_SECONDS", PATIENCE_SECONDS)
    loop = make_loop()
    await add_endpoint(database, receiver.url)
    throttle(receiver)
    await queue(database, accepted("lead"))
    await run_until_idle(loop, clock)
    await queue(database, *(accepted(f"lead-{n}") for n in range(29)))

    thank(receiver)
    clock.advance_to(clock.now() + MINUTE)
    assert [await loop.run_once(clock.now()) for _ in range(4)] == [4, 8, 16, 2]


async def test_after_a_pause_what_is_not_taken_lets_no_more_go_at_once(
    database, make_loop, receiver, clock, monkeypatch
):
    monkeypatch.setattr(delivery, "GATHER_SECONDS", PATIENCE_SECONDS)
    loop = make_loop()
    endpoint = await add_endpoint(database, receiver.url)
    await hold(database, endpoint, receiver.url, clock.now())
    receiver.answer = lambda _: web.Response(status=500)
    await queue(database, *(accepted(f"lead-{n}") for n in range(12)))

    assert [await loop.run_once(clock.now()) for _ in range(3)] == [4, 4, 4]


async def test_what_is_under_way_from_before_a_pause_takes_up_the_room_after_it(
    database, make_loop, receiver, clock
):
    loop = make_loop()
    endpoint = await add_endpoint(database, receiver.url)
    receiver.hold.clear()
    await queue(database, *(accepted(f"lead-{n}") for n in range(9)))
    await loop.run_once(clock.now())
    await until(lambda: len(receiver.received) == 9)
    await hold(database, endpoint, receiver.url, clock.now())
    clock.advance_to(clock.now() + loop.idle)
    await loop.run_once(clock.now())

    assert loop._room(endpoint) == 0


async def test_after_a_pause_few_go_at_once_by_the_short_way_too(
    database, make_loop, receiver, clock, monkeypatch
):
    monkeypatch.setattr(delivery, "GATHER_SECONDS", PATIENCE_SECONDS)
    loop = make_loop()
    endpoint = await add_endpoint(database, receiver.url)
    await hold(database, endpoint, receiver.url, clock.now() + MINUTE)
    clock.advance_to(clock.now() + MINUTE)
    await run_until_idle(loop, clock)
    await queue(database, *(accepted(f"lead-{n}") for n in range(20)))
    assert {attempt for (attempt,) in await deliveries(database, "attempt")} == {1}

    assert [await loop.run_once(clock.now()) for _ in range(3)] == [4, 8, 8]


async def test_what_waited_its_lease_away_is_claimed_at_the_next_pass(
    database, make_loop, clock
):
    answered, tried = asyncio.Event(), list[int]()

    async def post(url, headers, body):
        tried.append(orjson.loads(body)["data"]["sequence"])
        await answered.wait()
        return Answer(204)

    loop = make_loop(post=post)
    await add_endpoint(database, "https://crm.example.com")
    await run_until_idle(loop, clock)
    await queue(database, accepted("lead-1", 1), accepted("lead-1", 2))
    await loop.run_once(clock.now())
    clock.advance_to(clock.now() + 11 * SECOND)
    await loop.run_once(clock.now())
    answered.set()
    await run_until_idle(loop, clock)

    assert tried == [1, 2]


async def test_a_pause_is_shown_until_it_is_over(database, client, make_loop, receiver, clock):
    endpoint = await add_endpoint(database, receiver.url)
    throttle(receiver)
    await queue(database, accepted())
    await run_until_idle(make_loop(), clock)

    async def shown() -> list[object]:
        one = (await client.get(f"/v1/endpoints/{endpoint}")).json()
        (listed,) = (await client.get("/v1/endpoints")).json()["items"]
        return [one["held_until"], listed["held_until"]]

    assert await shown() == ["2026-03-02T09:01:00Z"] * 2
    clock.advance_to(clock.now() + MINUTE)
    assert await shown() == [None, None]


async def end_by_enabling(client, endpoint: str, url: str) -> None:
    assert (await client.post(f"/v1/endpoints/{endpoint}/enable")).json()["held_until"] is None


async def end_by_moving(client, endpoint: str, url: str) -> None:
    answer = await client.patch(f"/v1/endpoints/{endpoint}", {"url": url + "/new"})
    assert answer.json()["held_until"] is None


@pytest.mark.parametrize("end", [end_by_enabling, end_by_moving])
async def test_a_pause_is_ended_by_hand(database, client, make_loop, receiver, clock, end):
    loop = make_loop(limits=ONE)
    endpoint = await add_endpoint(database, receiver.url)
    throttle(receiver)
    await queue(database, accepted("lead-1"), accepted("lead-2"))
    await run_until_idle(loop, clock)
    thank(receiver)

    await end(client, endpoint, receiver.url)
    clock.advance_to(clock.now() + loop.idle)
    await run_until_idle(loop, clock)

    assert len(receiver.received) == 2
    assert [attempt for _, attempt, _ in await deliveries(database)] == [1, 1]


@pytest.mark.parametrize("change", [{"description": "ours"}, {"event_types": []}, "the same"])
async def test_another_change_ends_no_pause(database, client, receiver, clock, change):
    endpoint = await add_endpoint(database, receiver.url)
    await hold(database, endpoint, receiver.url, clock.now() + MINUTE)

    change = {"url": receiver.url} if change == "the same" else change
    answer = await client.patch(f"/v1/endpoints/{endpoint}", change)

    assert answer.json()["held_until"] == "2026-03-02T09:01:00Z"


async def test_what_an_earlier_url_asked_for_does_not_hold_the_new_one(
    database, client, make_loop, receiver, clock
):
    endpoint = await add_endpoint(database, receiver.url)
    loop = make_loop()
    throttle(receiver)
    receiver.hold.clear()
    await queue(database, accepted())
    await loop.run_once(clock.now())
    await until(lambda: receiver.received)

    await end_by_moving(client, endpoint, receiver.url)
    receiver.hold.set()
    await run_until_idle(loop, clock)

    assert await held_until(database) == [None]


async def test_a_replay_does_not_break_a_pause_and_says_so(
    database, client, make_loop, receiver, clock
):
    loop = make_loop(limits=Limits(1, 1, schedule=()))
    endpoint = await add_endpoint(database, receiver.url)
    throttle(receiver)
    await queue(database, accepted("lead-1"), accepted("lead-2"))
    await run_until_idle(loop, clock)
    failed, waiting = sorted(
        (await client.get("/v1/deliveries")).json()["items"], key=lambda one: one["state"]
    )

    replayed = await client.post(f"/v1/deliveries/{failed['id']}/replay")
    refused = await client.post(f"/v1/deliveries/{waiting['id']}/replay")
    await run_until_idle(loop, clock)

    assert replayed.status == 202
    assert (refused.status, refused.json()["detail"]) == (
        409,
        "The receiver asked to be left alone until 2026-03-02T09:01:00+00:00; "
        "enabling the endpoint ends that.",
    )
    assert len(receiver.received) == 1
    thank(receiver)
    await end_by_enabling(client, endpoint, receiver.url)
    await run_until_idle(loop, clock)
    assert len(receiver.received) == 3


async def test_a_held_endpoint_can_be_tested_and_stays_held(database, client, receiver, clock):
    endpoint = await add_endpoint(database, receiver.url)
    await hold(database, endpoint, receiver.url, clock.now() + MINUTE)

    assert (await client.post(f"/v1/endpoints/{endpoint}/test")).json()["taken"]
    assert await held_until(database) == [clock.now() + MINUTE]


async def test_what_is_held_back_is_not_late_and_is_counted_by_endpoint(
    database, receiver, clock
):
    def gauges() -> list[float | None]:
        names = ("leadloop_endpoints_held", "leadloop_deliveries_due_oldest_seconds")
        return [REGISTRY.get_sample_value(name, {"service": "kit"}) for name in names]

    endpoint = await add_endpoint(database, receiver.url)
    await queue(database, accepted())
    await hold(database, endpoint, receiver.url, clock.now() + MINUTE)
    clock.advance_to(clock.now() + 30 * SECOND)
    await metrics.refresh(database, service="kit")
    assert gauges() == [1, 0]

    clock.advance_to(clock.now() + 40 * SECOND)
    await metrics.refresh(database, service="kit")
    assert gauges() == [0, 10]


async def test_what_goes_back_counts_as_no_attempt(database, make_loop, receiver, clock):
    def counted() -> list[float]:
        labels = [{"service": "kit", "outcome": one} for one in ("delivered", "retried")]
        name = "leadloop_deliveries_total"
        return [REGISTRY.get_sample_value(name, one) or 0 for one in labels]

    before = counted()
    await add_endpoint(database, receiver.url)
    throttle(receiver)
    await queue(database, *(accepted("lead-1", nth) for nth in range(1, 5)))
    await run_until_idle(make_loop(), clock)

    delivered, retried = before
    assert counted() == [delivered, retried + 1]
