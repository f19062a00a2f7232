"""What may happen to a handoff: each command and each clock gives a new state with its facts.

queued -> assigned -> accepted -> converted | recycled; assigned -> rejected; anything open ->
withdrawn. An attempt to reach the person accepts the lead too: who calls a lead works it.
Until then only the owner answers, or a program for them; later colleagues may stand in.
A refusal is a value. Repeating what is already so changes nothing and is no refusal.
"""

from dataclasses import dataclass
from datetime import datetime

from services.handoff import clocks, facts
from services.handoff.actors import is_program
from services.handoff.clocks import ClockKind
from services.handoff.cycle import (
    POSSIBLE,
    Change,
    Handoff,
    State,
    also,
    broken,
    changed,
    clock_met,
    ended,
    escalated,
    settled,
    then,
    warned,
)
from services.handoff.facts import AttemptResult, Channel
from services.handoff.routing import Person, Route
from services.handoff.terms import Consequence, Terms


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a command does not fit how things stand."""

    detail: str


@dataclass(frozen=True, slots=True)
class Misfit:
    """A command with a value that the agreement does not know."""

    field: str
    expected: str
    found: str


Answer = Change | Refusal | Misfit


def refusal_of(command: str, handoff: Handoff, actor: str) -> Refusal | None:
    """Tell why a command does not fit how things stand; None when it does.

    Args:
        command: What is asked for.
        handoff: How things stand.
        actor: A person in sales, or a program: that they are known is for the caller to check.
    """
    if command not in POSSIBLE[handoff.state]:
        why = ""
    elif actor in handoff.past_owners:
        how = "refused by" if actor in handoff.refused_by else "taken from"
        why = f"it was {how} {actor}; "
    elif handoff.state is State.ASSIGNED and handoff.owner and not _answers(handoff, actor):
        why = f"it is with {handoff.owner.id}, not with {actor}; "
    else:
        return None
    return Refusal(f"can't {command}: {why}{_standing(handoff)}")


def begin(handoff: Handoff, route: Route, terms: Terms | None, now: datetime) -> Change:
    """Open a handoff with whoever was chosen; without one, or without terms, it waits.

    Args:
        handoff: A new one, in the queue.
        route: The decision.
        terms: The agreement; None while its version is not known here.
        now: When it is decided.
    """
    if route.chosen is None or terms is None:
        waiting = handoff._replace(reason=route.waits_because, sequence=1)
        return Change(waiting, (facts.Routed(None, route.candidates, route.behind, ()),))
    # Written out, not built from the steps below: every lead comes through here.
    running = clocks.start(terms.levels.get(handoff.tier), now, terms.calendar)
    owned = handoff._replace(
        state=State.ASSIGNED,
        since=now,
        sequence=1,
        owner=route.chosen,
        agreement_version=terms.version,
        clocks=running,
    )
    return Change(owned, (facts.Routed(route.chosen, route.candidates, route.behind, running),))


def give(handoff: Handoff, route: Route, terms: Terms, now: datetime, because: str) -> Change:
    """Hand it to the person chosen, or back into the queue when there is none.

    Nothing happens to one that waits already and must go on waiting.
    """
    if route.chosen:
        owned = _owned(handoff, route.chosen, terms, now)
        moved = facts.Reassigned(
            handoff.owner, owned.owner, because, route.candidates, route.behind, owned.clocks
        )
        return changed(owned, moved)
    if handoff.owner is None:
        return Change(handoff._replace(reason=route.waits_because))
    queued = _without_owner(handoff)._replace(
        state=State.QUEUED, since=now, reason=route.waits_because
    )
    why = f"{because}; {route.waits_because}"
    return changed(queued, facts.Reassigned(handoff.owner, None, why, route.candidates, 0, ()))


def move(change: Change, route: Route, terms: Terms, now: datetime) -> Change:
    """Answer a change that needs another owner.

    After a refusal it is given away, into the queue if need be. After a breach alone it stays
    where it is when there is nobody else, and a manager is told.
    """
    because = change.needs_owner_because
    if any(isinstance(fact, facts.Refused) for fact in change.facts):
        return then(change, lambda known: give(known, route, terms, now, because))
    if route.chosen is None:
        why = f"{because}; {route.waits_because}"
        return then(change, lambda known: escalated(known, why))
    counted = change.handoff._replace(reassigned=change.handoff.reassigned + 1)
    return then(
        change._replace(handoff=counted),
        lambda known: give(known, route, terms, now, because),
    )


def accept(handoff: Handoff, actor: str, terms: Terms, now: datetime) -> Answer:
    """Agree to work the lead."""
    if _repeats(handoff, State.ACCEPTED, actor, ""):
        return Change(handoff)
    if refusal := refusal_of("accept", handoff, actor):
        return refusal
    return _accepted(settled(handoff, now), actor, terms, now)


@dataclass(frozen=True, slots=True)
class Reject:
    """Refuse a lead, with a reason of the agreement."""

    actor: str
    reason: str
    note: str = ""


def reject(handoff: Handoff, command: Reject, terms: Terms, now: datetime) -> Answer:
    """Refuse the lead: it ends here, or goes to somebody else where its reason says so."""
    if _repeats(handoff, State.REJECTED, command.actor, command.reason):
        return Change(handoff)
    if handoff.is_open and command.actor in handoff.refused_by:
        return Change(handoff)
    if refusal := refusal_of("reject", handoff, command.actor):
        return refusal
    if command.reason not in terms.reasons:
        return _unknown_reason(tuple(terms.reasons))
    said = facts.Refused(command.actor, command.reason, command.note)
    change = clock_met(also(settled(handoff, now), said), ClockKind.ACCEPT, terms, now)
    if terms.reasons[command.reason] is Consequence.REROUTE:
        refused = change.handoff._replace(refused_by=_and_owner(handoff.refused_by, handoff))
        return change._replace(
            handoff=refused, needs_owner_because=f"refused: {command.reason}"
        )
    return ended(change, State.REJECTED, command.actor, command.reason, now)


@dataclass(frozen=True, slots=True)
class Attempt:
    """Say that someone tried to reach the person."""

    actor: str
    channel: Channel
    result: AttemptResult
    note: str = ""


def attempt(handoff: Handoff, command: Attempt, terms: Terms, now: datetime) -> Answer:
    """Record an attempt to reach the person; the first one also accepts the lead.

    Each call is an attempt of its own: two calls to a lead are two attempts.
    """
    if refusal := refusal_of("attempt", handoff, command.actor):
        return refusal
    change = settled(handoff, now)
    if handoff.state is State.ASSIGNED:
        change = _accepted(change, command.actor, terms, now)
    count = handoff.attempts + 1
    tried = facts.Attempted(command.actor, command.channel, command.result, command.note, count)
    change = also(change, tried)
    counted = change._replace(handoff=change.handoff._replace(attempts=count))
    return clock_met(counted, ClockKind.FIRST_ATTEMPT, terms, now)


@dataclass(frozen=True, slots=True)
class Recycle:
    """Give an accepted lead back to marketing, with a reason of the agreement."""

    actor: str
    reason: str
    note: str = ""
    not_before: datetime | None = None


def recycle(handoff: Handoff, command: Recycle, terms: Terms, now: datetime) -> Answer:
    """Give an accepted lead back; a reason that only means another person does not fit here."""
    if _repeats(handoff, State.RECYCLED, command.actor, command.reason):
        return Change(handoff)
    if refusal := refusal_of("recycle", handoff, command.actor):
        return refusal
    allowed = terms.codes(Consequence.RETURN, Consequence.DISQUALIFY)
    if command.reason not in allowed:
        return _unknown_reason(allowed)
    if command.not_before is not None and command.not_before <= now:
        return Misfit("/not_before", "a moment to come", "one that has passed")
    change = also(
        settled(handoff, now),
        facts.Recycled(command.actor, command.reason, command.note, command.not_before),
    )
    kept = change.handoff._replace(not_before=command.not_before)
    change = change._replace(handoff=kept)
    return ended(change, State.RECYCLED, command.actor, command.reason, now)


def convert(handoff: Handoff, actor: str, deal_id: str, now: datetime) -> Answer:
    """Say that an accepted lead became an opportunity."""
    if _repeats(handoff, State.CONVERTED, actor, "") and handoff.deal_id == deal_id:
        return Change(handoff)
    if refusal := refusal_of("convert", handoff, actor):
        return refusal
    change = also(settled(handoff, now), facts.Converted(actor, deal_id))
    change = change._replace(handoff=change.handoff._replace(deal_id=deal_id))
    return ended(change, State.CONVERTED, actor, "", now)


def withdraw(handoff: Handoff, reason: str, now: datetime) -> Change:
    """Close it because the lead may no longer be worked; one that has ended stays as it is."""
    if not handoff.is_open:
        return Change(handoff)
    change = also(settled(handoff, now), facts.Withdrawn(reason))
    return ended(change, State.WITHDRAWN, "", reason, now)


def tick(handoff: Handoff, terms: Terms, now: datetime) -> Change:
    """Let the clocks act: run out, and then ask for somebody else or for a manager; or warn.

    Whoever may lose the lead at this moment is not warned of its other clocks: should it stay
    with them, those are still to be looked at, and the next tick warns.
    """
    change = Change(handoff)
    acting = [one for one in handoff.clocks if one.next_at and one.next_at <= now]
    if not acting or not handoff.is_open:
        return change
    due = [clock for clock in acting if clock.due_at <= now]
    for clock in due:
        change = broken(change, clock, now)
    if not due:
        for clock in acting:
            change = warned(change, clock, now)
        return change
    because = f"{' and '.join(clock.kind for clock in due)} not in time"
    if handoff.reassigned < terms.reassign_max:
        return change._replace(needs_owner_because=because)
    why = f"{because}; reassigned {handoff.reassigned} of {terms.reassign_max} times"
    return then(change, lambda known: escalated(known, why))


def _answers(handoff: Handoff, actor: str) -> bool:
    """Tell whether the actor may speak for the owner."""
    return handoff.is_with(actor) or is_program(actor)


def _standing(handoff: Handoff) -> str:
    by = f" by {handoff.actor}" if handoff.actor else ""
    owner = f", with {handoff.owner.id}" if handoff.owner and handoff.is_open else ""
    possible = ", ".join(POSSIBLE[handoff.state]) or "nothing"
    return (
        f"it is {handoff.state}{by}{owner} since {handoff.since.isoformat()}; "
        f"still possible: {possible}"
    )


def _unknown_reason(allowed: tuple[str, ...]) -> Misfit:
    return Misfit("/reason", f"one of {', '.join(allowed)}", "another code")


def _repeats(handoff: Handoff, state: State, actor: str, reason: str) -> bool:
    """Tell whether it is so already: who did it, the owner and programs may say so again."""
    is_so = (handoff.state, handoff.reason) == (state, reason)
    return is_so and (handoff.actor == actor or _answers(handoff, actor))


def _owned(handoff: Handoff, owner: Person, terms: Terms, now: datetime) -> Handoff:
    return _without_owner(handoff)._replace(
        state=State.ASSIGNED,
        since=now,
        owner=owner,
        agreement_version=terms.version,
        clocks=clocks.start(terms.levels.get(handoff.tier), now, terms.calendar),
    )


def _without_owner(handoff: Handoff) -> Handoff:
    past = _and_owner(handoff.past_owners, handoff)
    return handoff._replace(owner=None, past_owners=past, clocks=(), actor="", reason="")


def _and_owner(ids: tuple[str, ...], handoff: Handoff) -> tuple[str, ...]:
    return (*ids, handoff.owner.id) if handoff.owner else ids


def _accepted(change: Change, actor: str, terms: Terms, now: datetime) -> Change:
    agreed = change.handoff._replace(state=State.ACCEPTED, since=now, actor=actor)
    change = also(change._replace(handoff=agreed), facts.Accepted(actor))
    return clock_met(change, ClockKind.ACCEPT, terms, now)
