"""Events on the wire: CloudEvents 1.0 in the Kafka protocol binding, binary mode."""

from collections.abc import Mapping
from datetime import datetime
from functools import cache
from typing import NamedTuple
from urllib.parse import quote

from google.protobuf.message import DecodeError, Message

from leadloop.events import EVENT_TYPES, Envelope, decode

SPEC_VERSION = "1.0"
CONTENT_TYPE = "application/protobuf"
_LOCAL_NAME = "leadloop.v1."

_SPEC_VERSION = SPEC_VERSION.encode()
_CONTENT_TYPE = CONTENT_TYPE.encode()


class Record(NamedTuple):
    """One message as a topic keeps it; headers are the CloudEvents attributes.

    Of a header that came twice, the last one counts.
    """

    topic: str
    key: str
    value: bytes
    headers: Mapping[str, bytes]


class Unreadable(Exception):
    """A record that is no event of the contract."""


class Promised(NamedTuple):
    """One row of an outbox: an event that waits to be handed on."""

    id: int
    event_id: str
    topic: str
    key: str
    type: str
    time: datetime
    traceparent: str
    value: bytes


def to_record(row: Promised, service: str) -> Record:
    """Return the record of a promised event; `service` becomes its CloudEvents source."""
    headers = {
        "ce_specversion": _SPEC_VERSION,
        "ce_id": row.event_id.encode(),
        "ce_type": row.type.encode(),
        "ce_source": _source(service),
        "ce_subject": row.key.encode(),
        "ce_time": row.time.isoformat().encode(),
        "content-type": _CONTENT_TYPE,
    }
    if row.traceparent:
        headers["traceparent"] = row.traceparent.encode()
    return Record(row.topic, row.key, row.value, headers)


@cache
def _source(service: str) -> bytes:
    return f"/leadloop/{quote(service)}".encode()


def type_of(record: Record) -> str:
    """Return the event's type name, empty when the record names none."""
    return header(record, "ce_type")


def to_envelope(record: Record) -> Envelope[Message]:
    """Read a record back into the event that it carries.

    Raises:
        Unreadable: A required attribute is missing, the type is not of the contract, or the
            value is no such message.
    """
    type_name = type_of(record)
    try:
        event_id, time = _required(record, "ce_id"), _required(record, "ce_time")
        return Envelope(
            id=event_id,
            topic=record.topic,
            key=record.key,
            type=type_name,
            time=datetime.fromisoformat(time),
            traceparent=header(record, "traceparent"),
            event=decode(type_name, record.value),
            value=record.value,
        )
    except KeyError as error:
        expected = f"one of the {len(EVENT_TYPES)} event types under {_LOCAL_NAME}"
        raise Unreadable(f"expected {expected}, found {type_name!r}") from error
    except DecodeError as error:
        size = len(record.value)
        raise Unreadable(
            f"expected a value that is a {type_name}, found {size} bytes that are none: "
            f"{type(error).__name__}: {error}"
        ) from error
    except ValueError as error:
        raise Unreadable(str(error)) from error


def _required(record: Record, name: str) -> str:
    """Return a header's value; a missing one makes the record unreadable."""
    value = header(record, name)
    if not value:
        raise ValueError(f"expected a header {name}, found none")
    return value


def header(record: Record, name: str) -> str:
    """Return a header's value as text, empty when there is none."""
    return record.headers.get(name, b"").decode(errors="replace")
