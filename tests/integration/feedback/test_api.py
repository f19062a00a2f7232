import asyncio
from datetime import datetime, timedelta
from decimal import Decimal

import pytest

from leadloop.v1 import agreement_pb2
from tests.unit.feedback.builders import ADA, BOB, HANDOFF, captured, rejected, routed

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
        (["opened"], {"stage": "opened", "value": "1"}, 200),
        (["won"], {"stage": "won", "value": "1", "currency": "USD"}, 200),
        (["won"], {"stage": "lost"}, 409),
        (["won"], {"stage": "opened", "reopens": True}, 409),
        (["lost"], {"stage": "won"}, 409),
        (["lost"], {"stage": "opened", "reopens": True}, 200),
        (["lost"], {"stage": "opened", "occurred_at": "2026-03-01T00:00:00Z"}, 200),
        (["opened"], {"stage": "won", "lead_id": BOB}, 409),
    ],
)
async def test_a_deal_moves_by_one_rule(known, history, told, status):
    for stage in history:
        await tell(known, stage=stage)

    assert (await tell(known, **told)).status == status


async def test_a_lost_deal_does_not_open_again_unless_told_so(known):
    await tell(known, stage="lost", occurred_at="2026-02-20T00:00:00Z")

    assert (await tell(known)).status == 409
    assert (await tell(known, reopens=True)).status == 200


async def test_the_same_told_again_is_no_second_outcome(known):
    answers = [await tell(known, stage="won") for _ in range(3)]

    assert {answer.body for answer in answers} == {answers[0].body}
    assert len(await known.promised("DealWon")) == 1


async def test_the_newest_value_counts_and_what_is_missing_stays(known):
    await tell(known)
    await tell(known, value="150", currency="USD")

    won = await known.http.post(
        "/v1/outcomes/deals", {"lead_id": ADA, "deal_id": "D1", "stage": "won"}
    )

    assert (won.json()["value"], won.json()["currency"]) == ("150.00", "USD")
    (event,) = await known.promised("DealWon")
    assert (event.value_cents, event.currency) == (15_000, "USD")


@pytest.mark.parametrize("stage", ["opened", "won", "lost"])
async def test_a_correction_is_kept_and_not_published_again(known, stage):
    corrected = {"value": "7", "currency": "USD", "occurred_at": "2026-02-20T00:00:00Z"}
    await tell(known, stage=stage)

    answer = await tell(known, stage=stage, reason="price", **corrected)

    deal = (await known.http.get("/v1/outcomes/deals/D1")).json()
    assert deal == answer.json()
    assert (deal["value"], deal["currency"], deal["reason"]) == ("7.00", "USD", "price")
    at = deal["opened_at"] if stage == "opened" else deal["closed_at"]
    assert at == corrected["occurred_at"]
    assert len(await known.promised(f"Deal{stage.title()}")) == 1


async def test_the_funnel_counts_the_newest_value_of_a_won_deal(known):
    await tell(known, stage="won")
    await tell(known, stage="won", value="80")

    (spring,) = (await known.http.get("/v1/reports/funnel")).json()["rows"]

    assert (spring["won"], spring["values"]) == (1, {"EUR": 8_000})


async def test_the_future_is_not_told_but_a_clock_may_run_ahead_a_little(known):
    now = known.database.clock.now()
    words = {"lead_id": ADA, "side": "sales", "author": "E", "subject": "s", "text": "t"}
    late = {"occurred_at": (now + timedelta(minutes=6)).isoformat()}

    answers = [await tell(known, **late)]
    answers.append(await known.http.post("/v1/outcomes/feedback", words | late))
    ahead = await tell(known, occurred_at=(now + timedelta(minutes=4)).isoformat())

    for answer in answers:
        assert answer.status == 422
        assert answer.json()["errors"][0]["pointer"] == "/occurred_at"
    assert datetime.fromisoformat(ahead.json()["opened_at"]) == now
    assert (await tell(known, stage="won")).status == 200


