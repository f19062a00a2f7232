"""A proposed agreement scores live traffic without effect, and its differences are listed."""

import asyncio
from datetime import timedelta
from random import Random

import pytest

from leadloop.agreement.contract import to_contract
from leadloop.agreement.reader import read_agreement
from leadloop.events import timestamp
from leadloop.v1.agreement_pb2 import AgreementSigned
from services.scoring.app import build
from services.scoring.settings import Settings
from services.scoring.shadow.loop import ShadowLoop
from services.scoring.shadow.store import KEPT_FOR
from tests.asgi import Client
from tests.conftest import MONDAY_MORNING
from tests.integration.scoring.builders import (
    ONE,
    THREE,
    TWO,
    captured,
    erased,
    merged,
    recorded,
    signed,
    unmerged,
    visit,
)
from tests.integration.scoring.proposals import a_text
from tests.integration.scoring.readers import rescored, rows, state_of

pytestmark = pytest.mark.integration

DAY = timedelta(days=1)
EARLIER = a_text(tiers=("{name: A, when: total >= 50}", "{name: B, when: total >= 20}"))
PROPOSED = a_text(
    engagement=(
        "{name: visit, on: page_view, points: 25, half_life: 10d, at_most: 3 per 7d}",
        """{name: german visit, when: lead.country == 'DE', points: 7, within: 14d}""",
    ),
    tiers=("{name: A, when: total >= 60}", "{name: B, when: total >= 5}"),
)
RICHER = a_text(engagement=("{name: visit, on: page_view, points: 30}",))


@pytest.fixture
async def client(database_url, clock, ids):
    service = build(Settings(database_url=database_url), clock=clock, ids=ids)
    yield Client(service.app)
    await service.close()


@pytest.fixture
def look(database, clock):
    """Let the shadows look until they have seen everything; return how often they did."""

    async def until_idle() -> int:
        loop, passes = ShadowLoop(database), 0
        while await loop.run_once(clock.now()):
            passes += 1
        return passes

    return until_idle


async def started(client, text=EARLIER, **said):
    answer = await client.post("/v1/shadows", {"text": text, **said})
    assert answer.status == 201, answer.body
    return answer.json()["shadow_id"]


async def counts(client, shadow_id):
    return (await client.get(f"/v1/shadows/{shadow_id}")).json()


async def differing(client, shadow_id, **asked):
    return (await client.get(f"/v1/shadows/{shadow_id}/differences", **asked)).json()["items"]


async def test_who_is_qualified_by_one_of_two_agreements_is_counted_and_told_why(
    client, handle, look
):
    await handle(signed())
    shadow_id = await started(client)
    await handle(captured(ONE, activity=visit(1)), captured(TWO), captured(THREE, country="US"))
    await look()

    found = await counts(client, shadow_id)
    (one,) = await differing(client, shadow_id)

    assert found["leads"] == 3
    assert found["differed"] == 1
    assert found["qualified"] == {
        "by_both": 1,
        "only_live": 0,
        "only_shadow": 1,
        "by_neither": 1,
    }
    assert found["tiers"] == [
        {"live_tier": "", "tier": "", "leads": 1},
        {"live_tier": "", "tier": "B", "leads": 1},
        {"live_tier": "B", "tier": "B", "leads": 1},
    ]
    assert (one["lead_id"], one["shadow"]["tier"], one["live"]["tier"]) == (TWO, "B", "")
    assert [(why["what"], why["told"]) for why in one["why"]] == [
        ("tier", "under the proposal: total >= 20")
    ]


async def test_the_rules_whose_points_differ_are_named(client, handle, look):
    await handle(signed())
    shadow_id = await started(client, RICHER)
    await handle(captured(ONE, activity=visit(1)))
    await look()

    (one,) = await differing(client, shadow_id)

    rule = one["why"][0]
    assert (rule["name"], rule["points"], rule["live_points"]) == ("visit", 30, 10)
    assert (one["shadow"]["total"], one["live"]["total"]) == (50, 30)


async def test_a_shadow_has_no_effect(client, handle, look, published, database):
    await handle(signed())
    await started(client)
    await handle(captured(ONE))
    before = await state_of(database)
    await look()

    assert await published() == []
    assert await state_of(database) == before
    assert await rows(database, "cycles") == 0


