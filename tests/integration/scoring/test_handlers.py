"""Events come in as batches; verdicts are promised with them, each once."""

import asyncio
from contextlib import suppress
from datetime import timedelta

import pytest

from leadloop.errors import Rejected, Retry
from leadloop.events import moment, timestamp
from leadloop.v1.agreement_pb2 import (
    Rule,
)
from leadloop.v1.lead_pb2 import Touch
from leadloop.v1.qualification_pb2 import LeadQualified, LeadScored
from services.scoring import store
from services.scoring.handlers import on_agreements_signed, on_leads_captured
from services.scoring.tables import LeadState
from tests.conftest import MONDAY_MORNING
from tests.integration.scoring.builders import (
    GERMAN,
    ONE,
    THREE,
    TWO,
    VISIT,
    captured,
    recorded,
    signed,
    visit,
)
from tests.integration.scoring.conftest import envelopes
from tests.integration.scoring.readers import kinds, rescored, state_of, until_one_waits

pytestmark = pytest.mark.integration

HOUR = timedelta(hours=1)


async def test_a_lead_that_meets_a_tier_is_qualified_with_all_that_sales_needs(
    handle, published, clock
):
    await handle(signed())
    await handle(
        captured(touch=Touch(campaign="spring", occurred_at=timestamp(MONDAY_MORNING)))
    )
    clock.advance_to(MONDAY_MORNING + HOUR)

    await handle(recorded(visit(1), received_at=clock.now()))

    (event,) = await published()
    assert isinstance(event, LeadQualified)
    assert (event.lead_id, event.cycle, event.tier) == (ONE, 1, "B")
    assert (event.trigger, event.agreement_version) == ("page_view", 1)
    assert (event.lead.email, event.touch.campaign) == ("ada@example.com", "spring")
    assert moment(event.received_at) == moment(event.qualified_at) == clock.now()
    assert [(part.rule, part.points, part.activity_id) for part in event.score.parts] == [
        ("german", 20, ""),
        ("visit", 10, "visit-1"),
    ]
    assert (event.score.fit, event.score.engagement, event.score.total) == (20, 10, 30)


async def test_several_events_of_one_lead_in_one_batch_are_judged_in_order(
    handle, published, database
):
    await handle(signed())

    await handle(
        captured(ONE, activity=visit(1)),
        captured(TWO, country="FR", activity=visit(1)),
        captured(ONE, activity=visit(2)),
        captured(ONE, activity=visit(3)),
        captured(ONE, activity=visit(3)),
    )

    events = await published()
    assert kinds(events) == ["LeadQualified", "LeadScored"]
    assert events[0].score.total == 30
    assert (events[1].tier_before, events[1].tier, events[1].score.total) == ("B", "A", 50)
    state = await state_of(database)
    assert (state.fit, state.engagement, state.activity_count) == (20, 30, 3)
    assert (await state_of(database, TWO)).engagement == 10


async def test_an_activity_that_comes_twice_counts_once_and_writes_nothing(
    handle, published, database
):
    await handle(signed())
    await handle(captured(activity=visit(1)))
    before = await state_of(database)
    await published()

    await handle(captured(activity=visit(1)))
    await handle(recorded(visit(1)), recorded(visit(1)))

    assert await state_of(database) == before
    assert await published() == []


async def test_an_activity_before_its_lead_is_kept_and_counts(handle, published):
    await handle(signed())

    await handle(recorded(visit(1)), recorded(visit(2)))
    await handle(captured())

    assert kinds(await published()) == ["LeadQualified"]


async def test_leads_that_came_before_the_first_agreement_are_judged_by_it(
    handle, published, database, clock
):
    await handle(captured(ONE, activity=visit(1)), captured(TWO, country="FR"))
    await handle(recorded(visit(2)))
    assert await published() == []

    await handle(signed())
    done = await rescored(database, clock)

    (event,) = await published()
    assert done == 2
    assert (event.lead_id, event.score.total) == (ONE, 40)


async def test_a_new_version_judges_every_lead_again_from_its_ledger(
    handle, published, database, clock
):
    await handle(signed())
    await handle(*(captured(one, activity=visit(1)) for one in (ONE, TWO)))
    await handle(captured(THREE, country="FR", activity=visit(1, url="/pricing")))
    await published()
    pricing = Rule(
        name="pricing",
        is_engagement=True,
        condition='activity.url == "/pricing"',
        points=60,
    )

    await handle(signed(2, (GERMAN, pricing)))
    await rescored(database, clock)

    events = {event.lead_id: event for event in await published()}
    assert isinstance(events[ONE], LeadScored)
    assert (events[ONE].tier_before, events[ONE].tier) == ("B", "")
    assert isinstance(events[THREE], LeadQualified)
    assert (events[THREE].tier, events[THREE].agreement_version) == ("A", 2)
    assert await rescored(database, clock) == 0


