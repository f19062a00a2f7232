"""The API of webhook endpoints and of the deliveries to them, mounted by the services."""

from collections.abc import Callable, Sequence
from dataclasses import asdict
from datetime import datetime, timedelta
from enum import Enum
from typing import Annotated, Any, Literal
from uuid import UUID

import orjson
from fastapi import Depends
from pydantic import AwareDatetime, BaseModel, Field

from leadloop import delivery_store, endpoint_store, signing
from leadloop.attempts import body_of
from leadloop.database import Work
from leadloop.delivery import DELIVERIES
from leadloop.endpoint_store import DeliveryRow, EndpointRow, NewEndpoint
from leadloop.errors import Conflict, FieldError, NotFound, Rejected
from leadloop.events import EVENT_TYPES, decode
from leadloop.paging import Cursor, Limit, Page, decode_cursor, encode_cursor, not_a_cursor
from leadloop.posting import refusal
from leadloop.web import Router, WorkDep, idempotent

OVERLAP_HOURS = 24
_DISABLED_BY_HAND = "disabled by request"


class EndpointIn(BaseModel):
    """A receiver that wants events."""

    url: str = Field(max_length=2_000, description="Where to post; https and public.")
    description: str = Field("", max_length=500)
    event_types: list[str] = Field(
        default=[],
        max_length=100,
        description="Full or last names, such as HandoffRouted; none means all.",
    )
    secret: str | None = Field(
        None,
        max_length=200,
        description="whsec_ and base64 of 24 to 64 bytes; made if missing.",
    )


class RotateIn(BaseModel):
    """How long the present secret goes on signing beside the new one."""

    overlap_hours: int = Field(OVERLAP_HOURS, ge=0, le=168, description="0 revokes it at once.")


class EndpointOut(BaseModel):
    """An endpoint; its secrets are never shown again."""

    id: str
    url: str
    description: str
    event_types: list[str]
    state: Literal["active", "disabled"]
    reason: str | None = Field(description="Why it is disabled.")
    previous_expires_at: datetime | None = Field(description="Until then two keys sign.")
    created_at: datetime


class EndpointWithSecret(EndpointOut):
    """An endpoint with its new secret, shown this once."""

    secret: str


class DeliveryOut(BaseModel):
    """One event on its way to one endpoint."""

    id: str
    endpoint_id: str
    event_id: str = Field(description="Sent as webhook-id, the same in every attempt.")
    event_type: str
    lead_id: str
    state: Literal["pending", "delivered", "failed"]
    attempt: int = Field(description="Attempts made so far.")
    due_at: datetime | None = Field(description="When it is looked at next; null when settled.")
    last_status: int | None
    last_error: str | None
    created_at: datetime
    delivered_at: datetime | None


class DeliveryWithBody(DeliveryOut):
    """A delivery with what is posted."""

    body: dict[str, Any]


class ReplayIn(BaseModel):
    """Which failed deliveries to try again."""

    since: AwareDatetime
    until: AwareDatetime | None = Field(None, description="Up to now when missing.")
    endpoint_id: UUID | None = Field(None, description="All endpoints when missing.")


class Replayed(BaseModel):
    """How many deliveries are pending again."""

    replayed: int


_ENDPOINTS: list[str | Enum] = ["endpoints"]
_DELIVERIES: list[str | Enum] = ["deliveries"]
# A command that is repeated with its Idempotency-Key takes effect once.
_ONCE = [Depends(idempotent)]


