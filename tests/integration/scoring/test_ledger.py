"""Whatever happens to a ledger, the score is that of what counts in the end."""

from datetime import timedelta

import pytest

from leadloop.events import moment
from leadloop.timers import TimerLoop
from leadloop.v1.agreement_pb2 import CONSEQUENCE_RETURN, Reason, Rule
from leadloop.v1.lead_pb2 import CONSENT_DENIED
from leadloop.v1.qualification_pb2 import LeadDisqualified, LeadQualified, LeadScored
from services.scoring.handlers import lock_subjects, on_time_passed
from tests.conftest import MONDAY_MORNING
from tests.integration.scoring.builders import (
    GERMAN,
    ONE,
    THREE,
    TWO,
    VISIT,
    captured,
    merged,
    quarantined,
    recorded,
    returned,
    signed,
    unmerged,
    visit,
)
from tests.integration.scoring.readers import kinds, state_of

pytestmark = pytest.mark.integration

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
FADING = Rule(
    name="visit",
    is_engagement=True,
    activity_kind="page_view",
    condition="true",
    points=40,
    half_life_days=10,
)
ASKS_AGAIN = Reason(
    code="no_need",
    label="No need now",
    consequence=CONSEQUENCE_RETURN,
    reopened_by='activity.kind == "page_view" && activity.url.contains("/pricing")',
)


async def fire(database, clock) -> int:
    loop = TimerLoop(database, lock=lock_subjects, fire=on_time_passed, service="scoring")
    return await loop.run_once(clock.now())


async def test_a_merge_that_is_undone_leaves_both_as_they_were(handle, database):
    await handle(signed())
    await handle(
        captured(ONE, country="FR", activity=visit(1)),
        captured(TWO, country="FR", activity=visit(1)),
        captured(TWO, country="FR", activity=visit(2)),
    )
    before = [await state_of(database, one) for one in (ONE, TWO)]
    await handle(merged(ONE, TWO, country="FR"))
    await handle(recorded(visit(3), TWO))

    await handle(unmerged(ONE, TWO, country="FR"))

    one, two = [await state_of(database, lead_id) for lead_id in (ONE, TWO)]
    assert (one.standing, one.engagement, one.parts) == (before[0].standing, 10, 0)
    # What came for the record meanwhile is its own.
    assert (two.engagement, two.activity_count, two.merged_into) == (30, 3, "")


async def test_a_record_that_is_parted_takes_along_what_was_merged_into_it(handle, database):
    await handle(signed())
    await handle(*(captured(one, country="FR") for one in (ONE, TWO, THREE)))
    await handle(recorded(visit(1), THREE))
    await handle(merged(TWO, THREE, country="FR"), merged(ONE, TWO, country="FR"))
    assert (await state_of(database)).parts == 2

    await handle(unmerged(ONE, TWO, country="FR"))

    one, two, three = [await state_of(database, lead_id) for lead_id in (ONE, TWO, THREE)]
    assert (one.engagement, one.parts) == (0, 0)
    assert (two.engagement, two.parts, three.merged_into) == (10, 1, TWO)


async def test_each_of_two_parted_people_has_the_cycles_that_were_its_own(
    handle, published, database, clock
):
    await handle(signed())
    await handle(captured(ONE, activity=visit(1)), captured(TWO, country="FR"))
    first, *_ = await published()
    await handle(merged(TWO, ONE))
    joint = await state_of(database, TWO)
    assert joint.cycle.qualification_id == first.qualification_id

    await handle(unmerged(TWO, ONE))

    two, one = await state_of(database, TWO), await state_of(database, ONE)
    assert (two.cycle.so_far, two.cycle.qualification_id) == (0, "")
    assert (one.cycle.is_open, one.cycle.qualification_id) == (True, first.qualification_id)


async def test_an_activity_in_quarantine_does_not_count_until_it_is_released(
    handle, published, database
):
    await handle(signed())
    await handle(captured(country="FR", activity=visit(1)), captured(activity=visit(2)))
    assert (await state_of(database)).engagement == 20

    await handle(quarantined("visit-2"))
    assert (await state_of(database)).engagement == 10
    await handle(quarantined("visit-2", is_quarantined=False))

    state = await state_of(database)
    assert (state.engagement, state.activity_count) == (20, 2)
    assert kinds(await published())[:1] == ["LeadQualified"]


