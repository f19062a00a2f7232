"""Take messages into the loop: load the people, decide each message, save and promise all.

Rows are locked and written in one order (leads known, identities, leads new, captures), each
step sorted, so that replicas with the same people at the same time wait and never deadlock.
"""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import NamedTuple

from google.protobuf.message import Message as Event

from leadloop import outbox
from leadloop.connection import Raced
from leadloop.database import Work
from leadloop.events import timestamp
from leadloop.inbox import Handler
from leadloop.v1 import lead_pb2
from services.intake import rules, store
from services.intake.message import Ignored, Item, Lead, Message, Unusable
from services.intake.roster import Roster
from services.intake.store import Identity, Kept, Outcome, State


class Arrival(NamedTuple):
    """One item of a payload on its way in.

    Attributes:
        kept: What is kept of it, whatever becomes of it.
        item: What it says.
        traceparent: The trace that its event continues.
        stored_as: The recurrence under which it was kept before and is read again now; empty
            when it is new.
    """

    kept: Kept
    item: Item
    traceparent: str = ""
    stored_as: str = ""

    @property
    def is_stored(self) -> bool:
        """Say whether it was kept before."""
        return bool(self.stored_as)

    @property
    def is_renamed(self) -> bool:
        """Say whether it was kept before under another recurrence."""
        return bool(self.stored_as) and self.stored_as != self.kept.recurrence


class Settled(NamedTuple):
    """An arrival with what became of it; the decision is None unless it is recorded."""

    arrival: Arrival
    outcome: Outcome
    decision: rules.Decision | None


# Reads a capture again that waited for its person.
ReadAgain = Callable[[Kept], Arrival]


async def record(
    work: Work, arrivals: Sequence[Arrival], read_again: ReadAgain
) -> dict[str, Outcome]:
    """Take arrivals in; return what became of each by capture id, nothing for repetitions.

    Args:
        work: The open transaction.
        arrivals: In the order they came.
        read_again: Reads the captures that waited for a person who is named now.

    Raises:
        Raced: Another transaction took the same person or message first; call again.
    """
    roster, fresh = await _assemble(work, arrivals)
    # Messages that name a person come first, so that others about the same person find them.
    settled = [_settle(work, roster, arrival) for arrival in sorted(fresh, key=_is_nameless)]
    named = await _save_identities(work, roster)
    for kept in _others(await store.lock_waiting(work.connection, named), fresh):
        settled.append(_settle(work, roster, read_again(kept)))
    await _save_people(work, roster)
    await _save_captures(work, settled)
    await outbox.promise(work, [_promise(s, s.decision) for s in settled if s.decision])
    await work.connection.flush()
    return {s.arrival.kept.capture_id: s.outcome for s in settled}


async def _assemble(work: Work, arrivals: Sequence[Arrival]) -> tuple[Roster, list[Arrival]]:
    """Lock the people spoken of; return them with the arrivals that are no repetitions."""
    connection = work.connection
    messages = [(a, a.item) for a in arrivals if isinstance(a.item, Message)]
    identities = {_identity(arrival, said) for arrival, said in messages if said.external_id}
    leads = await store.find_identities(connection, identities)
    emails = {said.lead.email for _, said in messages if said.lead.email}
    people = await store.lock_people(connection, emails, filter(None, leads.values()))
    # Only now: a delivery of the same message that held the lock is committed and seen.
    return Roster(people, leads), await _fresh(work, arrivals)


async def _fresh(work: Work, arrivals: Sequence[Arrival]) -> list[Arrival]:
    """Return the arrivals that were not kept before, the first of each."""
    first = {arrival.kept.recurrence: arrival for arrival in reversed(arrivals)}
    new = [
        recurrence for recurrence, arrival in first.items() if arrival.stored_as != recurrence
    ]
    repeated = await store.find_recurrences(work.connection, new) if new else set()
    return [
        arrival
        for arrival in arrivals
        if arrival.kept.recurrence not in repeated and arrival is first[arrival.kept.recurrence]
    ]


def _others(waiting: Sequence[Kept], arrivals: Sequence[Arrival]) -> list[Kept]:
    """Return those that wait and are not among the arrivals themselves, read again."""
    stored = {a.kept.capture_id for a in arrivals if a.is_stored} if waiting else set()
    return [kept for kept in waiting if kept.capture_id not in stored]


def _settle(work: Work, roster: Roster, arrival: Arrival) -> Settled:
    """Decide one arrival on what is known of its person so far."""
    item = arrival.item
    if isinstance(item, Unusable):
        return Settled(arrival, Outcome("parked", error=item.error), None)
    if isinstance(item, Ignored):
        return Settled(arrival, Outcome("ignored"), None)
    identity = _identity(arrival, item) if item.external_id else None
    happened_at = rules.happened_at(item, arrival.kept.received_at)
    person = roster.find(item.lead.email, identity)
    is_new = person is None and bool(item.lead.email)
    if is_new:
        person = roster.add(work.ids.new(work.now), item.lead.email)
    if person is None:
        roster.wait_for(identity)
        return Settled(arrival, _outcome("unmatched", item, happened_at), None)
    decision = rules.decide(person, item, happened_at, is_new=is_new)
    roster.put(decision.person, identity)
    outcome = _outcome("recorded", item, happened_at, person.lead_id)
    return Settled(arrival, outcome, decision)


