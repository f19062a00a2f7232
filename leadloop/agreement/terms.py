"""The terms of an agreement, checked: what both sides signed, as values."""

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

from leadloop.agreement.calendars import Calendar


class Then(StrEnum):
    """What follows from a reason."""

    RETURN = "return"
    REROUTE = "reroute"
    DISQUALIFY = "disqualify"


@dataclass(frozen=True)
class Signers:
    """Who signs for each side."""

    marketing: str
    sales: str


@dataclass(frozen=True)
class Rule:
    """Points for something that is so (fit) or was done (engagement)."""

    name: str
    condition: str
    points: int
    is_engagement: bool = False
    activity_kind: str = ""
    count_max: int = 0


@dataclass(frozen=True)
class Gate:
    """What must hold whatever the points; the gate is open while its condition is true."""

    name: str
    condition: str
    reason: str


@dataclass(frozen=True)
class Tier:
    """A class of qualified leads; the first whose condition holds is the lead's."""

    name: str
    condition: str


@dataclass(frozen=True)
class ServiceLevel:
    """What sales owes a lead of a tier, in business time."""

    tier: str
    accept: timedelta
    first_attempt: timedelta
    warn_percent: int


@dataclass(frozen=True)
class Reason:
    """Why a lead may be refused or returned, and what follows."""

    code: str
    label: str
    then: Then
    cool_down: timedelta = timedelta(0)
    new_evidence: str = ""


@dataclass(frozen=True)
class Goals:
    """What both sides want together, per quarter."""

    customers: int
    revenue_cents: int
    currency: str


@dataclass(frozen=True)
class MarketingLevel:
    """What marketing owes sales, per month."""

    qualified_per_month: int
    accepted_percent: int
    complete_percent: int


@dataclass(frozen=True)
class Definition:
    """What a qualified lead is."""

    rules: tuple[Rule, ...]
    gates: tuple[Gate, ...]
    tiers: tuple[Tier, ...]
    cycles_max: int


@dataclass(frozen=True)
class Agreement:
    """A checked agreement, with the SHA-256 of its text in lower-case hex."""

    name: str
    text_sha256: str
    signers: Signers
    definition: Definition
    service_levels: tuple[ServiceLevel, ...]
    calendar: Calendar
    reassign_max: int
    reasons: tuple[Reason, ...]
    goals: Goals | None
    marketing_level: MarketingLevel | None
