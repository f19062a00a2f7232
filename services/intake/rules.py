"""What a message changes about a person, decided from values alone.

A field keeps what was said last at its source: deliveries may be late, doubled or out of order,
and the same messages in any order leave the same person.
"""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from types import MappingProxyType
from typing import NamedTuple

from services.intake.message import Consent, Lead, Message

TEXT_FIELDS = ("first_name", "last_name", "phone", "company", "job_title", "country")
ATTRIBUTES_MAX = 200
_CONSENT = "consent"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)

# When each field was said, in microseconds since 1970; attributes are "attributes.<name>".
Told = Mapping[str, int]
NOTHING_TOLD: Told = MappingProxyType({})


class Person(NamedTuple):
    """A lead as intake knows it.

    Attributes:
        lead_id: Its identifier, for good.
        lead: What the sources said last.
        told: When they said it.
    """

    lead_id: str
    lead: Lead
    told: Told = NOTHING_TOLD


class Decision(NamedTuple):
    """What one message makes of a person.

    Attributes:
        person: The person after the message.
        is_new: This is the first message about the person.
        is_capture: The event to promise is LeadCaptured; ActivityRecorded otherwise.
    """

    person: Person
    is_new: bool
    is_capture: bool


def decide(
    person: Person, message: Message, happened_at: datetime, *, is_new: bool
) -> Decision:
    """Return what a message makes of a person.

    Something done by a known person about whom nothing changes is an activity; everything else
    says who the person is.
    """
    after = merge(person, message.lead, happened_at)
    has_changed = is_new or after.lead != person.lead
    return Decision(after, is_new, has_changed or message.activity is None)


def happened_at(message: Message, received_at: datetime) -> datetime:
    """Return when a message happened; a source whose clock runs ahead owns no future."""
    return min(message.occurred_at, received_at)


def merge(person: Person, said: Lead, at: datetime) -> Person:
    """Return the person with every field that is said and was not said more recently.

    What is not said stays. The e-mail address tells people apart, so it never changes here.
    """
    said_at = (at - _EPOCH) // _MICROSECOND
    told = dict(person.told)
    lead = person.lead
    texts = {
        name: _newer(getattr(lead, name), getattr(said, name), name, said_at, told)
        for name in TEXT_FIELDS
    }
    consent = _newer_consent(lead.consent, said.consent, said_at, told)
    attributes = _newer_attributes(lead.attributes, said.attributes, said_at, told)
    merged = Lead(lead.email, **texts, consent=consent, attributes=attributes)
    # Said at the same time, a value may change and its time may not.
    if merged == lead and told == person.told:
        return person
    return Person(person.lead_id, merged, told)


def _newer(known: str, said: str, name: str, said_at: int, told: dict[str, int]) -> str:
    """Return what is said if it is not older than what is known; note its time in `told`.

    Of two said at the same time, the one that came later stays.
    """
    if not said or said_at < told.get(name, said_at):
        return known
    told[name] = said_at
    return said


def _newer_consent(
    known: Consent, said: Consent, said_at: int, told: dict[str, int]
) -> Consent:
    if said is Consent.UNSPECIFIED or said_at < told.get(_CONSENT, said_at):
        return known
    told[_CONSENT] = said_at
    return said


def _newer_attributes(
    known: Mapping[str, str], said: Mapping[str, str], said_at: int, told: dict[str, int]
) -> Mapping[str, str]:
    """Return the attributes with what is said; a full set takes no further names."""
    if not said:
        return known
    merged = dict(known)
    for name, value in said.items():
        if name in merged or len(merged) < ATTRIBUTES_MAX:
            key = f"attributes.{name}"
            merged[name] = _newer(merged.get(name, ""), value, key, said_at, told)
    return merged
