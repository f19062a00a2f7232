"""HubSpot: thin events of an app (a list) and whole contacts of a workflow (one object).

Signature v3: base64 HMAC-SHA256 over method, address, body and timestamp. The address is the
configured one: behind a proxy the Host header is not what HubSpot signed, and anyone can set
it.
"""

import binascii
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from types import MappingProxyType

from leadloop.errors import FieldError
from services.intake.message import (
    Activity,
    Consent,
    Ignored,
    Item,
    Lead,
    Message,
    Payload,
    Request,
    Touch,
    Unusable,
    unusable_body,
)
from services.intake.reading import (
    WrongField,
    first_text,
    member,
    moment_of,
    parse_json,
    pointer_to,
    scalar_of,
    type_name,
)
from services.intake.senders.finder import NO_EXTRAS, Extras, Place
from services.intake.senders.sender import (
    digest_of,
    digest_of_bytes,
    hmac_sha256,
    is_equal,
    missing_header,
    stale,
    wrong_signature,
)

SIGNATURE = "x-hubspot-signature-v3"
TIMESTAMP = "x-hubspot-request-timestamp"
_METHOD = "POST"
_TIMESTAMP_DIGITS_MAX = 14

# HubSpot's names of the properties that are fields of ours.
_FIELDS: Mapping[str, str] = MappingProxyType(
    {
        "firstname": "first_name",
        "lastname": "last_name",
        "phone": "phone",
        "company": "company",
        "jobtitle": "job_title",
        "country": "country",
    }
)
# Of the other properties a workflow sends, those that describe the person or their company;
# the rest are HubSpot's own bookkeeping.
_ATTRIBUTES = ("lifecyclestage", "industry", "numberofemployees", "website", "city", "state")
_OPTED_OUT = "hs_email_optout"
_UTM = ("utm_source", "utm_medium", "utm_campaign", "utm_content", "utm_term")


@dataclass(frozen=True, slots=True)
class HubSpot:
    """A HubSpot app or workflow that posts to `public_url`.

    Attributes:
        secret: The app's client secret; empty when the source takes unsigned requests.
        public_url: The address as HubSpot knows it, with scheme and host.
        tolerance: How far the signed time may be from now.
        extras: What is read of a workflow's contact besides.
    """

    secret: str = field(repr=False)
    public_url: str
    tolerance: timedelta = timedelta(minutes=5)
    extras: Extras = NO_EXTRAS
    kept_headers: tuple[str, ...] = (TIMESTAMP,)

    def verify(self, request: Request, now: datetime) -> FieldError | None:
        """Return why the signature does not prove HubSpot, None when it does."""
        if not self.secret:
            return None
        signature = request.headers.get(SIGNATURE, "")
        if not signature:
            return missing_header(SIGNATURE)
        timestamp = request.headers.get(TIMESTAMP, "")
        sent_at = _milliseconds(timestamp)
        if sent_at is None:
            return FieldError(
                f"header {TIMESTAMP}", "milliseconds since 1970", "no such number"
            )
        url = f"{self.public_url}?{request.query}" if request.query else self.public_url
        digest = hmac_sha256(
            self.secret, f"{_METHOD}{url}".encode(), request.body, timestamp.encode()
        )
        if not is_equal(binascii.b2a_base64(digest, newline=False).decode(), signature):
            # A wrong address looks like a wrong secret, so say which one is configured.
            signed = f"{_METHOD} {self.public_url}, this body and this time"
            return wrong_signature(SIGNATURE, signed)
        return stale(TIMESTAMP, sent_at, now, self.tolerance)

    def parse(self, request: Request) -> Payload:
        """Return the events of an app, or the contact of a workflow."""
        body = parse_json(request.body)
        if isinstance(body, list):
            return Payload(tuple(_event(event, at) for at, event in enumerate(body)))
        if isinstance(body, dict) and ("vid" in body or "properties" in body):
            return Payload((_workflow_object(body, request, self.extras),))
        expected = "a list of events, or an object with vid and properties"
        error = FieldError("", expected, type_name(body))
        return unusable_body(digest_of_bytes(request.body), error)


def _milliseconds(text: str) -> datetime | None:
    if not (text.isascii() and text.isdigit() and len(text) <= _TIMESTAMP_DIGITS_MAX):
        return None
    return moment_of(int(text), "") if int(text) else None


def _event(event: object, position: int) -> Item:
    """Return one event of an app; it never holds an e-mail address."""
    try:
        return _thin_event(event, position)
    except WrongField as wrong:
        return Unusable(digest_of((event,)), wrong.error)


