from datetime import datetime
from urllib.parse import urlencode

import pytest

from leadloop.events import timestamp
from leadloop.v1 import handoff_pb2 as handoff
from leadloop.v1 import lead_pb2 as lead
from services.feedback.reports import Period, owed_in
from tests.conftest import MONDAY_MORNING
from tests.unit.feedback.builders import (
    ADA,
    BOB,
    IDS,
    a_clock,
    accepted,
    after,
    captured,
    converted,
    met,
    qualified,
    recycled,
    rejected,
    routed,
    step,
)

OTHER_HANDOFF = IDS.new(MONDAY_MORNING)
CLO = IDS.new(MONDAY_MORNING)


@pytest.fixture
async def signed(room):
    await room.sign()
    room.database.clock.advance_to(after(600))
    return room


async def a_quarter(room):
    """Ada is won, Bob returns, Clo never qualifies."""
    await room.hear(captured(), qualified(), routed(), accepted(), met(), converted())
    await room.hear(
        captured(BOB, campaign="autumn", source="mautic"),
        qualified(BOB, tier="B", phone=""),
        routed(lead_id=BOB, handoff_id=OTHER_HANDOFF, tier="B", clocks=[a_clock(minutes=3)]),
        step(
            handoff.ClockBreached,
            2,
            18,
            lead_id=BOB,
            handoff_id=OTHER_HANDOFF,
            clock=a_clock(minutes=3),
        ),
        rejected(lead_id=BOB, handoff_id=OTHER_HANDOFF),
        captured(CLO),
    )
    deal = {"lead_id": ADA, "deal_id": "D1", "value": "1200.50", "currency": "EUR"}
    await room.http.post("/v1/outcomes/deals", {**deal, "stage": "opened"})
    await room.http.post("/v1/outcomes/deals", {**deal, "stage": "won"})


async def rows(room, path, **query):
    answer = await room.http.get(path, **query)
    assert answer.status == 200, answer.body
    return answer.json()["rows"]


async def test_the_funnel_counts_the_cohort_losers_included(signed):
    await a_quarter(signed)

    spring, autumn = await rows(signed, "/v1/reports/funnel")

    assert spring == {
        "group": "spring",
        "captured": 2,
        "qualified": 1,
        "routed": 1,
        "accepted": 1,
        "converted": 1,
        "won": 1,
        "lost": 0,
        "returned": 0,
        "values": {"EUR": 120_050},
    }
    assert (autumn["captured"], autumn["accepted"], autumn["returned"]) == (1, 0, 1)


@pytest.mark.parametrize(
    ("by", "groups"),
    [("source", {"hubspot": 2, "mautic": 1}), ("tier", {"": 1, "A": 1, "B": 1})],
)
async def test_the_funnel_groups_by_source_and_tier(signed, by, groups):
    await a_quarter(signed)

    found = await rows(signed, "/v1/reports/funnel", by=by)

    assert {row["group"]: row["captured"] for row in found} == groups


async def test_the_funnel_takes_only_the_leads_of_its_period(signed):
    await a_quarter(signed)
    day = {"from": after(-60).isoformat(), "to": after(0).isoformat()}

    assert await rows(signed, "/v1/reports/funnel", **day) == []


async def test_merged_records_count_as_one_person_from_the_earliest_capture(signed):
    await a_quarter(signed)
    merge = lead.LeadsMerged(
        lead_id=BOB, merged_lead_id=ADA, reason="one", merged_at=timestamp(after(40))
    )
    again = lead.LeadsMerged(
        lead_id=CLO, merged_lead_id=BOB, reason="one", merged_at=timestamp(after(41))
    )
    await signed.hear(again, merge)

    (row,) = await rows(signed, "/v1/reports/funnel", by="source")

    assert (row["captured"], row["qualified"], row["won"]) == (1, 1, 1)
    assert row["values"] == {"EUR": 120_050}


