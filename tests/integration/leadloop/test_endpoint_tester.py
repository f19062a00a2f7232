import asyncio
from datetime import timedelta

import orjson
import pytest
from aiohttp import web
from prometheus_client import REGISTRY
from sqlalchemy import text
from structlog.testing import capture_logs

from leadloop import endpoint_store, signing, tracing
from leadloop.attempts import Answer
from leadloop.endpoint_tester import AT_ONCE_MAX, TEST_TYPE
from leadloop.endpoints import endpoints_router
from leadloop.events import EVENT_TYPES
from leadloop.signing import SignedMessage, Verdict
from leadloop.web import create_app
from tests.asgi import Client
from tests.conftest import until
from tests.webhooks import SECRET, accepted, add_endpoint, deliveries, queue, run_until_idle

NOBODY = "00000000-0000-0000-0000-000000000000"
OTHER_SECRET = "whsec_" + "QUJD" * 8


@pytest.fixture
def database(make_database):
    return make_database("kit")


@pytest.fixture
def make_client(database):
    def make(post) -> Client:
        app = create_app(service="kit", title="Kit", database=database)
        app.include_router(endpoints_router("/v1", topic="handoffs.v1", post=post))
        return Client(app)

    return make


@pytest.fixture
def client(make_client, poster):
    return make_client(poster)


@pytest.fixture
async def endpoint(database, receiver):
    """Subscribe the receiver to one type of event."""
    return await add_endpoint(database, receiver.url, types=["leadloop.v1.HandoffRouted"])


async def rows(database, table: str) -> list[tuple[object, ...]]:
    async with database.single() as connection:
        return [tuple(row) for row in await connection.execute(text(f"SELECT * FROM {table}"))]


def verdict(got, secret: str, now) -> Verdict:
    message = SignedMessage(
        got.message_id,
        got.headers["webhook-timestamp"],
        got.headers["webhook-signature"],
        got.body,
    )
    return signing.verify([signing.decode_secret(secret)], message, now=now)


async def test_a_test_posts_one_signed_event_at_once(client, endpoint, receiver, clock):
    answer = await client.post(f"/v1/endpoints/{endpoint}/test")

    (got,) = receiver.received
    assert verdict(got, SECRET, clock.now()) is Verdict.VALID
    assert orjson.loads(got.body) == {
        "type": "leadloop.v1.EndpointTested",
        "timestamp": "2026-03-02T09:00:00.000Z",
        "data": {"endpoint_id": endpoint, "test": True},
    }
    assert answer.status == 200
    told = answer.json()
    assert (told["taken"], told["status"], told["error"]) == (True, 204, None)
    assert told["event_id"] == got.message_id
    assert told["body"].encode() == got.body
    assert told["headers"].items() <= got.headers.items()


async def test_a_test_looks_like_a_delivery_but_for_its_type(
    database, client, make_loop, receiver, clock
):
    endpoint = await add_endpoint(database, receiver.url)
    await queue(database, accepted())
    await run_until_idle(make_loop(), clock)
    await client.post(f"/v1/endpoints/{endpoint}/test")

    delivered, tested = receiver.received
    assert delivered.headers.keys() == tested.headers.keys() - {"traceparent"}
    assert orjson.loads(delivered.body).keys() == orjson.loads(tested.body).keys()
    assert TEST_TYPE not in EVENT_TYPES


async def test_each_test_has_an_id_of_its_own(client, endpoint, receiver):
    for _ in range(2):
        await client.post(f"/v1/endpoints/{endpoint}/test")

    assert len(set(receiver.ids())) == 2


@pytest.mark.parametrize("status", [301, 400, 410, 429, 500, 503])
async def test_what_a_test_comes_to_changes_nothing(
    database, client, endpoint, receiver, status
):
    receiver.answer = lambda _: web.Response(status=status, headers={"retry-after": "600"})
    labels = [{"service": "kit", "outcome": one} for one in ("delivered", "retried", "failed")]

    async def state() -> list[object]:
        counted = [
            REGISTRY.get_sample_value("leadloop_deliveries_total", one) for one in labels
        ]
        return [counted, *(await rows(database, "endpoints"))]

    before = await state()
    told = (await client.post(f"/v1/endpoints/{endpoint}/test")).json()

    assert (told["taken"], told["status"], told["error"]) == (False, status, f"HTTP {status}")
    assert await state() == before
    assert await deliveries(database) == []
    assert await rows(database, "outbox") == []


async def test_a_disabled_endpoint_is_tested_and_stays_disabled(
    database, client, endpoint, receiver
):
    await client.post(f"/v1/endpoints/{endpoint}/disable")

    told = (await client.post(f"/v1/endpoints/{endpoint}/test")).json()

    assert told["taken"]
    assert len(receiver.received) == 1
    assert (await client.get(f"/v1/endpoints/{endpoint}")).json()["state"] == "disabled"


