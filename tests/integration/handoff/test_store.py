"""What the schema itself refuses, whatever the code above it does."""

import pytest
from asyncpg import IntegrityConstraintViolationError

from tests.integration.handoff.floor import qualified


@pytest.mark.parametrize(
    "broken",
    [
        "UPDATE handoffs SET state = 'asleep'",
        "UPDATE handoffs SET cycle = 0",
        "UPDATE handoffs SET owner_name = NULL",
        "UPDATE handoffs SET state = 'queued', reason = 'nobody'",
        "UPDATE handoffs SET state = 'queued', owner_id = NULL, owner_name = NULL, reason = ''",
        "UPDATE handoffs SET owner_id = NULL, owner_name = NULL",
        "INSERT INTO handoffs SELECT (h2).* FROM (SELECT h AS h2 FROM handoffs AS h) AS twice",
        "UPDATE people SET id = 'a b'",
    ],
)
async def test_what_must_not_be_is_refused_by_the_schema(floor, broken):
    await floor.staffed("ann")
    await floor.take(qualified())

    with pytest.raises(IntegrityConstraintViolationError):
        await floor.rows(broken)


async def test_a_cycle_is_there_once(floor):
    await floor.staffed("ann")
    event = qualified()
    await floor.take(event, qualified())

    with pytest.raises(IntegrityConstraintViolationError, match="handoffs_cycle"):
        await floor.rows(f"UPDATE handoffs SET lead_id = '{event.lead_id}'")
