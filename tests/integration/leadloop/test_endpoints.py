from datetime import timedelta
from typing import Any

import pytest
from asyncpg import IntegrityConstraintViolationError
from sqlalchemy import text

from leadloop import attempt_store, delivery_store, endpoint_store, signing
from leadloop.attempts import Answer
from leadloop.delivery import DeliveryLoop, enqueue
from leadloop.delivery_store import LEASED_WITHIN
from leadloop.endpoints import endpoints_router
from leadloop.holding import Hold
from leadloop.outbox import Promise, promise
from leadloop.v1.handoff_pb2 import HandoffAccepted
from leadloop.web import create_app
from tests.asgi import Client

URL = "https://crm.example.com/hook"
NOBODY = "00000000-0000-0000-0000-000000000000"


@pytest.fixture
def database(make_database):
    return make_database("kit")


@pytest.fixture
def status() -> list[int]:
    """Hold what the receiver answers, to be exchanged."""
    return [204]


@pytest.fixture
def posted() -> list[str]:
    """Collect where posts went."""
    return []


@pytest.fixture
def post(status, posted):
    async def post(url, headers, body):
        posted.append(url)
        return Answer(status[0])

    return post


@pytest.fixture
def client(database, post):
    app = create_app(service="kit", title="Kit", database=database)
    app.include_router(endpoints_router("/v1", topic="handoffs.v1", post=post))
    return Client(app)


@pytest.fixture
async def loop(database, post):
    loop = DeliveryLoop(database, service="kit", post=post)
    yield loop
    await loop.close()


async def create(client, **fields) -> dict[str, Any]:
    answer = await client.post("/v1/endpoints", {"url": URL, **fields})
    assert answer.status == 201, answer.body
    found: dict[str, Any] = answer.json()
    return found


async def deliver(database, loop, *leads: str) -> None:
    async with database.transaction() as work:
        events = [HandoffAccepted(lead_id=lead, sequence=1) for lead in leads]
        await enqueue(work, await promise(work, [Promise(event) for event in events]))
    while await loop.run_once(database.clock.now()):
        pass


async def test_a_new_endpoint_shows_its_secret_once(client):
    created = await create(client, description="our CRM", event_types=["HandoffRouted"])

    assert len(signing.decode_secret(created["secret"])) == 32
    assert created["event_types"] == ["leadloop.v1.HandoffRouted"]
    assert created["state"] == "active"
    for path in ("/v1/endpoints", f"/v1/endpoints/{created['id']}"):
        answer = await client.get(path)
        assert "secret" not in answer.body.decode()
        assert created["id"] in answer.body.decode()


async def test_a_sender_may_bring_a_secret_of_its_own(client):
    secret = signing.new_secret()

    assert (await create(client, secret=secret))["secret"] == secret


@pytest.mark.parametrize(
    ("fields", "pointer"),
    [
        ({"url": "http://crm.example.com"}, "/url"),
        ({"url": "https://169.254.169.254/latest"}, "/url"),
        ({"url": "https://localhost"}, "/url"),
        ({"url": "nonsense"}, "/url"),
        ({"url": 7}, "/url"),
        ({"url": URL, "event_types": ["HandoffRouted", "Nonsense"]}, "/event_types/1"),
        ({"url": URL, "event_types": ["LeadReturned"]}, "/event_types/0"),
        ({"url": URL, "event_types": "HandoffRouted"}, "/event_types"),
        ({"url": URL, "eventTypes": ["HandoffRouted"]}, "/eventTypes"),
        ({"url": URL, "secret": "whsec_short"}, "/secret"),
        ({}, "/url"),
    ],
)
async def test_what_can_not_be_an_endpoint_is_refused_by_field(client, fields, pointer):
    answer = await client.post("/v1/endpoints", fields)

    assert answer.status == 422
    assert [error["pointer"] for error in answer.json()["errors"]] == [pointer]
    assert (await client.get("/v1/endpoints")).json()["items"] == []


