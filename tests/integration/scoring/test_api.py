"""The API tells where a lead stands and why, and tries leads out without keeping them."""

from datetime import timedelta

import pytest

from leadloop.v1.agreement_pb2 import Rule
from services.scoring.app import build
from services.scoring.settings import Settings
from tests.asgi import Client
from tests.conftest import MONDAY_MORNING
from tests.integration.scoring.builders import (
    GERMAN,
    ONE,
    THREE,
    TWO,
    captured,
    merged,
    recorded,
    returned,
    signed,
    visit,
)
from tests.integration.scoring.readers import rows

pytestmark = pytest.mark.integration

DAY = timedelta(days=1)


@pytest.fixture
async def client(database_url, clock, ids):
    service = build(Settings(database_url=database_url), clock=clock, ids=ids)
    yield Client(service.app)
    await service.close()


async def test_a_score_is_shown_with_its_parts_evidence_and_what_is_missing(client, handle):
    await handle(signed())
    await handle(captured(activity=visit(1, url="/pricing", seconds="40")))

    answer = await client.get(f"/v1/scores/{ONE}")

    shown = answer.json()
    assert answer.status == 200
    assert (shown["tier"], shown["total"], shown["fit"], shown["engagement"]) == (
        "B",
        30,
        20,
        10,
    )
    assert shown["parts"][0]["evidence"] is None
    assert shown["parts"][1] == {
        "rule": "visit",
        "axis": "engagement",
        "points": 10,
        "capped": 0,
        "decayed": 0,
        "count": 1,
        "evidence": {
            "activity_id": "visit-1",
            "occurred_at": "2026-03-02T09:01:00Z",
            "kind": "page_view",
            "attributes": {"url": "/pricing", "seconds": 40, "form": "", "kind": "page_view"},
        },
    }
    assert shown["missing_to_next_tier"] == {
        "tier": "A",
        "condition": "total >= 50",
        "axis": "engagement",
        "points": 20,
    }
    assert [cycle["stage"] for cycle in shown["cycles"]] == ["open"]


async def test_a_returned_lead_shows_its_history_and_cool_down(client, handle, clock):
    await handle(signed())
    await handle(captured(activity=visit(1)))
    clock.advance_to(MONDAY_MORNING + DAY)
    await handle(returned(clock.now(), not_before=clock.now() + DAY))

    shown = (await client.get(f"/v1/scores/{ONE}")).json()

    assert (shown["stage"], shown["cools_down_until"]) == ("returned", "2026-03-04T09:00:00Z")
    assert shown["cycles"][0]["reason"] == "No need now"


async def test_a_merged_lead_is_shown_as_its_survivor(client, handle):
    await handle(signed())
    await handle(captured(ONE), captured(TWO))
    await handle(merged(ONE, TWO))

    assert (await client.get(f"/v1/scores/{TWO}")).json()["lead_id"] == ONE


async def test_a_lead_before_the_first_agreement_has_no_points(client, handle):
    await handle(captured(activity=visit(1)))

    shown = (await client.get(f"/v1/scores/{ONE}")).json()
    page = (await client.get(f"/v1/scores/{ONE}/explanation")).body.decode()

    assert (shown["total"], shown["agreement_version"], shown["activity_count"]) == (0, 0, 1)
    assert "No agreement is signed yet" in page


async def test_what_would_change_a_score_and_when_it_fades_are_told(client, handle):
    fading = Rule(name="visit", is_engagement=True, condition="true", points=10, within_days=30)
    await handle(signed(rules=(GERMAN, fading)))
    await handle(captured(activity=visit(1)))

    shown = (await client.get(f"/v1/scores/{ONE}")).json()
    page = (await client.get(f"/v1/scores/{ONE}/explanation")).body.decode()

    assert shown["would_change"] == [
        {
            "kind": "activity",
            "name": "visit",
            "condition": "true",
            "activity_kind": "",
            "points": 10,
            "tier": "A",
            "times": 2,
            "is_again": True,
            "unknown": [],
        }
    ]
    assert shown["fades"] == {"fades_on": "2026-04-01", "tier": ""}
    assert "If nothing happens: no tier from 2026-04-01 00:00 UTC on." in page


async def test_what_time_and_limits_took_is_on_the_page(client, handle, clock):
    fading = Rule(
        name="visit",
        is_engagement=True,
        condition="true",
        points=10,
        count_max=2,
        half_life_days=10,
    )
    await handle(signed(rules=(GERMAN, fading)))
    await handle(captured())
    await handle(recorded(visit(1)), recorded(visit(2)), recorded(visit(3)))
    clock.advance_to(MONDAY_MORNING + 10 * DAY)

    page = (await client.get(f"/v1/scores/{ONE}/explanation")).body.decode()

    assert "    +10  visit                           3 times, last on" in page
    assert "         of 30 points: 10 lost with time, 10 above the agreed limit" in page


