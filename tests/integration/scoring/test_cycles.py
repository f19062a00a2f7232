"""Cycles end and begin again by what sales, the gates and merges say; erasure ends all."""

from datetime import timedelta

import pytest
from sqlalchemy import text

from leadloop.events import moment
from leadloop.timers import TimerLoop
from leadloop.v1.agreement_pb2 import (
    CONSEQUENCE_DISQUALIFY,
    CONSEQUENCE_REROUTE,
)
from leadloop.v1.lead_pb2 import CONSENT_DENIED
from leadloop.v1.qualification_pb2 import LeadDisqualified, LeadQualified
from services.scoring.handlers import lock_subjects, on_time_passed
from tests.conftest import MONDAY_MORNING
from tests.integration.scoring.builders import (
    ONE,
    THREE,
    TWO,
    captured,
    erased,
    lost,
    merged,
    recorded,
    returned,
    signed,
    visit,
    won,
)
from tests.integration.scoring.readers import kinds, rows, state_of

pytestmark = pytest.mark.integration

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
TABLES = ("leads", "activities", "facts", "cycles", "timers")


async def test_a_closed_gate_ends_the_cycle_and_only_something_new_begins_the_next(
    handle, published, clock
):
    await handle(signed())
    await handle(captured(activity=visit(1)))
    clock.advance_to(MONDAY_MORNING + HOUR)

    await handle(captured(consent=CONSENT_DENIED))
    await handle(captured())
    await handle(recorded(visit(2, clock.now() + HOUR)))

    qualified, disqualified, scored, again = await published()
    assert isinstance(disqualified, LeadDisqualified)
    assert disqualified.qualification_id == qualified.qualification_id
    assert disqualified.reason == "Asked not to be contacted."
    assert (scored.tier_before, scored.tier) == ("", "B")
    assert (type(again), again.cycle) == (LeadQualified, 2)


async def test_a_returned_lead_cools_down_and_qualifies_again_when_that_ends(
    handle, published, database, clock
):
    timers = TimerLoop(database, lock=lock_subjects, fire=on_time_passed, service="scoring")
    await handle(signed())
    await handle(captured(activity=visit(1)))
    await published()
    ends = MONDAY_MORNING + 30 * DAY

    clock.advance_to(MONDAY_MORNING + DAY)
    await handle(returned(clock.now(), not_before=ends))
    await handle(recorded(visit(2, clock.now() + HOUR)))
    assert kinds(await published()) == []
    assert await timers.next_due(clock.now()) == ends

    clock.advance_to(ends)
    await timers.run_once(clock.now())

    (event,) = await published()
    assert (event.cycle, event.trigger, event.score.total) == (2, "page_view", 40)
    assert moment(event.qualified_at) == ends


async def test_a_cool_down_ends_in_silence_without_anything_new(
    handle, published, database, clock
):
    timers = TimerLoop(database, lock=lock_subjects, fire=on_time_passed, service="scoring")
    await handle(signed())
    await handle(captured(activity=visit(1)))
    clock.advance_to(MONDAY_MORNING + DAY)
    await handle(returned(clock.now(), not_before=clock.now() + DAY))
    await published()

    clock.advance_to(MONDAY_MORNING + 9 * DAY)
    await timers.run_once(clock.now())
    assert await published() == []

    await handle(recorded(visit(2, clock.now())))
    assert kinds(await published()) == ["LeadQualified"]


async def test_what_sales_said_decides_whether_a_person_comes_back(handle, published, clock):
    await handle(signed())
    leads = (ONE, TWO, THREE)
    await handle(*(captured(one, activity=visit(1)) for one in leads))
    clock.advance_to(MONDAY_MORNING + DAY)
    now = clock.now()
    await handle(
        returned(now, lead_id=ONE, consequence=CONSEQUENCE_DISQUALIFY),
        returned(now, lead_id=TWO, consequence=CONSEQUENCE_REROUTE),
        returned(now, lead_id=THREE),
    )
    await published()

    await handle(*(recorded(visit(2, now + HOUR), one) for one in leads))

    assert [(e.lead_id, type(e)) for e in await published()] == [(THREE, LeadQualified)]


