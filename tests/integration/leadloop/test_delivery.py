import asyncio
from datetime import datetime, timedelta

import orjson
import pytest
from aiohttp import web
from prometheus_client import REGISTRY
from structlog.testing import capture_logs

from leadloop import delivery_store, endpoint_store, signing
from leadloop.attempts import Answer
from leadloop.delivery import DELIVERIES, READ_ALL_EVERY, Limits, enqueue
from leadloop.outbox import Promise, promise
from leadloop.signing import SignedMessage, Verdict
from leadloop.v1.handoff_pb2 import HandoffRouted
from tests.conftest import PATIENCE_SECONDS
from tests.receivers import listening
from tests.webhooks import (
    SECRET,
    accepted,
    add_endpoint,
    deliveries,
    queue,
    run_until_idle,
)

OTHER_SECRET = "whsec_" + "QUJD" * 8


@pytest.fixture
def database(make_database):
    return make_database("kit")


@pytest.fixture
def loop(make_loop):
    return make_loop()


async def disable(database, endpoint: str) -> None:
    async with database.transaction() as work:
        await delivery_store.disable(work.connection, [endpoint], "for a test")


async def replay(database, since: datetime) -> int:
    """Replay what was not delivered of all endpoints, up to this moment and with it."""
    async with database.transaction() as work:
        work.wakes.add(DELIVERIES)
        span = delivery_store.Since(since, work.now + timedelta(seconds=1), None)
        return await delivery_store.replay_since(work.connection, span, work.now)


async def test_an_event_reaches_its_endpoint_signed(database, loop, receiver, clock):
    await add_endpoint(database, receiver.url)

    (envelope,) = await queue(database, accepted(sequence=3))
    await run_until_idle(loop, clock)

    (got,) = receiver.received
    message = SignedMessage(
        got.message_id,
        got.headers["webhook-timestamp"],
        got.headers["webhook-signature"],
        got.body,
    )
    secrets = [signing.decode_secret(SECRET)]
    assert signing.verify(secrets, message, now=clock.now()) is Verdict.VALID
    assert got.message_id == envelope.id
    assert got.headers["content-type"] == "application/json"
    body = orjson.loads(got.body)
    assert body["type"] == "leadloop.v1.HandoffAccepted"
    assert body["timestamp"] == "2026-03-02T09:00:00.000Z"
    assert body["data"] == {"lead_id": "lead-1", "sequence": 3, "actor": "Ada"}
    assert await deliveries(database) == [("delivered", 1, 204)]


async def test_what_was_taken_is_one_line_that_names_its_traces(
    database, loop, receiver, clock
):
    await add_endpoint(database, receiver.url)
    trace = "4bf92f3577b34da6a3ce929d0e0e4736"
    async with database.transaction(f"00-{trace}-00f067aa0ba902b7-01") as work:
        await enqueue(work, await promise(work, [Promise(accepted())]))

    with capture_logs() as logs:
        await run_until_idle(loop, clock)

    assert logs == [
        {
            "event": "deliveries.settled",
            "delivered": 1,
            "traces": 1,
            "trace_ids": [trace],
            "log_level": "info",
        }
    ]


async def test_what_was_not_taken_is_a_line_that_tells_all_of_the_attempt_but_the_person(
    database, make_loop, clock
):
    async def post(url, headers, body):
        clock.advance_to(clock.now() + timedelta(milliseconds=40))
        return Answer(500)

    endpoint = await add_endpoint(database, "https://crm.example.com")
    trace = "4bf92f3577b34da6a3ce929d0e0e4736"
    async with database.transaction(f"00-{trace}-00f067aa0ba902b7-01") as work:
        (envelope,) = await promise(work, [Promise(accepted())])
        await enqueue(work, [envelope])
    ((delivery,),) = await deliveries(database, "CAST(id AS text)")

    with capture_logs() as logs:
        await run_until_idle(make_loop(post=post), clock)

    assert logs == [
        {
            "event": "delivery.attempted",
            "delivery_id": delivery,
            "event_id": envelope.id,
            "trace_id": trace,
            "endpoint_id": endpoint,
            "event_type": "leadloop.v1.HandoffAccepted",
            "attempt": 1,
            "status": 500,
            "error": "HTTP 500",
            "duration_ms": 40,
            "outcome": "retried",
            "log_level": "warning",
        }
    ]


async def test_each_attempt_is_counted_by_what_it_came_to(database, make_loop, clock):
    def counted() -> list[float]:
        labels = [{"service": "kit", "outcome": one} for one in ("delivered", "retried")]
        name = "leadloop_deliveries_total"
        return [REGISTRY.get_sample_value(name, one) or 0 for one in labels]

    async def post(url, headers, body):
        return Answer(204 if orjson.loads(body)["data"]["sequence"] == 1 else 500)

    delivered, retried = counted()
    await add_endpoint(database, "https://crm.example.com")
    await queue(database, *(accepted(f"lead-{n}", 1 + n % 2) for n in range(5)))
    await run_until_idle(make_loop(post=post), clock)

    assert counted() == [delivered + 3, retried + 2]


