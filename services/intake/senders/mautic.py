"""Mautic: one request holds lists of events by type; the signature is over the raw body only.

There is no event id and no signed time. A failed answer loses the events in Mautic 5.1, so bad
items are kept aside and the request is still taken.
"""

import binascii
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime

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
    wrong_signature,
)

SIGNATURE = "webhook-signature"
_PREFIX = "mautic."
# Where a contact has its address.
_EMAIL = ("fields", "core", "email", "value")
# What a person did, by Mautic's event type; other types tell who a person is.
ACTIVITIES = {
    "form_on_submit": "form_submit",
    "page_on_hit": "page_view",
    "email_on_open": "email_open",
    "email_on_click": "email_click",
    "asset_on_download": "download",
    "video_on_hit": "video_view",
}
_FORM = "form_on_submit"
_ABOUT_CONTACTS = ("lead_post_save_new", "lead_post_save_update", "lead_points_change")
_CONSENT_CHANGED = "lead_channel_subscription_changed"
# Reasons 1 to 3 are unsubscribed, bounced, manual; Mautic's word for none of them:
_CONTACTABLE = "contactable"
# Core fields that are fields of ours or no use to a score.
_NOT_ATTRIBUTES = frozenset(
    {
        "email",
        "firstname",
        "lastname",
        "company",
        "position",
        "phone",
        "mobile",
        "country",
        "fax",
    }
)


@dataclass(frozen=True, slots=True)
class Mautic:
    """A Mautic.

    Attributes:
        secret: What it signs with; empty when the source takes unsigned requests.
        extras: What is read besides: attributes of each contact, the kind of each form sent.
    """

    secret: str = field(repr=False)
    extras: Extras = NO_EXTRAS
    kept_headers: tuple[str, ...] = ()

    def verify(self, request: Request, now: datetime) -> FieldError | None:
        """Return why the signature does not prove Mautic, None when it does."""
        if not self.secret:
            return None
        signature = request.headers.get(SIGNATURE, "")
        if not signature:
            return missing_header(SIGNATURE)
        digest = hmac_sha256(self.secret, request.body)
        if not is_equal(binascii.b2a_base64(digest, newline=False).decode(), signature):
            return wrong_signature(SIGNATURE)
        return None

    def parse(self, request: Request) -> Payload:
        """Return every event of every type in the request."""
        body = parse_json(request.body)
        if not isinstance(body, dict) or not all(map(_is_group, body)):
            expected = "an object of lists by mautic.<event type>"
            found = "another one" if isinstance(body, dict) else type_name(body)
            error = FieldError("", expected, found)
            return unusable_body(digest_of_bytes(request.body), error)
        return Payload(tuple(self._items(body, request.received_at)))

    def _items(self, body: Mapping[str, object], received_at: datetime) -> Iterator[Item]:
        for name, group in body.items():
            if not name.startswith(_PREFIX):
                continue
            # Before 5.0 a group of one came without its list.
            for position, event in enumerate(group if isinstance(group, list) else [group]):
                yield _Event(name, position, event, self.extras).read(received_at)


def _is_group(name: str) -> bool:
    return name.startswith(_PREFIX) or name == "timestamp"


@dataclass(frozen=True, slots=True)
class _Event:
    """Reads one event of one type.

    Attributes:
        name: Of its group, such as mautic.form_on_submit.
        position: In its group.
        event: As it came.
        extras: What is read of it besides.
    """

    name: str
    position: int
    event: object
    extras: Extras

    def read(self, received_at: datetime) -> Item:
        try:
            return self._message(received_at)
        except WrongField as wrong:
            return Unusable(digest_of((self.name, self.event)), wrong.error)

    def _message(self, received_at: datetime) -> Item:
        event = self.event
        kind = self.name.removeprefix(_PREFIX)
        if not isinstance(event, dict):
            raise WrongField(self._at(), "an object", type_name(event))
        said = first_text(
            [event.get("timestamp"), member(event, "submission", "dateSubmitted")]
        )
        occurred_at = moment_of(said, self._at("timestamp"))
        path, contact = _contact_of(event)
        contact_id = scalar_of(member(contact, "id"), self._at(*path, "id"))
        dedupe_key = _dedupe_key(kind, event, contact, contact_id)
        if not _is_about_a_person(kind):
            return Ignored(dedupe_key)
        place = Place(contact, self._at(*path))
        return Message(
            dedupe_key=dedupe_key,
            occurred_at=occurred_at or received_at,
            external_id=contact_id,
            email_at=self._at(*path, *_EMAIL),
            lead=_lead(place, self.extras, _consent(kind, event, contact)),
            touch=_touch(kind, event, contact),
            activity=self._activity(kind, event, place),
            left_out=place.first_left_out(),
        )

    def _activity(
        self, kind: str, event: Mapping[str, object], place: Place
    ) -> Activity | None:
        """Return what the person did; a form's kind is that of the file, where it says one."""
        usual = _activity(kind, event)
        if usual is None or self.extras.kind is None or kind != _FORM:
            return usual
        of_event = Place(event, self._at(), left_out=place.left_out)
        told = of_event.activity(self.extras.kind, self.extras.details)
        return Activity(told.kind, {**usual.attributes, **told.attributes}) if told else usual

    def _at(self, *path: str) -> str:
        return pointer_to(self.name, self.position, *path)


