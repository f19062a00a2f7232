"""The API of webhook endpoints, with the deliveries to them, mounted by the services."""

from collections.abc import Callable
from dataclasses import asdict
from datetime import datetime, timedelta
from enum import Enum
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import Depends, Request
from pydantic import BaseModel, ConfigDict, Field

from leadloop import deliveries, delivery_store, endpoint_store, signing
from leadloop.database import Work
from leadloop.delivery import DELIVERIES
from leadloop.endpoint_rules import EndpointRules, check_secret
from leadloop.endpoint_store import EndpointRow, NewEndpoint
from leadloop.endpoint_tester import EndpointTester
from leadloop.errors import NotFound
from leadloop.paging import Cursor, Limit, Page, encode_cursor, id_in, next_of
from leadloop.posting import Post
from leadloop.web import Router, WorkDep, idempotent

OVERLAP_HOURS = 24
_DISABLED_BY_HAND = "disabled by request"


Url = Annotated[
    str,
    Field(
        max_length=2_000,
        description="Where to post: https and a public host; http and private ones too only "
        "where the setting LEADLOOP_ALLOW_PRIVATE_ENDPOINTS is on, as under `leadloop up`.",
    ),
]
Description = Annotated[str, Field(max_length=500)]
EventTypes = Annotated[
    list[str],
    Field(
        max_length=100,
        description="Full or last names of events that these endpoints are sent; none means "
        "all of those. The refusal of another name lists them.",
    ),
]


class EndpointIn(BaseModel):
    """A receiver that wants events."""

    model_config = ConfigDict(extra="forbid")

    url: Url
    description: Description = ""
    event_types: EventTypes = []
    secret: str | None = Field(
        None,
        max_length=200,
        description="whsec_ and base64 of 24 to 64 bytes; made if missing.",
    )


class EndpointChange(BaseModel):
    """What is to be different about an endpoint; what is left out stays as it is."""

    model_config = ConfigDict(extra="forbid")

    # Made by factories, so that no default is documented: there is none.
    url: Url = Field(default_factory=str)
    description: Description = Field(default_factory=str)
    event_types: EventTypes = Field(default_factory=list)


class RotateIn(BaseModel):
    """How long the present secret goes on signing beside the new one."""

    model_config = ConfigDict(extra="forbid")

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
    held_until: datetime | None = Field(
        description="Until then nothing is sent, as the receiver asked by Retry-After."
    )


class EndpointWithSecret(EndpointOut):
    """An endpoint with its new secret, shown this once."""

    secret: str


class EndpointTested(BaseModel):
    """What came of a test event."""

    event_id: str = Field(description="Sent as webhook-id; each test has another.")
    taken: bool = Field(description="Whether a delivery would have been: the status is 2xx.")
    status: int | None = Field(description="HTTP status; null when no answer came.")
    error: str | None = Field(description="Why it was not taken.")
    duration_ms: int = Field(description="From connecting to the answer.")
    headers: dict[str, str] = Field(description="As posted, the signature among them.")
    body: str = Field(description="As posted, byte by byte: what was signed.")


_ENDPOINTS: list[str | Enum] = ["endpoints"]
# A command that is repeated with its Idempotency-Key takes effect once.
_ONCE = [Depends(idempotent)]


def endpoints_router(
    prefix: str,
    *,
    topic: str,
    post: Post,
    allow_private: bool = False,
    make_secret: Callable[[], str] = signing.new_secret,
) -> Router:
    """Return the routes `{prefix}/endpoints` and `{prefix}/deliveries`.

    Args:
        prefix: Where the service mounts them, such as /v1.
        topic: Whose events the service delivers.
        post: Makes the posts of tests; the same as for deliveries.
        allow_private: Take http and private addresses, for development and demos.
        make_secret: Makes the text of a new secret.
    """
    router = Router(prefix=prefix)
    endpoint = "/endpoints/{endpoint_id}"
    rules = EndpointRules(topic, allow_private)
    router.get("/endpoints", tags=_ENDPOINTS)(list_endpoints)
    _add_create_and_change(router, rules, make_secret)
    _add_rotate(router, make_secret)
    _add_test(router, EndpointTester(post))
    router.get(endpoint, tags=_ENDPOINTS)(get_endpoint)
    router.delete(endpoint, tags=_ENDPOINTS, status_code=204)(delete_endpoint)
    router.post(endpoint + "/enable", tags=_ENDPOINTS, dependencies=_ONCE)(enable_endpoint)
    router.post(endpoint + "/disable", tags=_ENDPOINTS, dependencies=_ONCE)(disable_endpoint)
    deliveries.add_to(router)
    return router


