"""A score can be asked for as of any moment, and under any version of the agreement."""

from datetime import datetime, timedelta
from random import Random

import pytest
from sqlalchemy import text

from leadloop.events import timestamp
from leadloop.v1.agreement_pb2 import Rule
from leadloop.v1.lead_pb2 import Lead
from services.scoring.app import build
from services.scoring.settings import Settings
from tests.asgi import Client
from tests.conftest import MONDAY_MORNING
from tests.integration.scoring.builders import (
    GERMAN,
    ONE,
    TWO,
    captured,
    merged,
    quarantined,
    recorded,
    returned,
    signed,
    unmerged,
    visit,
)
from tests.integration.scoring.readers import rescored

pytestmark = pytest.mark.integration

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
FADING = Rule(
    name="visit",
    is_engagement=True,
    activity_kind="page_view",
    condition='lead.country != "US"',
    points=10,
    half_life_days=7,
    count_max=3,
    period_days=7,
)


@pytest.fixture
async def client(database_url, clock, ids):
    service = build(Settings(database_url=database_url), clock=clock, ids=ids)
    yield Client(service.app)
    await service.close()


async def shown(client, lead_id=ONE, **asked):
    answer = await client.get(f"/v1/scores/{lead_id}", **asked)
    assert answer.status == 200, answer.body
    return answer.json()


def text_of(moment: datetime) -> str:
    return moment.isoformat().replace("+00:00", "Z")


async def at(client, moment, **asked):
    return await shown(client, at=text_of(moment), **asked)


@pytest.mark.parametrize("seed", range(8))
async def test_the_score_asked_for_as_of_now_is_the_one_that_is_kept(
    client, handle, clock, database, seed
):
    random = Random(seed)
    await handle(signed(rules=(GERMAN, FADING)))
    await handle(captured(ONE), captured(TWO, country="AT"))
    is_merged = False
    for number in range(30):
        clock.advance_to(clock.now() + random.random() * 2 * DAY)
        happened = clock.now() - random.random() * 20 * DAY
        match random.randrange(8):
            case 0:
                await handle(captured(ONE, country=random.choice(["DE", "US"])))
            case 1:
                name = f"visit-{random.randrange(number + 1)}"
                await handle(quarantined(name, is_quarantined=random.random() < 0.6))
            case 2:
                await handle(unmerged(ONE, TWO) if is_merged else merged(ONE, TWO))
                is_merged = not is_merged
            case _:
                lead_id = random.choice([ONE, TWO])
                await handle(recorded(visit(number, happened), lead_id))

        for lead_id in (ONE, TWO):
            kept, asked = await shown(client, lead_id), await shown(client, lead_id, version=1)
            assert kept == asked
            assert kept == await shown(client, lead_id, at=text_of(clock.now()))


async def test_a_late_activity_changes_the_score_of_the_past(client, handle, clock):
    await handle(signed())
    await handle(captured())
    then = MONDAY_MORNING + HOUR
    before = await at(client, then)
    clock.advance_to(MONDAY_MORNING + DAY)
    await handle(recorded(visit(1)), recorded(visit(2, MONDAY_MORNING + 2 * HOUR)))

    after = await at(client, then)

    assert (before["total"], before["tier"]) == (20, "")
    assert (after["total"], after["tier"], after["activity_count"]) == (30, "B", 1)
    assert (await shown(client))["total"] == 40


async def test_what_was_known_then_counts_and_not_what_is_known_today(client, handle, clock):
    await handle(signed())
    told = captured(country="US")
    await handle(told)
    clock.advance_to(MONDAY_MORNING + DAY)
    later = captured(country="DE")
    later.received_at.FromDatetime(clock.now())
    await handle(later)

    then, now = await at(client, MONDAY_MORNING + HOUR), await shown(client)
    unknown = await at(client, MONDAY_MORNING - DAY, version=1)

    assert (then["fit"], now["fit"], unknown["fit"]) == (0, 20, 0)