def _outcome(
    state: State, message: Message, happened_at: datetime, lead_id: str | None = None
) -> Outcome:
    return Outcome(
        state,
        lead_id=lead_id,
        external_id=message.external_id,
        occurred_at=happened_at,
        activity_kind=message.activity.kind if message.activity else None,
        touch=message.touch,
        error=message.left_out,
    )


async def _save_identities(work: Work, roster: Roster) -> list[Identity]:
    """Save whose identities are whose; return those whose lead was not known before."""
    wanted = roster.changed_identities()
    saved = await store.save_identities(work.connection, wanted)
    if saved != wanted:
        raise Raced("another transaction named somebody whom we took for unknown")
    return [identity for identity, lead_id in wanted.items() if lead_id]


async def _save_people(work: Work, roster: Roster) -> None:
    await store.insert_people(work.connection, roster.new_people(), work.now)
    await store.update_people(work.connection, roster.changed_people(), work.now)


async def _save_captures(work: Work, settled: Sequence[Settled]) -> None:
    """Keep new captures with what became of them; save what became of those read again."""
    new = [(s.arrival.kept, s.outcome) for s in settled if not s.arrival.is_stored]
    await store.insert_captures(work.connection, new)
    await store.insert_payloads(work.connection, (kept for kept, _ in new))
    again = {s.arrival.kept.capture_id: s.outcome for s in settled if s.arrival.is_stored}
    await store.update_captures(work.connection, again)


def _promise(settled: Settled, decision: rules.Decision) -> outbox.Promise:
    """Return the one event of a recorded message."""
    make = _captured if decision.is_capture else _recorded
    return outbox.Promise(make(settled, decision), traceparent=settled.arrival.traceparent)


def _captured(settled: Settled, decision: rules.Decision) -> lead_pb2.LeadCaptured:
    kept = settled.arrival.kept
    return lead_pb2.LeadCaptured(
        lead_id=decision.person.lead_id,
        capture_id=kept.capture_id,
        source=kept.source,
        lead=to_proto(decision.person.lead),
        touch=_touch(settled),
        activity=_engagement(settled),
        is_new=decision.is_new,
        occurred_at=timestamp(_occurred_at(settled)),
        received_at=timestamp(kept.received_at),
    )


def _recorded(settled: Settled, decision: rules.Decision) -> lead_pb2.ActivityRecorded:
    kept = settled.arrival.kept
    return lead_pb2.ActivityRecorded(
        lead_id=decision.person.lead_id,
        capture_id=kept.capture_id,
        source=kept.source,
        activity=_engagement(settled),
        touch=_touch(settled),
        received_at=timestamp(kept.received_at),
    )


def to_proto(lead: Lead) -> lead_pb2.Lead:
    """Return a lead as the contract has it."""
    return lead_pb2.Lead(
        email=lead.email,
        first_name=lead.first_name,
        last_name=lead.last_name,
        phone=lead.phone,
        company=lead.company,
        job_title=lead.job_title,
        country=lead.country,
        consent=lead_pb2.Consent.ValueType(lead.consent),
        attributes=lead.attributes,
    )


def _touch(settled: Settled) -> lead_pb2.Touch | None:
    touch = settled.outcome.touch
    if touch is None:
        return None
    return lead_pb2.Touch(
        source=touch.source,
        medium=touch.medium,
        campaign=touch.campaign,
        content=touch.content,
        term=touch.term,
        referrer=touch.referrer,
        occurred_at=timestamp(_occurred_at(settled)),
    )


def _engagement(settled: Settled) -> lead_pb2.Activity | None:
    item = settled.arrival.item
    if not isinstance(item, Message) or item.activity is None:
        return None
    return lead_pb2.Activity(
        activity_id=settled.arrival.kept.recurrence,
        kind=item.activity.kind,
        occurred_at=timestamp(_occurred_at(settled)),
        attributes=item.activity.attributes,
    )


def _occurred_at(settled: Settled) -> datetime:
    return settled.outcome.occurred_at or settled.arrival.kept.received_at


def _identity(arrival: Arrival, message: Message) -> Identity:
    return Identity(arrival.kept.source, message.external_id)


def _is_nameless(arrival: Arrival) -> bool:
    return isinstance(arrival.item, Message) and not arrival.item.lead.email


# Intake handles no other service's events yet.
HANDLERS: dict[type[Event], Handler] = {}
