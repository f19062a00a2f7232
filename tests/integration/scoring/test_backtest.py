"""A backtest on scoring's own ledger."""

import asyncio
from datetime import timedelta

import pytest

from leadloop.events import timestamp
from leadloop.v1.agreement_pb2 import Rule
from services.scoring.backtest.ledger_run import PageTask, backtest_ledger, replay_page
from services.scoring.backtest.run import Proposal
from services.scoring.history import ledger
from services.scoring.history.ledger import past_lead_of
from tests.conftest import MONDAY_MORNING
from tests.integration.scoring.builders import (
    GERMAN,
    ONE,
    THREE,
    TWO,
    captured,
    lost,
    merged,
    quarantined,
    recorded,
    signed,
    visit,
    won,
)

pytestmark = pytest.mark.integration

HOUR, DAY = timedelta(hours=1), timedelta(days=1)


@pytest.fixture
async def three_leads(handle, clock):
    """A lead that was won, one that was lost, and one that never reached sales."""
    await handle(signed())
    await handle(
        captured(ONE, activity=visit(1)),
        captured(TWO, activity=visit(2)),
        captured(THREE, country="FR"),
    )
    clock.advance_to(MONDAY_MORNING + DAY)
    await handle(won(clock.now(), ONE))
    await handle(lost(clock.now() + HOUR, TWO))
    await handle(recorded(visit(7, clock.now() + 2 * DAY), ONE))


async def past_of(database):
    async with database.transaction() as work:
        page = await ledger.read_page(work.connection, ledger.FIRST, 10)
    return {kept.lead_id: past_lead_of(kept) for kept in page}, page


async def test_leads_are_read_with_their_outcomes_and_what_they_did_until_then(
    three_leads, database
):
    leads, _ = await past_of(database)

    assert {lead_id: lead.won for lead_id, lead in leads.items()} == {
        ONE: True,
        TWO: False,
        THREE: None,
    }
    assert [a.activity_id for a in leads[ONE].activities] == ["visit-1"]
    assert leads[ONE].decided_at == MONDAY_MORNING + DAY


async def test_what_was_learned_counts_from_when_it_was_known(handle, database, clock):
    await handle(signed())
    await handle(captured(country="FR", activity=visit(1)))
    clock.advance_to(MONDAY_MORNING + DAY)
    later = captured(country="DE")
    later.received_at.CopyFrom(timestamp(clock.now()))
    await handle(later)

    leads, page = await past_of(database)
    found = replay_page(PageTask(page, Proposal(body(signed()))))

    assert leads[ONE].facts["country"] == "FR"
    assert [one.facts["country"] for one in leads[ONE].learned] == ["DE"]
    assert found.counts.tiers["B"].all == 1
    assert found.counts.waits["1 day"].all == 1


async def test_a_person_is_one_lead_and_quarantined_activities_do_not_count(handle, database):
    await handle(signed())
    await handle(captured(ONE, activity=visit(1)), captured(TWO, activity=visit(2)))
    await handle(merged(ONE, TWO))
    await handle(quarantined("visit-1"))

    leads, _ = await past_of(database)

    assert [a.activity_id for a in leads[ONE].activities] == ["visit-2"]
    assert TWO not in leads


async def test_pages_meet_every_lead_once(three_leads, database):
    async with database.transaction() as work:
        seen, after = [], ledger.FIRST
        while page := await ledger.read_page(work.connection, after, 2):
            seen += [kept.lead_id for kept in page]
            after = page[-1].lead_id
        assert await ledger.count_leads(work.connection) == 3

    assert seen == [ONE, TWO, THREE]


async def test_the_ledger_is_replayed_beside_the_agreement_in_force(three_leads, database):
    easier = signed(version=2, rules=(GERMAN, Rule(name="any", condition="true", points=30)))

    found = await asyncio.to_thread(backtest_ledger, database.url, Proposal(body(easier)))

    counts, changes = found.found.counts, found.found.changes
    assert (counts.leads.all, counts.qualified.all, counts.leads.won) == (3, 3, 1)
    assert changes is not None
    assert {kind: group.all for kind, group in changes.groups.items()} == {
        "another tier": 2,
        "now qualified": 1,
    }


def body(event):
    return event.agreement.SerializeToString()