def _thin_event(event: object, position: int) -> Item:
    if not isinstance(event, dict):
        raise WrongField(pointer_to(position), "an object", type_name(event))
    kind = event.get("eventType", event.get("subscriptionType"))
    if not isinstance(kind, str):
        raise WrongField(pointer_to(position, "eventType"), "text", type_name(kind))
    occurred_at = moment_of(event.get("occurredAt"), pointer_to(position, "occurredAt"))
    if occurred_at is None:
        raise WrongField(
            pointer_to(position, "occurredAt"), "milliseconds since 1970", "nothing"
        )
    # HubSpot does not promise that eventId is unique; these together are.
    parts = ("portalId", "subscriptionId", "objectId", "propertyName", "propertyValue")
    dedupe_key = digest_of((kind, event["occurredAt"], *(event.get(part) for part in parts)))
    subject, _, change = kind.partition(".")
    if subject != "contact" or change in {"deletion", "privacyDeletion", "merge"}:
        return Ignored(dedupe_key)
    return Message(
        dedupe_key=dedupe_key,
        occurred_at=occurred_at,
        external_id=_external_id(event, "portalId", "objectId", position),
        lead=_changed_property(event, position),
        activity=None if change == "propertyChange" else Activity(f"contact_{change.lower()}"),
    )


def _external_id(event: Mapping[str, object], portal: str, contact: str, *at: int) -> str:
    """Return the contact's id, which is unique in its portal only."""
    portal_id = scalar_of(event.get(portal), pointer_to(*at, portal))
    contact_id = scalar_of(event.get(contact), pointer_to(*at, contact))
    if not contact_id:
        raise WrongField(pointer_to(*at, contact), "a number", "nothing")
    return f"{portal_id}/{contact_id}"


def _changed_property(event: Mapping[str, object], position: int) -> Lead:
    """Return the one field that a propertyChange is about; an empty lead for other events."""
    name = event.get("propertyName")
    if not isinstance(name, str):
        return Lead()
    value = scalar_of(event.get("propertyValue"), pointer_to(position, "propertyValue"))
    if name in _FIELDS:
        said = {_FIELDS[name]: value}
        return Lead(
            first_name=said.get("first_name", ""),
            last_name=said.get("last_name", ""),
            phone=said.get("phone", ""),
            company=said.get("company", ""),
            job_title=said.get("job_title", ""),
            country=said.get("country", ""),
        )
    if name == _OPTED_OUT and value == "true":
        return Lead(consent=Consent.DENIED)
    # A new address is no field to change in place: it is what tells one person from another.
    return Lead(attributes={"hubspot_email" if name == "email" else name: value})


def _workflow_object(body: Mapping[str, object], request: Request, extras: Extras) -> Item:
    """Return the contact that a workflow sends; its other objects are kept and not read."""
    raw_key = digest_of_bytes(request.body)
    if "vid" not in body:
        return Ignored(raw_key)
    try:
        return _contact(body, request, extras, raw_key)
    except WrongField as wrong:
        return Unusable(raw_key, wrong.error)


def _contact(
    body: Mapping[str, object], request: Request, extras: Extras, raw_key: str
) -> Message:
    place = Place(body, "")
    external_id = _external_id(body, "portal-id", "vid")
    modified = _property(body, "lastmodifieddate")
    modified_at = moment_of(modified or None, pointer_to("properties", "lastmodifieddate"))
    sent_at = _milliseconds(request.headers.get(TIMESTAMP, ""))
    return Message(
        dedupe_key=digest_of((external_id, modified)) if modified else raw_key,
        occurred_at=modified_at or sent_at or request.received_at,
        external_id=external_id,
        email_at="/properties/email/value",
        lead=_lead(body, place.scalars(extras.attributes)),
        touch=_touch(body),
        activity=place.activity(extras.kind, extras.details) if extras.kind else None,
        left_out=place.first_left_out(),
    )


def _lead(body: Mapping[str, object], more: dict[str, str]) -> Lead:
    employer = member(body, "associated-company", "properties", "name", "value")
    has_left = _property(body, _OPTED_OUT) == "true"
    attributes = {name: _property(body, name) for name in _ATTRIBUTES}
    return Lead(
        email=_email(body),
        first_name=_property(body, "firstname"),
        last_name=_property(body, "lastname"),
        phone=_property(body, "phone"),
        company=scalar_of(employer, "/associated-company") or _property(body, "company"),
        job_title=_property(body, "jobtitle"),
        country=_property(body, "country"),
        consent=Consent.DENIED if has_left else Consent.UNSPECIFIED,
        attributes={name: value for name, value in attributes.items() if value} | more,
    )


def _property(body: Mapping[str, object], name: str) -> str:
    value = member(body, "properties", name, "value")
    return scalar_of(value, f"/properties/{name}/value")


def _email(body: Mapping[str, object]) -> str:
    """Return the contact's address, or the first one among its identities."""
    found = [member(body, "properties", "email", "value")]
    profiles = body.get("identity-profiles")
    for profile in profiles if isinstance(profiles, list) else []:
        identities = member(profile, "identities")
        for identity in identities if isinstance(identities, list) else []:
            if member(identity, "type") == "EMAIL":
                found.append(member(identity, "value"))
    return scalar_of(first_text(found), "/properties/email/value")


def _touch(body: Mapping[str, object]) -> Touch | None:
    """Return the campaign of the customer's utm properties, else HubSpot's latest source."""
    source, medium, campaign, content, term = (_property(body, name) for name in _UTM)
    source = source or _property(body, "hs_latest_source").lower()
    source = source or _property(body, "hs_analytics_source").lower()
    touch = Touch(source, medium, campaign, content, term)
    return touch if touch != Touch() else None
