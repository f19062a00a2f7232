"""A predictive model counts once an agreement that names it is signed, and not before."""

import asyncio
import json
from datetime import timedelta

import pytest
from prometheus_client import REGISTRY
from sqlalchemy import text

from leadloop.events import timestamp
from leadloop.paging import encode_cursor
from leadloop.timers import Timer
from leadloop.v1.agreement_pb2 import Rule, Tier
from services.scoring.app import build
from services.scoring.handlers import on_time_passed
from services.scoring.settings import Settings
from services.scoring.tallies import day_of
from tests.asgi import Client
from tests.conftest import MONDAY_MORNING
from tests.integration.scoring.builders import (
    GERMAN,
    ONE,
    THREE,
    TWO,
    captured,
    recorded,
    signed,
    visit,
)
from tests.integration.scoring.readers import kinds, rescored, rows, state_of
from tests.unit.scoring.model_builders import VERSION, a_predictor, a_tree

pytestmark = pytest.mark.integration

DAY = timedelta(days=1)
FADING = Rule(
    name="visit",
    is_engagement=True,
    activity_kind="page_view",
    condition="true",
    points=1,
    half_life_days=10,
)
LIKELY = Tier(name="likely", condition="predicted >= 80")
RICH = Tier(name="rich", condition="total >= 500")


@pytest.fixture
async def client(database_url, clock, ids):
    service = build(Settings(database_url=database_url), clock=clock, ids=ids)
    yield Client(service.app)
    await service.close()


def said(predictor=None):
    return json.loads((predictor or a_predictor()).to_json())


def naming(version=1, model=VERSION, tiers=(LIKELY, RICH)):
    event = signed(version, (GERMAN, FADING), tiers=tiers)
    event.agreement.definition.predictive_model = model
    return event


async def test_an_agreement_that_names_a_model_is_scored_by_it(client, handle, published):
    await client.post("/v1/models", said())
    await handle(naming())
    await handle(
        captured(ONE, activity=visit(1), employees="80"), captured(TWO, employees="80")
    )

    (qualified,) = await published()

    assert (qualified.lead_id, qualified.tier, qualified.score.predicted) == (ONE, "likely", 88)
    shown = (await client.get(f"/v1/scores/{ONE}")).json()["predicted"]
    assert (shown["version"], shown["predicted"]) == (VERSION, 88)
    effects = sum(part["effect"] for part in shown["parts"])
    assert effects + shown["base"] == pytest.approx(shown["log_odds"])
    assert [(p["feature"], p["value"]) for p in shown["parts"]] == [
        ("employees", 80),
        ("visit", 1.0),
    ]
    page = (await client.get(f"/v1/scores/{ONE}/explanation")).body.decode()
    assert "of a hundred such leads 88 are won" in page


async def test_nothing_is_predicted_without_a_signed_agreement_that_names_it(
    client, handle, published
):
    await client.post("/v1/models", said())
    await handle(signed(tiers=(LIKELY, RICH, Tier(name="B", condition="total >= 20"))))
    await handle(captured(ONE, activity=visit(1), employees="80"))

    (qualified,) = await published()

    assert qualified.tier == "B"
    assert not qualified.score.HasField("predicted")
    assert (await client.get(f"/v1/scores/{ONE}")).json()["predicted"] is None


async def test_tiers_that_ask_for_a_missing_model_do_not_hold_and_the_rest_goes_on(
    client, handle, published
):
    before = REGISTRY.get_sample_value("leadloop_scoring_unpredicted_total") or 0
    await handle(naming(tiers=(LIKELY, Tier(name="B", condition="total >= 20"))))
    await handle(captured(ONE, activity=visit(1), employees="80"))

    (qualified,) = await published()

    assert (qualified.tier, qualified.score.HasField("predicted")) == ("B", False)
    after = REGISTRY.get_sample_value("leadloop_scoring_unpredicted_total")
    assert after == before + 1
    page = (await client.get(f"/v1/scores/{ONE}/explanation")).body.decode()
    assert f"The predictive model {VERSION} was not added" in page


async def test_a_model_that_comes_late_judges_all_leads_again_once(
    client, handle, published, database, clock
):
    await handle(naming())
    await handle(
        captured(ONE, activity=visit(1), employees="80"), captured(TWO, employees="80")
    )
    await rescored(database, clock)
    assert await published() == []

    await client.post("/v1/models", said())
    assert await rescored(database, clock) == 2
    assert await rescored(database, clock) == 0

    (qualified,) = await published()
    assert (qualified.lead_id, qualified.score.predicted) == (ONE, 88)


async def test_a_model_that_was_there_before_the_signature_judges_nobody_twice(
    client, handle, database, clock
):
    await client.post("/v1/models", said())
    clock.advance_to(MONDAY_MORNING + 2 * DAY)
    await handle(captured(ONE, employees="80"))
    event = naming()
    event.signed_at.CopyFrom(timestamp(clock.now()))
    await handle(event)

    assert await rescored(database, clock) == 1


