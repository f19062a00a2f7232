"""Handoffs, people and queues as people and programs see them over HTTP."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel, Field

from leadloop.events import decode, to_json
from services.handoff.clocks import Clock
from services.handoff.cycle import POSSIBLE, Handoff, State
from services.handoff.people import PersonRow, Waiting
from services.handoff.rows import Held, Told

_OWNED = ("HandoffRouted", "HandoffReassigned")


class OwnerOut(BaseModel):
    """Who has a handoff."""

    person_id: str
    name: str


class StandingOut(BaseModel):
    """Where a handoff stands; the answer of every command."""

    id: str
    lead_id: str
    cycle: int
    tier: str
    state: State
    since: datetime = Field(description="When it came into its state, or to its owner.")
    owner: OwnerOut | None
    agreement_version: int
    sequence: int = Field(description="Number of its newest event.")
    due_at: datetime | None = Field(description="When its next unmet clock runs out.")
    attempts: int
    reassigned: int = Field(description="How often a breach moved it to another person.")
    actor: str = Field(description="Who brought it into its state; empty for the loop itself.")
    reason: str = Field(description="A code of the agreement, or why it waits.")
    deal_id: str
    not_before: datetime | None
    possible: list[str] = Field(description="The commands that it takes now.")


class HandoffOut(StandingOut):
    """A handoff in a list."""

    queue: str
    received_at: datetime | None
    opened_at: datetime


class IntervalOut(BaseModel):
    """A stretch of business time that a clock uses up."""

    starts_at: datetime
    ends_at: datetime


class ClockOut(BaseModel):
    """A service level; its intervals add up to the allowance and say why it is due then."""

    kind: str
    state: Literal["running", "warned", "breached", "met", "met_late", "stopped"]
    started_at: datetime
    warns_at: datetime
    due_at: datetime
    allowed_seconds: int
    used_seconds: int = Field(description="Business seconds so far, or until it was met.")
    intervals: list[IntervalOut]
    time_zone: str
    warned_at: datetime | None
    breached_at: datetime | None
    met_at: datetime | None


class CandidateOut(BaseModel):
    """Who was chosen (an empty reason) or passed over."""

    person_id: str
    name: str
    passed_over_because: str


class EventOut(BaseModel):
    """One event of its story, as it was published."""

    sequence: int
    type: str
    occurred_at: datetime
    data: dict[str, Any]


class HandoffWhole(HandoffOut):
    """Everything about a handoff: the lead, why it scored, went to whom and is due when."""

    lead: dict[str, Any] = Field(description="As sales got it; empty once forgotten.")
    touch: dict[str, Any]
    score: dict[str, Any]
    changes: list[dict[str, str]] = Field(description="Since the cycle before, if any.")
    product: str = Field(description="The product line with the most points; may be empty.")
    clocks: list[ClockOut]
    candidates: list[CandidateOut] = Field(description="Of the newest choice of an owner.")
    behind: int = Field(description="How many more could have had it, but came later in turn.")
    history: list[EventOut]


class PersonOut(BaseModel):
    """Someone in sales, with what the rotation gave them."""

    id: str
    name: str
    email: str | None
    queue: str
    available: bool
    away_until: datetime | None
    received: int = Field(description="Leads given so far, all counted.")
    last_assigned_seq: int = Field(
        description="Number of their last turn in the queue; the smallest is served next."
    )
    last_assigned_at: datetime | None
    open_handoffs: int
    created_at: datetime
    updated_at: datetime


class QueueOut(BaseModel):
    """A queue with who waits in it and why."""

    name: str
    waiting: int
    oldest_since: datetime | None
    oldest_age_seconds: float | None
    reason: str = Field(description="Why the oldest one waits; empty when none does.")
    retry_at: datetime | None = Field(description="When those who wait are looked at by time.")
    people: int
    available: int


def standing_of(handoff: Handoff) -> StandingOut:
    """Return where a handoff stands, as commands answer."""
    return StandingOut(**_standing(handoff))


def handoff_of(held: Held) -> HandoffOut:
    """Return a handoff as lists hold it."""
    return HandoffOut(**_listed(held))


def whole_of(held: Held, story: Sequence[Told], now: datetime) -> HandoffWhole:
    """Return a handoff with its lead, clocks and candidates of now, and its whole story."""
    history = [_event(told) for told in story]
    first = history[0].data if history else {}
    return HandoffWhole(
        **_listed(held),
        lead=first.get("lead", {}),
        touch=first.get("touch", {}),
        score=first.get("score", {}),
        changes=first.get("changes", []),
        product=first.get("product", ""),
        clocks=[_clock(one, held, now) for one in held.handoff.clocks],
        candidates=_candidates(history),
        behind=_newest_choice(history).get("behind", 0),
        history=history,
    )


def person_of(row: PersonRow) -> PersonOut:
    """Return a person with what the rotation gave them."""
    return PersonOut.model_validate(row, from_attributes=True)


def queue_of(row: Waiting, now: datetime) -> QueueOut:
    """Return who waits in a queue and why; `now` makes an age in seconds of it."""
    age = (now - row.oldest_since).total_seconds() if row.oldest_since else None
    return QueueOut(
        name=row.name,
        waiting=row.waiting,
        oldest_since=row.oldest_since,
        oldest_age_seconds=age,
        reason=row.reason,
        retry_at=row.retry_at if row.waiting else None,
        people=row.people,
        available=row.available,
    )


def _standing(handoff: Handoff) -> dict[str, Any]:
    owner = handoff.owner and OwnerOut(person_id=handoff.owner.id, name=handoff.owner.name)
    return {
        "id": handoff.id,
        "lead_id": handoff.lead_id,
        "cycle": handoff.cycle,
        "tier": handoff.tier,
        "state": handoff.state,
        "since": handoff.since,
        "owner": owner,
        "agreement_version": handoff.agreement_version,
        "sequence": handoff.sequence,
        "due_at": handoff.due_at,
        "attempts": handoff.attempts,
        "reassigned": handoff.reassigned,
        "actor": handoff.actor,
        "reason": handoff.reason,
        "deal_id": handoff.deal_id,
        "not_before": handoff.not_before,
        "possible": list(POSSIBLE[handoff.state]),
    }


def _listed(held: Held) -> dict[str, Any]:
    return _standing(held.handoff) | {
        "queue": held.queue,
        "received_at": held.received_at,
        "opened_at": held.opened_at,
    }


def _event(told: Told) -> EventOut:
    return EventOut(
        sequence=told.sequence,
        type=told.type.rpartition(".")[2],
        occurred_at=told.occurred_at,
        data=to_json(decode(told.type, told.event)),
    )


def _newest_choice(history: Sequence[EventOut]) -> dict[str, Any]:
    """Return the event that told the newest choice of an owner."""
    return next((one.data for one in reversed(history) if one.type in _OWNED), {})


def _candidates(history: Sequence[EventOut]) -> list[CandidateOut]:
    told = _newest_choice(history).get("candidates", [])
    return [CandidateOut(**{"passed_over_because": "", **one}) for one in told]


def _clock(clock: Clock, held: Held, now: datetime) -> ClockOut:
    until = now if held.handoff.is_open else held.handoff.since
    used = clock.used_seconds(until, held.terms.calendar) if held.terms else 0
    return ClockOut(
        kind=clock.kind.value,
        state=_clock_state(clock, held.handoff),
        started_at=clock.started_at,
        warns_at=clock.warns_at,
        due_at=clock.due_at,
        allowed_seconds=int(clock.allowed.total_seconds()),
        used_seconds=used,
        intervals=[
            IntervalOut(starts_at=one.starts_at, ends_at=one.ends_at) for one in clock.intervals
        ],
        time_zone=clock.time_zone,
        warned_at=clock.warned_at,
        breached_at=clock.breached_at,
        met_at=clock.met_at,
    )


def _clock_state(
    clock: Clock, handoff: Handoff
) -> Literal["running", "warned", "breached", "met", "met_late", "stopped"]:
    if clock.met_at:
        return "met_late" if clock.breached_at else "met"
    if clock.breached_at:
        return "breached"
    if not handoff.is_open:
        return "stopped"
    return "warned" if clock.warned_at else "running"
