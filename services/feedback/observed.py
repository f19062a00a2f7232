"""What each event tells: an entry of the timeline, and facts about lead, cycle and clocks."""

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Any

from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp

from leadloop.events import Envelope, encode, moment
from leadloop.v1 import handoff_pb2 as handoff
from leadloop.v1 import lead_pb2 as lead
from leadloop.v1 import qualification_pb2 as qualification
from services.feedback.facts import ClockFact, Contact, CycleFact, LeadFact
from services.feedback.store import Entry

OfClock = (
    handoff.HandoffRouted
    | handoff.HandoffReassigned
    | handoff.ClockWarned
    | handoff.ClockBreached
    | handoff.ClockMet
)
Step = (
    handoff.HandoffAccepted
    | handoff.ContactAttempted
    | handoff.HandoffRejected
    | handoff.HandoffRecycled
    | handoff.HandoffConverted
    | handoff.HandoffWithdrawn
)

# Events that carry the person. What is kept here does not: the contact lives in intake.
_CARRIES_PERSON = (
    lead.LeadCaptured,
    lead.LeadsMerged,
    lead.LeadsUnmerged,
    qualification.LeadQualified,
    handoff.HandoffRouted,
)

# Of events of one moment the cause comes first: topics in the order in which they lead to one
# another, events of a handoff by its sequence.
_RANK = {
    "leads.v1": 0,
    "qualifications.v1": 1_000_000,
    "handoffs.v1": 2_000_000,
    "outcomes.v1": 3_000_000,
}

# What a lead must have to be complete, by the contract's MarketingLevel.
COMPLETE = ("phone", "company", "country")

# Where an event says when it happened; all others have occurred_at.
_TIME_FIELD: Mapping[type[Message], str] = {
    lead.LeadsMerged: "merged_at",
    lead.LeadsUnmerged: "unmerged_at",
    lead.ActivitiesQuarantined: "decided_at",
    lead.LeadErased: "erased_at",
    qualification.LeadScored: "scored_at",
    qualification.LeadQualified: "qualified_at",
    qualification.LeadDisqualified: "disqualified_at",
}


def entry(envelope: Envelope[Message]) -> Entry:
    """Return the timeline's entry of an event."""
    event = envelope.event
    return Entry(
        event_id=envelope.id,
        lead_id=envelope.key,
        at=_happened_at(envelope),
        place=_RANK[envelope.topic] + getattr(event, "sequence", 0),
        type=type(event).__name__,
        value=_without_person(envelope),
    )


def lead_fact(event: Message) -> LeadFact | None:
    """Return what an event tells about where a lead came from; None when nothing."""
    if isinstance(event, lead.LeadCaptured):
        contact = _contact(event.touch, event.occurred_at) if event.HasField("touch") else None
        return LeadFact(
            lead_id=event.lead_id,
            captured_at=moment(event.received_at),
            source=event.source,
            first=contact,
            last=contact,
        )
    if isinstance(event, lead.ActivityRecorded) and event.HasField("touch"):
        contact = _contact(event.touch, event.activity.occurred_at)
        return LeadFact(event.lead_id, first=contact, last=contact)
    return None


def merge_fact(event: lead.LeadsMerged) -> LeadFact:
    """Return that a lead is now part of another."""
    return LeadFact(
        event.merged_lead_id, merged_at=moment(event.merged_at), merged_into=event.lead_id
    )


def parting_fact(event: lead.LeadsUnmerged) -> LeadFact:
    """Return that a lead is on its own again: the newest of what is told of it holds."""
    return LeadFact(event.unmerged_lead_id, merged_at=moment(event.unmerged_at))


def cycle_fact(event: Message) -> CycleFact | None:
    """Return what an event tells about a handoff cycle; None when nothing."""
    tell = _CYCLE_FACTS.get(type(event))
    return tell(event) if tell else None


def clock_facts(event: Message) -> list[ClockFact]:
    """Return what an event tells about clocks."""
    if isinstance(event, (handoff.HandoffRouted, handoff.HandoffReassigned)):
        return [_clock(event, clock) for clock in event.clocks]
    if isinstance(event, handoff.ClockWarned):
        at = moment(event.occurred_at)
        return [_clock(event, event.clock)._replace(warned_at=at)]
    if isinstance(event, handoff.ClockBreached):
        at = moment(event.occurred_at)
        return [_clock(event, event.clock)._replace(breached_at=at)]
    if isinstance(event, handoff.ClockMet):
        at = moment(event.occurred_at)
        fact = _clock(event, event.clock)
        used, is_late = event.used_seconds, event.is_late
        return [fact._replace(met_at=at, used_seconds=used, is_late=is_late)]
    return []


