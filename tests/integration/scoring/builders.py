"""Events as intake and feedback publish them, each field with a default."""

from __future__ import annotations

from datetime import datetime, timedelta

from leadloop.events import timestamp
from leadloop.v1.agreement_pb2 import (
    CONSEQUENCE_RETURN,
    Agreement,
    AgreementSigned,
    Consequence,
    Definition,
    Gate,
    Reason,
    Rule,
    Tier,
)
from leadloop.v1.lead_pb2 import (
    CONSENT_GRANTED,
    ActivitiesQuarantined,
    Activity,
    ActivityRecorded,
    Consent,
    Lead,
    LeadCaptured,
    LeadErased,
    LeadsMerged,
    LeadsUnmerged,
    Touch,
)
from leadloop.v1.outcome_pb2 import DealLost, DealWon, LeadReturned
from tests.conftest import MONDAY_MORNING

ONE = "00000000-0000-7000-8000-000000000001"
TWO = "00000000-0000-7000-8000-000000000002"
THREE = "00000000-0000-7000-8000-000000000003"

VISIT = Rule(
    name="visit", is_engagement=True, activity_kind="page_view", condition="true", points=10
)
GERMAN = Rule(name="german", condition='lead.country == "DE"', points=20)
PERMITTED = Gate(
    name="permitted", condition='lead.consent != "denied"', reason="Asked not to be contacted."
)
TIERS = (
    Tier(name="A", condition="total >= 50"),
    Tier(name="B", condition="total >= 30"),
)


def signed(
    version: int = 1,
    rules: tuple[Rule, ...] = (GERMAN, VISIT),
    gates: tuple[Gate, ...] = (PERMITTED,),
    tiers: tuple[Tier, ...] = TIERS,
    cycles_max: int = 0,
    reasons: tuple[Reason, ...] = (),
) -> AgreementSigned:
    definition = Definition(rules=rules, gates=gates, tiers=tiers, cycles_max=cycles_max)
    agreement = Agreement(
        name="sales",
        version=version,
        text_sha256=f"{version:064}",
        definition=definition,
        reasons=reasons,
    )
    return AgreementSigned(
        name="sales", agreement=agreement, signed_at=timestamp(MONDAY_MORNING)
    )


def visit(number: int = 1, at: datetime | None = None, **attributes: str) -> Activity:
    happened = at or MONDAY_MORNING + timedelta(minutes=number)
    return Activity(
        activity_id=f"visit-{number}",
        kind="page_view",
        occurred_at=timestamp(happened),
        attributes=attributes,
    )


def captured(
    lead_id: str = ONE,
    country: str = "DE",
    activity: Activity | None = None,
    touch: Touch | None = None,
    consent: Consent.ValueType = CONSENT_GRANTED,
    **attributes: str,
) -> LeadCaptured:
    lead = Lead(
        email="ada@example.com", country=country, consent=consent, attributes=attributes
    )
    return LeadCaptured(
        lead_id=lead_id,
        lead=lead,
        activity=activity,
        touch=touch,
        received_at=timestamp(MONDAY_MORNING),
    )


def recorded(
    activity: Activity, lead_id: str = ONE, received_at: datetime = MONDAY_MORNING
) -> ActivityRecorded:
    return ActivityRecorded(
        lead_id=lead_id, activity=activity, received_at=timestamp(received_at)
    )


def merged(survivor: str = ONE, other: str = TWO, country: str = "DE") -> LeadsMerged:
    return LeadsMerged(
        lead_id=survivor,
        merged_lead_id=other,
        lead=Lead(email="ada@example.com", country=country, consent=CONSENT_GRANTED),
        merged_at=timestamp(MONDAY_MORNING),
    )


def unmerged(survivor: str = ONE, other: str = TWO, country: str = "DE") -> LeadsUnmerged:
    lead = Lead(email="ada@example.com", country=country, consent=CONSENT_GRANTED)
    return LeadsUnmerged(
        lead_id=survivor,
        unmerged_lead_id=other,
        lead=lead,
        unmerged_lead=lead,
        unmerged_at=timestamp(MONDAY_MORNING),
    )


def quarantined(
    *activity_ids: str, lead_id: str = ONE, is_quarantined: bool = True
) -> ActivitiesQuarantined:
    return ActivitiesQuarantined(
        lead_id=lead_id,
        activity_ids=activity_ids,
        is_quarantined=is_quarantined,
        decided_at=timestamp(MONDAY_MORNING),
    )


def erased(lead_id: str = ONE) -> LeadErased:
    return LeadErased(lead_id=lead_id)


def returned(
    at: datetime,
    *,
    lead_id: str = ONE,
    cycle: int = 1,
    not_before: datetime | None = None,
    consequence: Consequence.ValueType = CONSEQUENCE_RETURN,
) -> LeadReturned:
    return LeadReturned(
        lead_id=lead_id,
        cycle=cycle,
        reason="no_need",
        label="No need now",
        consequence=consequence,
        occurred_at=timestamp(at),
        not_before=timestamp(not_before) if not_before else None,
    )


def won(at: datetime, lead_id: str = ONE) -> DealWon:
    return DealWon(lead_id=lead_id, occurred_at=timestamp(at))


def lost(at: datetime, lead_id: str = ONE) -> DealLost:
    return DealLost(lead_id=lead_id, occurred_at=timestamp(at), reason="price")
