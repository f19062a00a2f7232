"""One attempt to deliver a webhook, as pure functions: what is sent, what its answer means."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from enum import StrEnum
from random import Random
from typing import Any

import orjson
from google.protobuf.message import Message

from leadloop import backoff, signing
from leadloop.events import to_json

USER_AGENT = "Leadloop/1 (+webhooks)"
# Longer waits are the schedule's to decide; a receiver must not park its events for a year.
RETRY_AFTER_MAX = timedelta(hours=1)

_GONE = 410
# No wait: of what is settled, and of a receiver that asks for none.
_NONE = timedelta(0)
_THROTTLING = frozenset({429, 503})


class State(StrEnum):
    """Where a delivery stands."""

    PENDING = "pending"
    DELIVERED = "delivered"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A receiver: where it listens and the keys that sign for it, the current one first.

    Attributes:
        held_until: Until then it asked to be left alone; None when it did not.
    """

    id: str
    url: str
    secrets: tuple[bytes, ...]
    held_until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Delivery:
    """A claimed delivery.

    Attributes:
        event: What is told.
        event_time: When it was promised.
        attempt: This attempt's number, from 1.
        due_at: When it was due.
        lease_until: Until then it is ours; after that anybody may claim it again.
        received_at: When the message that led to this was captured; None when not known.
    """

    id: str
    endpoint_id: str
    event_id: str
    event_type: str
    lead_id: str
    traceparent: str
    event: Message
    event_time: datetime
    attempt: int
    due_at: datetime
    lease_until: datetime
    received_at: datetime | None


@dataclass(frozen=True, slots=True)
class Answer:
    """What a receiver answered.

    Attributes:
        status: HTTP status; None when no answer came.
        retry_after: The header as it came; empty without one.
        error: Why no answer came; empty when one did.
    """

    status: int | None
    retry_after: str = ""
    error: str = ""

    @property
    def is_taken(self) -> bool:
        """Say whether the receiver has it: only a 2xx is success."""
        return self.status is not None and 200 <= self.status <= 299

    @property
    def problem(self) -> str | None:
        """Say why it was not taken; None when it was."""
        return None if self.is_taken else self.error or f"HTTP {self.status}"


@dataclass(frozen=True, slots=True)
class Result:
    """What an attempt came to, to be recorded.

    Attributes:
        due_at: When to try again; of no meaning unless pending.
        finished_at: When the answer came.
        duration_ms: How long it was waited for.
        is_gone: The receiver wants nothing any more: its endpoint is to be disabled.
        held_until: Until then the receiver wants nothing at all; None when it did not say so.
    """

    delivery: Delivery
    state: State
    due_at: datetime
    status: int | None
    error: str | None
    finished_at: datetime
    duration_ms: int
    is_gone: bool = False
    held_until: datetime | None = None

    @property
    def is_taken_at_once(self) -> bool:
        """Say whether the first attempt was all that it took."""
        return self.state is State.DELIVERED and self.delivery.attempt == 1

    @property
    def outcome(self) -> str:
        """Return the word for the metrics."""
        return "retried" if self.state is State.PENDING else self.state.value


def body_of(event_type: str, event: Message, time: datetime) -> bytes:
    """Return the body that every attempt sends: an event as JSON, with its type and time."""
    return body_with(event_type, to_json(event), time)


# (Any: JSON.)
def body_with(event_type: str, data: dict[str, Any], time: datetime) -> bytes:
    """Return a body as Standard Webhooks has it."""
    at = time.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return orjson.dumps({"type": event_type, "timestamp": at, "data": data})


def headers_of(
    delivery: Delivery, endpoint: Endpoint, body: bytes, now: datetime
) -> dict[str, str]:
    """Return the headers of an attempt at `now`, signed with every key in force."""
    return signed_headers(endpoint, delivery.event_id, body, now, delivery.traceparent)


def signed_headers(
    endpoint: Endpoint, message_id: str, body: bytes, now: datetime, traceparent: str
) -> dict[str, str]:
    """Return the headers that an endpoint gets with a body, whatever it tells."""
    timestamp_s = int(now.timestamp())
    headers = {
        "content-type": "application/json",
        "user-agent": USER_AGENT,
        signing.ID_HEADER: message_id,
        signing.TIMESTAMP_HEADER: str(timestamp_s),
        signing.SIGNATURE_HEADER: signing.signature_header(
            endpoint.secrets, message_id, timestamp_s, body
        ),
    }
    if traceparent:
        headers["traceparent"] = traceparent
    return headers


def judge(
    delivery: Delivery,
    answer: Answer,
    now: datetime,
    *,
    duration_ms: int,
    schedule: tuple[timedelta, ...],
) -> Result:
    """Decide what becomes of a delivery after this answer, which came at `now`."""
    asked = _NONE
    if answer.status in _THROTTLING:
        asked = parse_retry_after(answer.retry_after, now)
    state, wait = _verdict(delivery, answer, asked, schedule)
    return Result(
        delivery,
        state,
        due_at=now + wait,
        status=answer.status,
        error=answer.problem,
        finished_at=now,
        duration_ms=duration_ms,
        is_gone=answer.status == _GONE,
        held_until=now + asked if asked else None,
    )


def _verdict(
    delivery: Delivery, answer: Answer, asked: timedelta, schedule: tuple[timedelta, ...]
) -> tuple[State, timedelta]:
    """Return where a delivery stands now, and how long until it is tried again."""
    if answer.is_taken:
        return State.DELIVERED, _NONE
    wait = None
    if answer.status != _GONE:
        wait = backoff.delay(delivery.attempt, schedule, _jitter(delivery))
    if wait is None:
        return State.FAILED, _NONE
    return State.PENDING, max(wait, asked)


def _jitter(delivery: Delivery) -> Random:
    """Return what spreads retries: by chance between deliveries, the same in every run."""
    return Random(f"{delivery.id} {delivery.attempt}")  # noqa: S311 (no secret comes of it)


def elapsed_ms(since: datetime, now: datetime) -> int:
    """Return the whole milliseconds between; none when the clock was set back."""
    return max(0, round((now - since) / timedelta(milliseconds=1)))


def parse_retry_after(text: str, now: datetime) -> timedelta:
    """Return how long a receiver wants to be left alone, from zero to an hour.

    The text is a number of seconds or an HTTP date; anything else asks for nothing.
    """
    if text.isascii() and text.isdigit():
        seconds = int(text[:9])
        return min(timedelta(seconds=seconds), RETRY_AFTER_MAX)
    try:
        until = parsedate_to_datetime(text)
    except (ValueError, OverflowError):
        return timedelta(0)
    if until.tzinfo is None:
        until = until.replace(tzinfo=UTC)
    return min(max(until - now, timedelta(0)), RETRY_AFTER_MAX)