async def test_without_a_shadow_nothing_is_noted(client, handle, database):
    await handle(signed())
    await handle(captured(ONE, activity=visit(1)))
    shadow_id = await started(client)
    await client.delete(f"/v1/shadows/{shadow_id}")
    await handle(recorded(visit(2)))

    assert await rows(database, "shadow_queue") == 0


async def test_an_activity_that_changes_the_lead_later_changes_its_comparison(
    client, handle, look
):
    await handle(signed())
    shadow_id = await started(client)
    await handle(captured(ONE))
    await look()
    await handle(recorded(visit(1)))
    await look()

    (one,) = await differing(client, shadow_id)

    assert (one["shadow"]["tier"], one["live"]["tier"]) == ("B", "B")
    assert (await counts(client, shadow_id))["qualified"]["by_both"] == 1


async def test_points_that_fade_under_the_shadow_alone_are_noticed_by_time_alone(
    client, handle, look, clock, database
):
    await handle(signed())
    fading = a_text(engagement=("{name: visit, on: page_view, points: 10, half_life: 7d}",))
    shadow_id = await started(client, fading)
    await handle(captured(ONE, activity=visit(1)))
    await look()
    before = await differing(client, shadow_id)
    due = await ShadowLoop(database).next_due(clock.now())
    clock.advance_to(due)
    await look()

    (one,) = await differing(client, shadow_id)

    assert before == []
    assert due is not None
    assert MONDAY_MORNING < due < MONDAY_MORNING + 7 * DAY
    assert (one["shadow"]["tier"], one["live"]["tier"]) == ("", "B")


async def test_a_merged_lead_is_compared_as_its_survivor_and_an_unmerged_one_alone(
    client, handle, look
):
    await handle(signed())
    shadow_id = await started(client)
    await handle(captured(ONE), captured(TWO))
    await look()
    apart = [one["lead_id"] for one in await differing(client, shadow_id)]
    await handle(merged(ONE, TWO))
    await look()
    together = [one["lead_id"] for one in await differing(client, shadow_id)]
    await handle(unmerged(ONE, TWO))
    await look()

    again = [one["lead_id"] for one in await differing(client, shadow_id)]
    assert (apart, together, again) == ([ONE, TWO], [ONE], [ONE, TWO])


async def test_erased_people_are_forgotten_by_shadows_too(client, handle, look, database):
    await handle(signed())
    await started(client)
    await handle(captured(ONE), captured(TWO))
    await look()
    await handle(captured(TWO, country="AT"))
    await handle(erased(ONE), erased(TWO))
    await look()

    assert await rows(database, "shadow_verdicts") == 0
    assert await rows(database, "shadow_queue") == 0


async def test_an_erasure_while_a_shadow_looks_leaves_nothing(client, handle, database, clock):
    await handle(signed())
    await started(client)
    await handle(captured(ONE), captured(TWO))

    await asyncio.gather(handle(erased(ONE)), ShadowLoop(database).run_once(clock.now()))

    assert await rows(database, f"shadow_verdicts WHERE lead_id = '{ONE}'") == 0


async def test_a_text_that_runs_already_is_not_started_twice(client):
    first = await client.post("/v1/shadows", {"text": EARLIER})
    again = await client.post("/v1/shadows", {"text": EARLIER})

    assert (first.status, again.status) == (201, 200)
    assert first.json()["shadow_id"] == again.json()["shadow_id"]


async def test_at_most_three_run_also_when_five_start_at_once(client, database):
    texts = [EARLIER.replace(">= 20", f">= {least}") for least in (11, 12, 13, 14, 15)]

    answers = await asyncio.gather(*(client.post("/v1/shadows", {"text": t}) for t in texts))

    assert sorted(answer.status for answer in answers) == [201, 201, 201, 409, 409]
    assert await rows(database, "shadows") == 3


async def test_a_shadow_ends_by_itself_and_on_demand_and_what_it_found_stays(
    client, handle, look, clock
):
    await handle(signed())
    ended, running = await started(client, days=5), await started(client, RICHER, days=30)
    await handle(captured(ONE))
    await look()
    clock.advance_to(MONDAY_MORNING + 6 * DAY)
    await look()
    stopped = (await client.delete(f"/v1/shadows/{running}")).json()
    await handle(captured(TWO))
    await look()

    listed = (await client.get("/v1/shadows")).json()["items"]
    assert [one["shadow_id"] for one in listed] == [running, ended]
    assert stopped["ended_at"] == "2026-03-08T09:00:00Z"
    assert listed[1]["ended_at"] == "2026-03-07T09:00:00Z"
    assert (await counts(client, ended))["leads"] == 1


