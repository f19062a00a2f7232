import json
from contextlib import suppress
from random import Random

from hypothesis import example, given
from hypothesis import strategies as st

from leadloop.errors import Malformed
from leadloop.ids import Ids
from services.intake.message import Ignored, Message, Request, Unusable
from services.intake.normalise import normal_email, normal_phone
from services.intake.reception import read_again, read_anew, receive
from services.intake.senders.sender import read
from services.intake.sources import parse_sources
from tests.intake_builders import ENVIRON, NOON, SOURCES, by_mautic, by_site, request_of

BUILT = parse_sources(SOURCES, ENVIRON)
NAMES = st.sampled_from(sorted(BUILT))
WORDS = """
mautic.form_on_submit mautic.lead_post_save_new contact submission lead id fields core email
value
timestamp vid portal-id portalId objectId properties eventType occurredAt propertyName
propertyValue person first at utm source action leads data identity-profiles
"""
KEYS = st.sampled_from(WORDS.split())
TEXT = st.sampled_from(["", "a@example.com", "contact.creation", "2026-03-02", "1e999", "\x00"])
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | TEXT
    | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=5),
    max_leaves=25,
)
SIGNATURES = """
x-hubspot-signature-v3 x-hubspot-request-timestamp webhook-signature webhook-id
webhook-timestamp
x-signature-256 authorization
"""
HEADERS = st.dictionaries(
    st.sampled_from(SIGNATURES.split()), st.text(max_size=30) | st.integers().map(str)
)


@given(NAMES, HEADERS, st.binary(max_size=50))
def test_no_headers_and_no_bytes_make_verifying_raise_or_believe(name, headers, body):
    source = BUILT[name]

    error = source.sender.verify(Request(headers, body, NOON), NOON)

    assert (error is None) is (not source.is_signed)


@given(NAMES, JSON)
def test_every_json_is_read_item_by_item(name, content):
    request = Request({}, json.dumps(content).encode(), NOON)

    payload = read(BUILT[name].sender, request)

    for item in payload.items:
        assert isinstance(item, (Message, Unusable, Ignored))
        assert item.dedupe_key
        if isinstance(item, Message):
            assert item.lead.email or item.external_id
            assert item.occurred_at.tzinfo is not None


@given(NAMES, st.binary(max_size=100))
def test_every_body_is_read_or_refused(name, body):
    with suppress(Malformed):
        read(BUILT[name].sender, Request({}, body, NOON))


@given(JSON)
def test_what_is_retried_is_known_as_when_it_came(content):
    ids, request = Ids(Random(1)), Request({}, json.dumps(content).encode(), NOON)
    came = receive(BUILT["open"], request, ids, "")

    for arrival in came[:1]:
        again, *others = read_anew(BUILT, arrival.kept, ids, NOON, "")
        assert (again.kept, again.is_renamed, others) == (arrival.kept, False, [])


@given(st.lists(JSON, max_size=3))
def test_what_is_kept_can_be_read_again(events):
    posted = request_of(by_mautic({"mautic.lead_post_save_new": events}))
    for arrival in receive(BUILT["mautic"], posted, Ids(Random(1)), ""):
        assert read_again(BUILT, arrival.kept).item == arrival.item


@given(st.text(max_size=40))
def test_a_normal_address_is_normal_already(text):
    normal = normal_email(text)

    assert normal is None or normal_email(normal) == normal


@example("000001", "DE")
@given(st.from_regex(r"[ +()0-9-]{0,20}", fullmatch=True), st.sampled_from(["", "US", "DE"]))
def test_a_normal_phone_number_is_normal_already(text, country):
    normal = normal_phone(text, country)

    assert normal == normal_phone(normal, "")


@given(st.text(max_size=20), st.text(max_size=20))
def test_only_the_right_secret_verifies(secret, other):
    posted = request_of(by_site({"id": 1}, secret="right" + secret))
    wrong = request_of(by_site({"id": 1}, secret="wrong" + other))
    sender = parse_sources(SOURCES, {**ENVIRON, "SITE": "right" + secret})["site"].sender

    assert sender.verify(posted, NOON) is None
    assert sender.verify(wrong, NOON) is not None
