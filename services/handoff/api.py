"""What people and CRMs ask of handoff: handoffs and the commands to them."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Annotated
from uuid import UUID

from fastapi import Depends, Query
from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
)

from leadloop.errors import NotFound
from leadloop.paging import Cursor, Limit, Page, encode_cursor, id_in, next_of
from leadloop.web import Router, WorkDep, idempotent
from services.handoff import actors, commands, store, views
from services.handoff.cycle import State
from services.handoff.facts import AttemptResult, Channel
from services.handoff.rows import Filter
from services.handoff.rules import Attempt, Recycle, Reject
from services.handoff.views import HandoffOut, HandoffWhole, StandingOut

# A handoff's story has some ten events; a page of more would not be read by anybody.
STORY_MAX = 1_000
_CLEAN = r"^[^\x00]*$"

Actor = Annotated[
    str,
    StringConstraints(strip_whitespace=True),
    AfterValidator(actors.checked),
    Field(
        description="Who does it: the id of a person in sales (GET /v1/people), or program: "
        "and a name, such as program:crm-sync: what a machine or a manager's tool does.",
        examples=["program:crm-sync"],
    ),
]
Code = Annotated[str, Field(max_length=100, description="A reason of the agreement.")]
Note = Annotated[str, Field(max_length=2_000, pattern=_CLEAN)]


class _Command(BaseModel):
    model_config = ConfigDict(extra="forbid")

    actor: Actor


class AcceptIn(_Command):
    """Someone agrees to work the lead."""


class RejectIn(_Command):
    """Sales refuses the lead."""

    reason: Code
    note: Note = ""


class AttemptIn(_Command):
    """Someone tried to reach the person."""

    channel: Channel
    result: AttemptResult
    note: Note = ""


class RecycleIn(_Command):
    """An accepted lead is not ready."""

    reason: Code
    note: Note = ""
    not_before: AwareDatetime | None = Field(
        None, description="The person asked not to be contacted before."
    )


class ConvertIn(_Command):
    """An accepted lead became an opportunity."""

    deal_id: str = Field(
        "",
        max_length=200,
        pattern=_CLEAN,
        description="The deal's id in the CRM, as a note: the deal itself is told at POST "
        "/v1/outcomes/deals.",
    )


router = Router(prefix="/v1/handoffs", tags=["handoffs"])
_ONCE = [Depends(idempotent)]


def _narrowed(
    state: State | None = None,
    owner: Annotated[str | None, Query(max_length=100, pattern=_CLEAN)] = None,
    tier: Annotated[str | None, Query(max_length=100, pattern=_CLEAN)] = None,
    lead_id: UUID | None = None,
    due_before: AwareDatetime | None = None,
    changed_since: Annotated[
        AwareDatetime | None,
        Query(
            description="Something happened to it then or later. To catch up, follow "
            "all pages. Next time ask from a minute before these: what was just being written "
            "may then come twice, but is not missed."
        ),
    ] = None,
) -> Filter:
    """Collect what a list of handoffs is narrowed by."""
    lead = str(lead_id) if lead_id else None
    return Filter(state, owner, tier, lead, due_before, changed_since)


@router.get("")
async def list_handoffs(
    work: WorkDep,
    narrowed: Annotated[Filter, Depends(_narrowed)],
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Page[HandoffOut]:
    """List handoffs, newest first."""
    wanted = replace(narrowed, before=id_in(cursor))
    held = await store.page(work.connection, wanted, limit + 1)
    more = next_of(held, limit, lambda one: encode_cursor(one.handoff.id))
    return Page(items=[views.handoff_of(one) for one in held[:limit]], next=more)


@router.get("/{handoff_id}")
async def get_handoff(handoff_id: UUID, work: WorkDep) -> HandoffWhole:
    """Show everything about a handoff: its clocks, its candidates, its story."""
    held = await store.find(work.connection, str(handoff_id))
    if held is None:
        raise NotFound(f"There is no handoff {handoff_id}.")
    story = await store.story(work.connection, str(handoff_id), STORY_MAX)
    return views.whole_of(held, story, work.now)


@router.post("/{handoff_id}/accept", dependencies=_ONCE)
async def accept(handoff_id: UUID, told: AcceptIn, work: WorkDep) -> StandingOut:
    """Agree to work the lead, as its owner or as a program that speaks for them.

    409 when it is with somebody else or has ended. What a program said the owner may say again,
    and the other way round: it changes nothing. So it is with every command but an attempt.
    """
    return views.standing_of(await commands.accept(work, str(handoff_id), told.actor))


@router.post("/{handoff_id}/reject", dependencies=_ONCE)
async def reject(handoff_id: UUID, told: RejectIn, work: WorkDep) -> StandingOut:
    """Refuse the lead before accepting it, as its owner or as a program that speaks for them.

    A reason that reroutes gives it to somebody else; a program repeats that only with an
    Idempotency-Key, else it refuses for the next owner.
    """
    command = Reject(told.actor, told.reason, told.note)
    return views.standing_of(await commands.reject(work, str(handoff_id), command))


@router.post("/{handoff_id}/attempt", dependencies=_ONCE)
async def attempt(handoff_id: UUID, told: AttemptIn, work: WorkDep) -> StandingOut:
    """Record an attempt to reach the person; the first one also accepts the lead.

    Until it is accepted it is the owner's, or a program's; then colleagues may stand in.
    Each call is an attempt of its own; send an Idempotency-Key to repeat one safely.
    """
    command = Attempt(told.actor, told.channel, told.result, told.note)
    return views.standing_of(await commands.attempt(work, str(handoff_id), command))


@router.post("/{handoff_id}/recycle", dependencies=_ONCE)
async def recycle(handoff_id: UUID, told: RecycleIn, work: WorkDep) -> StandingOut:
    """Give an accepted lead back to marketing, with a reason that returns or disqualifies."""
    command = Recycle(told.actor, told.reason, told.note, _utc(told.not_before))
    return views.standing_of(await commands.recycle(work, str(handoff_id), command))


@router.post("/{handoff_id}/convert", dependencies=_ONCE)
async def convert(handoff_id: UUID, told: ConvertIn, work: WorkDep) -> StandingOut:
    """Record that an accepted lead became an opportunity.

    This ends the handoff. The deal itself, its stage and its value, is told at POST
    /v1/outcomes/deals, which also sees to it that a deal belongs to one lead.
    """
    handoff = await commands.convert(work, str(handoff_id), told.actor, told.deal_id)
    return views.standing_of(handoff)


def _utc(moment: datetime | None) -> datetime | None:
    return moment.astimezone(UTC) if moment else None
