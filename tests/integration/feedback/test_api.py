import asyncio
from decimal import Decimal

import pytest

from leadloop.v1 import agreement_pb2
from tests.unit.feedback.builders import ADA, BOB, HANDOFF, captured, routed

UNKNOWN = "01990000-0000-7000-8000-000000000000"
DEAL = {"lead_id": ADA, "deal_id": "D1", "stage": "opened", "value": "99.90", "currency": "EUR"}


@pytest.fixture
async def known(room):
    await room.hear(captured(), captured(BOB), routed())
    return room


async def tell(room, **deal):
    return await room.http.post("/v1/outcomes/deals", DEAL | deal)


async def test_a_deal_is_opened_then_won_and_marketing_learns_the_campaign(known):
    opened = await tell(known)
    won = await tell(known, stage="won", value=120.5)

    assert opened.json()["value"] == "99.90"
    assert won.json()["stage"] == "won"
    assert won.json()["opened_at"] == opened.json()["opened_at"]
    (event,) = await known.promised("DealWon")
    assert (event.value_cents, event.currency) == (12_050, "EUR")
    assert event.touch.campaign == "spring"


@pytest.mark.parametrize(
    ("history", "told", "status"),
    [
        (["opened"], {"stage": "opened"}, 200),
        (["opened"], {"stage": "opened", "value": "1"}, 409),
        (["won"], {"stage": "lost"}, 409),
        (["won"], {"stage": "opened", "reopens": True}, 409),
        (["lost"], {"stage": "won"}, 409),
        (["lost"], {"stage": "opened", "occurred_at": "2026-03-03T00:00:00Z"}, 409),
        (["lost"], {"stage": "opened", "reopens": True}, 200),
        (["lost"], {"stage": "opened", "occurred_at": "2026-03-01T00:00:00Z"}, 200),
        (["opened"], {"stage": "won", "lead_id": BOB}, 409),
    ],
)
async def test_a_deal_moves_by_one_rule(known, history, told, status):
    for stage in history:
        await tell(known, stage=stage)

    assert (await tell(known, **told)).status == status


async def test_the_same_told_again_is_no_second_outcome(known):
    answers = [await tell(known, stage="won") for _ in range(3)]

    assert {answer.body for answer in answers} == {answers[0].body}
    assert len(await known.promised("DealWon")) == 1


async def test_two_ends_that_race_make_one_outcome(known):
    for number in range(5):
        answers = await asyncio.gather(
            *(
                tell(known, deal_id=f"R{number}", stage=stage)
                for stage in ("won", "lost", "won", "lost")
            )
        )

        assert sorted(answer.status for answer in answers) == [200, 200, 409, 409]
    ends = await known.promised("DealWon") + await known.promised("DealLost")
    assert len(ends) == 5


async def test_a_deal_may_name_the_handoff_instead_of_the_lead(known):
    answer = await known.http.post(
        "/v1/outcomes/deals", {"handoff_id": HANDOFF, "deal_id": "D2", "stage": "opened"}
    )

    assert answer.json()["lead_id"] == ADA
    assert Decimal(answer.json()["value"]) == 0


async def test_words_between_the_teams_are_passed_on(known):
    words = {
        "lead_id": ADA,
        "side": "sales",
        "author": "Eva",
        "subject": "timing",
        "text": "Call them after the fair.",
    }

    answer = await known.http.post("/v1/outcomes/feedback", words)

    assert answer.status == 200
    (event,) = await known.promised("FeedbackGiven")
    assert getattr(event, "from") == agreement_pb2.SIDE_SALES
    assert event.text == "Call them after the fair."


async def test_an_idempotency_key_makes_words_pass_once(known):
    words = {"lead_id": ADA, "side": "sales", "author": "E", "subject": "s", "text": "t"}
    for _ in range(2):
        await known.http.post("/v1/outcomes/feedback", words, headers={"idempotency-key": "k1"})

    assert len(await known.promised("FeedbackGiven")) == 1


async def test_outcomes_are_listed_newest_first_with_filters_and_pages(known):
    for number in range(5):
        known.database.clock.advance_to(known.database.clock.now().replace(minute=number + 1))
        await tell(known, deal_id=f"D{number}")
    await tell(known, deal_id="B", lead_id=BOB)

    first = (await known.http.get("/v1/outcomes", limit=3, lead_id=ADA)).json()
    rest = (
        await known.http.get("/v1/outcomes", limit=3, lead_id=ADA, cursor=first["next"])
    ).json()

    ids = [item["event"]["deal_id"] for item in first["items"] + rest["items"]]
    assert ids == ["D4", "D3", "D2", "D1", "D0"]
    assert rest["next"] is None
    assert (await known.http.get("/v1/outcomes", type="DealWon")).json()["items"] == []