async def test_an_endpoint_is_changed_and_keeps_its_secret_and_history(
    client, database, loop, posted, clock
):
    created = await create(client, description="our CRM")
    path = f"/v1/endpoints/{created['id']}"
    await deliver(database, loop, "lead-1")
    moved: dict[str, object] = {"url": "https://new.example.com/hook"}
    changes: list[dict[str, object]] = [
        moved,
        {"description": "their CRM"},
        {"event_types": ["HandoffAccepted"]},
        {},
    ]

    for change in changes:
        assert (await client.patch(path, change)).status == 200
        again = await client.patch(path, change)
    clock.advance_to(clock.now() + loop.idle)
    await deliver(database, loop, "lead-2")

    assert again.json() == (await client.get(path)).json()
    assert "secret" not in again.json()
    secret = created.pop("secret")
    assert again.json() == created | moved | {
        "description": "their CRM",
        "event_types": ["leadloop.v1.HandoffAccepted"],
    }
    assert posted == [URL, moved["url"]]
    async with database.transaction() as work:
        kept = await work.connection.scalars(text("SELECT secret FROM endpoints"))
    assert kept == [secret]
    assert len((await client.get("/v1/deliveries")).json()["items"]) == 2


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"url": "http://crm.example.com"}, "/url"),
        ({"url": None}, "/url"),
        ({"event_types": ["DealWon"]}, "/event_types/0"),
        ({"description": None}, "/description"),
        ({"secret": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"}, "/secret"),
    ],
)
async def test_a_change_is_refused_for_what_can_not_be_an_endpoint(client, change, pointer):
    created = await create(client)
    path = f"/v1/endpoints/{created['id']}"

    answer = await client.patch(path, change)

    assert answer.status == 422
    assert [error["pointer"] for error in answer.json()["errors"]] == [pointer]
    assert (await client.get(path)).json()["url"] == URL
    assert (await client.patch(f"/v1/endpoints/{NOBODY}", {})).status == 404


async def test_what_a_command_does_not_know_is_refused(client):
    created = await create(client)
    path = f"/v1/endpoints/{created['id']}"

    for wrong, body in (
        (path + "/rotate", {"overlap_hour": 0}),
        ("/v1/deliveries/replay", {"since": "2026-03-02T09:00:00Z", "endpoint": NOBODY}),
    ):
        assert (await client.post(wrong, body)).status == 422
    assert (await client.get(path)).json()["previous_expires_at"] is None


async def test_a_rotated_secret_is_new_and_the_old_one_lasts_a_day(client, clock):
    created = await create(client)

    rotated = (await client.post(f"/v1/endpoints/{created['id']}/rotate")).json()

    assert rotated["secret"] != created["secret"]
    expires = clock.now() + timedelta(hours=24)
    assert rotated["previous_expires_at"] == expires.isoformat().replace("+00:00", "Z")


async def test_a_leaked_secret_is_revoked_at_once(client):
    created = await create(client)

    path = f"/v1/endpoints/{created['id']}/rotate"
    rotated = (await client.post(path, {"overlap_hours": 0})).json()

    assert rotated["previous_expires_at"] is None


async def test_a_disabled_endpoint_gets_nothing_until_it_is_enabled(client, database, loop):
    created = await create(client)
    path = f"/v1/endpoints/{created['id']}"

    disabled = await client.post(path + "/disable")
    await deliver(database, loop, "lead-1")
    enabled = await client.post(path + "/enable")
    await deliver(database, loop, "lead-2")

    assert (disabled.json()["state"], disabled.json()["reason"]) == (
        "disabled",
        "disabled by request",
    )
    assert (enabled.json()["state"], enabled.json()["reason"]) == ("active", None)
    items = (await client.get("/v1/deliveries")).json()["items"]
    found = [(item["lead_id"], item["state"], item["last_error"]) for item in items]
    assert found == [
        ("lead-2", "delivered", None),
        ("lead-1", "failed", "the endpoint is disabled"),
    ]


async def test_a_deleted_endpoint_is_gone_and_its_history_stays(client, database, loop):
    created = await create(client)
    await deliver(database, loop, "lead-1")

    assert (await client.delete(f"/v1/endpoints/{created['id']}")).status == 204
    assert (await client.get(f"/v1/endpoints/{created['id']}")).status == 404
    assert len((await client.get("/v1/deliveries")).json()["items"]) == 1


@pytest.mark.parametrize("command", ["rotate", "enable", "disable"])
async def test_an_unknown_endpoint_is_not_found(client, command):
    assert (await client.post(f"/v1/endpoints/{NOBODY}/{command}")).status == 404
    assert (await client.post(f"/v1/endpoints/nonsense/{command}")).status == 422


async def test_a_repeated_create_makes_one_endpoint(client):
    key = {"idempotency-key": "k-1"}
    first = await client.post("/v1/endpoints", {"url": URL}, key)
    second = await client.post("/v1/endpoints", {"url": URL}, key)

    assert first.body == second.body
    assert len((await client.get("/v1/endpoints")).json()["items"]) == 1


async def test_lists_are_read_page_by_page(client, database, loop):
    for _ in range(3):
        await create(client)
    await deliver(database, loop, "lead-1", "lead-2")

    for path, count in (("/v1/endpoints", 3), ("/v1/deliveries", 6)):
        found, page = [], (await client.get(path, limit=2)).json()
        while page["next"]:
            found += page["items"]
            page = (await client.get(path, limit=2, cursor=page["next"])).json()
        found += page["items"]
        ids = [item["id"] for item in found]
        assert len(ids) == len(set(ids)) == count
        assert ids == sorted(ids, reverse=path == "/v1/deliveries")


