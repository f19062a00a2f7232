import asyncio
from datetime import timedelta
from typing import Any

import pytest
from aiohttp import web
from sqlalchemy import text

from leadloop import attempt_store
from leadloop.attempt_store import ATTEMPTS_KEPT
from leadloop.attempts import Answer, judge
from leadloop.backoff import WEBHOOK_SCHEDULE
from leadloop.delivery import Limits
from leadloop.delivery_store import Queued
from leadloop.endpoints import endpoints_router
from leadloop.web import create_app
from tests.asgi import Client
from tests.webhooks import accepted, add_endpoint, deliveries, queue, run_until_idle


@pytest.fixture
def database(make_database):
    return make_database("kit")


@pytest.fixture
def client(database, poster):
    app = create_app(service="kit", title="Kit", database=database)
    app.include_router(endpoints_router("/v1", topic="handoffs.v1", post=poster))
    return Client(app)


async def shown(client) -> dict[str, Any]:
    """Return all about the only delivery."""
    (item,) = (await client.get("/v1/deliveries")).json()["items"]
    found: dict[str, Any] = (await client.get(f"/v1/deliveries/{item['id']}")).json()
    return found


async def kept(database) -> list[object]:
    return [found for (found,) in await deliveries(database, "attempts")]


def answering(clock, *answers: Answer, seconds: float = 0):
    """Answer one after another, each after so long; the last one again and again."""
    left = list(answers)

    async def post(url, headers, body):
        clock.advance_to(clock.now() + timedelta(seconds=seconds))
        return left.pop(0) if len(left) > 1 else left[0]

    return post


async def run_to_the_end(loop, clock) -> None:
    while await run_until_idle(loop, clock) and (due := await loop.next_due(clock.now())):
        clock.advance_to(due)


async def test_a_delivery_that_is_taken_at_once_keeps_no_history_and_shows_its_attempt(
    database, client, make_loop, receiver, clock
):
    await add_endpoint(database, receiver.url)
    await queue(database, accepted())
    await run_until_idle(make_loop(), clock)

    found = await shown(client)

    assert await kept(database) == [None]
    assert found["attempts"] == [
        {
            "attempt": 1,
            "at": found["delivered_at"],
            "status": 204,
            "error": None,
            "duration_ms": None,
        }
    ]


async def test_a_delivery_that_was_not_tried_has_no_attempts(database, client, receiver):
    await add_endpoint(database, receiver.url)
    await queue(database, accepted())

    assert (await shown(client))["attempts"] == []


async def test_every_attempt_is_told_with_when_what_and_how_long(
    database, client, make_loop, clock
):
    late, refused, taken = Answer(None, error="no answer in time"), Answer(500), Answer(200)
    loop = make_loop(post=answering(clock, late, refused, taken, seconds=1.5))
    await add_endpoint(database, "https://crm.example.com")
    await queue(database, accepted())

    await run_to_the_end(loop, clock)

    found = (await shown(client))["attempts"]
    told = [(one["attempt"], one["status"], one["error"]) for one in found]
    assert told == [(1, None, "no answer in time"), (2, 500, "HTTP 500"), (3, 200, None)]
    assert [one["duration_ms"] for one in found] == [1500] * 3
    assert found[0]["at"] == "2026-03-02T09:00:01.500000Z"
    assert sorted(one["at"] for one in found) == [one["at"] for one in found]


async def test_a_delivery_that_is_given_up_tells_every_attempt(
    database, client, make_loop, receiver, clock
):
    loop = make_loop(limits=Limits(schedule=WEBHOOK_SCHEDULE))
    receiver.answer = lambda _: web.Response(status=400)
    await add_endpoint(database, receiver.url)
    await queue(database, accepted())

    await run_to_the_end(loop, clock)

    found = await shown(client)
    assert found["state"] == "failed"
    assert len(receiver.received) == ATTEMPTS_KEPT
    assert [one["attempt"] for one in found["attempts"]] == list(range(1, ATTEMPTS_KEPT + 1))


async def test_the_history_is_bounded_over_replays(
    database, client, make_loop, receiver, clock
):
    loop = make_loop()
    receiver.answer = lambda _: web.Response(status=400)
    await add_endpoint(database, receiver.url)
    await queue(database, accepted())

    for _ in range(5):
        await run_to_the_end(loop, clock)
        await client.post(f"/v1/deliveries/{(await shown(client))['id']}/replay")
    receiver.answer = lambda _: web.Response(status=204)
    await run_until_idle(loop, clock)

    found = (await shown(client))["attempts"]
    assert len(found) == ATTEMPTS_KEPT
    assert [one["attempt"] for one in found] == [1, 2, 3, 1, 2, 3, 1, 2, 3, 1]
    assert [one["status"] for one in found] == [400] * 9 + [204]


