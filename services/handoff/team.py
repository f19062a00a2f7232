"""What people ask of handoff about the team: who takes leads, whose turn it is, who waits."""

from typing import Annotated, Literal

from fastapi import Path
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from leadloop.errors import NotFound
from leadloop.paging import Cursor, Limit, Page, encode_cursor, next_of, place_in
from leadloop.web import Router, WorkDep
from services.handoff import dispatch, people, views
from services.handoff.actors import PERSON_ID
from services.handoff.people import DEFAULT_QUEUE, Profile
from services.handoff.views import PersonOut, QueueOut

_CLEAN = r"^[^\x00]*$"
PersonId = Annotated[
    str,
    Path(
        pattern=f"^{PERSON_ID}$",
        description="The person's id in the CRM.",
    ),
]
Email = Annotated[str, Field(max_length=254, pattern=r"^[^@\s\x00]+@[^@\s\x00]+$")]


class PersonIn(BaseModel):
    """Someone in sales, as they are from now on."""

    model_config = ConfigDict(extra="forbid")

    name: str = Field(min_length=1, max_length=200, pattern=_CLEAN)
    email: Email | None = None
    available: bool = Field(True, description="False takes them out of the rotation.")
    away_until: AwareDatetime | None = Field(None, description="Takes them out until then.")
    # Agreements can't name queues yet; whoever was in another one would never get a lead.
    queue: Literal["sales"] = DEFAULT_QUEUE


router = Router(prefix="/v1", tags=["people"])


@router.get("/people")
async def list_people(
    work: WorkDep, limit: Limit = 50, cursor: Cursor = None
) -> Page[PersonOut]:
    """List people by id, with what the rotation gave each: the ledger of its fairness."""
    after = place_in(cursor, 1, str, "")
    rows = await people.page(work.connection, after, limit + 1)
    more = next_of(rows, limit, lambda row: encode_cursor(row.id))
    return Page(items=[views.person_of(row) for row in rows[:limit]], next=more)


@router.get("/people/{person_id}")
async def get_person(person_id: PersonId, work: WorkDep) -> PersonOut:
    """Show a person."""
    row = await people.find(work.connection, person_id)
    if row is None:
        raise NotFound("There is no such person.")
    return views.person_of(row)


@router.put("/people/{person_id}")
async def put_person(person_id: PersonId, told: PersonIn, work: WorkDep) -> PersonOut:
    """Add a person or change them; whoever waits is looked at anew."""
    await dispatch.look_now(work)
    profile = Profile(
        person_id, told.name, told.email, told.queue, told.available, told.away_until
    )
    await people.put(work.connection, profile, work.now)
    return await get_person(person_id, work)


@router.delete("/people/{person_id}", status_code=204)
async def delete_person(person_id: PersonId, work: WorkDep) -> None:
    """Remove a person; what they have open goes to others."""
    await people.lock_queues(work.connection)
    await get_person(person_id, work)
    await people.delete(work.connection, person_id)
    await dispatch.hand_over(work, person_id)


@router.get("/queues", tags=["queues"])
async def list_queues(work: WorkDep) -> list[QueueOut]:
    """List the queues with who waits in them, how long and why."""
    return [
        views.queue_of(row, work.now) for row in await people.waiting(work.connection, work.now)
    ]