async def test_the_agreement_in_force_then_judges_unless_a_version_is_named(
    client, handle, clock, database
):
    await handle(signed())
    await handle(captured(activity=visit(1)))
    clock.advance_to(MONDAY_MORNING + 2 * DAY)
    second = signed(2, rules=(GERMAN,))
    second.signed_at.FromDatetime(clock.now())
    await handle(second)
    await rescored(database, clock)

    then = await at(client, MONDAY_MORNING + DAY)
    now = await shown(client)
    old = await shown(client, version=1)
    before_any = await at(client, MONDAY_MORNING - DAY)

    assert (then["agreement_version"], then["total"]) == (1, 30)
    assert (now["agreement_version"], now["total"]) == (2, 20)
    assert (old["agreement_version"], old["total"]) == (1, 30)
    assert (before_any["agreement_version"], before_any["total"]) == (0, 0)


async def test_a_version_that_was_never_signed_is_not_found(client, handle):
    await handle(signed())
    await handle(captured())

    assert (await client.get(f"/v1/scores/{ONE}", version=9)).status == 404


async def test_a_time_without_a_zone_is_refused_by_name(client, handle):
    await handle(captured())

    answer = await client.get(f"/v1/scores/{ONE}", at="2026-03-02T09:00:00")

    assert (answer.status, answer.json()["errors"][0]["pointer"]) == (422, "query at")


async def test_a_cycle_that_ended_later_was_open_then(client, handle, clock):
    await handle(signed())
    await handle(captured(activity=visit(1, MONDAY_MORNING)))
    clock.advance_to(MONDAY_MORNING + DAY)
    await handle(returned(clock.now(), not_before=clock.now() + DAY))

    then = await at(client, MONDAY_MORNING + HOUR)
    before = await at(client, MONDAY_MORNING - HOUR)

    assert (then["stage"], then["cycles"][0]["closed_at"]) == ("open", None)
    assert (before["stage"], before["cycles"]) == ("none", [])
    assert (await shown(client))["stage"] == "returned"


async def test_the_page_of_the_past_says_of_when_it_is(client, handle):
    await handle(signed())
    await handle(captured(activity=visit(1)))

    path = f"/v1/scores/{ONE}/explanation"
    then = (await client.get(path, at=text_of(MONDAY_MORNING - DAY))).body.decode()
    now = (await client.get(path, at=text_of(MONDAY_MORNING + HOUR))).body.decode()

    assert f"Lead {ONE}, of whom nothing was known" in then
    assert "As of 2026-03-02 10:00 UTC: what was known and done by then" in now


async def test_a_score_of_a_time_to_come_supposes_that_nothing_happens(client, handle):
    await handle(signed(rules=(GERMAN, FADING)))
    await handle(captured(activity=visit(1)))

    now, then = await shown(client), await at(client, MONDAY_MORNING + 7 * DAY)

    assert (now["engagement"], then["engagement"]) == (10, 5)
    assert now["fades"] == {"fades_on": "2026-03-03", "tier": ""}
    assert then["parts"][1]["decayed"] == 5


def captured_at(moment: datetime, country: str):
    event = captured(ONE, country=country)
    event.received_at.CopyFrom(timestamp(moment))
    return event


async def kept_of(database):
    async with database.transaction() as work:
        rows = await work.connection.execute(_KEPT)
    return [(row[0], Lead.FromString(row[1]).country, row[2]) for row in rows]


_KEPT = text("""
SELECT 'now', lead, known_at FROM leads UNION ALL SELECT 'before', lead, known_at FROM facts
ORDER BY 3
""")


async def test_a_person_is_kept_once_until_something_else_is_known(handle, database):
    await handle(signed())
    await handle(captured_at(MONDAY_MORNING, "DE"))
    once = await kept_of(database)
    await handle(captured_at(MONDAY_MORNING + DAY, "AT"))
    await handle(captured_at(MONDAY_MORNING + DAY, "AT"))

    assert once == [("now", "DE", MONDAY_MORNING)]
    assert await kept_of(database) == [
        ("before", "DE", MONDAY_MORNING),
        ("now", "AT", MONDAY_MORNING + DAY),
    ]


async def test_news_that_come_late_count_from_when_the_others_were_known(handle, database):
    await handle(signed())
    await handle(captured_at(MONDAY_MORNING + DAY, "DE"))
    await handle(captured_at(MONDAY_MORNING, "FR"))

    assert await kept_of(database) == [("now", "FR", MONDAY_MORNING + DAY)]