async def test_the_service_levels_of_both_sides(signed):
    await a_quarter(signed)

    answer = (await signed.http.get("/v1/reports/service-levels")).json()

    on_time, broken = answer["sales"]
    assert (on_time["tier"], on_time["kind"], on_time["met"]) == ("A", "accept", 1)
    assert on_time["p50_seconds"] == 360
    assert (on_time["allowed_seconds_min"], on_time["allowed_seconds_max"]) == (900, 900)
    assert (broken["tier"], broken["breached"], broken["met"]) == ("B", 1, 0)
    (month,) = answer["marketing"]
    assert (month["month"], month["qualified"]) == ("2026-03", 2)
    assert (month["accepted_percent"], month["accepted_percent_owed"]) == (50, 70)
    assert (month["complete_percent"], month["complete_percent_owed"]) == (50, 80)
    assert month["missing"] == {"phone": 1}
    # Ten hours of a month of 31 days, of which 200 are owed.
    assert (month["owed"], month["owed_per_month"], month["owed_days"]) == (3, 200, 0.4)
    assert datetime.fromisoformat(answer["agreed_at"]) == MONDAY_MORNING


async def test_two_versions_in_a_period_show_all_that_was_agreed(signed):
    await a_quarter(signed)
    shorter = a_clock(minutes=50)
    shorter.allowed_seconds = 60
    await signed.hear(routed(handoff_id=OTHER_HANDOFF, minutes=50, clocks=[shorter]))

    levels = (await signed.http.get("/v1/reports/service-levels")).json()

    row = levels["sales"][0]
    assert (row["allowed_seconds_min"], row["allowed_seconds_max"]) == (60, 900)


async def test_the_reasons_by_campaign(signed):
    await a_quarter(signed)
    await signed.hear(recycled("elsewhere", sequence=9))

    first, second = await rows(signed, "/v1/reports/reasons")

    assert [first["group"], second["group"]] == ["autumn", "spring"]
    assert (first["label"], first["leads"], first["percent"]) == ("No budget", 1, 100)
    assert second["reason"] == "elsewhere"


async def test_a_campaign_is_that_of_the_first_touch_or_of_the_last_when_asked_for(signed):
    offline = captured(campaign="", minutes=0)
    await signed.hear(offline, captured(campaign="q4", source="mautic", minutes=1))
    await signed.hear(qualified(), routed(), rejected())

    (returned,) = await signed.promised("LeadReturned")
    found = {
        (name, touch): [
            row["group"] for row in await rows(signed, f"/v1/reports/{name}", **asked)
        ]
        for name in ("funnel", "reasons")
        for touch, asked in (
            ("", {}),
            ("first", {"touch": "first"}),
            ("last", {"touch": "last"}),
        )
    }

    assert returned.touch.campaign == "q4"
    for name in ("funnel", "reasons"):
        assert found[name, ""] == found[name, "first"] == [""]
        assert found[name, "last"] == ["q4"]


async def test_a_touch_is_refused_where_none_counts(signed):
    answer = await signed.http.get("/v1/reports/funnel", by="source", touch="last")

    assert answer.status == 422
    assert answer.json()["errors"][0]["pointer"] == "query touch"


@pytest.mark.parametrize("name", ["funnel", "service-levels", "reasons"])
async def test_a_report_is_also_a_table_for_people(signed, name):
    await a_quarter(signed)

    answer = await signed.http.request(
        "GET", f"/v1/reports/{name}", headers={"accept": "text/plain"}
    )

    assert answer.headers["content-type"].startswith("text/plain")
    assert "----" in answer.body.decode()


async def test_the_timeline_tells_why_it_scored_who_got_it_and_when_it_was_due(signed):
    await a_quarter(signed)

    answer = await signed.http.request(
        "GET", f"/v1/timelines/{ADA}", headers={"accept": "text/plain"}
    )

    story = answer.body.decode()
    assert "First heard of through hubspot" in story
    assert "+40  asked for a demo" in story
    assert "Goes to Eva as A, by agreement version 1" in story
    assert "not Jo: is away" in story
    assert "accept due Mon 10:17, 15m of business time: Mon 10:02-10:17" in story
    assert "Deal D1 is won, 1,200 EUR" in story
    assert story.index("Qualified") < story.index("Goes to Eva") < story.index("Kept")


