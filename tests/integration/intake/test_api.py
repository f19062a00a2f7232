"""Leads, captures and sources as people and programs ask for them."""

import base64
import json

from services.intake.app import build
from services.intake.settings import Settings
from services.intake.sources import parse_sources
from tests.intake_builders import (
    ENVIRON,
    SOURCES,
    a_form,
    a_thin_event,
    a_workflow_contact,
    as_body,
    by_hubspot,
    by_mautic,
    by_site,
    by_zapier,
    call,
    post,
)
from tests.intake_promises import count, promised

JSON = {"content-type": "application/json"}
NOBODY = "00000000-0000-4000-8000-000000000000"


async def get(intake, path):
    return await call(intake.app, "GET", path)


async def take(intake, content, **headers):
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return await call(
        intake.app, "POST", "/v1/leads", body=as_body(content), headers={**JSON, **named}
    )


async def only_capture(intake):
    (capture,) = (await get(intake, "/v1/captures")).json["items"]
    return capture


async def test_leads_are_listed_newest_first_page_by_page(intake):
    for n in range(5):
        await post(intake.app, by_site(a_form(f"p{n}@example.com")))

    first = (await get(intake, "/v1/leads?limit=3")).json
    second = (await get(intake, f"/v1/leads?limit=3&cursor={first['next']}")).json

    emails = [lead["email"] for lead in first["items"] + second["items"]]
    assert sorted(emails) == [f"p{n}@example.com" for n in range(5)]
    assert second["next"] is None


async def test_a_lead_is_found_by_its_address_however_it_is_written(intake):
    await post(intake.app, by_site(a_form("ada@example.com")))
    await post(intake.app, by_site(a_form("bob@example.com")))

    found = (await get(intake, "/v1/leads?email=ADA%40example.com")).json["items"]
    none = (await get(intake, "/v1/leads?email=nobody")).json["items"]

    assert [lead["email"] for lead in found] == ["ada@example.com"]
    assert none == []


async def test_a_lead_shows_its_captures_with_their_touches(intake):
    await post(intake.app, by_site(a_form(id="1", utm={"source": "google"})))
    await post(intake.app, by_site(a_form(id="2", action="page_view")))
    (listed,) = (await get(intake, "/v1/leads")).json["items"]

    lead = (await get(intake, f"/v1/leads/{listed['id']}")).json

    assert lead["email"] == "ada@example.com"
    assert {c["activity_kind"] for c in lead["captures"]} == {None, "page_view"}
    assert [c["touch"]["source"] for c in lead["captures"] if c["touch"]] == ["google"]


async def test_a_capture_shows_the_very_bytes_that_came(intake):
    body = b'{ "person": {"email":"ada@example.com"} }'
    await post(intake.app, by_site(body))

    capture = (await get(intake, f"/v1/captures/{(await only_capture(intake))['id']}")).json

    assert base64.b64decode(capture["body_base64"]) == body
    assert capture["body"] == body.decode()
    assert capture["state"] == "recorded"


async def test_a_field_that_was_left_out_is_told_with_its_capture(intake):
    answer = await post(intake.app, by_site(a_form(company=["Acme"])))

    capture = await only_capture(intake)
    assert (answer.status, answer.json["recorded"]) == (202, 1)
    assert capture["state"] == "recorded"
    assert answer.json["errors"] == [capture["error"]]
    assert capture["error"]["pointer"] == "/company"


async def test_a_batch_keeps_its_payload_once_and_shows_it_with_every_capture(intake):
    people = [{"email": "a@example.com"}, {"email": "b@example.com"}, {"email": 5}]
    posted = by_zapier({"leads": people})
    await post(intake.app, posted)

    listed = (await get(intake, "/v1/captures")).json["items"]
    bodies = [(await get(intake, f"/v1/captures/{c['id']}")).json["body"] for c in listed]

    assert bodies == [posted.body.decode()] * 3
    assert sorted(c["position"] for c in listed) == [0, 1, 2]


async def test_captures_are_narrowed_by_state_and_source(intake):
    await post(intake.app, by_site(a_form()))
    await post(intake.app, by_hubspot([a_thin_event()]))
    await post(intake.app, by_hubspot(a_workflow_contact(vid=9, email="nobody")))

    parked = (await get(intake, "/v1/captures?state=parked")).json["items"]
    hubspot = (await get(intake, "/v1/captures?source=hubspot")).json["items"]

    assert [c["error"]["pointer"] for c in parked] == ["/properties/email/value"]
    assert {c["state"] for c in hubspot} == {"parked", "unmatched"}