def endpoints_router(
    prefix: str,
    *,
    allow_private: bool = False,
    make_secret: Callable[[], str] = signing.new_secret,
) -> Router:
    """Return the routes `{prefix}/endpoints` and `{prefix}/deliveries`.

    Args:
        prefix: Where the service mounts them, such as /v1.
        allow_private: Take http and private addresses, for development and demos.
        make_secret: Makes the text of a new secret.
    """
    router = Router(prefix=prefix)
    endpoint, delivery = "/endpoints/{endpoint_id}", "/deliveries/{delivery_id}"
    router.get("/endpoints", tags=_ENDPOINTS)(list_endpoints)
    _add_secret_makers(router, allow_private, make_secret)
    router.get(endpoint, tags=_ENDPOINTS)(get_endpoint)
    router.delete(endpoint, tags=_ENDPOINTS, status_code=204)(delete_endpoint)
    router.post(endpoint + "/enable", tags=_ENDPOINTS, dependencies=_ONCE)(enable_endpoint)
    router.post(endpoint + "/disable", tags=_ENDPOINTS, dependencies=_ONCE)(disable_endpoint)
    router.get("/deliveries", tags=_DELIVERIES)(list_deliveries)
    router.get(delivery, tags=_DELIVERIES)(get_delivery)
    for path, command in (
        ("/deliveries/replay", replay_failed_deliveries),
        (delivery + "/replay", replay_delivery),
    ):
        router.post(path, tags=_DELIVERIES, dependencies=_ONCE, status_code=202)(command)
    return router


def _add_secret_makers(
    router: Router, allow_private: bool, make_secret: Callable[[], str]
) -> None:
    """Add the two commands that show a secret, once."""

    @router.post("/endpoints", status_code=201, tags=_ENDPOINTS, dependencies=_ONCE)
    async def create_endpoint(wanted: EndpointIn, work: WorkDep) -> EndpointWithSecret:
        """Subscribe a receiver; the answer shows its secret, this once."""
        types = _known_types(wanted.event_types)
        _check_url(wanted.url, allow_private)
        secret = _check_secret(wanted.secret) or make_secret()
        new = NewEndpoint(work.ids.new(work.now), wanted.url, wanted.description, types, secret)
        row = await endpoint_store.create(work.connection, new, work.now)
        return EndpointWithSecret(**asdict(row), secret=secret)

    @router.post("/endpoints/{endpoint_id}/rotate", tags=_ENDPOINTS, dependencies=_ONCE)
    async def rotate_secret(
        endpoint_id: UUID, work: WorkDep, wanted: RotateIn | None = None
    ) -> EndpointWithSecret:
        """Give the endpoint a new secret; the old one goes on signing for the overlap."""
        secret = make_secret()
        overlap = timedelta(hours=(wanted or RotateIn()).overlap_hours)
        row = await endpoint_store.rotate(
            work.connection, str(endpoint_id), secret, overlap, work.now
        )
        return EndpointWithSecret(**asdict(_found(row, endpoint_id)), secret=secret)


async def list_endpoints(
    work: WorkDep, limit: Limit = 50, cursor: Cursor = None
) -> Page[EndpointOut]:
    """List the endpoints, oldest first, without their secrets."""
    after = None if cursor is None else _cursor_id(cursor)
    rows = await endpoint_store.page(work.connection, after, limit + 1)
    items = [EndpointOut(**asdict(row)) for row in rows[:limit]]
    return Page(items=items, next=_next(rows, limit))


async def get_endpoint(endpoint_id: UUID, work: WorkDep) -> EndpointOut:
    """Show an endpoint, without its secrets."""
    return await _endpoint(work, endpoint_id)


async def enable_endpoint(endpoint_id: UUID, work: WorkDep) -> EndpointOut:
    """Send events to the endpoint again; what failed meanwhile can be replayed."""
    await endpoint_store.enable(work.connection, str(endpoint_id))
    return await _endpoint(work, endpoint_id)


async def disable_endpoint(endpoint_id: UUID, work: WorkDep) -> EndpointOut:
    """Send nothing more to the endpoint; what is pending or comes meanwhile fails."""
    await delivery_store.disable(work.connection, [str(endpoint_id)], _DISABLED_BY_HAND)
    return await _endpoint(work, endpoint_id)


