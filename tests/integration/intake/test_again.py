"""Captures that wait: read again once their source is mended, one or many; or dismissed."""

import json

import pytest_asyncio

from services.intake.app import build
from services.intake.settings import Settings
from services.intake.sources import parse_sources
from tests.intake_builders import (
    ENVIRON,
    SOURCES,
    a_form,
    as_body,
    by_site,
    by_standard,
    by_zapier,
    call,
    post,
)
from tests.intake_promises import count, promised

JSON = {"content-type": "application/json"}
TYPO = {"email": "person.email_adress"}


@pytest_asyncio.fixture
async def start(database_url, clock, ids, intake):
    """Start intake anew with mappings that are changed."""
    services = []

    def restart(**changes):
        content = json.loads(json.dumps(SOURCES))
        for name, change in changes.items():
            content["sources"][name]["mapping"].update(change)
        sources = parse_sources(content, ENVIRON)
        settings = Settings(database_url=database_url)
        services.append(build(settings, clock=clock, ids=ids, sources=sources))
        return services[-1]

    yield restart
    for service in services:
        await service.close()


async def captures(intake, query=""):
    return (await call(intake.app, "GET", f"/v1/captures?{query}")).json["items"]


async def command(intake, path, content=None):
    body = b"" if content is None else as_body(content)
    return await call(intake.app, "POST", f"/v1/captures{path}", body=body, headers=JSON)


async def test_a_message_refused_for_a_wrong_mapping_is_read_once_that_is_mended(intake, start):
    refused = await post(start(site=TYPO).app, by_site(a_form()))

    retried = await command(intake, f"/{refused.json['capture_id']}/retry")
    repeated = await post(intake.app, by_site(a_form()))

    assert (refused.status, retried.json["state"]) == (422, "recorded")
    assert retried.json["error"] is None
    assert repeated.json == {"repeated": 1}
    (event,) = await promised(intake.database)
    assert (event.lead.email, event.lead.first_name) == ("ada@example.com", "Ada")


async def test_what_its_sender_sent_again_meanwhile_is_not_taken_twice(intake, start):
    refused = await post(start(site=TYPO).app, by_site(a_form()))
    taken = await post(intake.app, by_site(a_form()))

    retried = await command(intake, f"/{refused.json['capture_id']}/retry")

    assert (taken.json, retried.json["state"]) == ({"recorded": 1}, "ignored")
    assert retried.json["error"]["found"] == "one that came again"
    assert len(await promised(intake.database)) == 1


async def test_a_corrected_message_of_the_same_id_is_taken(intake):
    broken = [{"id": "1", "person": {"email": email}} for email in ("nobody", "no one")]
    for body in broken:
        await post(intake.app, by_site(body))

    corrected = await post(intake.app, by_site({"id": "1", "person": {"email": "a@x.de"}}))

    assert corrected.json == {"recorded": 1}
    assert len(await captures(intake, "state=parked")) == 2


async def test_captures_of_one_message_are_taken_once_together_too(intake, start):
    broken = start(site=TYPO)
    for page in ("/", "/demo"):
        await post(broken.app, by_site(a_form(page=page)))

    answer = await command(intake, "/retry", {})

    assert answer.json["states"] == {"recorded": 1, "ignored": 1}
    assert len(await promised(intake.database)) == 1


async def test_a_message_of_standard_webhooks_is_read_again_under_its_id(intake, start):
    broken = start(standard={"email": "data.mail"})
    posted = by_standard({"data": {"email": "ada@example.com"}})
    refused = await post(broken.app, posted)

    retried = await command(intake, f"/{refused.json['capture_id']}/retry")
    repeated = await post(intake.app, posted)

    assert (retried.json["state"], repeated.json) == ("recorded", {"repeated": 1})
    assert retried.json["headers"] == {"webhook-id": "msg_1"}


