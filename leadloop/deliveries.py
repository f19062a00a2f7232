"""The API of deliveries: how each stands, what is posted, and to try again now."""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from enum import Enum
from typing import Annotated, Any, Literal
from uuid import UUID

import orjson
from fastapi import Depends
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from leadloop import delivery_store, endpoint_store
from leadloop.attempt_store import ATTEMPTS_KEPT
from leadloop.attempts import body_of
from leadloop.database import Work
from leadloop.delivery import DELIVERIES
from leadloop.delivery_store import LEASED_WITHIN
from leadloop.endpoint_store import AttemptRow, DeliveryRow
from leadloop.errors import Conflict, NotFound
from leadloop.events import decode
from leadloop.paging import Cursor, Limit, Page, encode_cursor, id_in, next_of
from leadloop.web import Router, WorkDep, idempotent

_ENABLE_FIRST = "The endpoint is disabled; enable it first."
_DELIVERIES: list[str | Enum] = ["deliveries"]


class DeliveryOut(BaseModel):
    """One event on its way to one endpoint."""

    id: str
    endpoint_id: str
    event_id: str = Field(description="Sent as webhook-id, the same in every attempt.")
    event_type: str
    lead_id: str
    state: Literal["pending", "delivered", "failed"]
    attempt: int = Field(description="Attempts made so far; a replay counts from 0 again.")
    due_at: datetime | None = Field(
        description="When it is looked at next, not before the endpoint's held_until; "
        "null when settled."
    )
    last_status: int | None
    last_error: str | None
    created_at: datetime
    delivered_at: datetime | None


class AttemptOut(BaseModel):
    """One attempt to deliver."""

    attempt: int = Field(description="Its number, from 1; a replay counts from 1 again.")
    at: datetime = Field(description="When the answer came, or was given up on.")
    status: int | None = Field(description="HTTP status; null when no answer came.")
    error: str | None = Field(description="Why it was not taken; null when it was.")
    duration_ms: int | None = Field(
        description="From connecting to the answer; null for a first attempt that was taken."
    )


class WholeDelivery(DeliveryOut):
    """A delivery with what is posted, and its attempts."""

    body: dict[str, Any]
    attempts: list[AttemptOut] = Field(
        description="The last ten, oldest first. One that ended with our process, or whose "
        "answer came too late to count, is missing."
    )


class ReplayIn(BaseModel):
    """Which of the deliveries that were not taken to try again now."""

    model_config = ConfigDict(extra="forbid")

    since: AwareDatetime
    until: AwareDatetime | None = Field(None, description="Up to now when missing.")
    endpoint_id: UUID | None = Field(None, description="All endpoints when missing.")


class Replayed(BaseModel):
    """How many deliveries are due now."""

    replayed: int


def add_to(router: Router) -> None:
    """Add the routes `/deliveries` to those of endpoints."""
    one = "/deliveries/{delivery_id}"
    router.get("/deliveries", tags=_DELIVERIES)(list_deliveries)
    router.get(one, tags=_DELIVERIES)(get_delivery)
    for path, command in (
        ("/deliveries/replay", replay_deliveries),
        (one + "/replay", replay_delivery),
    ):
        once = [Depends(idempotent)]
        router.post(path, tags=_DELIVERIES, dependencies=once, status_code=202)(command)


def _narrowed(
    state: Literal["pending", "delivered", "failed"] | None = None,
    endpoint_id: UUID | None = None,
    lead_id: str | None = None,
) -> dict[str, str | None]:
    """Collect what a list of deliveries is narrowed by."""
    endpoint = None if endpoint_id is None else str(endpoint_id)
    return {"state": state, "endpoint_id": endpoint, "lead_id": lead_id}


async def list_deliveries(
    work: WorkDep,
    narrowed: Annotated[dict[str, str | None], Depends(_narrowed)],
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Page[DeliveryOut]:
    """List deliveries, newest first."""
    wanted = {**narrowed, "before": id_in(cursor)}
    rows = await endpoint_store.deliveries(work.connection, wanted, limit + 1)
    items = [DeliveryOut(**asdict(row)) for row in rows[:limit]]
    return Page(items=items, next=next_of(rows, limit, lambda row: encode_cursor(row.id)))


async def get_delivery(delivery_id: UUID, work: WorkDep) -> WholeDelivery:
    """Show a delivery with the body that is posted and its attempts."""
    found = await endpoint_store.delivery(work.connection, str(delivery_id))
    if found is None:
        raise NotFound(f"There is no delivery {delivery_id}.")
    row = found.row
    body = body_of(row.event_type, decode(row.event_type, found.event), row.created_at)
    return WholeDelivery(
        **asdict(row), body=orjson.loads(body), attempts=_attempts(row, found.attempts)
    )


def _attempts(row: DeliveryRow, kept: Sequence[AttemptRow]) -> list[AttemptOut]:
    """Return the history, with an attempt that was taken at once: only its row tells of it."""
    told = [AttemptOut(**asdict(one)) for one in kept]
    is_told = bool(kept) and kept[-1].at == row.delivered_at and kept[-1].error is None
    if row.delivered_at and not is_told:
        last = AttemptOut(
            attempt=row.attempt,
            at=row.delivered_at,
            status=row.last_status,
            error=None,
            duration_ms=None,
        )
        told = [*told, last][-ATTEMPTS_KEPT:]
    return told


async def replay_deliveries(wanted: ReplayIn, work: WorkDep) -> Replayed:
    """Try failed deliveries again now, and those that wait for a retry.

    At most 10,000 go, the oldest first, to active endpoints and under the same webhook-id.
    """
    endpoint_id = None
    if wanted.endpoint_id is not None:
        endpoint_id = await _active(work, str(wanted.endpoint_id))
    since = delivery_store.Since(wanted.since, wanted.until or work.now, endpoint_id)
    replayed = await delivery_store.replay_since(work.connection, since, work.now)
    work.wakes.add(DELIVERIES)
    return Replayed(replayed=replayed)


async def replay_delivery(delivery_id: UUID, work: WorkDep) -> Replayed:
    """Deliver once more, or now instead of later, under the same webhook-id."""
    found = await endpoint_store.delivery(work.connection, str(delivery_id))
    if found is None:
        raise NotFound(f"There is no delivery {delivery_id}.")
    replayed = await delivery_store.replay(work.connection, [str(delivery_id)], work.now)
    if not replayed:
        raise Conflict(await _why_not(work, found.row.endpoint_id))
    work.wakes.add(DELIVERIES)
    return Replayed(replayed=replayed)


async def _active(work: Work, endpoint_id: str) -> str:
    """Return the id of an endpoint that is there and active."""
    endpoint = await endpoint_store.find(work.connection, endpoint_id)
    if endpoint is None:
        raise NotFound(f"There is no endpoint {endpoint_id}.")
    if endpoint.state != "active":
        raise Conflict(_ENABLE_FIRST)
    return endpoint.id


async def _why_not(work: Work, endpoint_id: str) -> str:
    """Say what keeps a delivery to this endpoint from being replayed."""
    endpoint = await endpoint_store.find(work.connection, endpoint_id)
    if endpoint is None:
        return "The endpoint was deleted."
    if endpoint.state != "active":
        return _ENABLE_FIRST
    if endpoint.held_until is not None and endpoint.held_until > work.now:
        until = endpoint.held_until.isoformat(timespec="seconds")
        return (
            f"The receiver asked to be left alone until {until}; "
            "enabling the endpoint ends that."
        )
    seconds = round(LEASED_WITHIN.total_seconds())
    return f"The delivery is under way or due within {seconds} s: it comes up by itself."