async def test_an_endpoint_that_is_disabled_during_its_test_stays_so(
    client, endpoint, receiver
):
    receiver.hold.clear()
    testing = asyncio.create_task(client.post(f"/v1/endpoints/{endpoint}/test"))
    await until(lambda: receiver.received)
    await client.post(f"/v1/endpoints/{endpoint}/disable")
    receiver.hold.set()

    assert (await testing).json()["taken"]
    assert (await client.get(f"/v1/endpoints/{endpoint}")).json()["state"] == "disabled"


async def test_an_endpoint_may_be_deleted_while_it_is_tested(client, endpoint, receiver):
    receiver.hold.clear()
    testing = asyncio.create_task(client.post(f"/v1/endpoints/{endpoint}/test"))
    await until(lambda: receiver.received)
    assert (await client.delete(f"/v1/endpoints/{endpoint}")).status == 204
    receiver.hold.set()

    assert (await testing).status == 200
    assert (await client.get(f"/v1/endpoints/{endpoint}")).status == 404


async def test_no_connection_to_the_database_is_kept_while_a_receiver_is_waited_for(
    database, client, endpoint, receiver
):
    receiver.hold.clear()
    testing = asyncio.create_task(client.post(f"/v1/endpoints/{endpoint}/test"))
    await until(lambda: receiver.received)
    open_ones = text("""
        SELECT count(*) FROM pg_stat_activity
        WHERE datname = current_database() AND xact_start IS NOT NULL
            AND pid <> pg_backend_pid()
    """)
    async with database.single() as connection:
        assert await connection.scalar(open_ones) == 0
    receiver.hold.set()
    await testing


async def test_both_keys_sign_a_test_while_the_secret_is_rotated(
    database, client, endpoint, receiver, clock
):
    async with database.transaction() as work:
        await endpoint_store.rotate(
            work.connection, endpoint, OTHER_SECRET, timedelta(hours=24), work.now
        )

    await client.post(f"/v1/endpoints/{endpoint}/test")

    (got,) = receiver.received
    for secret in (SECRET, OTHER_SECRET):
        assert verdict(got, secret, clock.now()) is Verdict.VALID


async def test_a_test_tells_how_long_the_answer_took(make_client, endpoint, clock):
    async def post(url, headers, body):
        clock.advance_to(clock.now() + timedelta(seconds=15))
        return Answer(None, error="no answer in time")

    told = (await make_client(post).post(f"/v1/endpoints/{endpoint}/test")).json()

    assert (told["taken"], told["status"]) == (False, None)
    assert (told["error"], told["duration_ms"]) == ("no answer in time", 15_000)


async def test_a_receiver_that_can_not_be_reached_is_told(client, database):
    endpoint = await add_endpoint(database, "http://127.0.0.1:9/hook")

    told = (await client.post(f"/v1/endpoints/{endpoint}/test")).json()

    assert (told["taken"], told["status"]) == (False, None)
    assert told["error"]


async def test_more_tests_at_once_than_allowed_are_turned_away(client, endpoint, receiver):
    receiver.hold.clear()
    path = f"/v1/endpoints/{endpoint}/test"
    testing = [asyncio.create_task(client.post(path)) for _ in range(AT_ONCE_MAX)]
    await until(lambda: len(receiver.received) == AT_ONCE_MAX)

    refused = await client.post(path)
    receiver.hold.set()
    answers = await asyncio.gather(*testing)

    assert (refused.status, refused.headers["retry-after"]) == (503, "15")
    assert [answer.status for answer in answers] == [200] * AT_ONCE_MAX
    assert (await client.post(path)).status == 200


async def test_an_endpoint_that_is_not_there_is_not_tested(client, receiver):
    assert (await client.post(f"/v1/endpoints/{NOBODY}/test")).status == 404
    assert (await client.post("/v1/endpoints/nonsense/test")).status == 422
    assert receiver.received == []


async def test_a_test_that_ends_in_an_error_leaves_its_place(client, endpoint):
    for _ in range(AT_ONCE_MAX):
        assert (await client.post(f"/v1/endpoints/{NOBODY}/test")).status == 404

    assert (await client.post(f"/v1/endpoints/{endpoint}/test")).status == 200


async def test_a_test_goes_on_with_the_trace_of_who_asked_for_it(client, endpoint, receiver):
    trace = "4bf92f3577b34da6a3ce929d0e0e4736"
    header = {"traceparent": f"00-{trace}-00f067aa0ba902b7-01"}

    await client.post(f"/v1/endpoints/{endpoint}/test", headers=header)

    (got,) = receiver.received
    assert tracing.trace_id(got.headers["traceparent"]) == trace


async def test_a_test_is_one_line_of_the_log(client, endpoint):
    with capture_logs() as logs:
        told = (await client.post(f"/v1/endpoints/{endpoint}/test")).json()

    (line,) = [one for one in logs if one["event"] == "endpoint.tested"]
    assert (line["endpoint_id"], line["status"], line["error"]) == (endpoint, 204, None)
    assert line["duration_ms"] == told["duration_ms"]


async def test_nobody_can_subscribe_to_tests(client):
    url = "https://crm.example.com/hook"
    answer = await client.post("/v1/endpoints", {"url": url, "event_types": [TEST_TYPE]})

    assert answer.status == 422
