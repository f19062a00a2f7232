"""The door to one service's parked events: see them, and have them handled again."""

from datetime import datetime
from typing import Annotated

from fastapi import Path
from pydantic import BaseModel, Field
from sqlalchemy import text

from leadloop.errors import FieldError, NotFound, Problem, Rejected
from leadloop.inbox import Inbox
from leadloop.web import Router, WorkDep

LISTED_MAX = 200

_LIST = text("""
SELECT CAST(event_id AS text) AS event_id, topic, key, type, time, error, parked_at
FROM parked ORDER BY parked_at DESC, event_id LIMIT :limit
""")

_EXISTING = text("""
SELECT CAST(event_id AS text) FROM parked WHERE event_id = ANY(CAST(:ids AS uuid[]))
""")

Uuid = Annotated[str, Field(pattern="^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$")]


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


def parked_router(service: str, inbox: Inbox) -> Router:
    """Return the routes under /v1/parked/{service}."""
    router = Router(prefix=f"/v1/parked/{service}", tags=["parked"])

    @router.get("", summary="List parked events, newest first")
    async def list_parked(work: WorkDep) -> list[ParkedEvent]:
        rows = await work.connection.execute(_LIST, {"limit": LISTED_MAX})
        return [ParkedEvent.model_validate(dict(row)) for row in rows]

    @router.post("/retry", summary="Handle parked events again")
    async def retry(wanted: EventIds, work: WorkDep) -> Retried:
        await _require_known(work, wanted.event_ids)
        return await _retry(inbox, wanted.event_ids)

    @router.post("/{event_id}/retry", summary="Handle one parked event again")
    async def retry_one(event_id: Annotated[Uuid, Path()], work: WorkDep) -> Retried:
        await _require_known(work, [event_id])
        return await _retry(inbox, [event_id])

    return router


async def _require_known(work: WorkDep, event_ids: list[str]) -> None:
    """Refuse ids that are not parked."""
    found = set(await work.connection.scalars(_EXISTING, {"ids": event_ids}))
    missing = [event_id for event_id in event_ids if event_id.lower() not in found]
    if missing:
        raise NotFound(f"{len(missing)} of {len(event_ids)} are not parked: {missing[0]}")


async def _retry(inbox: Inbox, event_ids: list[str]) -> Retried:
    """Handle again; what still keeps an event back becomes the answer."""
    try:
        return Retried(handled=await inbox.retry(event_ids))
    except Problem:
        raise
    except (ValueError, LookupError) as error:
        found = f"{type(error).__name__}"
        raise Rejected(
            "The events still can't be handled; they stay parked.",
            FieldError("event_ids", "events that the service can handle", found),
        ) from error
