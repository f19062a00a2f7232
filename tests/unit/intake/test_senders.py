from datetime import UTC, datetime

import pytest

from leadloop.agreement.sources import KINDS_BY_TYPE
from leadloop.errors import Malformed
from services.intake.message import (
    Activity,
    Consent,
    Ignored,
    Item,
    Message,
    Payload,
    Request,
    Touch,
    Unusable,
)
from services.intake.senders import mautic
from services.intake.senders.hubspot import HubSpot
from services.intake.senders.mautic import Mautic
from services.intake.senders.sender import Sender, read
from services.intake.sources import parse_sources
from tests.intake_builders import (
    ENVIRON,
    NOON,
    PUBLIC_URL,
    SOURCES,
    a_contact,
    a_form,
    a_saved_contact,
    a_thin_event,
    a_workflow_contact,
    as_body,
)

HUBSPOT = HubSpot("", PUBLIC_URL)
MAUTIC = Mautic("")
BUILT = parse_sources(SOURCES, ENVIRON)
SITE, ZAPIER, STANDARD, OPEN = (
    BUILT[name].sender for name in ("site", "zapier", "standard", "open")
)


def reading(sender: Sender, content: object, **headers: str) -> Payload:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return read(sender, Request(named, as_body(content), NOON))


def only(payload: Payload) -> Item:
    (item,) = payload.items
    return item


def message(item: Item) -> Message:
    assert isinstance(item, Message), item
    return item


def plain(**mapping: object) -> Sender:
    source = {"type": "plain", "unsigned": True, "mapping": mapping}
    return parse_sources({"sources": {"one": source}}, {})["one"].sender


def test_a_workflow_contact_says_who_somebody_is():
    contact = a_workflow_contact(
        jobtitle="Writer", phone="+1 415 555 2671", lastmodifieddate="1680448122728"
    )
    contact["associated-company"] = {"properties": {"name": {"value": "Example Co"}}}

    found = message(only(reading(HUBSPOT, contact)))

    assert found.external_id == "33/251"
    assert found.lead.email == "alex@example.com"
    assert (found.lead.company, found.lead.job_title) == ("Example Co", "Writer")
    assert found.lead.phone == "+14155552671"
    assert found.occurred_at == datetime(2023, 4, 2, 15, 8, 42, 728000, tzinfo=UTC)
    assert found.activity is None


def test_a_workflow_contact_may_have_its_address_among_its_identities():
    contact = a_workflow_contact(email="")
    contact["identity-profiles"] = [
        {
            "identities": [
                {"type": "LEAD_GUID", "value": "1"},
                {"type": "EMAIL", "value": "b@x.de"},
            ]
        }
    ]

    assert message(only(reading(HUBSPOT, contact))).lead.email == "b@x.de"


def test_a_workflow_contact_who_opted_out_has_denied_consent():
    found = message(only(reading(HUBSPOT, a_workflow_contact(hs_email_optout="true"))))

    assert found.lead.consent is Consent.DENIED


def test_checks_of_agreements_know_the_kinds_that_these_types_send():
    assert set(mautic.ACTIVITIES.values()) == KINDS_BY_TYPE["mautic"]
    for kind in ("contact.creation", "contact.restore", "contact.associationChange"):
        found = message(only(reading(HUBSPOT, [a_thin_event(eventType=kind)])))
        assert found.activity is not None
        assert found.activity.kind in KINDS_BY_TYPE["hubspot"]


@pytest.mark.parametrize("name", ["eventType", "subscriptionType"])
def test_an_app_event_names_its_kind_in_one_of_two_ways(name):
    event = a_thin_event()
    del event["eventType"]

    found = message(only(reading(HUBSPOT, [{**event, name: "contact.creation"}])))

    assert found.external_id == "33/251"
    assert found.activity == Activity("contact_creation")
    assert found.occurred_at == NOON


def test_an_app_event_about_a_property_updates_a_field():
    changed: dict[str, object] = {
        "eventType": "contact.propertyChange",
        "propertyName": "jobtitle",
        "propertyValue": "CTO",
    }

    found = message(only(reading(HUBSPOT, [{**a_thin_event(), **changed}])))

    assert (found.lead.job_title, found.activity) == ("CTO", None)


@pytest.mark.parametrize("kind", ["deal.creation", "contact.deletion", "company.creation"])
def test_app_events_about_other_things_are_kept_and_not_read(kind):
    assert isinstance(only(reading(HUBSPOT, [a_thin_event(eventType=kind)])), Ignored)


