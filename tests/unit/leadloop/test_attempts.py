from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from leadloop.attempts import (
    RETRY_AFTER_MAX,
    Answer,
    Delivery,
    Endpoint,
    State,
    headers_of,
    judge,
    parse_retry_after,
)
from leadloop.v1.handoff_pb2 import HandoffRouted

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)
SCHEDULE = (timedelta(seconds=5), timedelta(minutes=5))
DELIVERY = Delivery(
    id="d-1",
    endpoint_id="e-1",
    event_id="01958b2e-0000-7000-8000-000000000001",
    event_type="leadloop.v1.HandoffRouted",
    lead_id="lead-1",
    traceparent="",
    event=HandoffRouted(lead_id="lead-1"),
    event_time=NOW,
    attempt=1,
    due_at=NOW,
    lease_until=NOW + timedelta(seconds=25),
    received_at=None,
)
ENDPOINT = Endpoint("e-1", "https://example.com/hook", (b"k" * 32,))


def judged(answer, attempt=1):
    delivery = replace(DELIVERY, attempt=attempt)
    return judge(delivery, answer, NOW, duration_ms=7, schedule=SCHEDULE)


@pytest.mark.parametrize("status", [200, 201, 202, 204, 299])
def test_every_2xx_is_success(status):
    assert judged(Answer(status)).state is State.DELIVERED


@pytest.mark.parametrize("status", [100, 199, 300, 301, 304, 400, 401, 404, 429, 500, 503])
def test_everything_else_is_tried_again(status):
    result = judged(Answer(status))

    assert result.state is State.PENDING
    assert result.outcome == "retried"
    assert result.error == f"HTTP {status}"
    assert result.due_at >= NOW + SCHEDULE[0]


def test_deliveries_that_failed_together_return_apart_and_alike_in_every_run():
    results = [
        judge(
            replace(DELIVERY, id=f"d-{n}"), Answer(500), NOW, duration_ms=7, schedule=SCHEDULE
        )
        for n in (1, 2, 1)
    ]

    assert results[0].due_at != results[1].due_at
    assert results[0].due_at == results[2].due_at


def test_no_answer_is_tried_again_with_its_reason():
    result = judged(Answer(None, error="no answer in time"))

    assert (result.state, result.status) == (State.PENDING, None)
    assert result.error == "no answer in time"


def test_after_the_last_wait_it_has_failed():
    assert judged(Answer(500), attempt=2).state is State.PENDING
    assert judged(Answer(500), attempt=3).state is State.FAILED


def test_gone_fails_at_once():
    result = judged(Answer(410))

    assert result.state is State.FAILED
    assert result.is_gone


@pytest.mark.parametrize("status", [429, 503])
def test_a_throttling_receiver_is_left_alone_as_long_as_it_asks(status):
    result = judged(Answer(status, retry_after="120"))

    assert result.due_at == NOW + timedelta(seconds=120)


def test_a_shorter_wish_than_the_schedule_changes_nothing():
    assert judged(Answer(429, retry_after="1")).due_at >= NOW + SCHEDULE[0]


def test_only_throttling_answers_are_asked_for_their_wish():
    result = judged(Answer(500, retry_after="120"))

    assert result.due_at < NOW + timedelta(seconds=6)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0", timedelta(0)),
        ("17", timedelta(seconds=17)),
        ("3601", RETRY_AFTER_MAX),
        ("9" * 50, RETRY_AFTER_MAX),
        ("Mon, 02 Mar 2026 09:00:30 GMT", timedelta(seconds=30)),
        ("Mon, 02 Mar 2026 09:00:30 -0000", timedelta(seconds=30)),
        ("Mon, 02 Mar 2026 08:00:00 GMT", timedelta(0)),
        ("Fri, 31 Dec 9999 23:59:59 GMT", RETRY_AFTER_MAX),
        ("", timedelta(0)),
        ("soon", timedelta(0)),
        ("-5", timedelta(0)),
        ("1.5", timedelta(0)),
    ],
)
def test_a_wish_is_read_as_seconds_or_a_date_within_bounds(text, expected):
    assert parse_retry_after(text, NOW) == expected


def test_a_trace_goes_on_at_the_receiver():
    trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"

    assert "traceparent" not in headers_of(DELIVERY, ENDPOINT, b"{}", NOW)
    traced = headers_of(replace(DELIVERY, traceparent=trace), ENDPOINT, b"{}", NOW)
    assert traced["traceparent"] == trace


def test_the_id_holds_no_full_stop_and_stays_while_the_timestamp_moves_on():
    first = headers_of(DELIVERY, ENDPOINT, b"{}", NOW)
    second = headers_of(DELIVERY, ENDPOINT, b"{}", NOW + timedelta(seconds=5))

    assert first["webhook-id"] == second["webhook-id"] == DELIVERY.event_id
    assert "." not in first["webhook-id"]
    assert first["webhook-timestamp"] != second["webhook-timestamp"]
    assert first["webhook-signature"] != second["webhook-signature"]
