"""Write decisions down: rows, story, timers, promises, deliveries; one statement each."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from google.protobuf.message import Message

from leadloop import delivery, timers
from leadloop.database import Work
from leadloop.events import Envelope
from leadloop.outbox import Promise, promise
from leadloop.timers import Timer
from leadloop.v1.qualification_pb2 import LeadQualified
from services.handoff import facts, metrics, store
from services.handoff.cycle import Change, Handoff
from services.handoff.facts import Fact
from services.handoff.messages import Messages
from services.handoff.rows import Held, Opened, Told

# One timer per handoff: it fires when the next of its clocks needs looking at.
CLOCK = "clock"


class Begun(NamedTuple):
    """A new handoff with the qualification that began it."""

    change: Change
    cause: Envelope[LeadQualified]
    received_at: datetime | None


@dataclass(frozen=True, slots=True)
class Moved:
    """What became of a handoff that was kept already.

    Attributes:
        has_fired: Its timer has just fired, so it must be armed again.
    """

    before: Held
    change: Change
    cause: Envelope[Message] | None = None
    has_fired: bool = False


class _Event(NamedTuple):
    handoff: Handoff
    sequence: int
    promised: Promise
    received_at: datetime | None


async def begin(work: Work, queue: str, begun: Sequence[Begun]) -> None:
    """Keep new handoffs of a queue and tell the world."""
    opened = [Opened(one.change.handoff, one.received_at) for one in begun]
    await store.insert(work.connection, queue, opened, work.now)
    messages = Messages(work.now)
    events = [
        _Event(
            one.change.handoff,
            one.change.handoff.sequence,
            Promise(messages.routed(one.change.handoff, fact, one.cause.event), one.cause),
            one.received_at,
        )
        for one in begun
        for fact in one.change.facts
        if isinstance(fact, facts.Routed)
    ]
    await _tell(work, events)
    await _arm(work, [one.change.handoff for one in begun])
    _count([one.change for one in begun])


async def move(work: Work, moved: Sequence[Moved]) -> None:
    """Write what became of handoffs; those to which nothing happened cost nothing."""
    changed = [one for one in moved if one.change.handoff != one.before.handoff]
    await store.update(work.connection, [one.change.handoff for one in changed])
    messages = Messages(work.now)
    await _tell(work, [event for one in changed for event in _events_of(one, messages)])
    await _reset_timers(work, moved)
    _count([one.change for one in changed])


def _events_of(one: Moved, messages: Messages) -> list[_Event]:
    handoff = one.change.handoff
    first = handoff.sequence - len(one.change.facts) + 1
    return [
        _Event(
            handoff,
            sequence,
            Promise(messages.of(handoff, fact, sequence), one.cause),
            _captured_at(one.before, fact),
        )
        for sequence, fact in enumerate(one.change.facts, first)
    ]


def _captured_at(held: Held, fact: Fact) -> datetime | None:
    """Time the way from capture to the CRM for the event that first names an owner."""
    is_first_owner = isinstance(fact, facts.Reassigned) and fact.previous is None
    return held.received_at if is_first_owner else None


async def _tell(work: Work, events: Sequence[_Event]) -> None:
    envelopes = await promise(work, [one.promised for one in events])
    await store.tell(
        work.connection,
        [
            Told(one.handoff.id, one.sequence, envelope.type, work.now, envelope.value)
            for one, envelope in zip(events, envelopes, strict=True)
        ],
        work.now,
    )
    await delivery.enqueue(work, envelopes, [one.received_at for one in events])


async def _arm(work: Work, handoffs: Sequence[Handoff]) -> None:
    armed = [Timer(one.id, CLOCK, one.next_at) for one in handoffs if one.next_at]
    await timers.arm(work, armed)


async def _reset_timers(work: Work, moved: Sequence[Moved]) -> None:
    stale = [
        one
        for one in moved
        if one.has_fired or one.change.handoff.next_at != one.before.handoff.next_at
    ]
    await _arm(work, [one.change.handoff for one in stale])
    await timers.cancel(
        work,
        [
            (one.change.handoff.id, CLOCK)
            for one in stale
            if one.change.handoff.next_at is None and not one.has_fired
        ],
    )


def _count(changes: Sequence[Change]) -> None:
    """Count what happened, each kind at once."""
    states = Counter((one.handoff.state, one.handoff.tier) for one in changes if one.facts)
    for (state, tier), count in states.items():
        metrics.STATES.labels(state.value, tier).inc(count)
    for change in changes:
        for fact in change.facts:
            if isinstance(fact, facts.Warned | facts.Breached | facts.Met):
                kind, tier = fact.clock.kind.value, change.handoff.tier
                metrics.CLOCKS.labels(kind, _outcome(fact), tier).inc()
            elif isinstance(fact, facts.Escalated):
                metrics.ESCALATED.labels(change.handoff.tier).inc()


def _outcome(fact: facts.Warned | facts.Breached | facts.Met) -> str:
    if isinstance(fact, facts.Met):
        return "met_late" if fact.is_late else "met"
    return "breached" if isinstance(fact, facts.Breached) else "warned"