async def test_what_a_shadow_found_goes_long_after_its_end(
    client, handle, look, clock, database
):
    await handle(signed())
    await client.delete(f"/v1/shadows/{await started(client)}")
    shadow_id = await started(client, RICHER, days=1)
    await handle(captured(ONE))
    await look()
    clock.advance_to(MONDAY_MORNING + DAY + KEPT_FOR + DAY)
    await look()

    assert await rows(database, "shadow_verdicts") == 0
    assert (await counts(client, shadow_id))["leads"] == 0


async def test_differences_are_paged_and_filtered(client, handle, look):
    await handle(signed())
    shadow_id = await started(client)
    await handle(captured(ONE), captured(TWO), captured(THREE))
    await look()
    path = f"/v1/shadows/{shadow_id}/differences"

    first = (await client.get(path, limit=2)).json()
    second = (await client.get(path, limit=2, cursor=first["next"])).json()
    only_live = await differing(client, shadow_id, only="live")
    only_shadow = await differing(client, shadow_id, only="shadow")

    assert [one["lead_id"] for one in first["items"]] == [ONE, TWO]
    assert ([one["lead_id"] for one in second["items"]], second["next"]) == ([THREE], None)
    assert (len(only_live), len(only_shadow)) == (0, 3)


async def test_many_leads_take_several_small_passes(client, handle, look, monkeypatch):
    monkeypatch.setattr("services.scoring.shadow.loop.ACTIVITIES_MAX", 3)
    await handle(signed())
    shadow_id = await started(client)
    await handle(*(captured(lead, activity=visit(1)) for lead in (ONE, TWO, THREE)))
    await handle(*(recorded(visit(2), lead) for lead in (ONE, TWO, THREE)))

    assert await look() == 3
    assert (await counts(client, shadow_id))["leads"] == 3


async def test_a_text_with_faults_is_refused_by_line_and_an_unknown_shadow_is_not_found(client):
    faulty = await client.post("/v1/shadows", {"text": EARLIER.replace("total", "sum")})
    unknown = await client.get(f"/v1/shadows/{ONE}")

    assert faulty.status == 422
    assert faulty.json()["errors"][0]["pointer"].startswith("line ")
    assert unknown.status == 404


async def test_a_shadow_runs_before_any_agreement_is_signed(client, handle, look):
    shadow_id = await started(client)
    await handle(captured(ONE))
    await look()

    (one,) = await differing(client, shadow_id)
    assert (one["shadow"]["tier"], one["live"]["tier"], one["live_version"]) == ("B", "", 0)


@pytest.mark.parametrize("seed", range(4))
async def test_a_shadow_foretells_what_signing_its_text_would_bring(
    client, handle, look, clock, database, seed
):
    random = Random(seed)
    await handle(signed())
    lead_ids = [ONE, TWO, THREE]
    shadow_id = await started(client, PROPOSED, days=90)
    await handle(*(captured(lead_id, country="AT") for lead_id in lead_ids))
    for number in range(25):
        clock.advance_to(clock.now() + random.random() * 2 * DAY)
        lead_id = random.choice(lead_ids)
        if random.random() < 0.2:
            await handle(captured(lead_id, country=random.choice(["DE", "AT", "US"])))
        else:
            happened = clock.now() - random.random() * 30 * DAY
            await handle(recorded(visit(number, happened), lead_id))
        await look()
    found = {one["lead_id"]: one for one in await differing(client, shadow_id)}
    agreement = to_contract(read_agreement(PROPOSED), 2, ())
    await handle(
        AgreementSigned(name="sales", agreement=agreement, signed_at=timestamp(clock.now()))
    )
    await rescored(database, clock)

    for lead_id in lead_ids:
        path, foretold = f"/v1/scores/{lead_id}", found[lead_id]
        now = (await client.get(path)).json()
        then = (await client.get(path, at=foretold["judged_at"], version=2)).json()
        assert now["tier"] == foretold["shadow"]["tier"]
        assert then["total"] == foretold["shadow"]["total"]