async def test_each_endpoint_gets_the_types_it_asked_for(database, loop, receiver, clock):
    await add_endpoint(database, receiver.url + "/all")
    await add_endpoint(database, receiver.url + "/routed", types=["leadloop.v1.HandoffRouted"])

    await queue(database, accepted(), HandoffRouted(lead_id="lead-1", sequence=1))
    await run_until_idle(loop, clock)

    assert sorted(one.path for one in receiver.received) == [
        "/hook/all",
        "/hook/all",
        "/hook/routed",
    ]


async def test_nothing_is_queued_without_an_endpoint_that_wants_it(database, receiver):
    await queue(database, accepted())
    await add_endpoint(database, receiver.url, types=["leadloop.v1.HandoffRouted"])
    deleted = await add_endpoint(database, receiver.url)
    await disable(database, deleted)
    async with database.transaction() as work:
        await endpoint_store.delete(work.connection, deleted)
    await queue(database, accepted())

    assert await deliveries(database) == []


async def test_what_happens_while_an_endpoint_is_disabled_is_kept_unsent(
    database, loop, receiver, clock
):
    disabled = await add_endpoint(database, receiver.url)
    await add_endpoint(database, receiver.url + "/other")
    await disable(database, disabled)

    await queue(database, accepted())
    await run_until_idle(loop, clock)

    assert [one.path for one in receiver.received] == ["/hook/other"]
    assert await deliveries(database, "state, attempt, last_error") == [
        ("failed", 0, "the endpoint is disabled"),
        ("delivered", 1, None),
    ]


async def test_what_happened_while_an_endpoint_was_disabled_is_replayed_in_its_order(
    database, make_loop, clock
):
    arrived = []

    async def post(url, headers, body):
        data = orjson.loads(body)["data"]
        arrived.append((data["lead_id"], data["sequence"]))
        return Answer(204)

    endpoint = await add_endpoint(database, "https://crm.example.com")
    await disable(database, endpoint)
    since = clock.now()
    for nth in range(1, 41):
        await queue(database, *(accepted(f"lead-{n}", nth) for n in range(3)))
        clock.advance_to(clock.now() + timedelta(minutes=nth % 2))
    async with database.transaction() as work:
        await endpoint_store.enable(work.connection, endpoint)
    assert await replay(database, since) == 120
    await run_until_idle(make_loop(post=post, limits=Limits(8, 8)), clock)

    for lead in ("lead-0", "lead-1", "lead-2"):
        assert [nth for one, nth in arrived if one == lead] == list(range(1, 41))


async def test_a_disabled_endpoint_does_not_count_as_webhooks_given_up(
    database, loop, receiver, clock
):
    def given_up() -> float:
        labels = {"service": "kit", "outcome": "failed"}
        return REGISTRY.get_sample_value("leadloop_deliveries_total", labels) or 0

    before = given_up()
    await disable(database, await add_endpoint(database, receiver.url))
    await queue(database, *(accepted(f"lead-{n}") for n in range(5)))
    await run_until_idle(loop, clock)

    assert given_up() == before


async def test_a_failed_attempt_is_repeated_with_the_same_id_and_body(
    database, loop, receiver, clock
):
    await add_endpoint(database, receiver.url)
    receiver.answer = lambda _: web.Response(status=500)
    await queue(database, accepted())

    await run_until_idle(loop, clock)
    due = await loop.next_due(clock.now())
    assert timedelta(seconds=5) <= due - clock.now() <= timedelta(seconds=5.5)
    clock.advance_to(due)
    receiver.answer = lambda _: web.Response(status=200, text="thank you")
    await run_until_idle(loop, clock)

    first, second = receiver.received
    assert first.message_id == second.message_id
    assert first.body == second.body
    assert first.headers["webhook-timestamp"] != second.headers["webhook-timestamp"]
    assert await deliveries(database) == [("delivered", 2, 200)]


async def test_it_gives_up_after_the_schedule_and_can_be_replayed(
    database, loop, receiver, clock
):
    await add_endpoint(database, receiver.url)
    receiver.answer = lambda _: web.Response(status=400)
    queued_at = clock.now()
    await queue(database, accepted())

    while await run_until_idle(loop, clock) and (due := await loop.next_due(clock.now())):
        clock.advance_to(due)
    assert await deliveries(database) == [("failed", 3, 400)]
    receiver.answer = lambda _: web.Response(status=200)
    assert await replay(database, queued_at) == 1
    await run_until_idle(loop, clock)

    assert len(set(receiver.ids())) == 1
    assert await deliveries(database) == [("delivered", 1, 200)]