async def test_the_timeline_is_paged_and_holds_no_contact(signed):
    await a_quarter(signed)

    first = (await signed.http.get(f"/v1/timelines/{ADA}", limit=3)).json()
    rest = (await signed.http.get(f"/v1/timelines/{ADA}", cursor=first["next"])).json()

    types = [item["type"] for item in first["items"] + rest["items"]]
    assert types[:3] == ["LeadCaptured", "LeadQualified", "HandoffRouted"]
    assert len(types) == 8
    stored = b"".join(row.value for row in await signed.rows("SELECT value FROM timeline"))
    assert b"example.com" not in stored
    assert b"+4930" not in stored


async def test_every_page_of_a_timeline_knows_what_was_first_and_who_is_who(signed):
    await signed.hear(
        captured(minutes=1), routed(), accepted(actor="eva"), captured(BOB, minutes=3)
    )
    late = captured(minutes=0)
    late.is_new = False
    await signed.hear(late, captured(minutes=9))
    merge = lead.LeadsMerged(
        lead_id=ADA, merged_lead_id=BOB, reason="one", merged_at=timestamp(after(10))
    )
    await signed.hear(merge)

    told, query = [], {"limit": 1}
    while True:
        page = (await signed.http.get(f"/v1/timelines/{BOB}", **query)).json()
        told += [item["sentence"] for item in page["items"]]
        if page["next"] is None:
            break
        query["cursor"] = page["next"]

    assert [sentence for sentence in told if "eard of" in sentence] == [
        "First heard of through hubspot",
        *["Heard of again through hubspot"] * 3,
    ]
    assert "Eva accepts" in told


async def test_times_are_told_in_the_zone_of_the_agreement_unless_another_is_asked_for(room):
    await room.hear(captured())

    async def first_line(**query):
        target = f"/v1/timelines/{ADA}?{urlencode(query)}"
        answer = await room.http.request("GET", target, headers={"accept": "text/plain"})
        return answer.body.decode().splitlines()[0].partition(", ")[2]

    assert await first_line() == "times in UTC"
    await room.sign()
    assert await first_line() == "times in Europe/Berlin"
    assert await first_line(zone="Asia/Tokyo") == "times in Asia/Tokyo"
    refused = await room.http.get(f"/v1/timelines/{ADA}", zone="Atlantis/Capital")
    assert refused.status == 422
    assert refused.json()["errors"] == [
        {
            "pointer": "query zone",
            "expected": "an IANA time zone such as Europe/Berlin",
            "found": "a string",
        }
    ]


async def test_a_forgotten_lead_has_no_timeline_and_still_counts(signed):
    await a_quarter(signed)
    await signed.hear(lead.LeadErased(lead_id=ADA, erased_at=timestamp(after(60))))
    await signed.hear(accepted(sequence=9, minutes=70))

    assert (await signed.http.get(f"/v1/timelines/{ADA}")).status == 404
    spring, _ = await rows(signed, "/v1/reports/funnel")
    assert (spring["captured"], spring["won"]) == (2, 1)
    told = {"lead_id": ADA, "deal_id": "D9", "stage": "opened"}
    assert (await signed.http.post("/v1/outcomes/deals", told)).status == 404


async def test_reports_before_anything_happened_are_empty(room):
    assert await rows(room, "/v1/reports/funnel") == []
    assert await rows(room, "/v1/reports/reasons") == []
    levels = (await room.http.get("/v1/reports/service-levels")).json()
    assert levels["sales"] == []


def test_what_is_owed_is_shared_out_over_the_month():
    start = MONDAY_MORNING.replace(day=1, hour=0)
    half = Period(start, start.replace(day=16, hour=12))

    assert owed_in(start, 200, half) == 100
    assert owed_in(start.replace(month=4), 200, half) == 0
