"""One cycle of a lead with sales: where it stands, and how a change grows fact by fact."""

from collections.abc import Callable
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple

from services.handoff import clocks, facts
from services.handoff.clocks import Clock, ClockKind
from services.handoff.facts import Fact
from services.handoff.routing import Person
from services.handoff.terms import Terms


class State(StrEnum):
    """Where a handoff stands."""

    QUEUED = "queued"
    ASSIGNED = "assigned"
    ACCEPTED = "accepted"
    CONVERTED = "converted"
    RECYCLED = "recycled"
    REJECTED = "rejected"
    WITHDRAWN = "withdrawn"


POSSIBLE: dict[State, tuple[str, ...]] = {
    State.QUEUED: (),
    State.ASSIGNED: ("accept", "reject", "attempt"),
    State.ACCEPTED: ("attempt", "recycle", "convert"),
    State.CONVERTED: (),
    State.RECYCLED: (),
    State.REJECTED: (),
    State.WITHDRAWN: (),
}
OPEN = (State.QUEUED, State.ASSIGNED, State.ACCEPTED)


class Handoff(NamedTuple):
    """One cycle of a lead with sales.

    Attributes:
        since: When it came into its state, or to its owner.
        sequence: The number of its newest event.
        past_owners: Person ids it was taken from, or who refused it; they don't get it again.
        reassigned: How often a breach moved it on.
        actor: Who brought it into its state; empty for the loop itself.
        reason: Why it is in its state: a code of the agreement, or words for people.
        refused_by: Those of the past owners who refused it, or for whom a program did.
    """

    id: str
    lead_id: str
    cycle: int
    tier: str
    agreement_version: int
    state: State
    since: datetime
    sequence: int = 0
    owner: Person | None = None
    past_owners: tuple[str, ...] = ()
    reassigned: int = 0
    attempts: int = 0
    clocks: tuple[Clock, ...] = ()
    actor: str = ""
    reason: str = ""
    refused_by: tuple[str, ...] = ()
    deal_id: str = ""
    not_before: datetime | None = None

    @property
    def is_open(self) -> bool:
        """Tell whether anything can still happen to it."""
        return self.state in OPEN

    def is_with(self, actor: str) -> bool:
        """Tell whether the actor is its owner."""
        return self.owner is not None and self.owner.id == actor

    @property
    def seen_by(self) -> frozenset[str]:
        """Name everyone who has it or had it; when it moves, it moves to somebody else."""
        owner = {self.owner.id} if self.owner else set()
        return frozenset(self.past_owners) | owner

    @property
    def next_at(self) -> datetime | None:
        """Tell when one of its clocks needs looking at; None when none does."""
        if not self.is_open:
            return None
        moments = [clock.next_at for clock in self.clocks]
        return min((moment for moment in moments if moment), default=None)

    @property
    def due_at(self) -> datetime | None:
        """Tell when the next unmet clock runs out; None when none runs."""
        running = [one.due_at for one in self.clocks if not (one.met_at or one.breached_at)]
        return min(running, default=None) if self.is_open else None


class Change(NamedTuple):
    """A handoff afterwards and what happened, in order.

    `needs_owner_because` asks the shell for a route: somebody else must have it.
    """

    handoff: Handoff
    facts: tuple[Fact, ...] = ()
    needs_owner_because: str = ""


def then(change: Change, act: Callable[[Handoff], Change]) -> Change:
    """Go on from a change: the later state, the facts of both."""
    after = act(change.handoff)
    return after._replace(facts=change.facts + after.facts)


def last_to_keep(open_handoffs: tuple[Handoff, ...]) -> Handoff:
    """Choose which of one person's open handoffs goes on: the furthest, then the oldest."""
    return min(open_handoffs, key=lambda one: (-OPEN.index(one.state), one.id))


def ended(change: Change, state: State, actor: str, reason: str, now: datetime) -> Change:
    """Close it in its last state."""
    last = change.handoff._replace(state=state, since=now, actor=actor, reason=reason)
    return change._replace(handoff=last)


def escalated(handoff: Handoff, reason: str) -> Change:
    """Tell a manager."""
    return changed(handoff, facts.Escalated(handoff.owner, reason))


def settled(handoff: Handoff, now: datetime) -> Change:
    """Break the clocks that ran out before `now`, although their timers are still on the way.

    So whether a clock was kept depends on the time alone, never on how fast a timer fires.
    """
    change = Change(handoff)
    for clock in handoff.clocks:
        if clock.next_at and clock.due_at < now:
            change = broken(change, clock, now)
    return change


def warned(change: Change, clock: Clock, now: datetime) -> Change:
    """Let one clock warn."""
    clock = clocks.warned(clock, now)
    return _with_clock(change, clock, facts.Warned(clock, change.handoff.owner))


def broken(change: Change, clock: Clock, now: datetime) -> Change:
    """Let one clock run out."""
    clock = clocks.breached(clock, now)
    return _with_clock(change, clock, facts.Breached(clock, change.handoff.owner))


def clock_met(change: Change, kind: ClockKind, terms: Terms, now: datetime) -> Change:
    """Note that what a kind of clock asks for was done; nothing when none runs."""
    running = [one for one in change.handoff.clocks if one.kind is kind and not one.met_at]
    for one in running:
        clock = clocks.met(one, now)
        kept = facts.Met(
            clock,
            change.handoff.owner,
            clock.used_seconds(now, terms.calendar),
            is_late=clock.breached_at is not None,
        )
        change = _with_clock(change, clock, kept)
    return change


def _with_clock(change: Change, clock: Clock, fact: Fact) -> Change:
    handoff = change.handoff
    others = tuple([clock if one.kind is clock.kind else one for one in handoff.clocks])
    # One copy, not one for each of its changes: a clock is met on every handoff.
    numbered = handoff._replace(clocks=others, sequence=handoff.sequence + 1)
    return Change(numbered, (*change.facts, fact), change.needs_owner_because)


def also(change: Change, fact: Fact) -> Change:
    """Add one thing that happened; each raises the sequence by one."""
    numbered = change.handoff._replace(sequence=change.handoff.sequence + 1)
    return Change(numbered, (*change.facts, fact), change.needs_owner_because)


def changed(handoff: Handoff, fact: Fact) -> Change:
    """Let one thing happen."""
    return also(Change(handoff), fact)
