"""What people and programs ask of intake: leads and sources; and leads by hand."""

from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from fastapi import Depends, Query, Request
from pydantic import BaseModel, ConfigDict, Field

from leadloop import tracing
from leadloop.errors import FieldError, NotFound, Rejected
from leadloop.paging import Cursor, Limit, Page, encode_cursor, id_in, next_of
from leadloop.web import Router, WorkDep, idempotent
from services.intake import again, views
from services.intake.captures import CaptureOut, captures_of
from services.intake.handlers import Arrival
from services.intake.message import Activity, Consent, Lead, Message, Touch, Unusable
from services.intake.normalise import normal_email, normalise
from services.intake.sources import API, Source
from services.intake.store import Kept

_TEXT_MAX = 1_000
_ATTRIBUTES_MAX = 100
_ONCE = [Depends(idempotent)]

Text = Annotated[str, Field(max_length=_TEXT_MAX, pattern=r"^[^\x00]*$")]
Attributes = Annotated[dict[Text, Text], Field(max_length=_ATTRIBUTES_MAX)]


class TouchIn(BaseModel):
    """Where the person came from."""

    model_config = ConfigDict(extra="forbid")

    source: Text = ""
    medium: Text = ""
    campaign: Text = ""
    content: Text = ""
    term: Text = ""
    referrer: Text = ""


class ActivityIn(BaseModel):
    """What the person did."""

    model_config = ConfigDict(extra="forbid")

    kind: str = Field(pattern=r"^[a-z0-9][a-z0-9_]{0,99}$", examples=["demo_request"])
    attributes: Attributes = {}


class LeadIn(BaseModel):
    """A message about a person, in our own form."""

    model_config = ConfigDict(extra="forbid")

    email: Text = Field(examples=["ada@example.com"])
    first_name: Text = ""
    last_name: Text = ""
    phone: Text = ""
    company: Text = ""
    job_title: Text = ""
    country: Text = Field("", description="Code or English name.")
    consent: Literal["unspecified", "granted", "denied"] = "unspecified"
    attributes: Attributes = {}
    touch: TouchIn | None = None
    activity: ActivityIn | None = None
    occurred_at: Annotated[datetime | None, Field(description="Now when absent.")] = None


class LeadOut(BaseModel):
    """One person."""

    id: UUID
    email: str
    first_name: str
    last_name: str
    phone: str
    company: str
    job_title: str
    country: str
    consent: Literal["unspecified", "granted", "denied"]
    attributes: dict[str, str]
    created_at: datetime
    updated_at: datetime


class LeadWithCaptures(LeadOut):
    """One person with the newest captures, each with its touch."""

    captures: list[CaptureOut]


class SourceOut(BaseModel):
    """A configured sender; never its secret."""

    name: str
    type: str
    is_signed: bool
    answer_status: int
    body_bytes_max: int


class Taken(BaseModel):
    """What became of a message given by hand."""

    lead_id: UUID
    capture_id: UUID


def router_of(sources: Mapping[str, Source]) -> Router:
    """Return intake's routes over these sources."""
    router = Router(prefix="/v1")
    router.get("/leads", tags=["leads"])(list_leads)
    router.post("/leads", tags=["leads"], status_code=201, dependencies=_ONCE)(take_lead)
    router.get("/leads/{lead_id}", tags=["leads"])(get_lead)
    router.include_router(captures_of(sources))

    @router.get("/sources", tags=["sources"])
    async def list_sources() -> list[SourceOut]:
        """List the configured senders."""
        return [_source_out(source) for source in sources.values()]

    return router


async def list_leads(
    work: WorkDep,
    email: Annotated[str | None, Query(description="Exactly this address.")] = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Page[LeadOut]:
    """List leads, newest first."""
    wanted = None if email is None else normal_email(email) or ""
    rows = await views.leads(
        work.connection, email=wanted, before=id_in(cursor), limit=limit + 1
    )
    return Page(
        items=[LeadOut.model_validate(asdict(row)) for row in rows[:limit]],
        next=next_of(rows, limit, lambda row: encode_cursor(row.id)),
    )


async def get_lead(lead_id: UUID, work: WorkDep) -> LeadWithCaptures:
    """Show a lead with its newest captures and their touches."""
    lead = await views.lead(work.connection, str(lead_id))
    if lead is None:
        raise NotFound(f"There is no lead {lead_id}.")
    captures = await views.captures_of(work.connection, str(lead_id))
    shown = {**asdict(lead), "captures": [asdict(capture) for capture in captures]}
    return LeadWithCaptures.model_validate(shown)


async def take_lead(said: LeadIn, work: WorkDep, request: Request) -> Taken:
    """Take a message about a person in, as a webhook of the source "api"."""
    capture_id = work.ids.new(work.now)
    item = normalise(_message(said, capture_id, work.now))
    if isinstance(item, Unusable):
        raise Rejected("The lead can't be used as it is.", item.error)
    raw = await request.body()
    kept = Kept(capture_id, work.ids.new(work.now), API, work.now, 0, None, raw, {})
    outcomes = await again.take(work, [Arrival(kept, item, tracing.current.get())], {})
    outcome = outcomes[capture_id]
    if outcome.lead_id is None:
        raise RuntimeError(f"expected capture {capture_id} to have a lead, found none")
    return Taken(lead_id=UUID(outcome.lead_id), capture_id=UUID(capture_id))


def _message(said: LeadIn, key: str, now: datetime) -> Message:
    occurred_at = said.occurred_at or now
    if occurred_at.tzinfo is None:
        error = FieldError("/occurred_at", "a time with an offset", "one without")
        raise Rejected("The time can't be used.", error)
    return Message(
        dedupe_key=key,
        occurred_at=occurred_at,
        lead=Lead(
            email=said.email,
            first_name=said.first_name,
            last_name=said.last_name,
            phone=said.phone,
            company=said.company,
            job_title=said.job_title,
            country=said.country,
            consent=Consent[said.consent.upper()],
            attributes=said.attributes,
        ),
        touch=Touch(**said.touch.model_dump()) if said.touch else None,
        activity=Activity(**said.activity.model_dump()) if said.activity else None,
    )


def _source_out(source: Source) -> SourceOut:
    return SourceOut(
        name=source.name,
        type=source.type,
        is_signed=source.is_signed,
        answer_status=source.answer_status,
        body_bytes_max=source.body_bytes_max,
    )
