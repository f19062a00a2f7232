from datetime import timedelta

import pytest
from sqlalchemy import text

from leadloop.delivery_store import Queued, forget, insert
from leadloop.events import Envelope
from leadloop.idempotency import Command, claim
from leadloop.upkeep import Upkeep
from tests.conftest import MONDAY_MORNING
from tests.webhooks import accepted

ENDPOINT = "00000000-0000-0000-0000-00000000000e"


@pytest.fixture
def database(make_database):
    return make_database("kit")


@pytest.fixture
def upkeep(database):
    return Upkeep(database)


async def tidy(upkeep, clock) -> int:
    done = 0
    while count := await upkeep.run_once(clock.now()):
        done += count
    return done


def queued(delivery_id: str, event_id: str, lead_id: str) -> Queued:
    event = accepted(lead_id)
    envelope = Envelope(event_id, "", lead_id, "type", MONDAY_MORNING, "", event, b"")
    return Queued(delivery_id, ENDPOINT, envelope, None, None)


async def add_rows(database, *, state: str, nth: int) -> None:
    """Add a handled mark, a delivery and a claimed key, all of now."""
    async with database.transaction() as work:
        mark = work.ids.new(work.now)
        await work.connection.execute(
            text("INSERT INTO inbox (event_id, handled_at) VALUES (CAST(:id AS uuid), :now)"),
            {"id": mark, "now": work.now},
        )
        one = queued(work.ids.new(work.now), mark, "lead-1")
        await insert(work.connection, [one], work.now)
        await work.connection.execute(
            text("UPDATE deliveries SET state = :state WHERE id = CAST(:id AS uuid)"),
            {"state": state, "id": one.id},
        )
        await claim(work, Command("POST /", f"k-{nth}", b""))


async def count(database) -> dict[str, int]:
    async with database.transaction() as work:
        return {
            table: await work.connection.scalar(text(f"SELECT count(*) FROM {table}"))
            for table in ("inbox", "deliveries", "idempotency")
        }


async def test_rows_are_kept_for_their_time_and_then_forgotten(database, upkeep, clock):
    await add_rows(database, state="failed", nth=1)
    assert await tidy(upkeep, clock) == 0

    clock.advance_to(clock.now() + timedelta(days=29))
    await tidy(upkeep, clock)
    assert await count(database) == {"inbox": 1, "deliveries": 1, "idempotency": 0}
    clock.advance_to(clock.now() + timedelta(days=2))
    await tidy(upkeep, clock)
    assert await count(database) == {"inbox": 1, "deliveries": 0, "idempotency": 0}
    clock.advance_to(clock.now() + timedelta(days=5))
    await tidy(upkeep, clock)
    assert await count(database) == {"inbox": 0, "deliveries": 0, "idempotency": 0}


async def test_what_is_still_to_be_delivered_is_kept(database, upkeep, clock):
    await add_rows(database, state="pending", nth=1)
    clock.advance_to(clock.now() + timedelta(days=100))
    await tidy(upkeep, clock)

    assert (await count(database))["deliveries"] == 1


async def test_it_rests_for_a_day(database, upkeep, clock):
    await add_rows(database, state="failed", nth=1)
    clock.advance_to(clock.now() + timedelta(days=29, hours=12))
    await tidy(upkeep, clock)
    assert await upkeep.next_due(clock.now()) == clock.now() + timedelta(days=1)

    clock.advance_to(clock.now() + timedelta(hours=23))
    assert await tidy(upkeep, clock) == 0
    clock.advance_to(clock.now() + timedelta(hours=1))
    assert await tidy(upkeep, clock) == 1


async def test_tables_that_a_service_lacks_are_passed_over(database, upkeep, clock):
    async with database.transaction() as work:
        for table in ("deliveries", "idempotency"):
            await work.connection.execute(text(f"DROP TABLE {table}"))

    assert await tidy(upkeep, clock) == 0


async def test_what_was_to_be_delivered_about_a_forgotten_person_is_deleted(database):
    async with database.transaction() as work:
        for lead in ("lead-1", "lead-2"):
            one = queued(work.ids.new(work.now), work.ids.new(work.now), lead)
            await insert(work.connection, [one], work.now)

        assert await forget(work.connection, ["lead-1", "lead-3"]) == 1
        left = await work.connection.scalars(text("SELECT lead_id FROM deliveries"))

    assert left == ["lead-2"]
