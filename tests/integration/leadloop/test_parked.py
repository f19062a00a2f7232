"""What people do with events that could not be handled, over HTTP."""

from random import Random

import pytest
from sqlalchemy import text
from structlog.testing import capture_logs

from leadloop.errors import Rejected, Retry
from leadloop.events import encode
from leadloop.inbox import Inbox
from leadloop.parked import parked_router
from leadloop.records import Promised, Record, to_record
from leadloop.v1.lead_pb2 import LeadErased
from leadloop.web import create_app
from tests.asgi import Client

PARKED = "/v1/parked/kit"
NOBODY = "0195530e-0000-7000-8000-00000000dead"
WHO_AND_WHY = {"by": "Mara", "reason": "the sender has sent it again, whole"}


class Faults:
    """What the handler does with each key; it writes down the others."""

    def __init__(self) -> None:
        self.of: dict[str, Exception] = {}

    async def handle(self, work, envelopes):
        for envelope in envelopes:
            await work.connection.execute(
                text("INSERT INTO seen (key) VALUES (:key)"), {"key": envelope.key}
            )
            if envelope.key in self.of:
                raise self.of[envelope.key]


@pytest.fixture
def faults():
    return Faults()


@pytest.fixture
def database(make_database):
    return make_database("kit")


@pytest.fixture
def inbox(database, faults):
    return Inbox(database, {LeadErased: faults.handle}, service="kit")


@pytest.fixture
def client(database, inbox):
    app = create_app(service="kit", title="Kit", database=database, random=Random(7))
    app.include_router(parked_router("kit", inbox))
    return Client(app)


@pytest.fixture
def park(inbox, faults, ids, clock):
    """Have an event parked; return its id."""

    async def park(key: str, value: bytes | None = None) -> str:
        event_id, name = ids.new(clock.now()), LeadErased.DESCRIPTOR.full_name
        event = encode(LeadErased(lead_id=key)) if value is None else value
        row = Promised(0, event_id, "leads.v1", key, name, clock.now(), "", event)
        faults.of[key] = Rejected("the lead is unknown")
        record: Record = to_record(row, "intake")
        await inbox.handle([record])
        return event_id

    return park


async def seen(database) -> list[str]:
    async with database.transaction() as work:
        return list(await work.connection.scalars(text("SELECT key FROM seen")))


async def parked_ids(client) -> list[str]:
    return [event["event_id"] for event in (await client.get(PARKED)).json()]


async def test_events_that_can_be_handled_by_now_are(client, database, faults, park):
    first, second = await park("a"), await park("b")
    faults.of.clear()

    answer = await client.post(f"{PARKED}/retry", {"event_ids": [first, second]})

    assert (answer.status, answer.json()) == (200, {"handled": 2})
    assert await parked_ids(client) == []
    assert sorted(await seen(database)) == ["a", "b"]


async def test_a_retry_that_fails_says_why_and_handles_nothing(client, database, faults, park):
    first, second = await park("a"), await park("b")
    del faults.of["a"]

    answer = await client.post(f"{PARKED}/retry", {"event_ids": [first, second]})

    assert answer.status == 409
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["errors"] == [
        {
            "pointer": "/event_ids",
            "expected": "events that the service can handle",
            "found": "Rejected: the lead is unknown",
        }
    ]
    assert sorted(await parked_ids(client)) == sorted([first, second])
    assert await seen(database) == []


@pytest.mark.parametrize("path", ["retry", "{id}/retry"])
async def test_a_value_that_is_no_event_is_refused_for_that_reason(client, park, path):
    event_id = await park("a", b"\xff\xff")

    body = None if path.startswith("{") else {"event_ids": [event_id]}
    answer = await client.post(f"{PARKED}/{path.format(id=event_id)}", body)

    (listed,) = (await client.get(PARKED)).json()
    (error,) = answer.json()["errors"]
    assert answer.status == 409
    assert error["found"] == listed["error"]
    assert error["found"].startswith(
        "Unreadable: expected a value that is a leadloop.v1.LeadErased, found 2 bytes"
    )