def _add_create_and_change(
    router: Router, rules: EndpointRules, make_secret: Callable[[], str]
) -> None:
    """Add the two commands that say what an endpoint is."""

    @router.post("/endpoints", status_code=201, tags=_ENDPOINTS, dependencies=_ONCE)
    async def create_endpoint(wanted: EndpointIn, work: WorkDep) -> EndpointWithSecret:
        """Subscribe a receiver; the answer shows its secret, this once."""
        types, url = rules.types(wanted.event_types), rules.url(wanted.url)
        secret = make_secret() if wanted.secret is None else check_secret(wanted.secret)
        new = NewEndpoint(work.ids.new(work.now), url, wanted.description, types, secret)
        row = await endpoint_store.create(work.connection, new, work.now)
        return EndpointWithSecret(**_shown(row, work), secret=secret)

    @router.patch("/endpoints/{endpoint_id}", tags=_ENDPOINTS)
    async def change_endpoint(
        endpoint_id: UUID, wanted: EndpointChange, work: WorkDep
    ) -> EndpointOut:
        """Change where events go or which, within a second; secret and history stay."""
        given = wanted.model_fields_set
        row = await endpoint_store.change(
            work.connection,
            str(endpoint_id),
            url=rules.url(wanted.url) if "url" in given else None,
            description=wanted.description if "description" in given else None,
            event_types=rules.types(wanted.event_types) if "event_types" in given else None,
        )
        return EndpointOut(**_shown(_found(row, endpoint_id), work))


def _add_rotate(router: Router, make_secret: Callable[[], str]) -> None:
    """Add the command that makes another secret."""

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
        return EndpointWithSecret(**_shown(_found(row, endpoint_id), work), secret=secret)


def _add_test(router: Router, tester: EndpointTester) -> None:
    """Add the command that posts a test event; no transaction is open meanwhile."""

    @router.post("/endpoints/{endpoint_id}/test", tags=_ENDPOINTS)
    async def test_endpoint(endpoint_id: UUID, request: Request) -> EndpointTested:
        """Post a signed `leadloop.v1.EndpointTested` now and tell what came back.

        The endpoint may be disabled. Whatever it answers changes nothing: a test is no
        delivery, is not repeated and takes no Idempotency-Key. A few may be under way at once.
        """
        tested = await tester.test(request.app.state.database, str(endpoint_id))
        return EndpointTested(
            event_id=tested.event_id,
            taken=tested.answer.is_taken,
            status=tested.answer.status,
            error=tested.answer.problem,
            duration_ms=tested.duration_ms,
            headers=tested.headers,
            body=tested.body.decode(),
        )


async def list_endpoints(
    work: WorkDep, limit: Limit = 50, cursor: Cursor = None
) -> Page[EndpointOut]:
    """List the endpoints, oldest first, without their secrets."""
    after = id_in(cursor)
    rows = await endpoint_store.page(work.connection, after, limit + 1)
    items = [EndpointOut(**_shown(row, work)) for row in rows[:limit]]
    return Page(items=items, next=next_of(rows, limit, lambda row: encode_cursor(row.id)))


async def get_endpoint(endpoint_id: UUID, work: WorkDep) -> EndpointOut:
    """Show an endpoint, without its secrets."""
    return await _endpoint(work, endpoint_id)


async def enable_endpoint(endpoint_id: UUID, work: WorkDep) -> EndpointOut:
    """Send events to the endpoint again; what failed meanwhile can be replayed.

    Ends also a pause that the receiver asked for by Retry-After.
    """
    await endpoint_store.enable(work.connection, str(endpoint_id))
    work.wakes.add(DELIVERIES)
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


async def _endpoint(work: Work, endpoint_id: UUID) -> EndpointOut:
    row = await endpoint_store.find(work.connection, str(endpoint_id))
    return EndpointOut(**_shown(_found(row, endpoint_id), work))


# (Any: the fields of EndpointOut.)
def _shown(row: EndpointRow, work: Work) -> dict[str, Any]:
    """Return what is told of an endpoint; a pause that is over is none."""
    is_held = row.held_until is not None and row.held_until > work.now
    return {**asdict(row), "held_until": row.held_until if is_held else None}


def _found(row: EndpointRow | None, endpoint_id: UUID) -> EndpointRow:
    if row is None:
        raise NotFound(f"There is no endpoint {endpoint_id}.")
    return row