def _is_about_a_person(kind: str) -> bool:
    return kind in ACTIVITIES or kind in _ABOUT_CONTACTS or kind == _CONSENT_CHANGED


def _contact_of(event: Mapping[str, object]) -> tuple[tuple[str, ...], object]:
    """Return the contact and its path, which depends on the type of event."""
    paths = (("contact",), ("lead",), ("submission", "lead"), ("hit", "lead"), ("stat", "lead"))
    for path in paths:
        contact = member(event, *path)
        if isinstance(contact, dict):
            return path, contact
    return ("contact",), None


def _dedupe_key(
    kind: str, event: Mapping[str, object], contact: object, contact_id: str
) -> str:
    """Return what stays the same when Mautic sends an event again; it has no id of its own."""
    if not contact_id:
        return digest_of((kind, event))
    engagement = [member(event, part, "id") for part in ("submission", "hit", "stat")]
    modified = member(contact, "dateModified")
    channel = [event.get("channel"), event.get("new_status")]
    return digest_of(
        (kind, contact_id, event.get("timestamp"), modified, *engagement, *channel)
    )


def _lead(place: Place, extras: Extras, consent: Consent) -> Lead:
    """Return who the contact is; `title` is Mr or Ms, the job is in `position`."""
    values = _values(place)
    attributes = {n: value for n, value in values.items() if n not in _NOT_ATTRIBUTES}
    return Lead(
        email=values.get("email", ""),
        first_name=values.get("firstname", ""),
        last_name=values.get("lastname", ""),
        phone=values.get("phone", "") or values.get("mobile", ""),
        company=values.get("company", ""),
        job_title=values.get("position", ""),
        country=values.get("country", ""),
        consent=consent,
        attributes=attributes | place.scalars(extras.attributes),
    )


def _values(place: Place) -> dict[str, str]:
    """Return the core fields that have a value; an empty group is a list in PHP's JSON."""
    core = member(place.item, "fields", "core")
    values: dict[str, str] = {}
    for name, described in core.items() if isinstance(core, dict) else ():
        value = member(described, "value")
        if value in (None, ""):
            continue
        try:
            values[name] = scalar_of(value, f"{place.at}/fields/core/{name}/value")
        except WrongField as wrong:
            if name == "email":
                raise
            place.left_out.append(wrong.error)
    return values


def _consent(kind: str, event: Mapping[str, object], contact: object) -> Consent:
    """Return what the event says about contacting; no do-not-contact entry says nothing."""
    if kind == _CONSENT_CHANGED:
        is_contactable = event.get("new_status") == _CONTACTABLE
        return Consent.GRANTED if is_contactable else Consent.DENIED
    entries = member(contact, "doNotContact")
    return Consent.DENIED if isinstance(entries, list) and any(entries) else Consent.UNSPECIFIED


def _activity(kind: str, event: Mapping[str, object]) -> Activity | None:
    if kind not in ACTIVITIES:
        return None
    told = {
        "form": member(event, "submission", "form", "name"),
        "url": first_text([member(event, "hit", "url"), member(event, "page", "url")]),
        "page": first_text([member(event, "page", "title"), member(event, "hit", "urlTitle")]),
        "email": member(event, "email", "subject"),
        "referrer": first_text([member(event, "submission", "referer")]),
    }
    texts = {name: value for name, value in told.items() if isinstance(value, str) and value}
    return Activity(ACTIVITIES[kind], texts)


def _touch(kind: str, event: Mapping[str, object], contact: object) -> Touch | None:
    """Return the newest of the contact's utm rows, or where its form was."""
    rows = member(contact, "utmtags")
    row = rows[-1] if isinstance(rows, list) and rows else None
    names = ("utmSource", "utmMedium", "utmCampaign", "utmContent", "utmTerm", "referer")
    texts = [member(row, name) for name in names]
    if kind in ACTIVITIES and not texts[-1]:
        texts[-1] = member(event, "submission", "referer")
    touch = Touch(*(text if isinstance(text, str) else "" for text in texts))
    return touch if touch != Touch() else None
