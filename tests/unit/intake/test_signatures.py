import base64
import hmac
from datetime import UTC, datetime, timedelta

import pytest

from leadloop import signing
from services.intake.message import Request
from services.intake.senders.hubspot import HubSpot
from services.intake.senders.mapping import FieldMap
from services.intake.senders.mautic import Mautic
from services.intake.senders.plain import Plain, Proof
from services.intake.senders.standard import Standard
from tests.intake_builders import (
    HUBSPOT_SECRET,
    MAUTIC_SECRET,
    NOON,
    PUBLIC_URL,
    STANDARD_SECRET,
    by_hubspot,
    by_mautic,
    by_standard,
    request_of,
)

NO_MAPPING = FieldMap({})
HUBSPOT = HubSpot(HUBSPOT_SECRET, PUBLIC_URL)


def request(body: str, **headers: str) -> Request:
    return Request({n.replace("_", "-"): v for n, v in headers.items()}, body.encode(), NOON)


def test_hubspots_own_vector_of_signature_v3_is_verified():
    # HubSpot/hubspot-api-python, tests/spec/utils/test_signature.py
    sender = HubSpot(
        "yyyyyyyy-yyyy-yyyy-yyyy-yyyyyyyyyyyy", "https://www.example.com/webhook_uri"
    )
    found = request(
        "{'example_field':'example_value'}",
        x_hubspot_signature_v3="K36dawei4A+QBNolUOqo7s91KQDWQ5MXZ/QufNYuk/Y=",
        x_hubspot_request_timestamp="1693657560000",
    )

    assert sender.verify(found, datetime.fromtimestamp(1693657560, UTC)) is None