def test_a_retried_app_event_is_known_again():
    first, again = (only(reading(HUBSPOT, [a_thin_event(attemptNumber=n)])) for n in (0, 3))
    other = only(reading(HUBSPOT, [a_thin_event(occurredAt=1)]))

    assert first.dedupe_key == again.dedupe_key != other.dedupe_key


def test_one_bad_app_event_spoils_no_other():
    good, bad = reading(HUBSPOT, [a_thin_event(), {"objectId": 1}]).items

    assert isinstance(good, Message)
    assert isinstance(bad, Unusable)
    assert bad.error.pointer == "/1/eventType"


def test_mautics_contact_is_read_with_its_empty_groups():
    contact = a_saved_contact(position="CTO", title="Mr.", mobile="+420 601 123 456")

    found = message(only(reading(MAUTIC, {"mautic.lead_post_save_update": [contact]})))

    assert found.external_id == "52"
    assert (found.lead.country, found.lead.job_title) == ("CZ", "CTO")
    assert found.lead.phone == "+420601123456"
    assert found.lead.attributes == {"title": "Mr."}
    assert found.occurred_at == datetime(2026, 3, 2, 11, tzinfo=UTC)


def test_one_request_of_mautic_holds_many_events_of_many_types():
    body = {
        "mautic.lead_post_save_new": [
            a_saved_contact(contact_id=1),
            a_saved_contact(contact_id=2),
        ],
        "mautic.lead_points_change": [a_saved_contact(contact_id=3)],
        "mautic.lead_post_delete": [a_saved_contact(contact_id=4)],
    }

    *messages, deleted = reading(MAUTIC, body).items

    assert [message(item).external_id for item in messages] == ["1", "2", "3"]
    assert isinstance(deleted, Ignored)


def test_mautics_form_is_an_activity_with_a_touch():
    row = {"utmSource": "google", "utmMedium": "cpc", "utmCampaign": "spring"}
    lead = {**a_contact(26), "utmtags": [row]}
    submission = {
        "id": 13,
        "form": {"id": 4, "name": "Trial"},
        "lead": lead,
        "referer": "https://example.com/trial",
    }
    event = {"submission": submission, "timestamp": "2026-03-02T13:00:00+02:00"}

    found = message(only(reading(MAUTIC, {"mautic.form_on_submit": [event]})))

    assert found.activity == Activity(
        "form_submit", {"form": "Trial", "referrer": "https://example.com/trial"}
    )
    assert found.touch == Touch("google", "cpc", "spring", referrer="https://example.com/trial")
    assert found.external_id == "26"


@pytest.mark.parametrize(
    ("more", "consent"),
    [
        ({"doNotContact": [{"reason": 1, "channel": "email"}]}, Consent.DENIED),
        ({"doNotContact": []}, Consent.UNSPECIFIED),
    ],
)
def test_do_not_contact_denies_consent(more, consent):
    event = {"contact": {**a_contact(), **more}, "timestamp": "2026-03-02T11:00:00Z"}

    found = message(only(reading(MAUTIC, {"mautic.lead_post_save_update": [event]})))

    assert found.lead.consent is consent


@pytest.mark.parametrize(
    ("status", "consent"), [("manual", Consent.DENIED), ("contactable", Consent.GRANTED)]
)
def test_a_changed_subscription_is_the_newest_word_on_consent(status, consent):
    event = {**a_saved_contact(), "channel": "email", "new_status": status}

    found = message(
        only(reading(MAUTIC, {"mautic.lead_channel_subscription_changed": [event]}))
    )

    assert found.lead.consent is consent


def test_an_address_that_is_none_names_its_place_in_mautics_body():
    body = {"mautic.lead_post_save_new": [a_saved_contact(email="nobody")]}

    found = only(reading(MAUTIC, body))

    assert isinstance(found, Unusable)
    assert found.error.pointer == "/mautic.lead_post_save_new/0/contact/fields/core/email/value"


@pytest.mark.parametrize(
    ("sender", "content"),
    [
        (HUBSPOT, {"hello": 1}),
        (HUBSPOT, "text"),
        (MAUTIC, []),
        (MAUTIC, {"hello": 1}),
        (SITE, 5),
    ],
)
def test_a_body_of_another_form_is_one_message_that_can_not_be_used(sender, content):
    payload = reading(sender, content)

    assert payload.is_single
    assert isinstance(only(payload), Unusable)


