"""The routes of shadows: let a proposed agreement score live traffic, and see what differs."""

import asyncio
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Annotated, Literal
from uuid import UUID

from fastapi import Query, Response
from pydantic import BaseModel, ConfigDict, Field

from leadloop.agreement.contract import to_contract
from leadloop.agreement.reader import read_agreement
from leadloop.database import Work
from leadloop.errors import Conflict, NotFound
from leadloop.events import encode
from leadloop.paging import (
    GREATEST_ID,
    LEAST_ID,
    Cursor,
    Limit,
    Page,
    encode_cursor,
    id_in,
    next_of,
)
from leadloop.v1 import agreement_pb2
from leadloop.web import Router, WorkDep
from services.scoring.batch import SHADOW
from services.scoring.contract import agreement_of
from services.scoring.shadow import store
from services.scoring.shadow.rules import Difference, decode_reasons
from services.scoring.shadow.store import SHADOWS_MAX, Compared, Shadow, Tally

DAYS = 14
DAYS_MAX = 90
# As feedback takes them.
_TEXT_LENGTH_MAX = 600_000

By = Literal["live", "shadow"]


class ShadowIn(BaseModel):
    """A text to score live traffic by, without effect."""

    model_config = ConfigDict(extra="forbid")

    text: str = Field(max_length=_TEXT_LENGTH_MAX, description="The agreement, YAML.")
    days: int = Field(DAYS, ge=1, le=DAYS_MAX, description="It ends by itself after so many.")


class ShadowOut(BaseModel):
    """A proposed agreement that scores live traffic without effect."""

    model_config = ConfigDict(from_attributes=True)

    shadow_id: UUID
    name: str
    text_sha256: str
    started_at: datetime
    ends_at: datetime
    ended_at: datetime | None = Field(description="Null while it runs.")


class TierOut(BaseModel):
    """How many leads meet one tier in force and one under the shadow; empty for none."""

    live_tier: str
    tier: str
    leads: int


class QualifiedOut(BaseModel):
    """Leads by who found them qualified at some time while the shadow ran."""

    by_both: int
    only_live: int
    only_shadow: int
    by_neither: int


class ShadowWithCounts(ShadowOut):
    """What became of a shadow so far."""

    leads: int = Field(description="That it has looked at: those that changed while it ran.")
    differed: int = Field(description="Of them, those whose tiers differed at some time.")
    qualified: QualifiedOut
    tiers: list[TierOut]


class SideOut(BaseModel):
    """A lead under one of the two agreements."""

    tier: str = Field(description="Empty when it meets none.")
    total: int
    fit: int
    engagement: int
    first_qualified_at: datetime | None = Field(description="While the shadow ran.")


class WhyOut(BaseModel):
    """Something that the two agreements see differently."""

    model_config = ConfigDict(from_attributes=True)

    what: Literal["rule", "gate", "tier"]
    name: str
    points: int | None = Field(description="Under the shadow; null where it gives none.")
    live_points: int | None = Field(description="In force; null where it gives none.")
    told: str


class DifferenceOut(BaseModel):
    """A lead whose two tiers differ, or did, as the newest look found it."""

    lead_id: UUID
    shadow: SideOut
    live: SideOut
    live_version: int
    first_differed_at: datetime | None
    judged_at: datetime
    why: list[WhyOut]


router = Router(prefix="/v1/shadows", tags=["shadows"])


@router.post("", status_code=201)
async def start_shadow(said: ShadowIn, work: WorkDep, response: Response) -> ShadowOut:
    """Score live traffic by a proposed text too, without effect.

    A text that runs already goes on as it is, and is answered with 200.
    """
    # Beside the event loop: it takes a while.
    read = await asyncio.to_thread(_read, said.text, work.now.date())
    shadow = Shadow(
        work.ids.new(work.now),
        read.name,
        read.text_sha256,
        encode(read),
        work.now,
        work.now + timedelta(days=said.days),
    )
    work.wakes.add(SHADOW)
    if await store.start(work.connection, shadow):
        return ShadowOut.model_validate(shadow)
    running = await store.find_running(work.connection, shadow.text_sha256)
    if running is None:
        raise Conflict(f"{SHADOWS_MAX} shadows run already: end one of them first.")
    response.status_code = 200
    return ShadowOut.model_validate(running)