async def test_the_explanation_is_a_readable_page(client, handle, clock):
    await handle(signed())
    await handle(captured(activity=visit(1, url="/pricing")))
    clock.advance_to(MONDAY_MORNING + DAY)
    await handle(returned(clock.now(), not_before=clock.now() + DAY))

    answer = await client.get(f"/v1/scores/{ONE}/explanation")

    assert answer.headers["content-type"].startswith("text/plain")
    assert answer.body.decode().splitlines() == [
        f"ada@example.com (lead {ONE})",
        "Tier B, 30 points = 20 for who they are + 10 for what they did",
        "Under the agreement 'sales', version 1",
        "",
        "Who they are: 20 points",
        "    +20  german",
        "",
        "What they did: 10 points",
        "    +10  visit                           "
        "1 time, last on 2026-03-02 09:01 UTC: page view /pricing",
        "",
        "All gates are open.",
        "",
        "To tier A: 20 more points for what they did; it asks for",
        "  total >= 50",
        "",
        "What would change it",
        "    +10  visit: one more page view, 2 of them -> tier A",
        "",
        "Cycle 1 (tier B) since 2026-03-02 09:00 UTC: given back by sales "
        "on 2026-03-03 09:00 UTC, No need now",
        "Cools down until 2026-03-04 09:00 UTC; then something new they did counts.",
    ]


@pytest.mark.parametrize("path", [f"/v1/scores/{THREE}", f"/v1/scores/{THREE}/explanation"])
async def test_an_unknown_lead_is_not_found(client, path):
    answer = await client.get(path)

    assert answer.status == 404
    assert answer.headers["content-type"] == "application/problem+json"


async def test_an_id_that_is_none_is_refused_by_name(client):
    answer = await client.get("/v1/scores/nobody")

    assert answer.status == 422
    assert answer.json()["errors"][0]["pointer"] == "path lead_id"


async def test_scores_are_listed_by_tier_and_page(client, handle):
    await handle(signed())
    await handle(
        captured(ONE, activity=visit(1)), captured(TWO), captured(THREE, activity=visit(1))
    )

    first = (await client.get("/v1/scores", limit=2)).json()
    second = (await client.get("/v1/scores", limit=2, cursor=first["next"])).json()
    qualified = (await client.get("/v1/scores", tier="B")).json()
    without = (await client.get("/v1/scores?tier=")).json()

    assert [item["lead_id"] for item in first["items"]] == [ONE, TWO]
    assert ([item["lead_id"] for item in second["items"]], second["next"]) == ([THREE], None)
    assert [item["lead_id"] for item in qualified["items"]] == [ONE, THREE]
    assert [item["lead_id"] for item in without["items"]] == [TWO]


async def test_a_cursor_of_another_list_is_refused(client):
    answer = await client.get("/v1/scores", cursor="bm90aGluZw")

    assert answer.status == 400


async def test_a_trial_is_scored_and_not_kept(client, handle, database):
    await handle(signed())

    answer = await client.post(
        "/v1/scores/try",
        {
            "lead": {"country": "de"},
            "activities": [{"kind": "page_view"}, {"kind": "page_view"}, {"kind": "other"}],
        },
    )

    assert answer.status == 200
    shown = answer.json()
    assert (shown["tier"], shown["total"]) == ("B", 40)
    assert shown["parts"][1]["evidence"]["activity_id"] == "activities/0001"
    assert await rows(database, "leads") == 0


async def test_a_trial_without_an_agreement_is_a_conflict(client):
    assert (await client.post("/v1/scores/try", {})).status == 409


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"lead": {"age": 5}}, "/lead/age"),
        ({"lead": {"consent": "perhaps"}}, "/lead/consent"),
        ({"activities": [{}]}, "/activities/0/kind"),
        ({"activities": [{"kind": "x"}] * 1_001}, "/activities"),
        (
            {"activities": [{"kind": "x", "occurred_at": "2026-03-02T09:00:00"}]},
            "/activities/0/occurred_at",
        ),
        (
            {"activities": [{"kind": "x", "occurred_at": "0001-01-01T00:00:00+14:00"}]},
            "/activities/0/occurred_at",
        ),
    ],
)
async def test_a_trial_that_does_not_fit_is_refused_by_field(client, handle, body, pointer):
    await handle(signed())

    answer = await client.post("/v1/scores/try", body)

    assert answer.status == 422
    assert answer.json()["errors"][0]["pointer"] == pointer


async def test_what_rules_count_is_on_the_score_whatever_the_order(client, handle):
    await handle(signed())
    await handle(recorded(visit(5)), recorded(visit(2)))
    await handle(captured())

    shown = (await client.get(f"/v1/scores/{ONE}")).json()

    assert shown["parts"][1]["evidence"]["activity_id"] == "visit-5"


async def test_a_trial_of_what_is_still_to_come_is_refused_by_its_place(client, handle, clock):
    await handle(signed())
    later = (clock.now() + DAY).isoformat()

    body = {"activities": [{"kind": "page_view", "occurred_at": later}]}
    answer = await client.post("/v1/scores/try", body)

    assert answer.status == 422
    pointers = [error["pointer"] for error in answer.json()["errors"]]
    assert pointers == ["/activities/0/occurred_at"]
