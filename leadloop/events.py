"""The contract as Python sees it: topic, key and type of every event, read from proto/."""

from datetime import UTC, datetime, timedelta
from typing import Generic, NamedTuple, TypeVar

from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp

from leadloop import protojson
from leadloop.v1 import (
    agreement_pb2,
    handoff_pb2,
    lead_pb2,
    options_pb2,
    outcome_pb2,
    qualification_pb2,
)

_MODULES = (lead_pb2, agreement_pb2, qualification_pb2, handoff_pb2, outcome_pb2)
_COMPACTED = ("agreements.v1",)
# Each topic has one service that publishes to it.
WRITERS = {
    "leads.v1": "intake",
    "agreements.v1": "feedback",
    "qualifications.v1": "scoring",
    "handoffs.v1": "handoff",
    "outcomes.v1": "feedback",
}
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_SECONDS_PER_DAY = 86_400

E_co = TypeVar("E_co", bound=Message, covariant=True)


class Route(NamedTuple):
    """Where an event travels: its topic, the field that keys it, its type name."""

    topic: str
    key_field: str
    type_name: str


class Envelope(NamedTuple, Generic[E_co]):
    """One event with what its headers say (CloudEvents 1.0 attributes).

    Attributes:
        id: The event's id, the same in every delivery of it.
        topic: Where it was published.
        key: The value of its key field, mostly the lead's id.
        type: The message's full name, such as leadloop.v1.LeadCaptured.
        time: When it was promised.
        traceparent: W3C trace context of what caused it; empty when there is none.
        event: The message.
        value: The message as it travels.
    """

    id: str
    topic: str
    key: str
    type: str
    time: datetime
    traceparent: str
    event: E_co
    value: bytes


def _events() -> dict[str, type[Message]]:
    """Collect every message that has a topic, by full name."""
    found: dict[str, type[Message]] = {}
    for module in _MODULES:
        for name, descriptor in module.DESCRIPTOR.message_types_by_name.items():
            if descriptor.GetOptions().Extensions[options_pb2.topic]:
                found[descriptor.full_name] = getattr(module, name)
    return found


EVENT_TYPES: dict[str, type[Message]] = _events()


def _route(message_type: type[Message]) -> Route:
    """Read an event's options."""
    descriptor = message_type.DESCRIPTOR
    extensions = descriptor.GetOptions().Extensions
    return Route(
        extensions[options_pb2.topic], extensions[options_pb2.key], descriptor.full_name
    )


_ROUTES = {name: _route(kind) for name, kind in EVENT_TYPES.items()}


def route_of(message_type: type[Message]) -> Route:
    """Return where events of this type travel.

    Raises:
        ValueError: The message is a part of events, not an event.
    """
    name = message_type.DESCRIPTOR.full_name
    try:
        return _ROUTES[name]
    except KeyError:
        raise ValueError(
            f"expected an event, found {name}, which has no topic option"
        ) from None


def key_of(event: Message) -> str:
    """Return the value that keys this event on its topic."""
    return str(getattr(event, route_of(type(event)).key_field))


def topics() -> dict[str, bool]:
    """Return every topic of the contract, with whether it is compacted."""
    names = {route_of(kind).topic for kind in EVENT_TYPES.values()}
    return {name: name in _COMPACTED for name in sorted(names)}


def topics_of(service: str) -> list[str]:
    """Return the topics that a service publishes to."""
    return [topic for topic, writer in WRITERS.items() if writer == service]


def encode(event: Message) -> bytes:
    """Serialise an event; equal events give equal bytes."""
    return event.SerializeToString(deterministic=True)


def decode(type_name: str, value: bytes) -> Message:
    """Read an event of a known type.

    Raises:
        KeyError: No event has this type name.
        google.protobuf.message.DecodeError: The bytes are no such message.
    """
    return EVENT_TYPES[type_name].FromString(value)


def to_json(event: Message) -> dict[str, object]:
    """Return the event as canonical protobuf JSON, fields named as in the contract."""
    return protojson.to_dict(event)


def timestamp(moment: datetime) -> Timestamp:
    """Return an aware moment as a protobuf timestamp.

    Protobuf's own FromDatetime takes twice as long, and every event carries a few times.
    """
    since = moment - _EPOCH
    seconds = since.days * _SECONDS_PER_DAY + since.seconds
    return Timestamp(seconds=seconds, nanos=since.microseconds * 1000)


def moment(stamp: Timestamp) -> datetime:
    """Return a protobuf timestamp as an aware moment in UTC, cut to microseconds."""
    return _EPOCH + timedelta(seconds=stamp.seconds, microseconds=stamp.nanos // 1000)