async def test_what_postgresql_says_of_values_is_not_repeated(database, park):
    event_id = await park("a")

    async def clash(work, envelopes):
        await work.connection.execute(text("CREATE TABLE once (email text UNIQUE)"))
        for _ in range(2):
            await work.connection.execute(text("INSERT INTO once VALUES ('ada@example.com')"))

    async def overflow(work, envelopes):
        await work.connection.execute(text("SELECT CAST('ada@example.com' AS integer)"))

    for fault, expected in ((clash, "once_email_key"), (overflow, "22P02")):
        inbox = Inbox(database, {LeadErased: fault}, service="kit")
        app = create_app(service="kit", title="Kit", database=database)
        app.include_router(parked_router("kit", inbox))

        answer = await Client(app).post(f"{PARKED}/retry", {"event_ids": [event_id]})

        assert answer.status == 409
        assert expected in answer.body.decode()
        assert "ada@" not in answer.body.decode()


async def test_while_something_is_away_a_retry_may_be_asked_for_again(client, faults, park):
    event_id = await park("a")
    faults.of["a"] = Retry("the other side is away")

    answer = await client.post(f"{PARKED}/retry", {"event_ids": [event_id]})

    assert answer.status == 503
    assert answer.headers["retry-after"] == "1"


async def test_discarded_events_are_gone_and_the_log_says_by_whom_and_why(
    client, database, park
):
    first, second, kept = await park("a"), await park("b"), await park("c")

    with capture_logs() as logs:
        wanted = {"event_ids": [first, second.upper()], **WHO_AND_WHY}
        answer = await client.post(f"{PARKED}/discard", wanted)

    assert (answer.status, answer.json()) == (200, {"discarded": 2})
    assert await parked_ids(client) == [kept]
    lines = [line for line in logs if line["event"] == "event.discarded"]
    assert sorted(line["event_id"] for line in lines) == sorted([first, second])
    assert {(line["by"], line["reason"]) for line in lines} == {tuple(WHO_AND_WHY.values())}
    assert lines[0]["type"] == "leadloop.v1.LeadErased"
    assert lines[0]["error"] == "Rejected: the lead is unknown"
    assert await seen(database) == []


async def test_a_discarded_event_is_not_handled_when_it_comes_again(
    client, database, inbox, faults, ids, clock
):
    event_id, name = ids.new(clock.now()), LeadErased.DESCRIPTOR.full_name
    value = encode(LeadErased(lead_id="a"))
    row = Promised(0, event_id, "leads.v1", "a", name, clock.now(), "", value)
    faults.of["a"] = Rejected("the lead is unknown")
    await inbox.handle([to_record(row, "intake")])

    await client.post(f"{PARKED}/discard", {"event_ids": [event_id], **WHO_AND_WHY})
    faults.of.clear()
    await inbox.handle([to_record(row, "intake")])

    assert await seen(database) == []


@pytest.mark.parametrize("command", ["retry", "discard"])
async def test_ids_that_are_not_parked_are_refused_and_nothing_is_done(client, park, command):
    event_id = await park("a")

    wanted = {"event_ids": [event_id, NOBODY], **WHO_AND_WHY}
    answer = await client.post(f"{PARKED}/{command}", wanted)

    assert answer.status == 404
    assert answer.json()["detail"] == f"1 of 2 are not parked: {NOBODY}"
    assert await parked_ids(client) == [event_id]


@pytest.mark.parametrize("missing", ["by", "reason"])
async def test_nobody_discards_without_a_name_and_a_reason(client, park, missing):
    event_id = await park("a")
    wanted = {"event_ids": [event_id], **WHO_AND_WHY, missing: ""}

    answer = await client.post(f"{PARKED}/discard", wanted)

    assert answer.status == 422
    assert answer.json()["errors"][0]["pointer"] == f"/{missing}"
    assert await parked_ids(client) == [event_id]