async def test_a_deal_does_not_end_before_it_was_opened(known):
    await tell(known)
    early = {"stage": "won", "occurred_at": "1999-01-01T00:00:00Z"}

    refused = await tell(known, **early)
    await tell(known, occurred_at="1998-01-01T00:00:00Z")
    mended = await tell(known, **early)

    assert refused.status == 422
    assert refused.json()["errors"][0]["pointer"] == "/occurred_at"
    assert mended.status == 200
    assert len(await known.promised("DealOpened")) == 1


async def test_an_unknown_deal_is_not_found_and_an_id_may_hold_slashes(known):
    await tell(known, deal_id="eu/7")

    assert (await known.http.get("/v1/outcomes/deals/D1")).status == 404
    found = await known.http.get("/v1/outcomes/deals/eu/7")
    assert found.json()["deal_id"] == "eu/7"


async def test_all_that_is_wrong_in_a_deal_is_told_at_once(known):
    answer = await known.http.post(
        "/v1/outcomes/deals", {"stage": "maybe", "value": "5", "surprise": 1}
    )

    assert answer.status == 422
    errors = {error["pointer"]: error for error in answer.json()["errors"]}
    assert set(errors) == {"/lead_id", "/deal_id", "/stage", "/currency", "/surprise"}
    assert errors["/lead_id"] == {
        "pointer": "/lead_id",
        "expected": "lead_id or handoff_id",
        "found": "nothing",
    }
    assert errors["/currency"]["expected"] == "a currency beside the value"
    assert errors["/surprise"]["expected"].startswith("no such field; there are handoff_id,")


async def test_a_deal_is_told_whatever_became_of_its_handoff(known):
    await known.sign()
    await known.hear(rejected())

    assert (await tell(known, handoff_id=HANDOFF)).status == 200


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
    ("outcomes/deals", {**DEAL, "lead_id": None}, 422, "/lead_id"),
    ("outcomes/deals", {**DEAL, "lead_id": None, "handoff_id": "x"}, 422, "/handoff_id"),
    ("outcomes/deals", {**DEAL, "lead_id": "ada"}, 422, "/lead_id"),
    ("outcomes/deals", {**DEAL, "handoff_id": HANDOFF, "lead_id": BOB}, 422, "/lead_id"),
    ("outcomes/deals", {**DEAL, "stage": "maybe"}, 422, "/stage"),
    ("outcomes/deals", {**DEAL, "value": "-1"}, 422, "/value"),
    ("outcomes/deals", {**DEAL, "value": "1.234"}, 422, "/value"),
    ("outcomes/deals", {**DEAL, "value": "NaN"}, 422, "/value"),
    ("outcomes/deals", {**DEAL, "value": 1e300}, 422, "/value"),
    ("outcomes/deals", {**DEAL, "value": "1" * 5000}, 422, "/value"),
    ("outcomes/deals", {**DEAL, "currency": "euro"}, 422, "/currency"),
    ("outcomes/deals", {**DEAL, "currency": None}, 422, "/currency"),
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
    f"/v1/timelines/{ADA}?cursor=": 400,
    f"/v1/timelines/{UNKNOWN}?cursor=": 400,
    f"/v1/timelines/{ADA}?limit=0": 422,
    "/v1/reports/funnel?by=weather": 422,
    "/v1/reports/funnel?from=2026-03-02&to=2026-03-01": 422,
    "/v1/reports/funnel?from=yesterday": 422,
    "/v1/reports/funnel?from=0001-01-01&to=0001-01-02": 200,
    "/v1/reports/service-levels?from=0001-01-01&to=9999-12-31": 200,
    "/v1/outcomes?type=Nothing": 422,
    "/v1/outcomes?handoff_id=x": 422,
    "/v1/outcomes/deals/D1": 404,
    "/v1/outcomes/deals/": 422,
    f"/v1/outcomes/deals/{'x' * 201}": 422,
    "/v1/outcomes?cursor=WyJhIl0": 400,
    "/v1/outcomes?cursor=": 400,
    "/v1/agreements?cursor=WyJhIl0": 400,
    "/v1/agreements?cursor=": 400,
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
