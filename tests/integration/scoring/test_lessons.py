"""What our own ledger teaches: leads as they stood when they were handed to sales."""

import asyncio
from datetime import timedelta

import pytest

from leadloop.errors import Rejected
from leadloop.events import timestamp
from leadloop.v1.agreement_pb2 import Tier
from leadloop.v1.lead_pb2 import Touch
from services.lab.lessons.from_ledger import gather_ledger
from services.lab.lessons.gather import Asking
from tests.conftest import MONDAY_MORNING
from tests.integration.scoring.builders import (
    GERMAN,
    ONE,
    THREE,
    TWO,
    VISIT,
    captured,
    quarantined,
    recorded,
    returned,
    signed,
    visit,
    won,
)

pytestmark = pytest.mark.integration

DAY = timedelta(days=1)
TIERS = (Tier(name="B", condition="total >= 30"),)


def in_force():
    return signed(rules=(GERMAN, VISIT), tiers=TIERS)


async def gathered(database_url):
    body = in_force().agreement.SerializeToString()
    return await asyncio.to_thread(gather_ledger, database_url, Asking(body))


@pytest.fixture
async def past(handle, clock):
    """One lead that was won, one that sales gave back, one that they never had."""
    await handle(in_force())
    await handle(
        captured(
            ONE,
            activity=visit(1, MONDAY_MORNING - DAY),
            touch=Touch(source="ads"),
            employees="80",
        ),
        captured(TWO, activity=visit(2, MONDAY_MORNING - DAY), employees="5"),
        captured(THREE, country="FR"),
    )
    clock.advance_to(MONDAY_MORNING + DAY)
    await handle(recorded(visit(7, clock.now()), ONE))
    late = captured(ONE, country="FR", employees="900")
    late.received_at.CopyFrom(timestamp(clock.now()))
    await handle(late)
    clock.advance_to(MONDAY_MORNING + 2 * DAY)
    await handle(won(clock.now(), ONE))
    await handle(returned(clock.now(), lead_id=TWO))


async def test_leads_are_judged_as_they_were_when_sales_got_them(past, database_url):
    found = await gathered(database_url)
    history = found.material.history()

    order = [history.fields["employees"].index(n) for n in (80, 5)]
    assert history.won[order].tolist() == [True, False]
    assert history.names == ("german", "visit")
    assert history.strengths[order].tolist() == [[1.0, 1.0], [1.0, 1.0]]
    assert [history.sources[n] for n in order] == ["ads", ""]
    assert [history.reasons[n] for n in order] == [None, "No need now"]
    assert found.material.undecided == 1
    assert found.days_to_win == [2]


async def test_what_is_in_quarantine_does_not_count(past, handle, database_url):
    await handle(quarantined("visit-2", lead_id=TWO))

    history = (await gathered(database_url)).material.history()

    place = history.fields["employees"].index(5)
    assert history.strengths[place].tolist() == [1.0, 0.0]


async def test_who_somebody_is_is_not_learned_from(past, database_url):
    found = await gathered(database_url)

    fields = found.material.history().fields
    assert {"email", "first_name", "last_name", "phone"} & fields.keys() == set()
    assert {"country", "company", "employees"} <= fields.keys()
    assert {"email", "phone"} <= {one.column for one in found.columns}


async def test_a_database_of_something_else_is_refused():
    with pytest.raises(Rejected, match="Scoring's database can't be read"):
        await asyncio.to_thread(
            gather_ledger,
            "postgresql+asyncpg://nobody@127.0.0.1:1/nothing",
            Asking(in_force().agreement.SerializeToString()),
        )
