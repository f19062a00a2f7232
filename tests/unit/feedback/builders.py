"""A sound agreement, and events as the other services publish them, each with defaults."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from random import Random
from typing import Any

from google.protobuf.message import Message

from leadloop.events import Envelope, encode, key_of, route_of, timestamp
from leadloop.ids import Ids
from leadloop.v1 import handoff_pb2 as handoff
from leadloop.v1 import lead_pb2 as lead
from leadloop.v1 import qualification_pb2 as qualification
from tests.conftest import MONDAY_MORNING

IDS = Ids(Random(11))
ADA = IDS.new(MONDAY_MORNING)
BOB = IDS.new(MONDAY_MORNING)
HANDOFF = IDS.new(MONDAY_MORNING)


SOUND = """\
agreement: default
signers: {marketing: Mara, sales: Tom}
qualified_lead:
  fit:
    - {name: our market, when: 'lead.country == "DE"', points: 20}
    - {name: private mailbox, when: 'lead.email.endsWith("@gmail.com")', points: -15}
  engagement:
    - {name: asked for a demo, on: demo_request, points: 40, at_most: 1}
  gates:
    - {name: may be contacted, when: 'lead.consent != "denied"', reason: Does not want it}
  tiers:
    - {name: A, when: total >= 60}
    - {name: B, when: total >= 40}
  cycles_at_most: 4
service_levels:
  calendar: office
  warn_at: 50%
  tiers:
    A: {accept: 15m, first_attempt: 1h}
    B: {accept: 2h, first_attempt: 8h}
calendars:
  office:
    time_zone: Europe/Berlin
    open: {mon-fri: ["09:00-12:30", "13:30-17:30"]}
    holidays: DE-BE
    closed: [2026-12-24]
routing: {reassign_at_most: 1}
reasons:
  no_budget: {label: No budget, then: return, cool_down: 90d, new_evidence: A new year}
  elsewhere: {label: Not ours, then: reroute}
goals: {customers: 40, revenue: 480000 EUR}
marketing_owes: {qualified_per_month: 200, accepted: 70%, complete: 80%}
"""


def after(minutes: float) -> datetime:
    return MONDAY_MORNING + timedelta(minutes=minutes)


def enveloped(
    events: Sequence[Message], now: datetime = MONDAY_MORNING
) -> list[Envelope[Message]]:
    return [
        Envelope(
            id=IDS.new(now),
            topic=route_of(type(event)).topic,
            key=key_of(event),
            type=route_of(type(event)).type_name,
            time=now,
            traceparent="",
            event=event,
            value=encode(event),
        )
        for event in events
    ]


def a_touch(campaign: str = "spring", minutes: float = 0) -> lead.Touch:
    return lead.Touch(
        source="google",
        medium="cpc",
        campaign=campaign,
        occurred_at=timestamp(after(minutes)),
    )


def captured(
    lead_id: str = ADA, *, campaign: str = "spring", source: str = "hubspot", minutes: float = 0
) -> lead.LeadCaptured:
    return lead.LeadCaptured(
        lead_id=lead_id,
        capture_id=IDS.new(MONDAY_MORNING),
        source=source,
        lead=lead.Lead(email="ada@example.com", phone="+4930123", company="A", country="DE"),
        touch=a_touch(campaign, minutes),
        activity=lead.Activity(activity_id="a1", kind="demo_request"),
        is_new=True,
        occurred_at=timestamp(after(minutes)),
        received_at=timestamp(after(minutes)),
    )


def a_score() -> qualification.Score:
    parts = [
        qualification.ScorePart(rule="our market", axis=qualification.AXIS_FIT, points=20),
        qualification.ScorePart(
            rule="asked for a demo", axis=qualification.AXIS_ENGAGEMENT, points=40, count=1
        ),
    ]
    return qualification.Score(total=60, fit=20, engagement=40, parts=parts)


def qualified(
    lead_id: str = ADA, *, cycle: int = 1, tier: str = "A", minutes: float = 1, phone: str = "1"
) -> qualification.LeadQualified:
    return qualification.LeadQualified(
        lead_id=lead_id,
        qualification_id=IDS.new(MONDAY_MORNING),
        cycle=cycle,
        tier=tier,
        score=a_score(),
        lead=lead.Lead(email="ada@example.com", phone=phone, company="A", country="DE"),
        agreement_version=1,
        qualified_at=timestamp(after(minutes)),
        trigger="demo_request",
    )


def a_clock(kind: int = handoff.CLOCK_KIND_ACCEPT, minutes: float = 2) -> handoff.Clock:
    stretch = handoff.Interval(
        starts_at=timestamp(after(minutes)), ends_at=timestamp(after(minutes + 15))
    )
    return handoff.Clock(
        kind=handoff.ClockKind.ValueType(kind),
        started_at=timestamp(after(minutes)),
        warns_at=timestamp(after(minutes + 7.5)),
        due_at=timestamp(after(minutes + 15)),
        allowed_seconds=900,
        intervals=[stretch],
        time_zone="Europe/Berlin",
    )


def step(kind: type[Message], sequence: int, minutes: float, **fields: Any) -> Message:
    """Return an event of a handoff; the handoff is Ada's first unless told otherwise."""
    common = {"lead_id": ADA, "handoff_id": HANDOFF, "cycle": 1, "agreement_version": 1}
    at = timestamp(after(minutes))
    return kind(**(common | fields), sequence=sequence, occurred_at=at)


def routed(sequence: int = 1, minutes: float = 2, **fields: Any) -> Message:
    given = {
        "owner": handoff.Person(person_id="eva", name="Eva"),
        "candidates": [
            handoff.Candidate(person_id="eva", name="Eva"),
            handoff.Candidate(person_id="jo", name="Jo", passed_over_because="is away"),
        ],
        "clocks": [a_clock()],
        "tier": "A",
        "score": a_score(),
        "lead": lead.Lead(email="ada@example.com"),
    }
    return step(handoff.HandoffRouted, sequence, minutes, **(given | fields))


def accepted(sequence: int = 2, minutes: float = 8, **fields: Any) -> Message:
    return step(handoff.HandoffAccepted, sequence, minutes, **({"actor": "Eva"} | fields))


def met(sequence: int = 3, minutes: float = 8, **fields: Any) -> Message:
    given = {"clock": a_clock(), "used_seconds": 360}
    return step(handoff.ClockMet, sequence, minutes, **(given | fields))


def rejected(
    reason: str = "no_budget", *, sequence: int = 4, minutes: float = 9, **fields: Any
):
    given = {"actor": "Eva", "reason": reason, "note": "next year"}
    return step(handoff.HandoffRejected, sequence, minutes, **(given | fields))


def recycled(
    reason: str = "no_budget", *, sequence: int = 5, minutes: float = 20, **fields: Any
):
    given = {"actor": "Eva", "reason": reason}
    return step(handoff.HandoffRecycled, sequence, minutes, **(given | fields))


def converted(sequence: int = 6, minutes: float = 30, **fields: Any) -> Message:
    return step(handoff.HandoffConverted, sequence, minutes, **({"actor": "Eva"} | fields))