@pytest.mark.parametrize("before", [[], [Answer(500)]], ids=["at once", "later"])
async def test_a_replay_of_what_was_taken_leaves_that_attempt_in_the_history(
    database, client, make_loop, clock, before
):
    loop = make_loop(post=answering(clock, *before, Answer(204), Answer(400)))
    await add_endpoint(database, "https://crm.example.com")
    await queue(database, accepted())
    await run_to_the_end(loop, clock)
    first = await shown(client)

    assert (await client.post(f"/v1/deliveries/{first['id']}/replay")).status == 202
    replayed = await shown(client)
    await run_until_idle(loop, clock)
    again = await shown(client)

    assert (replayed["state"], replayed["attempts"]) == ("pending", first["attempts"])
    assert again["attempts"][:-1] == first["attempts"]
    assert [one["status"] for one in again["attempts"]][-2:] == [204, 400]


async def test_every_time_that_it_was_taken_is_told_though_another_was_before(
    database, client, make_loop, clock
):
    loop = make_loop(post=answering(clock, Answer(500), Answer(204), seconds=1))
    await add_endpoint(database, "https://crm.example.com")
    await queue(database, accepted())
    await run_to_the_end(loop, clock)
    first = await shown(client)

    await client.post(f"/v1/deliveries/{first['id']}/replay")
    await run_until_idle(loop, clock)

    found = (await shown(client))["attempts"]
    assert [(one["attempt"], one["status"]) for one in found] == [(1, 500), (2, 204), (1, 204)]


async def test_what_is_taken_at_once_after_a_replay_tells_no_error_any_more(
    database, make_loop, clock, client
):
    loop = make_loop(
        post=answering(clock, Answer(400), Answer(204)), limits=Limits(schedule=())
    )
    await add_endpoint(database, "https://crm.example.com")
    await queue(database, accepted())
    await run_until_idle(loop, clock)
    failed = await shown(client)

    await client.post(f"/v1/deliveries/{failed['id']}/replay")
    await run_until_idle(loop, clock)

    taken = await shown(client)
    assert (failed["state"], failed["last_error"]) == ("failed", "HTTP 400")
    assert (taken["state"], taken["last_error"]) == ("delivered", None)


async def test_a_success_is_true_though_others_tried_again_meanwhile(database, clock):
    await add_endpoint(database, "https://crm.example.com")
    (envelope,) = await queue(database, accepted())
    ((delivery, endpoint),) = await deliveries(
        database, "CAST(id AS text), CAST(endpoint_id AS text)"
    )
    queued = Queued(delivery, endpoint, envelope, None, clock.now() + timedelta(seconds=25))
    second = queued.leased()._replace(attempt=2)
    taken, refused = (
        judge(second, Answer(status), clock.now(), duration_ms=7, schedule=WEBHOOK_SCHEDULE)
        for status in (204, 500)
    )
    async with database.single() as connection:
        await connection.execute(text("UPDATE deliveries SET attempt = 3"))
        await attempt_store.record(connection, [refused])
    assert await deliveries(database, "state, attempt") == [("pending", 3)]

    async with database.single() as connection:
        await attempt_store.record(connection, [taken])
    assert await deliveries(database, "state, last_status") == [("delivered", 204)]


async def test_what_a_receiver_says_besides_its_status_is_not_kept(
    database, client, make_loop, receiver, clock
):
    await add_endpoint(database, receiver.url)
    receiver.answer = lambda _: web.Response(
        status=400, text="ada@example.com is unknown", headers={"x-person": "Ada Lang"}
    )
    await queue(database, accepted())
    await run_until_idle(make_loop(), clock)

    ((row,),) = await deliveries(database, "CAST(deliveries AS text)")
    assert "HTTP 400" in row
    assert "unknown" not in row
    assert "Lang" not in row


async def test_a_receiver_that_speaks_no_http_is_a_failed_attempt(
    database, client, make_loop, clock
):
    async def talk(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 \x00\xff\xed\xa0\x80 OK\r\nx: \x00\xff\r\n\r\n")
        writer.close()

    server = await asyncio.start_server(talk, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    await add_endpoint(database, f"http://127.0.0.1:{port}/hook")
    await queue(database, accepted())
    await run_until_idle(make_loop(), clock)
    server.close()

    (found,) = (await shown(client))["attempts"]
    assert (found["attempt"], found["status"]) == (1, None)
    assert found["error"]


async def test_a_result_that_is_written_twice_is_told_once(database, client, clock):
    await add_endpoint(database, "https://crm.example.com")
    (envelope,) = await queue(database, accepted())
    ((delivery, endpoint),) = await deliveries(
        database, "CAST(id AS text), CAST(endpoint_id AS text)"
    )
    queued = Queued(delivery, endpoint, envelope, None, clock.now() + timedelta(seconds=25))
    failed = judge(
        queued.leased(), Answer(500), clock.now(), duration_ms=7, schedule=WEBHOOK_SCHEDULE
    )
    async with database.single() as connection:
        await connection.execute(text("UPDATE deliveries SET attempt = 1"))
        for _ in range(2):
            await attempt_store.record(connection, [failed])

    assert [one["duration_ms"] for one in (await shown(client))["attempts"]] == [7]