@pytest.mark.parametrize("body", [b"", b"{", b'{"a":}', b"[" * 100_000, b'"\xff"'])
def test_a_body_that_is_no_json_is_malformed(body):
    with pytest.raises(Malformed):
        reading(SITE, body)


def test_a_mapping_finds_every_field():
    form = a_form(
        at="2026-03-02T11:00:00+01:00",
        company="Acme",
        newsletter=True,
        employees=250,
        utm={"source": "google", "campaign": "spring"},
        action="Demo Request",
        page="/demo",
    )

    payload = reading(SITE, form)
    found = message(only(payload))

    assert payload.is_single
    assert found.occurred_at == datetime(2026, 3, 2, 10, tzinfo=UTC)
    assert (found.lead.first_name, found.lead.company) == ("Ada", "Acme")
    assert found.lead.consent is Consent.GRANTED
    assert found.lead.attributes == {"employees": "250"}
    assert found.touch == Touch(source="google", campaign="spring")
    assert found.activity == Activity("demo_request", {"url": "/demo"})


@pytest.mark.parametrize(
    ("change", "pointer", "found"),
    [
        ({"person": {"email": ["a@b.de"]}}, "/person/email", "list"),
        ({"at": "yesterday"}, "/at", "text"),
        ({"at": True}, "/at", "boolean"),
        ({"id": {}}, "/id", "object"),
        ({"person": {}}, "/person/email", "nothing"),
    ],
)
def test_a_wrong_type_names_its_field(change, pointer, found):
    item = only(reading(SITE, a_form(**change)))

    assert isinstance(item, Unusable)
    assert (item.error.pointer, item.error.found) == (pointer, found)


@pytest.mark.parametrize(
    ("change", "pointer", "found"),
    [
        ({"person": {"email": "a@b.de", "first": 5}}, "/person/first", "number"),
        ({"person": {"email": "a@b.de", "phone": []}}, "/person/phone", "list"),
        ({"company": {"name": "Acme"}}, "/company", "object"),
        ({"newsletter": "perhaps"}, "/newsletter", "text"),
        ({"employees": [1]}, "/employees", "list"),
        ({"utm": {"source": {}}}, "/utm/source", "object"),
        ({"company": "x" * 2000}, "/company", "2000 characters"),
        ({"action": {}}, "/action", "object"),
        ({"action": "visit", "page": ["/"]}, "/page", "list"),
    ],
)
def test_a_wrong_field_that_a_lead_can_do_without_is_left_out_and_noted(change, pointer, found):
    item = message(only(reading(SITE, a_form(**change))))

    assert item.lead.email
    assert item.left_out is not None
    assert (item.left_out.pointer, item.left_out.found) == (pointer, found)


def test_what_is_left_out_leaves_the_rest():
    form = a_form(company={}, employees=250, action="visit", page=[], newsletter=True)

    found = message(only(reading(SITE, form)))

    assert (found.lead.company, found.lead.first_name) == ("", "Ada")
    assert found.lead.attributes == {"employees": "250"}
    assert found.lead.consent is Consent.GRANTED
    assert found.activity == Activity("visit")
    assert found.left_out is not None
    assert found.left_out.pointer == "/company"


def test_a_condition_that_does_not_hold_is_no_kind_of_activity():
    sender = plain(email="email", activity={"kind": "form == 'demo' && 'Demo Request'"})

    of_demo, of_other = (
        message(only(reading(sender, {"email": "a@example.com", "form": form})))
        for form in ("demo", "other")
    )

    assert (of_demo.activity, of_other.activity) == (Activity("demo_request"), None)


def test_a_workflow_may_say_what_its_contacts_did_and_what_else_is_read_of_them():
    source = {
        "type": "hubspot",
        "unsigned": True,
        "public_url": PUBLIC_URL,
        "attributes": {"budget": "properties.budget.value", "notes": "properties.notes.value"},
        "activity": {
            "kind": "'demo_request'",
            "attributes": {"form": "properties.form.value"},
        },
    }
    sender = parse_sources({"sources": {"one": source}}, {})["one"].sender
    contact = a_workflow_contact(budget="5000", form="Demo", notes="x" * 1_001)

    found = message(only(reading(sender, contact)))
    thin = message(only(reading(sender, [a_thin_event()])))

    assert found.activity == Activity("demo_request", {"form": "Demo"})
    assert found.lead.attributes == {"budget": "5000"}
    assert found.left_out is not None
    assert found.left_out.pointer == "/properties/notes/value"
    assert thin.activity == Activity("contact_creation")