async def test_a_won_deal_ends_all_cycles_and_a_lost_one_waits_for_something_new(
    handle, published, clock
):
    await handle(signed())
    await handle(*(captured(one, activity=visit(1)) for one in (ONE, TWO)))
    clock.advance_to(MONDAY_MORNING + DAY)
    now = clock.now()
    await handle(won(now, ONE))
    await handle(lost(now, TWO))
    await published()

    await handle(*(recorded(visit(2, now + HOUR), one) for one in (ONE, TWO)))

    assert [event.lead_id for event in await published()] == [TWO]


async def test_a_person_is_handed_over_at_most_as_often_as_agreed(handle, published, clock):
    await handle(signed(cycles_max=2))
    await handle(captured(activity=visit(1)))
    for cycle in (1, 2):
        clock.advance_to(MONDAY_MORNING + cycle * DAY)
        await handle(returned(clock.now(), cycle=cycle))
        await handle(recorded(visit(cycle + 1, clock.now() + HOUR)))

    numbers = [e.cycle for e in await published() if isinstance(e, LeadQualified)]
    assert numbers == [1, 2]


async def test_the_history_keeps_how_each_cycle_ended(handle, database, clock):
    await handle(signed())
    await handle(captured(activity=visit(1)))
    clock.advance_to(MONDAY_MORNING + DAY)
    await handle(returned(clock.now()))
    await handle(recorded(visit(2, clock.now() + HOUR)))

    async with database.transaction() as work:
        found = await work.connection.execute(
            text("SELECT cycle, stage, reason FROM cycles ORDER BY cycle")
        )
        assert found == [(1, "returned", "No need now"), (2, "open", "")]


async def test_outcomes_of_leads_that_are_not_known_change_nothing(handle, database, clock):
    await handle(signed())

    await handle(returned(clock.now()))
    await handle(won(clock.now()))
    await handle(lost(clock.now()))

    assert await rows(database, "leads") == 0


async def test_merged_leads_have_one_ledger_in_which_nothing_counts_twice(
    handle, published, database
):
    await handle(signed())
    await handle(
        captured(ONE, country="FR", activity=visit(1)),
        captured(TWO, country="FR", activity=visit(1)),
        captured(TWO, country="FR", activity=visit(2)),
    )
    assert await published() == []

    await handle(merged(ONE, TWO, country="DE"))

    (event,) = await published()
    assert (event.lead_id, event.score.total) == (ONE, 40)
    assert (await state_of(database)).activity_count == 2


async def test_what_comes_late_for_a_merged_lead_reaches_the_survivor(
    handle, published, database
):
    await handle(signed())
    await handle(captured(ONE, country="FR"), captured(TWO, country="FR"))
    await handle(merged(TWO, THREE, country="FR"), merged(ONE, TWO, country="DE"))

    await handle(
        captured(TWO, country="FR", activity=visit(1)), captured(THREE, activity=visit(2))
    )
    await handle(recorded(visit(2), THREE))

    events = await published()
    assert [(e.lead_id, e.score.total) for e in events] == [(ONE, 30)]
    state = await state_of(database)
    assert (state.fit, state.engagement) == (20, 20)


async def test_of_two_open_cycles_of_one_person_the_survivors_goes_on(
    handle, published, database, clock
):
    await handle(signed())
    await handle(captured(ONE, activity=visit(1)), captured(TWO, activity=visit(2)))
    first, _ = await published()

    await handle(merged(ONE, TWO))

    state = await state_of(database)
    assert state.cycle.qualification_id == first.qualification_id
    assert (state.cycle.number, state.cycle.so_far) == (1, 2)
    clock.advance_to(MONDAY_MORNING + DAY)
    await handle(returned(clock.now()))
    await handle(recorded(visit(3, clock.now() + HOUR)))
    again = [e for e in await published() if isinstance(e, LeadQualified)]
    assert [event.cycle for event in again] == [3]


async def test_of_an_erased_lead_nothing_is_left(handle, published, database, clock):
    await handle(signed())
    await handle(*(captured(one, activity=visit(1)) for one in (ONE, TWO)))
    await handle(merged(ONE, TWO))
    clock.advance_to(MONDAY_MORNING + DAY)
    await handle(returned(clock.now(), not_before=clock.now() + DAY))

    await handle(erased())

    assert [await rows(database, table) for table in TABLES] == [0] * len(TABLES)