async def test_a_body_whose_items_were_looked_for_elsewhere_is_read_item_by_item(intake, start):
    leads = [{"email": f"p{n}@example.com", "id": n} for n in range(3)]
    refused = await post(start(zapier={"items": "entries"}).app, by_zapier({"leads": leads}))

    retried = await command(intake, f"/{refused.json['capture_id']}/retry")
    again = await post(intake.app, by_zapier({"leads": leads}))

    assert retried.json["state"] == "recorded"
    assert again.status == 204
    emails = [event.lead.email for event in await promised(intake.database)]
    assert emails == [f"p{n}@example.com" for n in range(3)]
    assert [c["position"] for c in await captures(intake)] == [2, 1, 0]
    assert {c["state"] for c in await captures(intake)} == {"recorded"}
    assert await count(intake.database, "leads") == 3


async def test_a_body_that_has_no_items_after_all_is_ignored(intake, start):
    refused = await post(start(zapier={"items": "entries"}).app, by_zapier({"leads": []}))

    retried = await command(intake, f"/{refused.json['capture_id']}/retry")

    assert (retried.json["state"], retried.json["error"]) == ("ignored", None)


async def test_who_waited_and_is_named_by_the_mended_mapping_is_recorded_once(intake, start):
    nameless = start(zapier={"email": "mail"})
    await post(nameless.app, by_zapier({"leads": [{"email": "ada@example.com", "id": 7}]}))
    (waits,) = await captures(intake)

    retried = await command(intake, f"/{waits['id']}/retry")

    assert (waits["state"], retried.json["state"]) == ("unmatched", "recorded")
    assert len(await promised(intake.database)) == 1


async def test_all_that_wait_of_a_source_are_read_again_page_by_page(intake, start):
    broken = start(site=TYPO, standard={"email": "data.mail"})
    for n in range(5):
        await post(broken.app, by_site(a_form(f"p{n}@example.com")))
    await post(broken.app, by_standard({"data": {"email": "other@example.com"}}))

    wanted = {"source": "site", "limit": 3}
    first = (await command(intake, "/retry", wanted)).json
    second = (await command(intake, "/retry", {**wanted, "cursor": first["next"]})).json

    assert (first["retried"], first["states"]) == (3, {"recorded": 3})
    assert (second["retried"], second["states"], second["next"]) == (2, {"recorded": 2}, None)
    assert [c["source"] for c in await captures(intake, "state=parked")] == ["standard"]
    emails = [event.lead.email for event in await promised(intake.database)]
    assert emails == [f"p{n}@example.com" for n in range(5)]


async def test_what_still_can_not_be_read_stays_and_does_not_keep_others_back(intake, start):
    broken = start(site=TYPO)
    await post(broken.app, by_site(a_form("nobody")))
    await post(broken.app, by_site(a_form("ada@example.com")))

    first = (await command(intake, "/retry", {"limit": 1})).json
    second = (await command(intake, "/retry", {"limit": 1, "cursor": first["next"]})).json

    assert (first["states"], second["states"]) == ({"parked": 1}, {"recorded": 1})


async def test_a_retry_of_many_is_bounded_and_strict(intake):
    for wrong in ({"limit": 101}, {"limit": 0}, {"state": "recorded"}, {"sauce": "site"}):
        assert (await command(intake, "/retry", wrong)).status == 422
    assert (await command(intake, "/retry", {"cursor": "nonsense"})).status == 400
    none = (await command(intake, "/retry", {"source": "nobody"})).json
    assert none == {"retried": 0, "states": {}, "next": None}


async def test_junk_is_dismissed_and_stays_with_its_error(intake):
    refused = await post(intake.app, by_site({"junk": 1}))
    path = f"/{refused.json['capture_id']}"

    dismissed = await command(intake, f"{path}/dismiss")
    twice = await command(intake, f"{path}/dismiss")
    repeated = await post(intake.app, by_site({"junk": 1}))

    assert (dismissed.json["state"], twice.status) == ("ignored", 409)
    assert dismissed.json["error"] == refused.json["errors"][0]
    assert (repeated.status, repeated.json["state"]) == (422, "ignored")
    assert (await command(intake, f"{path}/retry")).status == 409


async def test_only_what_is_there_is_dismissed(intake):
    nobody = "00000000-0000-4000-8000-000000000000"

    assert (await command(intake, f"/{nobody}/dismiss")).status == 404