async def test_an_event_between_two_versions_is_judged_by_the_newer_one(
    handle, published, database, clock
):
    await handle(signed())
    await handle(captured(country="FR", activity=visit(1)))
    double = Rule(name="visit", is_engagement=True, condition="true", points=15)

    await handle(signed(2, (double,)))
    await handle(recorded(visit(2)))

    (event,) = await published()
    assert (event.agreement_version, event.score.total) == (2, 30)
    assert await rescored(database, clock) == 0


async def test_facts_that_engagement_rules_read_change_what_past_activities_count(
    handle, published
):
    local = Rule(
        name="local visit", is_engagement=True, condition='lead.country == "DE"', points=10
    )
    await handle(signed(rules=(local,)))
    await handle(captured(country="FR", activity=visit(1)))
    await handle(recorded(visit(2)), recorded(visit(3)))

    await handle(captured(country="DE"))

    (event,) = await published()
    assert [(part.rule, part.count) for part in event.score.parts] == [("local visit", 3)]


async def test_an_agreement_with_two_rules_of_one_name_is_refused_and_scoring_goes_on(
    handle, published
):
    await handle(signed())

    with pytest.raises(Rejected):
        await handle(signed(2, (VISIT, VISIT)))

    await handle(captured(activity=visit(1)))
    assert [event.agreement_version for event in await published()] == [1]


async def test_a_rule_that_can_not_be_judged_gives_nothing_and_the_others_go_on(
    handle, published
):
    wrong = (
        Rule(name="divides", condition="1 / 0 == 1", points=5),
        Rule(name="broken", condition="lead. ==", points=5),
        Rule(name="wrong", is_engagement=True, condition="activity.url > 5", points=5),
    )
    await handle(signed(rules=(*wrong, GERMAN, VISIT)))

    await handle(captured(activity=visit(1)))

    (event,) = await published()
    assert [part.rule for part in event.score.parts] == ["german", "visit"]


async def test_batches_that_race_over_the_same_new_leads_lose_and_double_nothing(
    handle, published, database, clock, ids
):
    """Half name the leads in one order, half in the other; the loser of a creation retries."""
    await handle(signed())
    leads = [f"00000000-0000-7000-8000-{number:012}" for number in range(20)]

    async def handle_until_done(number: int) -> None:
        order = leads if number % 2 else leads[::-1]
        batch = envelopes([captured(one, activity=visit(number)) for one in order], clock, ids)
        done = False
        while not done:
            with suppress(Retry):
                async with database.transaction() as work:
                    await on_leads_captured(work, batch)
                done = True

    await asyncio.gather(*(handle_until_done(number) for number in range(1, 7)))

    states = [await state_of(database, one) for one in leads]
    assert {(s.activity_count, s.engagement, s.cycle.so_far) for s in states} == {(6, 60, 1)}
    qualified = [e.lead_id for e in await published() if isinstance(e, LeadQualified)]
    assert sorted(qualified) == leads


async def test_a_batch_that_waited_for_a_lead_judges_by_the_version_signed_meanwhile(
    handle, published, database, clock, ids
):
    await handle(signed())
    await handle(captured(country="FR", activity=visit(1)))

    async with database.transaction() as holder:
        await store.lock_leads(holder.connection, [ONE])
        waiting = asyncio.create_task(handle(recorded(visit(2))))
        await until_one_waits(database)
        tripled = Rule(name="visit", is_engagement=True, condition="true", points=30)
        newer = envelopes([signed(2, (tripled,))], clock, ids)
        await on_agreements_signed(holder, newer)
    await waiting

    (event,) = await published()
    assert (event.agreement_version, event.score.total) == (2, 60)


async def test_a_lead_that_was_created_meanwhile_is_not_overwritten(database):
    async with database.transaction() as work:
        await store.save_leads(work.connection, [LeadState(ONE, tier="A")])

    with pytest.raises(Retry):
        async with database.transaction() as work:
            await store.save_leads(work.connection, [LeadState(ONE, tier="B")])

    assert (await state_of(database)).tier == "A"