@pytest.mark.parametrize("cursor", ["", "nonsense", "WyJub25zZW5zZSJd"])
async def test_a_made_up_cursor_is_refused(client, cursor):
    for path in ("/v1/endpoints", "/v1/deliveries"):
        assert (await client.get(path, cursor=cursor)).status == 400


async def test_deliveries_are_narrowed_by_state_endpoint_and_lead(
    client, database, loop, status
):
    first, second = await create(client), await create(client)
    await deliver(database, loop, "lead-1")
    status[0] = 410
    await deliver(database, loop, "lead-2")

    async def leads(**query):
        items = (await client.get("/v1/deliveries", **query)).json()["items"]
        return [item["lead_id"] for item in items]

    assert await leads(state="failed") == ["lead-2", "lead-2"]
    assert await leads(state="delivered", lead_id="lead-1") == ["lead-1", "lead-1"]
    assert await leads(endpoint_id=first["id"], state="failed") == ["lead-2"]
    assert await leads(endpoint_id=second["id"], lead_id="lead-3") == []
    assert (await client.get("/v1/deliveries", state="lost")).status == 422
    assert (await client.get("/v1/deliveries", lead_id="\0")).status == 400


async def test_a_delivery_shows_what_is_posted(client, database, loop):
    await create(client)
    await deliver(database, loop, "lead-1")
    (item,) = (await client.get("/v1/deliveries")).json()["items"]

    shown = (await client.get(f"/v1/deliveries/{item['id']}")).json()

    assert shown["body"]["type"] == "leadloop.v1.HandoffAccepted"
    assert shown["body"]["data"]["lead_id"] == "lead-1"
    assert (shown["attempt"], shown["last_status"]) == (1, 204)


async def test_a_delivery_is_replayed_under_its_id(client, database, loop):
    await create(client)
    await deliver(database, loop, "lead-1")
    (item,) = (await client.get("/v1/deliveries")).json()["items"]

    path = f"/v1/deliveries/{item['id']}/replay"
    assert (await client.post(path)).json() == {"replayed": 1}
    assert await loop.run_once(database.clock.now()) == 1
    (again,) = (await client.get("/v1/deliveries")).json()["items"]

    assert (again["state"], again["event_id"]) == ("delivered", item["event_id"])
    assert (await client.post(f"/v1/deliveries/{NOBODY}/replay")).status == 404
    assert (await client.get(f"/v1/deliveries/{NOBODY}")).status == 404


@pytest.mark.parametrize("in_bulk", [False, True])
async def test_a_delivery_that_waits_for_a_retry_is_hurried(
    client, database, loop, status, clock, in_bulk
):
    await create(client)
    status[0] = 500
    since = clock.now()
    await deliver(database, loop, "lead-1")
    clock.advance_to(await loop.next_due(clock.now()))
    await deliver(database, loop)
    status[0] = 204
    clock.advance_to(clock.now() + timedelta(seconds=5))

    async def only() -> dict[str, Any]:
        (item,) = (await client.get("/v1/deliveries")).json()["items"]
        found: dict[str, Any] = item
        return found

    waiting = await only()
    assert (waiting["state"], waiting["attempt"]) == ("pending", 2)
    path, body = f"/v1/deliveries/{waiting['id']}/replay", None
    if in_bulk:
        path, body = "/v1/deliveries/replay", {"since": since.isoformat()}
    assert (await client.post(path, body)).json() == {"replayed": 1}
    assert (await only())["attempt"] == 0
    await deliver(database, loop)

    delivered = await only()
    assert (delivered["state"], delivered["attempt"]) == ("delivered", 1)


async def test_a_delivery_that_may_be_under_way_is_left_alone(client, database, clock):
    await create(client)
    since = clock.now()
    async with database.transaction() as work:
        event = HandoffAccepted(lead_id="lead-1", sequence=1)
        await enqueue(work, await promise(work, [Promise(event)]))
    clock.advance_to(since + timedelta(seconds=1))
    async with database.transaction() as work:
        leased = text("UPDATE deliveries SET attempt = 1, due_at = :due_at")
        await work.connection.execute(leased, {"due_at": work.now + LEASED_WITHIN})
    (item,) = (await client.get("/v1/deliveries")).json()["items"]

    one = await client.post(f"/v1/deliveries/{item['id']}/replay")
    many = await client.post("/v1/deliveries/replay", {"since": since.isoformat()})

    assert one.status == 409
    assert one.json()["detail"].startswith("The delivery is under way or due within 50 s")
    assert many.json() == {"replayed": 0}