async def delete_endpoint(endpoint_id: UUID, work: WorkDep) -> None:
    """Remove the endpoint; the history of its deliveries stays."""
    await _endpoint(work, endpoint_id)
    await delivery_store.disable(work.connection, [str(endpoint_id)], "deleted by request")
    await endpoint_store.delete(work.connection, str(endpoint_id))


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
    wanted = {**narrowed, "before": None if cursor is None else _cursor_id(cursor)}
    rows = await endpoint_store.deliveries(work.connection, wanted, limit + 1)
    items = [DeliveryOut(**asdict(row)) for row in rows[:limit]]
    return Page(items=items, next=_next(rows, limit))


async def get_delivery(delivery_id: UUID, work: WorkDep) -> DeliveryWithBody:
    """Show a delivery with the body that is posted."""
    found = await endpoint_store.delivery(work.connection, str(delivery_id))
    if found is None:
        raise NotFound(f"There is no delivery {delivery_id}.")
    row, event = found
    body = body_of(row.event_type, decode(row.event_type, event), row.created_at)
    return DeliveryWithBody(**asdict(row), body=orjson.loads(body))


async def replay_failed_deliveries(wanted: ReplayIn, work: WorkDep) -> Replayed:
    """Try failed deliveries again, the oldest 10,000 of them, under the same webhook-id."""
    since = delivery_store.FailedSince(
        wanted.since,
        wanted.until or work.now,
        None if wanted.endpoint_id is None else str(wanted.endpoint_id),
    )
    replayed = await delivery_store.replay_failed(work.connection, since, work.now)
    work.wakes.add(DELIVERIES)
    return Replayed(replayed=replayed)


async def replay_delivery(delivery_id: UUID, work: WorkDep) -> Replayed:
    """Deliver once more, under the same webhook-id."""
    found = await endpoint_store.delivery(work.connection, str(delivery_id))
    if found is None:
        raise NotFound(f"There is no delivery {delivery_id}.")
    replayed = await delivery_store.replay(work.connection, [str(delivery_id)], work.now)
    if not replayed:
        raise Conflict("The delivery is pending already, or its endpoint is not active.")
    work.wakes.add(DELIVERIES)
    return Replayed(replayed=replayed)


def _known_types(names: Sequence[str]) -> list[str]:
    """Return full names of event types; the last part of a name is enough."""
    full = {name.rpartition(".")[2]: name for name in EVENT_TYPES}
    for position, name in enumerate(names):
        if name not in EVENT_TYPES and name not in full:
            error = FieldError(
                f"/event_types/{position}", "the name of an event", "another name"
            )
            raise Rejected("An event type is not known.", error)
    return sorted({full.get(name, name) for name in names})


def _check_url(url: str, allow_private: bool) -> None:
    refused = refusal(url, allow_private=allow_private)
    if refused is not None:
        error = FieldError("/url", "an https URL of a public host", f"a URL of which {refused}")
        raise Rejected("Webhooks can't go to this URL.", error)


def _check_secret(secret: str | None) -> str | None:
    if secret is None:
        return None
    try:
        signing.decode_secret(secret)
    except ValueError as error:
        expected = "whsec_ and base64 of 24 to 64 bytes"
        raise Rejected(
            "The secret can't be used.", FieldError("/secret", expected, "another text")
        ) from error
    return secret


async def _endpoint(work: Work, endpoint_id: UUID) -> EndpointOut:
    row = await endpoint_store.find(work.connection, str(endpoint_id))
    return EndpointOut(**asdict(_found(row, endpoint_id)))


def _found(row: EndpointRow | None, endpoint_id: UUID) -> EndpointRow:
    if row is None:
        raise NotFound(f"There is no endpoint {endpoint_id}.")
    return row


def _cursor_id(cursor: str) -> str:
    """Return the id in a cursor."""
    (found,) = decode_cursor(cursor, 1)
    try:
        return str(UUID(found))
    except ValueError as error:
        raise not_a_cursor() from error


def _next(rows: Sequence[EndpointRow | DeliveryRow], limit: int) -> str | None:
    """Return the cursor behind a page, when one more row was found than it shows."""
    return encode_cursor(rows[limit - 1].id) if len(rows) > limit else None