def test_the_standards_own_vector_is_verified():
    # standard-webhooks/standard-webhooks, libraries/python/tests/test_webhooks.py
    key = signing.decode_secret("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    right = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
    wrong = "v1,Ceo5qEr07ixe2NLpvHk3FH9bwy/WavXrAFQ/9tdO6mc="
    found = request(
        '{"test": 2432232314}',
        webhook_id="msg_p5jXN8AQM9LWM0D4loKWxJek",
        webhook_timestamp="1614265330",
        webhook_signature=f"{wrong} v2,abc {right} v1 nonsense",
    )

    verdict = Standard((key,), NO_MAPPING).verify(
        found, datetime.fromtimestamp(1614265330, UTC)
    )
    assert verdict is None


def test_the_hex_vector_with_a_prefix_is_verified():
    # docs.github.com, "Validating webhook deliveries"
    sender = Plain("It's a Secret to Everybody", Proof("x-hub", "hex", "sha256="), NO_MAPPING)
    digest = "757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"

    assert sender.verify(request("Hello, World!", x_hub=f"sha256={digest}"), NOON) is None
    assert sender.verify(request("Hello, World!", x_hub=digest), NOON) is not None


def test_a_base64_signature_of_a_plain_sender_is_verified():
    # The signature of a Typeform webhook is of this form.
    sender = Plain("123456", Proof("typeform-signature", "base64", "sha256="), NO_MAPPING)
    body = b"{}"
    digest = base64.b64encode(hmac.digest(b"123456", body, "sha256")).decode()

    assert sender.verify(request("{}", typeform_signature=f"sha256={digest}"), NOON) is None


def test_a_token_must_be_the_whole_one():
    sender = Plain("token", Proof("authorization", "token", "Bearer "), NO_MAPPING)

    assert sender.verify(request("{}", authorization="Bearer token"), NOON) is None
    for wrong in ("Bearer toke", "Bearer token2", "bearer token", "token", "Bearer "):
        assert sender.verify(request("{}", authorization=wrong), NOON) is not None


def test_a_signature_is_over_the_raw_bytes():
    escaped = by_mautic(b'{"mautic.x":[{"tz":"Europe\\/Prague \\u00e4"}]}')
    rewritten = Request(
        escaped.headers, '{"mautic.x":[{"tz":"Europe/Prague ä"}]}'.encode(), NOON
    )

    assert Mautic(MAUTIC_SECRET).verify(request_of(escaped), NOON) is None
    assert Mautic(MAUTIC_SECRET).verify(rewritten, NOON) is not None


@pytest.mark.parametrize(
    ("posted", "sender"),
    [
        (by_hubspot([]), HUBSPOT),
        (by_mautic({}), Mautic(MAUTIC_SECRET)),
        (by_standard({}), Standard((b"another secret, not this one",), NO_MAPPING)),
    ],
)
def test_a_missing_or_wrong_signature_names_its_header(posted, sender):
    changed = Request(posted.headers, posted.body + b" ", NOON)
    bare = Request({}, posted.body, NOON)

    assert sender.verify(changed, NOON).pointer.startswith("header ")
    assert sender.verify(bare, NOON).found == "nothing"


WHOLE = ("webhook-id", "webhook-timestamp", "webhook-signature")
PROVEN = dict(by_standard({}).headers)


@pytest.mark.parametrize(
    ("changed", "expected", "found"),
    [
        ({"webhook-id": ""}, "an id", "nothing"),
        ({"webhook-timestamp": ""}, "whole seconds since 1970", "nothing"),
        ({"webhook-signature": ""}, "a signature", "nothing"),
        ({"webhook-timestamp": "today"}, "whole seconds since 1970", "no such number"),
        ({"webhook-timestamp": "1"}, "a time at most 300 s from now", "an older one"),
        ({"webhook-timestamp": "9999999999"}, "a time at most 300 s from now", "a later one"),
        (
            {"webhook-id": "msg_2"},
            "the signature of this id, time and body under the source's secret",
            "another one",
        ),
    ],
)
def test_a_sender_of_standard_webhooks_is_told_what_is_wrong(changed, expected, found):
    sender = Standard((signing.decode_secret(STANDARD_SECRET),), NO_MAPPING)

    error = sender.verify(Request(PROVEN | changed, b"{}", NOON), NOON)

    assert error is not None
    assert error.pointer.removeprefix("header ") in WHOLE
    assert (error.expected, error.found) == (expected, found)


@pytest.mark.parametrize(
    ("proof", "header", "expected"),
    [
        (Proof("authorization", "token", "Bearer "), "", "a token"),
        (
            Proof("authorization", "token", "Bearer "),
            "Bearer x",
            "'Bearer ' and the source's token",
        ),
        (Proof("x-key", "token"), "x", "the source's token"),
        (Proof("x-sig", "hex"), "", "a signature"),
        (
            Proof("x-sig", "hex", "sha256="),
            "sha256=x",
            "'sha256=' and the hex HMAC-SHA256 of this body under the secret",
        ),
    ],
)
def test_a_plain_sender_is_told_what_its_header_must_hold(proof, header, expected):
    headers = {proof.header: header}

    error = Plain("secret", proof, NO_MAPPING).verify(Request(headers, b"{}", NOON), NOON)

    assert error is not None
    assert error.expected == expected


def test_hubspot_is_told_which_address_was_expected():
    posted = request_of(by_hubspot([], url="https://other.example.com/hooks/hubspot"))

    error = HUBSPOT.verify(posted, NOON)

    assert error is not None
    assert f"POST {PUBLIC_URL}, this body and this time" in error.expected


@pytest.mark.parametrize("away", [timedelta(minutes=5, seconds=1), -timedelta(minutes=6)])
def test_hubspots_time_may_be_five_minutes_away(away):
    posted = request_of(by_hubspot([], at=NOON))

    assert HUBSPOT.verify(posted, NOON + timedelta(minutes=5)) is None
    error = HUBSPOT.verify(posted, NOON + away)
    assert error is not None
    assert error.pointer == "header x-hubspot-request-timestamp"


def test_hubspots_address_is_the_configured_one_whatever_the_host_header_says():
    posted = by_hubspot([], url="https://evil.example/hooks/hubspot")
    headers = {**posted.headers, "host": "evil.example"}

    assert HUBSPOT.verify(Request(headers, posted.body, NOON), NOON) is not None


def test_hubspot_signs_the_query_too():
    posted = by_hubspot([], url=PUBLIC_URL + "?tenant=1")

    assert HUBSPOT.verify(Request(posted.headers, posted.body, NOON, "tenant=1"), NOON) is None
    assert HUBSPOT.verify(Request(posted.headers, posted.body, NOON), NOON) is not None


def test_a_source_without_a_secret_believes_everybody():
    assert Mautic("").verify(Request({}, b"", NOON), NOON) is None
    assert HubSpot("", PUBLIC_URL).verify(Request({}, b"", NOON), NOON) is None