async def test_a_pause_that_is_over_is_no_reason_to_refuse_a_replay(client, database, clock):
    created = await create(client)
    async with database.transaction() as work:
        event = HandoffAccepted(lead_id="lead-1", sequence=1)
        await enqueue(work, await promise(work, [Promise(event)]))
        held = [Hold(created["id"], URL, work.now)]
        await attempt_store.hold(work.connection, held)
    (item,) = (await client.get("/v1/deliveries")).json()["items"]

    refused = await client.post(f"/v1/deliveries/{item['id']}/replay")

    assert refused.json()["detail"].startswith("The delivery is under way or due within 50 s")


@pytest.mark.parametrize("in_bulk", [False, True])
async def test_a_replay_that_is_asked_for_again_with_its_key_is_made_once(
    client, database, loop, clock, status, in_bulk
):
    await create(client)
    status[0] = 500
    since = clock.now().isoformat()
    await deliver(database, loop, "lead-1")
    clock.advance_to(await loop.next_due(clock.now()))
    await deliver(database, loop)
    (item,) = (await client.get("/v1/deliveries")).json()["items"]
    path = "/v1/deliveries/replay" if in_bulk else f"/v1/deliveries/{item['id']}/replay"
    body = {"since": since} if in_bulk else None

    answers = [await client.post(path, body, {"idempotency-key": "k-1"}) for _ in range(2)]

    assert [answer.json() for answer in answers] == [{"replayed": 1}] * 2


async def test_what_is_replayed_in_bulk_goes_out_at_the_next_pass(
    client, database, loop, clock, status, posted
):
    await create(client)
    status[0] = 410
    since = clock.now().isoformat()
    await deliver(database, loop, "lead-1")
    (endpoint,) = (await client.get("/v1/endpoints")).json()["items"]
    await client.post(f"/v1/endpoints/{endpoint['id']}/enable")
    await deliver(database, loop)
    clock.advance_to(clock.now() + loop.idle)
    await deliver(database, loop)

    await client.post(
        "/v1/deliveries/replay", {"since": since, "until": "2027-01-01T00:00:00Z"}
    )
    await loop.run_once(clock.now())

    assert len(posted) == 2


async def test_a_replay_says_that_its_endpoint_is_disabled_or_deleted(client, database, loop):
    created = await create(client)
    path = f"/v1/endpoints/{created['id']}"
    await deliver(database, loop, "lead-1")
    (item,) = (await client.get("/v1/deliveries")).json()["items"]

    async def told() -> list[tuple[int, str]]:
        body = {"since": item["created_at"], "endpoint_id": created["id"]}
        one = await client.post(f"/v1/deliveries/{item['id']}/replay")
        many = await client.post("/v1/deliveries/replay", body)
        return [(answer.status, answer.json()["detail"]) for answer in (one, many)]

    await client.post(path + "/disable")
    assert await told() == [(409, "The endpoint is disabled; enable it first.")] * 2
    await client.delete(path)
    assert await told() == [
        (409, "The endpoint was deleted."),
        (404, f"There is no endpoint {created['id']}."),
    ]


async def test_an_endpoint_that_is_disabled_again_keeps_its_first_reason(client, database):
    created = await create(client)
    async with database.transaction() as work:
        for reason in ("the first", "the second"):
            await delivery_store.disable(work.connection, [created["id"]], reason)

        (endpoint,) = await endpoint_store.page(work.connection, None, 10)
    assert endpoint.reason == "the first"


async def test_failed_deliveries_are_replayed_by_time_and_endpoint(
    client, database, loop, status, clock
):
    first, second = await create(client), await create(client)
    status[0] = 410
    since = clock.now()
    await deliver(database, loop, "lead-1", "lead-2")
    clock.advance_to(since + timedelta(hours=1))
    for endpoint in (first, second):
        await client.post(f"/v1/endpoints/{endpoint['id']}/enable")

    async def replay(**fields):
        answer = await client.post("/v1/deliveries/replay", fields)
        return answer.json().get("replayed", answer.status)

    later = (since + timedelta(minutes=1)).isoformat()
    assert await replay(since=later) == 0
    assert await replay(since=since.isoformat(), endpoint_id=first["id"]) == 2
    assert await replay(since=since.isoformat(), until=later) == 2
    assert await replay(since="2026-03-02T09:00:00") == 422
    assert await replay() == 422


@pytest.mark.parametrize(
    "change",
    [
        "deliveries SET state = 'lost', delivered_at = NULL",
        "deliveries SET delivered_at = NULL",
        "deliveries SET state = 'pending'",
        "endpoints SET state = 'asleep'",
        "endpoints SET previous_secret = 'alone'",
    ],
)
async def test_the_database_refuses_states_that_can_not_be(client, database, loop, change):
    await create(client)
    await deliver(database, loop, "lead-1")

    with pytest.raises(IntegrityConstraintViolationError):
        async with database.transaction() as work:
            await work.connection.execute(text(f"UPDATE {change}"))