@router.get("")
async def list_shadows(
    work: WorkDep, limit: Limit = 50, cursor: Cursor = None
) -> Page[ShadowOut]:
    """List shadows, the newest first; those that ended stay."""
    before = id_in(cursor) or GREATEST_ID
    shadows = await store.list_shadows(work.connection, before, limit + 1)
    return Page(
        items=[ShadowOut.model_validate(shadow) for shadow in shadows[:limit]],
        next=next_of(shadows, limit, lambda shadow: encode_cursor(shadow.shadow_id)),
    )


@router.get("/{shadow_id}")
async def get_shadow(shadow_id: UUID, work: WorkDep) -> ShadowWithCounts:
    """Count whom a shadow and the agreement in force find qualified, and in which tiers."""
    shadow = await _find(work, shadow_id)
    return _with_counts(shadow, await store.tally(work.connection, shadow.shadow_id))


@router.get("/{shadow_id}/differences")
async def list_differences(
    shadow_id: UUID,
    work: WorkDep,
    only: Annotated[
        By | None, Query(description="Only leads that one of the two found qualified.")
    ] = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Page[DifferenceOut]:
    """List the leads whose tiers differ, or did, with why; the oldest lead first."""
    shadow = await _find(work, shadow_id)
    found = await store.differing(
        work.connection,
        shadow.shadow_id,
        by_live=only and only == "live",
        after=id_in(cursor) or LEAST_ID,
        limit=limit + 1,
    )
    return Page(
        items=[_difference(one) for one in found[:limit]],
        next=next_of(found, limit, lambda one: encode_cursor(one.lead_id)),
    )


@router.delete("/{shadow_id}")
async def end_shadow(shadow_id: UUID, work: WorkDep) -> ShadowOut:
    """End a shadow; what it found stays for 90 days."""
    shadow = await _find(work, shadow_id)
    await store.end(work.connection, shadow.shadow_id, work.now)
    work.wakes.add(SHADOW)
    return ShadowOut.model_validate(await _find(work, shadow_id))


def _read(text: str, today: date) -> agreement_pb2.Agreement:
    """Return the agreement of a sound text, without a version; it can be scored by."""
    contract = to_contract(read_agreement(text, today), 0, ())
    agreement_of(encode(contract))
    return contract


async def _find(work: Work, shadow_id: UUID) -> Shadow:
    shadow = await store.find(work.connection, str(shadow_id))
    if shadow is None:
        raise NotFound(f"There is no shadow {shadow_id}.")
    return shadow


def _with_counts(shadow: Shadow, tallies: Sequence[Tally]) -> ShadowWithCounts:
    leads = sum(one.leads for one in tallies)
    by_both = sum(one.by_both for one in tallies)
    only_live = sum(one.only_live for one in tallies)
    only_shadow = sum(one.only_shadow for one in tallies)
    return ShadowWithCounts(
        **ShadowOut.model_validate(shadow).model_dump(),
        leads=leads,
        differed=sum(one.ever_differed for one in tallies),
        qualified=QualifiedOut(
            by_both=by_both,
            only_live=only_live,
            only_shadow=only_shadow,
            by_neither=leads - by_both - only_live - only_shadow,
        ),
        tiers=[
            TierOut(live_tier=one.live_tier, tier=one.tier, leads=one.leads) for one in tallies
        ],
    )


def _difference(one: Compared) -> DifferenceOut:
    return DifferenceOut(
        lead_id=UUID(one.lead_id),
        shadow=_side(one.tier, one.fit, one.engagement, one.first_qualified_at),
        live=_side(one.live_tier, one.live_fit, one.live_engagement, one.live_qualified_at),
        live_version=one.live_version,
        first_differed_at=one.first_differed_at,
        judged_at=one.judged_at,
        why=[_why(reason) for reason in decode_reasons(one.reasons)],
    )


def _side(tier: str, fit: int, engagement: int, qualified_at: datetime | None) -> SideOut:
    return SideOut(
        tier=tier,
        total=fit + engagement,
        fit=fit,
        engagement=engagement,
        first_qualified_at=qualified_at,
    )


def _why(reason: Difference) -> WhyOut:
    return WhyOut.model_validate(reason)
