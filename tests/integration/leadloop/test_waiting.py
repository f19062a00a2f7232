"""Services that start before the migrations wait for them, alive but not ready."""

import asyncio

import pytest
from sqlalchemy import text
from structlog.testing import capture_logs

from leadloop import database as database_module
from leadloop.database import Database, TooOld
from leadloop.migrate import migrate
from leadloop.waiting import Gate, wait_for_schema
from services.rooms import room_of
from tests.asgi import Client
from tests.conftest import ROOT, until

KIT = ROOT / "tests" / "kit_migrations"
SCORING = room_of("scoring").migrations


async def answer(scope, receive, send):
    await send({"type": "http.response.start", "status": 204, "headers": []})
    await send({"type": "http.response.body", "body": b""})


@pytest.fixture
def gate():
    return Gate(answer)


@pytest.fixture
def database(make_database):
    return make_database("kit")


async def run(database, statement: str) -> None:
    async with database.transaction() as work:
        await work.connection.execute(text(statement))


async def test_a_schema_that_is_not_there_is_waited_for_and_told_of_once(
    database, gate, database_url
):
    await run(database, "DROP SCHEMA kit CASCADE")
    client = Client(gate)

    with capture_logs() as logs:
        waiting = asyncio.create_task(wait_for_schema(database, KIT, gate))
        await until(lambda: logs)
        assert (await client.get("/healthz")).status == 200
        not_ready = await client.get("/readyz")
        refused = await client.post("/hooks/website")
        await migrate(database_url, "kit", KIT)
        await waiting

    assert not_ready.status == 503
    assert "run leadloop migrate" in not_ready.json()["checks"]["schema"]
    assert (refused.status, refused.headers["retry-after"]) == (503, "1")
    assert [line["event"] for line in logs] == ["schema.waits", "schema.ready"]
    assert logs[0]["schema"] == "kit"
    assert "run leadloop migrate" in logs[0]["reason"]


async def test_an_open_gate_lets_everything_through(gate):
    gate.open()

    for path in ("/healthz", "/readyz", "/hooks/website"):
        assert (await Client(gate).get(path)).status == 204


async def test_a_schema_of_an_older_version_is_waited_for(make_database, gate):
    database = make_database("scoring")
    await run(database, "UPDATE alembic_version SET version_num = 'scoring_0006'")

    waiting = asyncio.create_task(wait_for_schema(database, SCORING, gate))
    with capture_logs() as logs:
        await until(lambda: logs)
    assert not waiting.done()

    await run(database, "UPDATE alembic_version SET version_num = 'scoring_0007'")
    await waiting


@pytest.mark.parametrize("version", ["scoring_0007", "scoring_9999"])
async def test_a_schema_that_is_new_enough_is_not_waited_for(make_database, gate, version):
    database = make_database("scoring")
    await run(database, f"UPDATE alembic_version SET version_num = '{version}'")

    with capture_logs() as logs:
        await wait_for_schema(database, SCORING, gate)

    assert logs == []


async def test_a_database_that_is_away_is_waited_for_and_named(gate, clock, ids):
    url = "postgresql+asyncpg://ada:secret-word@127.0.0.1:9/none"
    away = Database(url, "kit", clock=clock, ids=ids)

    waiting = asyncio.create_task(wait_for_schema(away, KIT, gate))
    with capture_logs() as logs:
        await until(lambda: logs)
    waiting.cancel()

    assert logs[0]["database"] == "127.0.0.1:9/none"
    assert "does not answer" in logs[0]["reason"]
    assert "secret-word" not in str(logs)


async def test_a_server_that_is_too_old_is_not_waited_for(database, gate, monkeypatch):
    monkeypatch.setattr(database_module, "POSTGRES_VERSION_MIN", 99)

    with pytest.raises(TooOld, match="expected PostgreSQL 99 or later, found 1"):
        await wait_for_schema(database, KIT, gate)