async def test_what_fades_in_a_model_moves_the_tier_on_the_day_that_was_told(
    client, handle, published, database, clock
):
    await client.post("/v1/models", said())
    await handle(naming())
    await handle(captured(ONE, activity=visit(1), employees="80"))
    await published()

    # Half of it is gone after ten days; 0.75 is passed on the fifth: 2 ** -0.5 is 0.71.
    assert (await state_of(database)).fades_on == day_of(MONDAY_MORNING) + 5
    clock.advance_to(MONDAY_MORNING + 4 * DAY)
    assert (await client.get(f"/v1/scores/{ONE}")).json()["predicted"]["predicted"] == 88
    clock.advance_to(MONDAY_MORNING + 5 * DAY)
    assert (await client.get(f"/v1/scores/{ONE}")).json()["predicted"]["predicted"] == 50
    async with database.transaction() as work:
        due = await _due(work)
        await on_time_passed(work, due)

    (scored,) = await published()
    assert (kinds([scored]), scored.tier, scored.score.predicted) == (["LeadScored"], "", 50)


async def _due(work):
    found = await work.connection.execute(
        text("SELECT CAST(subject AS text), kind, due_at FROM timers WHERE due_at <= :now"),
        {"now": work.now},
    )
    return [Timer(*row) for row in found]


async def test_a_model_is_kept_once_and_a_version_never_changes(client):
    first = await client.post("/v1/models?note=first", said())
    again = await client.post("/v1/models?note=again", said())
    other = said(a_predictor(trees=(a_tree(0, 10.0, -1.0, 1.0),)))
    changed = await client.post("/v1/models", other)

    assert (first.status, again.status, changed.status) == (201, 200, 409)
    assert again.json()["note"] == "first"
    found = (await client.get("/v1/models")).json()["items"]
    assert [one["version"] for one in found] == [VERSION]
    shown = (await client.get(f"/v1/models/{VERSION}")).json()
    assert (shown["learned_from"], shown["won"], shown["trees"]) == (1_000, 100, 2)
    assert (shown["columns"], shown["rules"], shown["used_by"]) == (
        ["employees"],
        ["visit"],
        [],
    )


async def test_models_are_listed_the_newest_first_page_by_page(client, clock):
    versions = [f"{n:08x}" for n in range(3)]
    for version in versions:
        await client.post("/v1/models", said(a_predictor(version)))
        clock.advance_to(clock.now() + DAY)

    first = (await client.get("/v1/models", limit=2)).json()
    rest = (await client.get("/v1/models", limit=2, cursor=first["next"])).json()

    shown = [one["version"] for one in (*first["items"], *rest["items"])]
    assert shown == versions[::-1]
    assert rest["next"] is None


async def test_a_cursor_of_another_list_of_models_is_refused(client):
    for parts in (("soon", VERSION), ("2026-03-02T09:00:00", VERSION), (VERSION,)):
        assert (await client.get("/v1/models", cursor=encode_cursor(*parts))).status == 400
    assert (await client.get("/v1/models", cursor="")).status == 400


async def test_a_model_stays_while_an_agreement_names_it(client, handle, database):
    await client.post("/v1/models", said())
    await handle(naming())

    refused = await client.delete(f"/v1/models/{VERSION}")

    assert refused.status == 409
    assert "version 1 of the agreement sales" in refused.json()["detail"]
    assert await rows(database, "models") == 1


async def test_a_model_that_nobody_names_can_be_forgotten(client, database):
    await client.post("/v1/models", said())

    assert (await client.delete(f"/v1/models/{VERSION}")).status == 204
    assert (await client.delete(f"/v1/models/{VERSION}")).status == 404
    assert await rows(database, "models") == 0


async def test_a_changed_text_is_refused(client):
    body = said()
    body["model"] = body["model"].replace("employees", "employers")

    answer = await client.post("/v1/models", body)

    assert answer.status == 422
    assert answer.json()["errors"][0]["pointer"] == "/model"


async def test_two_that_add_one_model_at_once_agree(client, database):
    answers = await asyncio.gather(*(client.post("/v1/models", said()) for _ in range(5)))

    assert sorted(answer.status for answer in answers) == [200, 200, 200, 200, 201]
    assert await rows(database, "models") == 1


async def test_a_new_activity_is_judged_with_its_strength(client, handle, published):
    await client.post("/v1/models", said())
    await handle(naming())
    await handle(captured(THREE, employees="80"))
    await handle(recorded(visit(1), THREE))

    (qualified,) = await published()
    assert (qualified.lead_id, qualified.score.predicted) == (THREE, 88)
