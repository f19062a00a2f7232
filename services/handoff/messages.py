"""What happened to a handoff, in the words of the contract."""

from collections.abc import Callable, Sequence
from datetime import datetime

from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp

from leadloop.events import timestamp
from leadloop.v1 import handoff_pb2
from leadloop.v1.qualification_pb2 import LeadQualified
from services.handoff import facts
from services.handoff.clocks import Clock, ClockKind
from services.handoff.cycle import Handoff
from services.handoff.facts import AttemptResult, Channel, Fact
from services.handoff.routing import Candidate, Person

# A clock that needs more stretches of business time lists the first ones.
INTERVALS_MAX = 60

# Every event but the first; all of them name their handoff alike.
Later = (
    handoff_pb2.HandoffAccepted
    | handoff_pb2.HandoffRejected
    | handoff_pb2.ContactAttempted
    | handoff_pb2.ClockWarned
    | handoff_pb2.ClockBreached
    | handoff_pb2.ClockMet
    | handoff_pb2.HandoffReassigned
    | handoff_pb2.HandoffEscalated
    | handoff_pb2.HandoffRecycled
    | handoff_pb2.HandoffConverted
    | handoff_pb2.HandoffWithdrawn
)

_KINDS = {
    ClockKind.ACCEPT: handoff_pb2.CLOCK_KIND_ACCEPT,
    ClockKind.FIRST_ATTEMPT: handoff_pb2.CLOCK_KIND_FIRST_ATTEMPT,
}
_CHANNELS = {one: handoff_pb2.Channel.Value(f"CHANNEL_{one.name}") for one in Channel}
_RESULTS = {
    one: handoff_pb2.AttemptResult.Value(f"ATTEMPT_RESULT_{one.name}") for one in AttemptResult
}


