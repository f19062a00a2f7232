"""What a sender's payload says, as values: one message for one person and one moment."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum
from types import MappingProxyType
from typing import NamedTuple

from leadloop.errors import FieldError

NO_ATTRIBUTES: Mapping[str, str] = MappingProxyType({})


class Consent(IntEnum):
    """What a source says about contacting a person; the numbers are the contract's."""

    UNSPECIFIED = 0
    GRANTED = 1
    DENIED = 2


class Lead(NamedTuple):
    """What is said about a person; an empty field means that nothing was said."""

    email: str = ""
    first_name: str = ""
    last_name: str = ""
    phone: str = ""
    company: str = ""
    job_title: str = ""
    country: str = ""
    consent: Consent = Consent.UNSPECIFIED
    attributes: Mapping[str, str] = NO_ATTRIBUTES


NOBODY = Lead()


class Touch(NamedTuple):
    """Where the person came from this time; empty means not given."""

    source: str = ""
    medium: str = ""
    campaign: str = ""
    content: str = ""
    term: str = ""
    referrer: str = ""


class Activity(NamedTuple):
    """One engagement; it happened when its message says."""

    kind: str
    attributes: Mapping[str, str] = NO_ATTRIBUTES


class Message(NamedTuple):
    """One thing that a payload says about one person.

    Attributes:
        dedupe_key: The same in every delivery of this message, different in every other one.
        occurred_at: When it happened at the source.
        lead: What it says about the person.
        email_at: Where the e-mail address stands in the payload, for error messages.
        external_id: The person's id at the source; empty when it has none.
        touch: Where the person came from; None when the message does not tell.
        activity: What the person did; None when the message is no engagement.
        left_out: The first field that was wrong and that it can do without; None for none.
    """

    dedupe_key: str
    occurred_at: datetime
    lead: Lead = NOBODY
    email_at: str = "/email"
    external_id: str = ""
    touch: Touch | None = None
    activity: Activity | None = None
    left_out: FieldError | None = None


@dataclass(frozen=True, slots=True)
class Unusable:
    """A part of a payload that can't become a message as it is.

    Attributes:
        dedupe_key: As that of a message.
        error: The field at fault.
        is_alone: Its request says nothing else, so that its sender is told.
    """

    dedupe_key: str
    error: FieldError
    is_alone: bool = False


@dataclass(frozen=True, slots=True)
class Ignored:
    """A part of a payload that is sound and not about what a person is or did."""

    dedupe_key: str


Item = Message | Unusable | Ignored


@dataclass(frozen=True, slots=True)
class Payload:
    """What one request says, item by item.

    Attributes:
        items: In the order of the payload.
        is_single: The body is one object for one person, or none of what is expected, so that
            its sender is told what is wrong with it; of a batch a bad item is kept aside and
            the others go on.
    """

    items: tuple[Item, ...]
    is_single: bool = False


def unusable_body(dedupe_key: str, error: FieldError) -> Payload:
    """Return the payload of a body that as a whole is not what its sender sends."""
    return Payload((Unusable(dedupe_key, error),), is_single=True)


@dataclass(frozen=True, slots=True)
class Request:
    """One POST to a source's door, before anything in it is believed.

    Attributes:
        headers: By lower-case name.
        body: The bytes as they came; signatures are over these.
        received_at: When it came.
        query: The query string as it came, without the question mark.
    """

    headers: Mapping[str, str]
    body: bytes
    received_at: datetime
    query: str = ""