def touch_of(value: bytes | None) -> lead.Touch | None:
    """Return a kept touch; None when there is none."""
    return lead.Touch.FromString(value) if value else None


def newer(one: lead.Touch | None, other: lead.Touch | None) -> lead.Touch | None:
    """Return the newer of two touches; None when there is none."""
    found = [touch for touch in (one, other) if touch is not None]
    return max(found, key=lambda touch: touch.occurred_at.ToNanoseconds(), default=None)


def _happened_at(envelope: Envelope[Message]) -> datetime:
    """Return when it happened by the event's own word, else when it was promised."""
    event: Any = envelope.event
    if isinstance(event, lead.ActivityRecorded):
        event = event.activity
    name = _TIME_FIELD.get(type(envelope.event), "occurred_at")
    return moment(getattr(event, name)) if event.HasField(name) else envelope.time


def _without_person(envelope: Envelope[Message]) -> bytes:
    """Return the event's bytes, without the person if it carries one."""
    if not isinstance(envelope.event, _CARRIES_PERSON):
        return envelope.value
    # Read anew: the batch may be handled again with the same messages.
    kept = type(envelope.event).FromString(envelope.value)
    kept.ClearField("lead")
    if isinstance(kept, lead.LeadsUnmerged):
        kept.ClearField("unmerged_lead")
    return encode(kept)


def _contact(touch: lead.Touch, otherwise: Timestamp) -> Contact:
    """Return a touch at its own time, or else at the time of what carried it."""
    at = touch.occurred_at if touch.HasField("occurred_at") else otherwise
    return Contact(moment(at), touch.campaign, encode(touch))


def _clock(event: OfClock, clock: handoff.Clock) -> ClockFact:
    return ClockFact(
        handoff_id=event.handoff_id,
        kind=clock.kind,
        started_at=moment(clock.started_at),
        lead_id=event.lead_id,
        cycle=event.cycle,
        due_at=moment(clock.due_at),
        allowed_seconds=clock.allowed_seconds,
    )


def _qualified(event: qualification.LeadQualified) -> CycleFact:
    missing = [name for name in COMPLETE if not getattr(event.lead, name)]
    return CycleFact(
        event.lead_id,
        event.cycle,
        tier=event.tier,
        qualified_at=moment(event.qualified_at),
        is_complete=not missing,
        missing=" ".join(missing),
    )


def _routed(event: handoff.HandoffRouted) -> CycleFact:
    has_owner = event.HasField("owner")
    return CycleFact(
        event.lead_id,
        event.cycle,
        handoff_id=event.handoff_id,
        tier=event.tier,
        routed_at=moment(event.occurred_at) if has_owner else None,
        owner_sequence=event.sequence if has_owner else 0,
        owner_id=event.owner.person_id if has_owner else None,
    )


def _reassigned(event: handoff.HandoffReassigned) -> CycleFact:
    return CycleFact(
        event.lead_id,
        event.cycle,
        handoff_id=event.handoff_id,
        routed_at=moment(event.occurred_at),
        owner_sequence=event.sequence,
        owner_id=event.to.person_id,
    )


def _step(column: str) -> Callable[[Step], CycleFact]:
    """Return a teller of one step of a cycle."""

    def tell(event: Step) -> CycleFact:
        at: dict[str, Any] = {column: moment(event.occurred_at)}
        return CycleFact(event.lead_id, event.cycle, handoff_id=event.handoff_id, **at)

    return tell


def _disqualified(event: qualification.LeadDisqualified) -> CycleFact:
    at = moment(event.disqualified_at)
    return CycleFact(event.lead_id, event.cycle, disqualified_at=at)


_CYCLE_FACTS: Mapping[type[Message], Callable[[Any], CycleFact]] = {
    qualification.LeadQualified: _qualified,
    qualification.LeadDisqualified: _disqualified,
    handoff.HandoffRouted: _routed,
    handoff.HandoffReassigned: _reassigned,
    handoff.HandoffAccepted: _step("accepted_at"),
    handoff.ContactAttempted: _step("attempted_at"),
    handoff.HandoffRejected: _step("rejected_at"),
    handoff.HandoffRecycled: _step("recycled_at"),
    handoff.HandoffConverted: _step("converted_at"),
    handoff.HandoffWithdrawn: _step("withdrawn_at"),
}


def facts_of(
    events: Iterable[Message],
) -> tuple[list[LeadFact], list[CycleFact], list[ClockFact]]:
    """Return all facts that these events tell, by kind."""
    leads: list[LeadFact] = []
    cycles: list[CycleFact] = []
    clocks: list[ClockFact] = []
    for event in events:
        leads += [fact for fact in [lead_fact(event)] if fact]
        cycles += [fact for fact in [cycle_fact(event)] if fact]
        clocks += clock_facts(event)
    return leads, cycles, clocks
