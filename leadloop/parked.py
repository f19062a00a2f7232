"""The door to one service's parked events: see them, handle them again, or give them up."""

from datetime import datetime
from typing import Annotated

import structlog
from fastapi import Depends, Path
from pydantic import BaseModel, Field
from sqlalchemy import text

from leadloop.database import is_unreachable
from leadloop.errors import Conflict, FieldError, NotFound, Overloaded, Retry
from leadloop.inbox import Inbox, reason_of
from leadloop.web import Router, WorkDep, idempotent

log = structlog.get_logger()

LISTED_MAX = 200

_LIST = text("""
SELECT CAST(event_id AS text) AS event_id, topic, key, type, time, error, parked_at
FROM parked ORDER BY parked_at DESC, event_id LIMIT :limit
""")

_EXISTING = text("""
SELECT CAST(event_id AS text) FROM parked WHERE event_id = ANY(CAST(:ids AS uuid[]))
""")

# Its mark in the inbox stays, so that it is not handled when it comes again.
_DISCARD = text("""
DELETE FROM parked WHERE event_id = ANY(CAST(:ids AS uuid[]))
RETURNING CAST(event_id AS text) AS event_id, topic, type, error, parked_at
""")

Uuid = Annotated[str, Field(pattern="^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$")]
# A command that is repeated with its Idempotency-Key takes effect once.
_ONCE = [Depends(idempotent)]


class ParkedEvent(BaseModel):
    """An event that can't be handled as it is."""

    event_id: str
    topic: str
    key: str
    type: str
    time: datetime
    error: str
    parked_at: datetime


class Retried(BaseModel):
    """How many parked events were handled."""

    handled: int


class EventIds(BaseModel):
    """The parked events to handle again; all of them or none."""

    event_ids: list[Uuid] = Field(min_length=1, max_length=LISTED_MAX)


class Discard(EventIds):
    """The parked events to give up, all of them or none; both texts go to the log as given."""

    by: str = Field(min_length=1, max_length=200, description="Who gives them up.")
    reason: str = Field(min_length=1, max_length=1_000, description="Why they are given up.")


class Discarded(BaseModel):
    """How many parked events were given up."""

    discarded: int


def parked_router(service: str, inbox: Inbox) -> Router:
    """Return the routes under /v1/parked/{service}."""
    router = Router(prefix=f"/v1/parked/{service}", tags=["parked"])

    @router.get("", summary="List parked events, newest first")
    async def list_parked(work: WorkDep) -> list[ParkedEvent]:
        rows = await work.connection.execute(_LIST, {"limit": LISTED_MAX})
        return [ParkedEvent.model_validate(dict(row)) for row in rows]

    @router.post("/retry", summary="Handle parked events again", dependencies=_ONCE)
    async def retry(wanted: EventIds, work: WorkDep) -> Retried:
        await _require_known(work, wanted.event_ids)
        return await _retry(inbox, wanted.event_ids)

    @router.post("/discard", summary="Give parked events up", dependencies=_ONCE)
    async def discard(wanted: Discard, work: WorkDep) -> Discarded:
        return await _discard(work, wanted)

    @router.post(
        "/{event_id}/retry", summary="Handle one parked event again", dependencies=_ONCE
    )
    async def retry_one(event_id: Annotated[Uuid, Path()], work: WorkDep) -> Retried:
        await _require_known(work, [event_id])
        return await _retry(inbox, [event_id])

    return router


async def _require_known(work: WorkDep, event_ids: list[str]) -> None:
    """Refuse ids that are not parked."""
    found = set(await work.connection.scalars(_EXISTING, {"ids": event_ids}))
    _require_all(event_ids, found)


def _require_all(event_ids: list[str], found: set[str]) -> None:
    missing = [event_id for event_id in event_ids if event_id.lower() not in found]
    if missing:
        raise NotFound(f"{len(missing)} of {len(event_ids)} are not parked: {missing[0]}")


async def _retry(inbox: Inbox, event_ids: list[str]) -> Retried:
    """Handle again; what still keeps an event back becomes the answer."""
    try:
        return Retried(handled=await inbox.retry(event_ids))
    except Retry as error:
        raise Overloaded("What it needs is away now.", retry_after_seconds=1) from error
    except Exception as error:
        if is_unreachable(error):
            raise
        reason = reason_of(error)
        log.warning("retry.refused", events=len(event_ids), reason=reason, exc_info=error)
        which = "The event" if len(event_ids) == 1 else f"At least one of {len(event_ids)}"
        raise Conflict(
            f"{which} still can't be handled; nothing was handled, all of it stays parked.",
            FieldError("/event_ids", "events that the service can handle", reason),
        ) from error


async def _discard(work: WorkDep, wanted: Discard) -> Discarded:
    """Forget the events; the log keeps who gave them up, and why."""
    rows = await work.connection.execute(_DISCARD, {"ids": wanted.event_ids})
    discarded = [dict(row) for row in rows]
    _require_all(wanted.event_ids, {row["event_id"] for row in discarded})
    for row in discarded:
        line = row | {"parked_at": row["parked_at"].isoformat()}
        log.warning("event.discarded", **line, by=wanted.by, reason=wanted.reason)
    return Discarded(discarded=len(discarded))