BAD_INPUT: list[tuple[str, object, int, str | None]] = [
    ("outcomes/deals", {**DEAL, "lead_id": UNKNOWN}, 404, None),
    ("outcomes/deals", {**DEAL, "lead_id": None, "handoff_id": UNKNOWN}, 404, None),
    ("outcomes/deals", {**DEAL, "lead_id": None}, 422, ""),
    ("outcomes/deals", {**DEAL, "lead_id": "ada"}, 422, "/lead_id"),
    ("outcomes/deals", {**DEAL, "handoff_id": HANDOFF, "lead_id": BOB}, 422, "/lead_id"),
    ("outcomes/deals", {**DEAL, "stage": "maybe"}, 422, "/stage"),
    ("outcomes/deals", {**DEAL, "value": "-1"}, 422, "/value"),
    ("outcomes/deals", {**DEAL, "value": "1.234"}, 422, "/value"),
    ("outcomes/deals", {**DEAL, "value": "NaN"}, 422, "/value"),
    ("outcomes/deals", {**DEAL, "value": 1e300}, 422, "/value"),
    ("outcomes/deals", {**DEAL, "value": "1" * 5000}, 422, "/value"),
    ("outcomes/deals", {**DEAL, "currency": "euro"}, 422, "/currency"),
    ("outcomes/deals", {**DEAL, "currency": None}, 422, ""),
    ("outcomes/deals", {**DEAL, "deal_id": ""}, 422, "/deal_id"),
    ("outcomes/deals", {**DEAL, "deal_id": "a\x00"}, 422, "/deal_id"),
    ("outcomes/deals", {**DEAL, "deal_id": "x" * 201}, 422, "/deal_id"),
    ("outcomes/deals", {**DEAL, "occurred_at": "soon"}, 422, "/occurred_at"),
    (
        "outcomes/deals",
        {**DEAL, "occurred_at": "9999-12-31T23:59:59-10:00"},
        422,
        "/occurred_at",
    ),
    ("outcomes/deals", {**DEAL, "surprise": 1}, 422, "/surprise"),
    ("outcomes/deals", [], 422, ""),
    ("outcomes/feedback", {"lead_id": ADA, "side": "sales"}, 422, "/author"),
    ("agreements", {"text": 1}, 422, "/text"),
    ("agreements", {"text": "a: *b"}, 422, "line 1"),
    ("agreements/check", {}, 422, "/text"),
]


async def test_bad_input_is_refused_by_field_and_leaves_nothing(known):
    for path, body, status, pointer in BAD_INPUT:
        answer = await known.http.post(f"/v1/{path}", body)

        assert answer.status == status, (body, answer.body)
        assert answer.headers["content-type"] == "application/problem+json"
        if pointer is not None:
            assert answer.json()["errors"][0]["pointer"] == pointer, body
    assert await known.rows("SELECT * FROM outbox") == []


BAD_QUESTIONS = {
    "/v1/timelines/ada": 422,
    f"/v1/timelines/{UNKNOWN}": 404,
    f"/v1/timelines/{ADA}?cursor=zzz": 400,
    f"/v1/timelines/{ADA}?cursor=WyJhIiwiYiIsImMiXQ": 400,
    f"/v1/timelines/{ADA}?limit=0": 422,
    "/v1/reports/funnel?by=weather": 422,
    "/v1/reports/funnel?from=2026-03-02&to=2026-03-01": 422,
    "/v1/reports/funnel?from=yesterday": 422,
    "/v1/reports/funnel?from=0001-01-01&to=0001-01-02": 200,
    "/v1/reports/service-levels?from=0001-01-01&to=9999-12-31": 200,
    "/v1/outcomes?type=Nothing": 422,
    "/v1/outcomes?cursor=WyJhIl0": 400,
    "/v1/agreements?cursor=WyJhIl0": 400,
    "/v1/agreements/default": 404,
    "/v1/agreements/%00": 422,
    "/v1/agreements/default?version=99999999999": 422,
}


async def test_bad_questions_get_their_status(known):
    for target, status in BAD_QUESTIONS.items():
        answer = await known.http.request("GET", target)

        assert answer.status == status, (target, answer.body)


async def test_the_documented_api_names_every_route(room):
    paths = (await room.http.get("/openapi.json")).json()["paths"]

    assert {"/v1/agreements/{name}/sign", "/v1/reports/funnel", "/v1/outcomes/deals"} <= set(
        paths
    )
    assert "/v1/outcomes/endpoints" in paths