async def test_an_activity_that_was_quarantined_before_it_came_counts_only_once_released(
    handle, database
):
    await handle(signed())
    await handle(captured(country="FR"))
    await handle(quarantined("visit-1"))

    await handle(recorded(visit(1)))
    assert (await state_of(database)).engagement == 0
    await handle(quarantined("visit-1", is_quarantined=False))

    assert (await state_of(database)).engagement == 10


async def test_points_fade_by_a_timer_and_the_tier_with_them(
    handle, published, database, clock
):
    await handle(signed(rules=(GERMAN, FADING)))
    await handle(captured(activity=visit(1)))
    (qualified,) = await published()
    assert (qualified.tier, qualified.score.total) == ("A", 60)
    state = await state_of(database)
    assert state.fades_on is not None
    # 60 falls below 50 when 40 points have become less than 30: after five of ten days.
    clock.advance_to(MONDAY_MORNING.replace(hour=0) + 5 * DAY)

    assert await fire(database, clock) == 1

    (fallen,) = await published()
    assert isinstance(fallen, LeadScored)
    assert (fallen.tier_before, fallen.tier, fallen.score.total) == ("A", "B", 48)
    (part,) = [part for part in fallen.score.parts if part.rule == "visit"]
    assert (part.points, part.decayed) == (28, 12)
    clock.advance_to(MONDAY_MORNING + 60 * DAY)
    while await fire(database, clock):
        pass
    assert [(e.tier_before, e.tier) for e in await published()] == [("B", "")]
    assert (await state_of(database)).fades_on is None


async def test_nothing_but_the_new_evidence_brings_a_returned_lead_back(
    handle, published, clock
):
    await handle(signed(reasons=(ASKS_AGAIN,)))
    await handle(captured(activity=visit(1)))
    clock.advance_to(MONDAY_MORNING + DAY)
    await handle(returned(clock.now()))
    await published()

    await handle(recorded(visit(2, clock.now() + HOUR, url="/jobs")))
    assert "LeadQualified" not in kinds(await published())
    await handle(recorded(visit(3, clock.now() + 2 * HOUR, url="/pricing")))

    (again,) = [e for e in await published() if isinstance(e, LeadQualified)]
    assert again.cycle == 2


async def test_evidence_that_came_before_the_news_of_the_return_counts(
    handle, published, clock
):
    await handle(signed(reasons=(ASKS_AGAIN,)))
    await handle(captured(activity=visit(1)))
    clock.advance_to(MONDAY_MORNING + DAY)
    await handle(recorded(visit(2, clock.now() + HOUR, url="/pricing")))
    await published()

    await handle(returned(clock.now()))

    (again,) = [e for e in await published() if isinstance(e, LeadQualified)]
    assert again.cycle == 2


async def test_a_further_cycle_tells_what_has_changed_since_the_last(handle, published, clock):
    await handle(signed())
    await handle(captured(country="DE", activity=visit(1)))
    clock.advance_to(MONDAY_MORNING + DAY)
    await handle(returned(clock.now()))
    await published()

    await handle(
        captured(country="DE", industry="steel", activity=visit(2, clock.now() + HOUR))
    )

    (again,) = [e for e in await published() if isinstance(e, LeadQualified)]
    told = {change.what: (change.before, change.after) for change in again.changes}
    assert told == {"industry": ("", "steel"), "visit": ("10 points", "20 points")}


async def test_a_withdrawn_consent_counts_whatever_came_after_it_late(handle, published, clock):
    await handle(signed())
    await handle(captured(activity=visit(9)))
    await handle(captured(consent=CONSENT_DENIED))

    await handle(recorded(visit(3)))

    events = await published()
    assert [type(event) for event in events] == [LeadQualified, LeadDisqualified]
    assert moment(events[1].disqualified_at) == clock.now()


async def test_an_activity_later_than_its_tally_is_open_counts_from_scratch(handle, database):
    weekly = Rule(
        name="visit",
        is_engagement=True,
        activity_kind="page_view",
        condition="true",
        points=10,
        count_max=1,
        period_days=7,
    )
    await handle(signed(rules=(weekly,)))
    await handle(captured(activity=visit(1, MONDAY_MORNING)))

    await handle(
        recorded(visit(2, MONDAY_MORNING - 200 * DAY)),
        recorded(visit(3, MONDAY_MORNING - 200 * DAY + HOUR)),
    )
    await handle(recorded(visit(4, MONDAY_MORNING - 190 * DAY)))

    assert (await state_of(database)).engagement == 30


async def test_a_visit_is_worth_what_the_rule_says(handle, database):
    await handle(signed(rules=(VISIT,)))
    await handle(captured(activity=visit(1)))

    assert (await state_of(database)).engagement == 10