def test_a_form_of_mautic_may_be_of_a_kind_that_its_file_says():
    source = {
        "type": "mautic",
        "unsigned": True,
        "attributes": {"points": "points"},
        "activity": {
            "kind": "submission.form.alias == 'demo' && 'demo_request'",
            "attributes": {"topic": "submission.results.topic"},
        },
    }
    sender = parse_sources({"sources": {"one": source}}, {})["one"].sender

    def sent(alias: str) -> Message:
        form = {"name": "A form", "alias": alias}
        lead = {**a_contact(), "points": 40}
        submission = {"form": form, "lead": lead, "results": {"topic": "prices"}}
        event = {"submission": submission, "timestamp": "2026-03-02T13:00:00+02:00"}
        return message(only(reading(sender, {"mautic.form_on_submit": [event]})))

    demo = Activity("demo_request", {"form": "A form", "topic": "prices"})
    assert sent("demo").activity == demo
    assert sent("other").activity == Activity("form_submit", {"form": "A form"})
    assert sent("demo").lead.attributes == {"points": "40"}


def test_a_long_field_of_mautic_does_not_cost_the_contact():
    contact = a_saved_contact(notes="x" * 1_001, colours=["red"], city="Prague")

    found = message(only(reading(MAUTIC, {"mautic.lead_post_save_update": [contact]})))

    assert found.lead.attributes == {"city": "Prague"}
    assert found.left_out is not None
    assert found.left_out.pointer.endswith("/fields/core/notes/value")


def test_a_list_of_items_is_read_one_by_one():
    leads = [{"email": "a@example.com"}, {"email": 5}, "text", {"email": "b@example.com"}]

    payload = reading(ZAPIER, {"leads": leads})

    assert not payload.is_single
    kinds = [type(item) for item in payload.items]
    assert kinds == [Message, Unusable, Unusable, Message]
    errors = [item.error.pointer for item in payload.items if isinstance(item, Unusable)]
    assert errors == ["/leads/1/email", "/leads/2"]


def test_a_bare_list_is_read_one_by_one_too():
    payload = reading(OPEN, [{"email": "a@example.com"}])

    assert (len(payload.items), payload.is_single) == (1, False)


@pytest.mark.parametrize("body", [[], [{"email": "a@example.com"}], {"entries": []}, "text"])
def test_items_stand_where_the_mapping_says_and_nowhere_else(body):
    item = only(reading(ZAPIER, body))

    assert isinstance(item, Unusable)
    assert (item.error.pointer, item.error.found) == ("/leads", "nothing")


def test_items_may_be_found_in_a_list_by_an_expression():
    sender = plain(items="[].lead", email="email")

    payload = reading(sender, [{"lead": {"email": "a@example.com"}}])

    assert message(only(payload)).lead.email == "a@example.com"


def test_an_expression_for_items_that_fails_is_named():
    sender = plain(items="sort(leads)", email="email")

    item = only(reading(sender, {"leads": 5}))

    assert isinstance(item, Unusable)
    assert item.error.pointer == "mapping items"


def test_a_standard_message_is_known_again_by_its_id():
    contents = [{"data": {"email": email}} for email in ("a@example.com", "b@example.com")]
    first, again = (only(reading(STANDARD, c, webhook_id="msg_1")) for c in contents)
    other = only(reading(STANDARD, contents[0], webhook_id="msg_2"))

    assert first.dedupe_key == again.dedupe_key != other.dedupe_key


def test_a_plain_message_is_known_again_by_its_idempotency_key():
    first, again = (
        only(reading(OPEN, {"email": "a@example.com", "n": n}, idempotency_key=key))
        for n, key in ((1, '"k-1"'), (2, "k-1"))
    )

    assert first.dedupe_key == again.dedupe_key


def test_a_message_without_id_or_time_is_known_again_for_a_day():
    body = as_body({"leads": [{"email": "a@example.com"}]})
    moments = [NOON, NOON.replace(hour=20), NOON.replace(day=4)]
    first, again, later = (only(read(ZAPIER, Request({}, body, at))) for at in moments)

    assert first.dedupe_key == again.dedupe_key != later.dedupe_key