class Messages:
    """Writes the events of one moment; what its events have in common is written once."""

    def __init__(self, at: datetime) -> None:
        """Write events that happened at one moment."""
        self._at = timestamp(at)
        # Keyed by identity: a batch shares the very tuples. They are kept beside, so that no
        # other object can take over an identity.
        self._candidates: dict[
            int, tuple[tuple[Candidate, ...], list[handoff_pb2.Candidate]]
        ] = {}
        self._clocks: dict[int, tuple[tuple[Clock, ...], list[handoff_pb2.Clock]]] = {}
        self._writers: dict[type[Fact], Callable[..., Later]] = {
            facts.Accepted: self._accepted,
            facts.Refused: self._refused,
            facts.Attempted: self._attempted,
            facts.Warned: self._warned,
            facts.Breached: self._breached,
            facts.Met: self._met,
            facts.Reassigned: self._reassigned,
            facts.Escalated: self._escalated,
            facts.Recycled: self._recycled,
            facts.Converted: self._converted,
            facts.Withdrawn: self._withdrawn,
        }

    def routed(
        self, handoff: Handoff, fact: facts.Routed, qualified: LeadQualified
    ) -> handoff_pb2.HandoffRouted:
        """Write the first event of a handoff; it carries what sales must know of the lead."""
        event = handoff_pb2.HandoffRouted(
            lead_id=handoff.lead_id,
            handoff_id=handoff.id,
            cycle=handoff.cycle,
            sequence=handoff.sequence,
            agreement_version=handoff.agreement_version,
            occurred_at=self._at,
            owner=_person(fact.owner),
            candidates=self._candidates_of(fact.candidates),
            behind=fact.behind,
            clocks=self._clocks_of(fact.clocks),
            tier=handoff.tier,
            score=qualified.score,
            lead=qualified.lead,
            received_at=qualified.received_at,
            changes=qualified.changes,
            product=qualified.product,
        )
        if qualified.HasField("touch"):
            event.touch.CopyFrom(qualified.touch)
        return event

    def of(self, handoff: Handoff, fact: Fact, sequence: int) -> Message:
        """Write any later event of a handoff."""
        event = self._writers[type(fact)](fact)
        event.lead_id = handoff.lead_id
        event.handoff_id = handoff.id
        event.cycle = handoff.cycle
        event.sequence = sequence
        event.agreement_version = handoff.agreement_version
        event.occurred_at.CopyFrom(self._at)
        return event

    def _accepted(self, fact: facts.Accepted) -> Later:
        return handoff_pb2.HandoffAccepted(actor=fact.actor)

    def _refused(self, fact: facts.Refused) -> Later:
        return handoff_pb2.HandoffRejected(actor=fact.actor, reason=fact.reason, note=fact.note)

    def _attempted(self, fact: facts.Attempted) -> Later:
        return handoff_pb2.ContactAttempted(
            actor=fact.actor,
            channel=_CHANNELS[fact.channel],
            result=_RESULTS[fact.result],
            note=fact.note,
            attempt=fact.attempt,
        )

    def _warned(self, fact: facts.Warned) -> Later:
        return handoff_pb2.ClockWarned(clock=_clock(fact.clock), owner=_person(fact.owner))

    def _breached(self, fact: facts.Breached) -> Later:
        return handoff_pb2.ClockBreached(clock=_clock(fact.clock), owner=_person(fact.owner))

    def _met(self, fact: facts.Met) -> Later:
        return handoff_pb2.ClockMet(
            clock=_clock(fact.clock),
            owner=_person(fact.owner),
            used_seconds=fact.used_seconds,
            is_late=fact.is_late,
        )

    def _reassigned(self, fact: facts.Reassigned) -> Later:
        event = handoff_pb2.HandoffReassigned(
            to=_person(fact.owner),
            reason=fact.reason,
            candidates=self._candidates_of(fact.candidates),
            behind=fact.behind,
            clocks=self._clocks_of(fact.clocks),
        )
        if fact.previous:
            # `from` is a word of Python, so the field can't be named as an argument.
            getattr(event, "from").CopyFrom(_person(fact.previous))
        return event

    def _escalated(self, fact: facts.Escalated) -> Later:
        return handoff_pb2.HandoffEscalated(owner=_person(fact.owner), reason=fact.reason)

    def _recycled(self, fact: facts.Recycled) -> Later:
        return handoff_pb2.HandoffRecycled(
            actor=fact.actor,
            reason=fact.reason,
            note=fact.note,
            not_before=_stamp(fact.not_before),
        )

    def _converted(self, fact: facts.Converted) -> Later:
        return handoff_pb2.HandoffConverted(actor=fact.actor, deal_id=fact.deal_id)

    def _withdrawn(self, fact: facts.Withdrawn) -> Later:
        return handoff_pb2.HandoffWithdrawn(reason=fact.reason)

    def _candidates_of(
        self, candidates: tuple[Candidate, ...]
    ) -> Sequence[handoff_pb2.Candidate]:
        known = self._candidates.get(id(candidates))
        if known is None:
            written = [
                handoff_pb2.Candidate(
                    person_id=one.person.id,
                    name=one.person.name,
                    passed_over_because=one.passed_over_because,
                )
                for one in candidates
            ]
            known = self._candidates[id(candidates)] = (candidates, written)
        return known[1]

    def _clocks_of(self, running: tuple[Clock, ...]) -> Sequence[handoff_pb2.Clock]:
        known = self._clocks.get(id(running))
        if known is None:
            known = self._clocks[id(running)] = (running, [_clock(one) for one in running])
        return known[1]


def _person(person: Person | None) -> handoff_pb2.Person | None:
    return handoff_pb2.Person(person_id=person.id, name=person.name) if person else None


def _stamp(moment: datetime | None) -> Timestamp | None:
    return timestamp(moment) if moment else None


def _clock(clock: Clock) -> handoff_pb2.Clock:
    return handoff_pb2.Clock(
        kind=_KINDS[clock.kind],
        started_at=timestamp(clock.started_at),
        warns_at=timestamp(clock.warns_at),
        due_at=timestamp(clock.due_at),
        allowed_seconds=int(clock.allowed.total_seconds()),
        intervals=[
            handoff_pb2.Interval(
                starts_at=timestamp(one.starts_at), ends_at=timestamp(one.ends_at)
            )
            for one in clock.intervals[:INTERVALS_MAX]
        ],
        time_zone=clock.time_zone,
    )
