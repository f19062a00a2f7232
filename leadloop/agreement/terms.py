"""The terms of an agreement, checked: what both sides signed, as values."""

from dataclasses import dataclass, field
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
    """Points for something that is so (fit) or was done (engagement).

    Attributes:
        activity_kind: Only activities of this kind are judged; empty means every kind.
        count_max: Counts at most this often, in each period; 0 means every time.
        period_days: 0 means that count_max holds for all time.
        half_life_days: The points halve each time this many days have passed; 0: they stay.
        within_days: Only activities of this many last days count; 0 means all.
        group: Whose cap it shares; empty when it is in none.
        product: The product line that the points count for; empty: the lead as a whole.
        path: Where it stands in the text, a JSON Pointer.
    """

    name: str
    condition: str
    points: int
    is_engagement: bool = False
    activity_kind: str = ""
    count_max: int = 0
    period_days: int = 0
    half_life_days: int = 0
    within_days: int = 0
    group: str = ""
    product: str = ""
    path: str = field(default="", compare=False)


@dataclass(frozen=True)
class Gate:
    """What must hold whatever the points; the gate is open while its condition is true."""

    name: str
    condition: str
    reason: str
    path: str = field(default="", compare=False)


@dataclass(frozen=True)
class Tier:
    """A class of qualified leads; the first whose condition holds is the lead's."""

    name: str
    condition: str
    path: str = field(default="", compare=False)


@dataclass(frozen=True)
class Cap:
    """The most points that a group of rules, or a whole side, gives together."""

    group: str
    points: int
    path: str = field(default="", compare=False)


@dataclass(frozen=True)
class ServiceLevel:
    """What sales owes a lead of a tier, in business time."""

    tier: str
    accept: timedelta
    first_attempt: timedelta
    warn_percent: int


@dataclass(frozen=True)
class Reason:
    """Why a lead may be refused or returned, and what follows.

    Attributes:
        new_evidence: What must change before the person may come back, in words.
        reopened_by: The same as a condition on an activity; empty when any will do.
    """

    code: str
    label: str
    then: Then
    cool_down: timedelta = timedelta(0)
    new_evidence: str = ""
    reopened_by: str = ""
    path: str = field(default="", compare=False)


@dataclass(frozen=True)
class Goals:
    """What both sides want together, per quarter; percentages are 0 when not agreed.

    Attributes:
        accepted_percent: Of qualified leads.
        converted_percent: Of accepted leads.
        won_percent: Of opportunities.
    """

    customers: int
    revenue_cents: int
    currency: str
    accepted_percent: int = 0
    converted_percent: int = 0
    won_percent: int = 0


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
    caps: tuple[Cap, ...] = ()
    products: tuple[str, ...] = ()
    predictive_model: str = ""


@dataclass(frozen=True)
class Content:
    """An asset of marketing, and whom it suits."""

    name: str
    url: str
    condition: str
    path: str = field(default="", compare=False)


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
    content: tuple[Content, ...] = ()
