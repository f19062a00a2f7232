"""Bad input: its status, the field it names, and that intake goes on."""

from datetime import timedelta

import pytest

from tests.intake_builders import (
    NOON,
    Posted,
    a_form,
    a_workflow_contact,
    by_hubspot,
    by_mautic,
    by_site,
    by_standard,
    by_zapier,
    call,
    post,
)
from tests.intake_promises import count, promised

LONG_AGO = NOON - timedelta(minutes=6)


def signed(body: bytes, **headers: str) -> Posted:
    posted = by_site(body)
    more = {name.replace("_", "-"): value for name, value in headers.items()}
    return Posted("site", body, {**posted.headers, **more})


def unsigned(posted: Posted) -> Posted:
    return Posted(posted.source, posted.body, {"content-type": "application/json"})


REFUSED = {
    "an unknown source": (Posted("nobody", b"{}", {}), 404, None),
    "no source": (Posted("", b"{}", {}), 404, None),
    "a missing signature": (unsigned(by_site({})), 401, "header x-signature-256"),
    "a wrong signature": (by_site({}, secret="x"), 401, "header x-signature-256"),
    "hubspot's missing signature": (
        unsigned(by_hubspot([])),
        401,
        "header x-hubspot-signature-v3",
    ),
    "hubspot's old time": (
        by_hubspot([], at=LONG_AGO),
        401,
        "header x-hubspot-request-timestamp",
    ),
    "an old time": (by_standard({}, at=LONG_AGO), 401, "header webhook-timestamp"),
    "mautic's wrong signature": (by_mautic({}, secret="x"), 401, "header webhook-signature"),
    "a body too large": (signed(b'{"a": "' + b"x" * 5000 + b'"}'), 413, None),
    "a body said to be too large": (signed(b"{}", content_length="99999999999999"), 413, None),
    "broken json": (signed(b'{"person": '), 400, None),
    "no body": (signed(b""), 400, None),
    "text that is no utf-8": (signed(b'{"person": "\xff"}'), 400, None),
    "json 1,000 times deeper": (Posted("open", b"[" * 100_000 + b"]" * 100_000, {}), 400, None),
    "a packed body": (signed(b"{}", content_encoding="gzip"), 415, "header content-encoding"),
    "a form": (
        signed(b"a=1", content_type="application/x-www-form-urlencoded"),
        415,
        "header content-type",
    ),
}
# The only message of its request, proven to be its sender's, is kept all the same.
UNUSABLE = {
    "a number": (by_site(5), 422, ""),
    "mautic's body of another form": (by_mautic([]), 422, ""),
    "hubspot's body of another form": (by_hubspot({"hello": 1}), 422, ""),
    "an address of another type": (by_site({"person": {"email": 5}}), 422, "/person/email"),
    "an address that is none": (by_site({"person": {"email": "x"}}), 422, "/person/email"),
    "no address": (by_site({"person": {}}), 422, "/person/email"),
    "a time that is none": (by_site(a_form(at="soon")), 422, "/at"),
    "a standard message without its data": (by_standard({}), 422, "/data/email"),
}


EVERY = REFUSED | UNUSABLE


@pytest.mark.parametrize(("posted", "status", "pointer"), EVERY.values(), ids=EVERY.keys())
async def test_bad_input_is_refused_and_the_service_goes_on(intake, posted, status, pointer):
    answer = await post(intake.app, posted)

    assert answer.status == status
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json["status"] == status
    if pointer is not None:
        (error,) = answer.json["errors"]
        assert error["pointer"] == pointer
        assert error["expected"]
        assert error["found"]
    kept = 1 if posted in [posted for posted, *_ in UNUSABLE.values()] else 0
    assert await count(intake.database, "captures") == kept
    assert (await post(intake.app, by_site(a_form()))).status == 202


@pytest.mark.parametrize("posted", [posted for posted, *_ in UNUSABLE.values()], ids=UNUSABLE)
async def test_what_can_not_be_used_is_kept_once_and_says_where(intake, posted):
    first = await post(intake.app, posted)
    again = await post(intake.app, posted)

    (capture,) = (await call(intake.app, "GET", "/v1/captures?state=parked")).json["items"]
    assert first.json == again.json
    assert again.status == 422
    assert (first.json["capture_id"], first.json["state"]) == (capture["id"], "parked")
    assert first.json["errors"] == [capture["error"]]
    assert await promised(intake.database) == []


async def test_messages_with_ids_of_their_own_are_each_kept_though_their_bodies_are_equal(
    intake,
):
    for message_id in ("msg_1", "msg_2", "msg_1"):
        assert (await post(intake.app, by_standard({}, message_id))).status == 422

    assert await count(intake.database, "captures") == 2


async def test_what_came_for_an_item_that_is_none_is_kept_whole(intake):
    bodies: list[object] = [{"entries": []}, {"leads": 5}, [{"email": "a@example.com"}]]
    for body in bodies:
        answer = await post(intake.app, by_zapier(body))

        assert answer.json["errors"][0]["pointer"] == "/leads"

    assert await count(intake.database, "captures WHERE state = 'parked'") == 3


async def test_more_items_than_are_taken_are_refused_and_kept(intake):
    answer = await post(intake.app, by_zapier({"leads": [1] * 1_001}))

    (error,) = answer.json["errors"]
    assert (answer.status, error["found"]) == (422, "1001 items")
    assert await count(intake.database, "captures") == 1


async def test_only_a_token_is_asked_for_as_http_does(intake):
    token = await post(intake.app, by_zapier({}, token="wrong"))
    signature = await post(intake.app, by_site({}, secret="wrong"))

    assert token.headers["www-authenticate"] == "Bearer"
    assert (signature.status, "www-authenticate" in signature.headers) == (401, False)


async def test_another_method_is_told_the_right_one(intake):
    answer = await call(intake.app, "GET", "/hooks/site")

    assert (answer.status, answer.headers["allow"]) == (405, "POST")


async def test_a_refusal_never_repeats_what_was_sent(intake):
    answer = await post(intake.app, by_site({"person": {"email": "very-secret-person"}}))

    assert answer.status == 422
    assert b"very-secret" not in answer.body


async def test_an_unusable_contact_of_hubspot_is_kept_aside(intake):
    answer = await post(intake.app, by_hubspot(a_workflow_contact(email="nobody")))

    assert (answer.status, answer.json["parked"]) == (202, 1)
    assert await promised(intake.database) == []
