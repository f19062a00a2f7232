"""The rows of handoffs as values."""

from dataclasses import dataclass
from datetime import datetime

from leadloop.connection import Row
from services.handoff import clocks
from services.handoff.clocks import Clock, ClockKind
from services.handoff.cycle import Handoff, State
from services.handoff.routing import Person
from services.handoff.terms import Terms


@dataclass(frozen=True, slots=True)
class Held:
    """A handoff as it is kept, with the terms it runs under.

    Attributes:
        terms: None while no agreement is known that it could run under.
        received_at: When intake received what led to it; None when not known.
        opened_at: When it began.
    """

    handoff: Handoff
    terms: Terms | None
    queue: str
    received_at: datetime | None
    opened_at: datetime


@dataclass(frozen=True, slots=True)
class Filter:
    """What a list of handoffs is narrowed by; None narrows nothing.

    Attributes:
        before: Only handoffs with a smaller id, for the page after.
    """

    state: State | None = None
    owner: str | None = None
    tier: str | None = None
    lead_id: str | None = None
    due_before: datetime | None = None
    changed_since: datetime | None = None
    before: str | None = None


@dataclass(frozen=True, slots=True)
class Opened:
    """A handoff to be kept for the first time."""

    handoff: Handoff
    received_at: datetime | None


@dataclass(frozen=True, slots=True)
class Told:
    """One event of a handoff's story, as it was published."""

    handoff_id: str
    sequence: int
    type: str
    occurred_at: datetime
    event: bytes


def held_of(row: Row, terms: Terms | None) -> Held:
    """Read a row; its clocks follow from when they started and from the terms."""
    owner = Person(row.owner_id, row.owner_name) if row.owner_id is not None else None
    handoff = Handoff(
        id=row.id,
        lead_id=row.lead_id,
        cycle=row.cycle,
        tier=row.tier,
        agreement_version=row.agreement_version,
        state=State(row.state),
        since=row.since,
        sequence=row.sequence,
        owner=owner,
        past_owners=tuple(row.past_owners),
        reassigned=row.reassigned,
        attempts=row.attempts,
        clocks=_clocks_of(row, terms),
        actor=row.actor,
        reason=row.reason,
        refused_by=tuple(row.refused_by.split()),
        deal_id=row.deal_id,
        not_before=row.not_before,
    )
    return Held(handoff, terms, row.queue, row.received_at, row.opened_at)


def _clocks_of(row: Row, terms: Terms | None) -> tuple[Clock, ...]:
    if row.clocks_started_at is None or terms is None:
        return ()
    started = clocks.start(terms.levels.get(row.tier), row.clocks_started_at, terms.calendar)
    marks = {
        ClockKind.ACCEPT: (row.accept_warned_at, row.accept_breached_at, row.accept_met_at),
        ClockKind.FIRST_ATTEMPT: (
            row.first_attempt_warned_at,
            row.first_attempt_breached_at,
            row.first_attempt_met_at,
        ),
    }
    return tuple(
        one._replace(
            warned_at=marks[one.kind][0],
            breached_at=marks[one.kind][1],
            met_at=marks[one.kind][2],
        )
        for one in started
    )
