"""What people and programs ask of captures: see them, read them again, dismiss them."""

import base64
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime
from typing import Literal
from uuid import UUID

from fastapi import Depends
from pydantic import BaseModel, ConfigDict, Field

from leadloop.database import Work
from leadloop.errors import Conflict, NotFound, Problem
from leadloop.paging import Cursor, Limit, Page, encode_cursor, id_in, next_of
from leadloop.web import Router, WorkDep, idempotent
from services.intake import again, aside, views
from services.intake.sources import Source

RETRIED_MAX = 100
_ONCE = [Depends(idempotent)]

State = Literal["recorded", "unmatched", "parked", "ignored"]


class TouchOut(BaseModel):
    """Where the person came from, and when."""

    source: str
    medium: str
    campaign: str
    content: str
    term: str
    referrer: str


class ErrorOut(BaseModel):
    """Why a capture is parked, or what was left out of one that is recorded."""

    pointer: str
    expected: str
    found: str


class CaptureOut(BaseModel):
    """One message of a sender and what became of it."""

    id: UUID
    source: str
    state: State
    received_at: datetime
    occurred_at: datetime | None
    position: int
    external_id: str
    lead_id: UUID | None
    activity_kind: str | None
    touch: TouchOut | None
    error: ErrorOut | None
    headers: dict[str, str] = Field(
        description="Those that reading needs, such as webhook-id, the sender's own id of it."
    )


class CaptureWithBody(CaptureOut):
    """A capture with the payload it came in."""

    body: str | None = Field(description="The payload as text, null when it is not UTF-8.")
    body_base64: str = Field(description="The payload's very bytes.")


class RetryIn(BaseModel):
    """Which captures to read again, the oldest first."""

    model_config = ConfigDict(extra="forbid")

    source: str | None = Field(None, description="Of this source only.")
    state: aside.OpenState = "parked"
    limit: int = Field(RETRIED_MAX, ge=1, le=RETRIED_MAX)
    cursor: str | None = Field(None, description="`next` of the answer before.")


class RetriedOut(BaseModel):
    """What became of captures that were read again."""

    retried: int
    states: dict[State, int] = Field(description="How many are in which state now.")
    next: str | None = Field(description="Leads to those after them; null at the end.")


def captures_of(sources: Mapping[str, Source]) -> Router:
    """Return the routes under /captures; they are read again as these sources are now."""
    router = Router(prefix="/captures", tags=["captures"])
    router.get("")(list_captures)
    router.get("/{capture_id}")(get_capture)
    router.post("/{capture_id}/dismiss", dependencies=_ONCE)(dismiss_capture)

    @router.post("/retry", dependencies=_ONCE)
    async def retry_captures(wanted: RetryIn, work: WorkDep) -> RetriedOut:
        """Read waiting captures again, by their sources' mappings of today."""
        return await _retry_some(work, wanted, sources)

    @router.post("/{capture_id}/retry", dependencies=_ONCE)
    async def retry_capture(capture_id: UUID, work: WorkDep) -> CaptureOut:
        """Read a parked or unmatched capture again, by its source's mapping of today."""
        kept = await aside.lock_open(work.connection, str(capture_id))
        if kept is None:
            raise await _not_so(work, str(capture_id), "neither parked nor unmatched")
        await again.retry(work, sources, [kept])
        return await _capture(work, str(capture_id))

    return router


async def list_captures(
    work: WorkDep,
    state: State | None = None,
    source: str | None = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Page[CaptureOut]:
    """List captures, newest first."""
    rows = await views.captures(
        work.connection, state=state, source=source, before=id_in(cursor), limit=limit + 1
    )
    return Page(
        items=[CaptureOut.model_validate(asdict(row)) for row in rows[:limit]],
        next=next_of(rows, limit, lambda row: encode_cursor(row.id)),
    )


async def get_capture(capture_id: UUID, work: WorkDep) -> CaptureWithBody:
    """Show a capture with the bytes of its payload."""
    capture = await views.capture(work.connection, str(capture_id))
    if capture is None:
        raise NotFound(f"There is no capture {capture_id}.")
    raw = await views.body_of(work.connection, str(capture_id))
    body = {"body": _as_text(raw), "body_base64": base64.b64encode(raw).decode()}
    return CaptureWithBody.model_validate({**asdict(capture), **body})


async def dismiss_capture(capture_id: UUID, work: WorkDep) -> CaptureOut:
    """Ignore a parked capture from now on; it stays, with its error."""
    if not await aside.dismiss(work.connection, str(capture_id)):
        raise await _not_so(work, str(capture_id), "not parked")
    return await _capture(work, str(capture_id))


async def _retry_some(work: Work, wanted: RetryIn, sources: Mapping[str, Source]) -> RetriedOut:
    captures = await aside.lock_some(
        work.connection,
        wanted.state,
        source=wanted.source,
        after=id_in(wanted.cursor),
        limit=wanted.limit,
    )
    outcomes = await again.retry(work, sources, captures)
    found = (outcomes.get(kept.capture_id) for kept in captures)
    states = Counter(outcome.state if outcome else wanted.state for outcome in found)
    has_more = len(captures) == wanted.limit
    return RetriedOut(
        retried=len(captures),
        states=dict(states),
        next=encode_cursor(captures[-1].capture_id) if has_more else None,
    )


async def _not_so(work: Work, capture_id: str, state: str) -> Problem:
    """Return the refusal of a capture that is not there, or is in another state."""
    if await views.capture(work.connection, capture_id) is None:
        return NotFound(f"There is no capture {capture_id}.")
    return Conflict(f"Capture {capture_id} is {state}.")


async def _capture(work: Work, capture_id: str) -> CaptureOut:
    found = await views.capture(work.connection, capture_id)
    if found is None:
        raise RuntimeError(f"expected capture {capture_id} to be kept, found none")
    return CaptureOut.model_validate(asdict(found))


def _as_text(raw: bytes) -> str | None:
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return None