async def test_gone_disables_the_endpoint_and_fails_what_was_pending(
    database, make_loop, receiver, clock
):
    loop = make_loop(limits=Limits(at_once=1, at_once_each=1))
    await add_endpoint(database, receiver.url)
    receiver.answer = lambda _: web.Response(status=410)
    await queue(database, accepted("lead-1"), accepted("lead-2"))

    await run_until_idle(loop, clock)

    async with database.transaction() as work:
        (endpoint,) = await endpoint_store.page(work.connection, None, 10)
    assert endpoint.state == "disabled"
    assert endpoint.reason == "the receiver answered 410 Gone"
    assert len(receiver.received) == 1
    states = [state for state, *_ in await deliveries(database)]
    assert states == ["failed", "failed"]


async def test_a_receiver_may_ask_for_a_longer_pause(database, loop, receiver, clock):
    await add_endpoint(database, receiver.url)
    receiver.answer = lambda _: web.Response(status=429, headers={"retry-after": "60"})
    await queue(database, accepted())

    await run_until_idle(loop, clock)

    assert await loop.next_due(clock.now()) == clock.now() + timedelta(seconds=60)


async def test_while_secrets_rotate_both_sign(database, loop, receiver, clock):
    endpoint = await add_endpoint(database, receiver.url)
    async with database.transaction() as work:
        await endpoint_store.rotate(
            work.connection, endpoint, OTHER_SECRET, timedelta(hours=24), work.now
        )

    await queue(database, accepted())
    await run_until_idle(loop, clock)
    clock.advance_to(clock.now() + timedelta(hours=25))
    await queue(database, accepted())
    await run_until_idle(loop, clock)

    during, after = (one.headers["webhook-signature"].split() for one in receiver.received)
    assert len(during) == 2
    assert len(after) == 1


async def test_a_slow_endpoint_does_not_hold_up_another(database, make_loop, receiver, clock):
    loop = make_loop(limits=Limits(at_once=8, at_once_each=2))
    receiver.hold.clear()
    await add_endpoint(database, receiver.url)
    async with listening() as quick:
        await add_endpoint(database, quick.url)
        await queue(database, *(accepted(f"lead-{n}") for n in range(6)))

        async with asyncio.timeout(PATIENCE_SECONDS):
            while len(quick.received) < 6:
                await loop.run_once(clock.now())

        assert len(receiver.received) == 2
    receiver.hold.set()
    await run_until_idle(loop, clock)
    assert len(receiver.received) == 6


async def test_events_of_one_lead_arrive_in_order(database, make_loop, clock):
    arrived = []

    async def post_at_odds(url, headers, body):
        data = orjson.loads(body)["data"]
        for _ in range(data["sequence"] % 3 * 10):
            await asyncio.sleep(0)
        arrived.append((data["lead_id"], data["sequence"]))
        return Answer(204)

    await add_endpoint(database, "https://crm.example.com")
    await queue(database, *(accepted(f"lead-{n % 3}", n // 3 + 1) for n in range(30)))
    await run_until_idle(make_loop(post=post_at_odds), clock)

    for lead in ("lead-0", "lead-1", "lead-2"):
        assert [nth for one, nth in arrived if one == lead] == list(range(1, 11))


async def test_what_was_queued_while_its_endpoint_was_disabled_waits_quietly(
    database, loop, receiver, clock
):
    endpoint = await add_endpoint(database, receiver.url)
    async with database.transaction() as racing:
        envelopes = await promise(racing, [Promise(accepted())])
        await enqueue(racing, envelopes)
        async with database.transaction() as work:
            await delivery_store.disable(work.connection, [endpoint], "for a test")

    assert await run_until_idle(loop, clock) == 0
    assert await loop.next_due(clock.now()) is None
    async with database.transaction() as work:
        await endpoint_store.enable(work.connection, endpoint)
    clock.advance_to(clock.now() + READ_ALL_EVERY)
    await run_until_idle(loop, clock)
    assert receiver.ids() == [envelopes[0].id]


async def test_the_time_from_capture_to_delivery_is_measured(database, loop, receiver, clock):
    def measured() -> tuple[float, float]:
        name, labels = "leadloop_capture_to_delivery_seconds", {"service": "kit"}
        count = REGISTRY.get_sample_value(f"{name}_count", labels) or 0
        return count, REGISTRY.get_sample_value(f"{name}_sum", labels) or 0

    count, seconds = measured()
    await add_endpoint(database, receiver.url)
    captured_at = clock.now() - timedelta(seconds=3)
    await queue(database, accepted(), received_at=captured_at)
    await queue(database, accepted())
    await run_until_idle(loop, clock)

    assert measured() == (count + 1, seconds + 3)