async def test_a_parked_capture_goes_on_after_its_mapping_was_mended(
    intake, database_url, clock, ids
):
    await post(intake.app, by_zapier({"leads": [{"mail": "ada@example.com"}]}))
    parked = await only_capture(intake)
    mended = json.loads(json.dumps(SOURCES))
    mended["sources"]["zapier"]["mapping"]["email"] = "email || mail"
    sources = parse_sources(mended, ENVIRON)
    settings = Settings(database_url=database_url)
    restarted = build(settings, clock=clock, ids=ids, sources=sources)

    path = f"/v1/captures/{parked['id']}/retry"
    answer = await call(restarted.app, "POST", path)
    again = await call(restarted.app, "POST", path)
    await restarted.close()

    assert (parked["state"], answer.json["state"]) == ("parked", "recorded")
    assert again.status == 409
    (event,) = await promised(intake.database)
    assert event.lead.email == "ada@example.com"
    assert event.capture_id == parked["id"]


async def test_a_capture_that_still_can_not_be_read_stays_parked(intake):
    await post(intake.app, by_mautic({"mautic.lead_post_save_new": [5]}))
    parked = await only_capture(intake)

    answer = await call(intake.app, "POST", f"/v1/captures/{parked['id']}/retry")

    assert (answer.status, answer.json["state"]) == (200, "parked")
    assert answer.json["error"]["found"] == "number"
    assert await promised(intake.database) == []


async def test_sources_are_listed_without_their_secrets(intake):
    answer = await get(intake, "/v1/sources")

    assert [source["name"] for source in answer.json] == list(SOURCES["sources"])
    assert [s["name"] for s in answer.json if not s["is_signed"]] == ["open"]
    assert [secret for secret in ENVIRON.values() if secret.encode() in answer.body] == []


async def test_a_lead_given_by_hand_is_taken_like_any_other(intake):
    given = {
        "email": "Ada@Example.com",
        "country": "Germany",
        "phone": "030 1234567",
        "consent": "granted",
        "touch": {"source": "fair"},
        "activity": {"kind": "badge_scan"},
    }

    answer = await take(intake, given)

    (event,) = await promised(intake.database)
    assert answer.status == 201
    assert answer.json == {"lead_id": event.lead_id, "capture_id": event.capture_id}
    assert (event.lead.email, event.lead.phone) == ("ada@example.com", "+49301234567")
    assert (event.source, event.activity.kind) == ("api", "badge_scan")


async def test_a_command_with_the_same_key_takes_effect_once(intake):
    given = {"email": "ada@example.com"}
    first = await take(intake, given, idempotency_key="k-1")
    again = await take(intake, given, idempotency_key="k-1")

    assert first.json == again.json
    assert len(await promised(intake.database)) == 1


async def test_wrong_commands_are_refused_by_their_fields(intake):
    refused = [
        ({"email": 5}, 422, "/email"),
        ({}, 422, "/email"),
        ({"email": "nobody"}, 422, "/email"),
        ({"email": "a@example.com", "colour": "red"}, 422, "/colour"),
        ({"email": "a@example.com", "consent": "maybe"}, 422, "/consent"),
        ({"email": "a@example.com", "company": "a\x00b"}, 422, "/company"),
        ({"email": "a@example.com", "occurred_at": "2026-03-02T10:00:00"}, 422, "/occurred_at"),
        ({"email": "a@example.com", "activity": {"kind": "X Y"}}, 422, "/activity/kind"),
        (b"{", 400, ""),
        (b"[" * 100_000, 400, ""),
    ]
    for content, status, pointer in refused:
        answer = await take(intake, content)
        assert (answer.status, answer.json["errors"][0]["pointer"]) == (status, pointer)
    assert await count(intake.database, "captures") == 0


async def test_what_is_not_there_is_a_404_and_a_wrong_id_is_named(intake):
    for path in (f"/v1/leads/{NOBODY}", f"/v1/captures/{NOBODY}"):
        assert (await get(intake, path)).status == 404
    retry = await call(intake.app, "POST", f"/v1/captures/{NOBODY}/retry")
    wrong = await get(intake, "/v1/leads/5")
    cursor = await get(intake, "/v1/leads?cursor=nonsense")

    assert retry.status == 404
    assert (wrong.status, wrong.json["errors"][0]["pointer"]) == (422, "path lead_id")
    assert cursor.status == 400


async def test_what_is_parked_is_shown_by_its_source_until_it_is_not(intake):
    def parked(metrics):
        return [line for line in metrics.splitlines() if "captures_parked{" in line]

    for email in ("nobody", "no one"):
        await post(intake.app, by_site(a_form(email)))
    before = (await get(intake, "/metrics")).body.decode()
    for capture in (await get(intake, "/v1/captures")).json["items"]:
        await call(intake.app, "POST", f"/v1/captures/{capture['id']}/dismiss")
    after = (await get(intake, "/metrics")).body.decode()

    assert parked(before) == ['leadloop_captures_parked{source="site"} 2.0']
    assert parked(after) == []


async def test_captures_are_counted_by_source_and_outcome(intake):
    await post(intake.app, by_site(a_form()))
    await post(intake.app, by_site({}, secret="wrong"))

    metrics = (await get(intake, "/metrics")).body.decode()

    assert 'leadloop_captures_total{outcome="recorded",source="site"}' in metrics
    assert 'leadloop_captures_refused_total{source="site",status="401"}' in metrics
