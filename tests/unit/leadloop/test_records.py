from datetime import UTC, datetime

import pytest

from leadloop.events import encode
from leadloop.records import Promised, Record, Unreadable, header, to_envelope, to_record
from leadloop.v1.lead_pb2 import LeadErased

NOW = datetime(2026, 3, 2, 9, 0, 0, 123456, tzinfo=UTC)
EVENT = LeadErased(lead_id="lead-1")


def a_record(**changes: str) -> Record:
    row = Promised(
        1,
        "0195530e-0000-7000-8000-000000000001",
        "leads.v1",
        "lead-1",
        "leadloop.v1.LeadErased",
        NOW,
        "00-11111111111111111111111111111111-2222222222222222-01",
        encode(EVENT),
    )
    record = to_record(row, "intake")
    headers = {k: changes.get(k, v.decode()).encode() for k, v in record.headers.items()}
    return Record(record.topic, record.key, record.value, headers)


def test_an_event_survives_the_wire():
    envelope = to_envelope(a_record())

    assert envelope.event == EVENT
    assert envelope.time == NOW
    assert envelope.key == "lead-1"
    assert envelope.traceparent.endswith("-01")


def test_headers_follow_the_cloudevents_binding():
    record = a_record()

    assert header(record, "ce_specversion") == "1.0"
    assert header(record, "ce_source") == "/leadloop/intake"
    assert header(record, "content-type") == "application/protobuf"


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("ce_type", "leadloop.v1.Nothing", "leadloop.v1.Nothing"),
        ("ce_id", "", "ce_id"),
        ("ce_time", "yesterday", "yesterday"),
    ],
)
def test_a_record_that_is_no_event_says_what_is_wrong(name, value, expected):
    with pytest.raises(Unreadable, match=expected):
        to_envelope(a_record(**{name: value}))


def test_a_value_that_is_no_message_is_unreadable():
    record = a_record()

    expected = (
        "^expected a value that is a leadloop.v1.LeadErased, found 2 bytes .* DecodeError"
    )
    with pytest.raises(Unreadable, match=expected):
        to_envelope(Record(record.topic, record.key, b"\xff\xff", record.headers))
