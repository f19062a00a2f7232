from datetime import timedelta

import pytest
from prometheus_client import REGISTRY
from sqlalchemy import text

from leadloop import metrics
from leadloop.database import Database
from leadloop.delivery import enqueue
from leadloop.endpoint_store import NewEndpoint, create, enable
from leadloop.outbox import Promise, promise
from leadloop.signing import new_secret
from leadloop.timers import Timer, arm
from leadloop.v1.handoff_pb2 import HandoffAccepted
from tests.webhooks import accepted, add_endpoint, queue

SUBJECT = "00000000-0000-0000-0000-00000000000a"


@pytest.fixture
def database(make_database):
    return make_database("kit")


def gauge(name: str) -> float | None:
    return REGISTRY.get_sample_value(name, {"service": "kit"})


async def test_ages_and_sizes_are_read_from_the_database(database, clock):
    async with database.transaction() as work:
        new = NewEndpoint(
            work.ids.new(work.now), "https://crm.example.com", "", [], new_secret()
        )
        await create(work.connection, new, work.now)
        envelopes = await promise(work, [Promise(HandoffAccepted(lead_id="lead-1"))] * 2)
        await enqueue(work, envelopes)
        await arm(work, [Timer(SUBJECT, "accept", work.now + timedelta(seconds=20))])
    clock.advance_to(clock.now() + timedelta(seconds=30))

    assert await metrics.refresh(database, service="kit")

    assert gauge("leadloop_outbox_rows") == 2
    assert gauge("leadloop_outbox_oldest_seconds") == 30
    assert gauge("leadloop_timers_overdue_oldest_seconds") == 10
    assert gauge("leadloop_deliveries_due_oldest_seconds") == 30
    assert gauge("leadloop_parked_rows") == 0


async def test_what_waits_for_a_disabled_endpoint_is_not_late(database, clock):
    endpoint = await add_endpoint(database, "https://crm.example.com")
    await queue(database, accepted())
    async with database.transaction() as work:
        await work.connection.execute(text("UPDATE endpoints SET state = 'disabled'"))
    clock.advance_to(clock.now() + timedelta(seconds=30))

    await metrics.refresh(database, service="kit")
    assert gauge("leadloop_deliveries_due_oldest_seconds") == 0
    async with database.transaction() as work:
        await enable(work.connection, endpoint)
    await metrics.refresh(database, service="kit")
    assert gauge("leadloop_deliveries_due_oldest_seconds") == 30


async def test_an_age_returns_to_zero(database, clock):
    async with database.transaction() as work:
        await promise(work, [Promise(HandoffAccepted(lead_id="lead-1"))])
    clock.advance_to(clock.now() + timedelta(seconds=30))
    await metrics.refresh(database, service="kit")
    async with database.transaction() as work:
        await work.connection.execute(text("DELETE FROM outbox"))

    await metrics.refresh(database, service="kit")

    assert gauge("leadloop_outbox_oldest_seconds") == 0
    assert gauge("leadloop_outbox_rows") == 0


async def test_a_service_without_deliveries_has_the_other_readings(database):
    async with database.transaction() as work:
        await work.connection.execute(text("DROP TABLE deliveries"))

    assert await metrics.refresh(database, service="kit")


@pytest.fixture
async def away(database):
    url = "postgresql+asyncpg://postgres@127.0.0.1:9/none"
    away = Database(url, "kit", clock=database.clock, ids=database.ids)
    yield away
    await away.close()


async def test_a_database_that_is_away_is_told_and_its_readings_are_gone(database, away):
    assert await metrics.refresh(database, service="kit")
    assert gauge("leadloop_database_up") == 1

    assert not await metrics.refresh(away, service="kit")

    assert gauge("leadloop_database_up") == 0
    for name in (
        "leadloop_outbox_oldest_seconds",
        "leadloop_outbox_rows",
        "leadloop_timers_overdue_oldest_seconds",
        "leadloop_deliveries_due_oldest_seconds",
        "leadloop_endpoints_held",
        "leadloop_parked_rows",
    ):
        assert gauge(name) is None
    assert b"leadloop_database_up" in metrics.exposition()


async def test_readings_come_back_with_the_database(database, away):
    await metrics.refresh(away, service="kit")

    await metrics.refresh(database, service="kit")

    assert gauge("leadloop_database_up") == 1
    assert gauge("leadloop_outbox_rows") == 0
