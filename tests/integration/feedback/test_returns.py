from datetime import timedelta

import pytest

from leadloop.events import moment, timestamp
from leadloop.v1 import agreement_pb2
from leadloop.v1.outcome_pb2 import LeadReturned
from tests.receivers import listening
from tests.unit.feedback.builders import (
    after,
    captured,
    met,
    qualified,
    recycled,
    rejected,
    routed,
)


@pytest.fixture
async def signed(room):
    await room.sign()
    return room


async def test_a_refused_lead_returns_with_its_reason_and_cools_down(signed):
    await signed.hear(captured(campaign="spring"), qualified(), routed(), rejected())

    (returned,) = await signed.promised("LeadReturned")

    assert (returned.reason, returned.label, returned.note) == (
        "no_budget",
        "No budget",
        "next year",
    )
    assert returned.consequence == agreement_pb2.CONSEQUENCE_RETURN
    assert moment(returned.not_before) == after(9) + timedelta(days=90)
    assert returned.new_evidence == "A new year"
    assert returned.touch.campaign == "spring"


async def test_a_later_wish_of_the_person_moves_the_return(signed):
    wish = after(0) + timedelta(days=200)
    await signed.hear(recycled(not_before=timestamp(wish)))
    await signed.hear(recycled(not_before=timestamp(after(60)), cycle=2))

    late, early = await signed.promised("LeadReturned")

    assert moment(late.not_before) == wish
    assert moment(early.not_before) == after(20) + timedelta(days=90)


async def test_a_reason_that_reroutes_returns_nothing(signed):
    await signed.hear(rejected("elsewhere"))

    assert await signed.promised("LeadReturned") == []
    ((reason, consequence),) = await signed.rows("SELECT reason, consequence FROM cycles")
    assert (reason, consequence) == ("elsewhere", agreement_pb2.CONSEQUENCE_REROUTE)


async def test_events_that_feedback_does_not_deliver_can_not_be_subscribed_to(signed):
    refused = await signed.http.post(
        "/v1/outcomes/endpoints",
        {"url": "http://marketing.test/hook", "event_types": ["HandoffRouted"]},
    )

    assert refused.status == 422
    (error,) = refused.json()["errors"]
    assert error["expected"].startswith("one of DealLost, DealOpened")
    assert error["found"] == "HandoffRouted, an event of handoffs.v1"


async def test_a_return_is_delivered_to_marketings_endpoint(signed):
    made = await signed.http.post(
        "/v1/outcomes/endpoints",
        {"url": "http://marketing.test/hook", "event_types": ["LeadReturned"]},
    )
    assert made.status == 201

    await signed.hear(rejected())

    ((event, state),) = await signed.rows("SELECT event, state FROM deliveries")
    assert state == "pending"
    assert LeadReturned.FromString(event).reason == "no_budget"
    listed = (await signed.http.get("/v1/outcomes/deliveries")).json()
    assert len(listed["items"]) == 1


async def test_marketings_endpoint_is_tested_before_any_return_comes(signed):
    async with listening() as receiver:
        made = await signed.http.post("/v1/outcomes/endpoints", {"url": receiver.url})

        tested = await signed.http.post(f"/v1/outcomes/endpoints/{made.json()['id']}/test")

        assert (tested.status, tested.json()["status"]) == (200, 204)
        assert receiver.ids() == [tested.json()["event_id"]]


async def test_a_reason_that_no_agreement_knows_is_parked_and_the_rest_goes_on(signed):
    await signed.hear(captured(), rejected("gone_fishing"), met())

    assert len(await signed.rows("SELECT * FROM parked")) == 1
    assert len(await signed.rows("SELECT * FROM clocks")) == 1
    assert await signed.promised("LeadReturned") == []
