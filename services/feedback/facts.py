"""What feedback knows of leads, cycles and clocks, and how such facts add up.

Events of different topics arrive in any order relative to one another. So each event gives a
partial fact, and the facts of one key add up to the same whole in whatever order they come.
"""

from collections.abc import Iterable
from datetime import datetime
from typing import Any, NamedTuple, TypeVar


class Contact(NamedTuple):
    """One touch: when, under which campaign, and its bytes."""

    at: datetime
    campaign: str
    touch: bytes


class LeadFact(NamedTuple):
    """What is known of one lead: where it came from first and last. Nothing of who it is."""

    lead_id: str
    captured_at: datetime | None = None
    source: str = ""
    first: Contact | None = None
    last: Contact | None = None
    merged_at: datetime | None = None
    merged_into: str | None = None

    @property
    def key(self) -> str:
        """Return what the facts of one lead share."""
        return self.lead_id

    def plus(self, other: "LeadFact") -> "LeadFact":
        """Return both facts as one: the earliest capture, the first and the last touch."""
        earliest = min((self, other), key=_captured)
        merged = max((self, other), key=_merged)
        touches = [touch for touch in (self.first, other.first) if touch]
        newest = [touch for touch in (self.last, other.last) if touch]
        return LeadFact(
            lead_id=self.lead_id,
            captured_at=earliest.captured_at,
            source=earliest.source,
            first=min(touches, key=_in_time, default=None),
            last=max(newest, key=_in_time, default=None),
            merged_at=merged.merged_at,
            merged_into=merged.merged_into,
        )


class CycleFact(NamedTuple):
    """What is known of one handoff cycle of a lead.

    Attributes:
        owner_sequence: The handoff's sequence when the owner became it; the highest one counts.
        reason_sequence: The same for the reason of a refusal or return.
        consequence: What follows from the reason (a number of the contract).
        missing: What a complete lead has and this one lacked, as words between blanks.
    """

    lead_id: str
    cycle: int
    handoff_id: str | None = None
    tier: str | None = None
    qualified_at: datetime | None = None
    is_complete: bool | None = None
    missing: str | None = None
    routed_at: datetime | None = None
    owner_sequence: int = 0
    owner_id: str | None = None
    accepted_at: datetime | None = None
    attempted_at: datetime | None = None
    rejected_at: datetime | None = None
    recycled_at: datetime | None = None
    converted_at: datetime | None = None
    disqualified_at: datetime | None = None
    withdrawn_at: datetime | None = None
    reason_sequence: int = 0
    reason: str | None = None
    reason_label: str | None = None
    consequence: int | None = None

    @property
    def key(self) -> tuple[str, int]:
        """Return what the facts of one cycle share."""
        return self.lead_id, self.cycle

    def plus(self, other: "CycleFact") -> "CycleFact":
        """Return both as one: the first time of each step, the newest owner and reason."""
        owned = max((self, other), key=lambda fact: fact.owner_sequence)
        reasoned = max((self, other), key=lambda fact: fact.reason_sequence)
        return CycleFact(
            lead_id=self.lead_id,
            cycle=self.cycle,
            handoff_id=_known(self.handoff_id, other.handoff_id),
            tier=_known(self.tier, other.tier),
            qualified_at=_first(self.qualified_at, other.qualified_at),
            is_complete=_known(self.is_complete, other.is_complete),
            missing=_known(self.missing, other.missing),
            routed_at=_first(self.routed_at, other.routed_at),
            owner_sequence=owned.owner_sequence,
            owner_id=owned.owner_id,
            accepted_at=_first(self.accepted_at, other.accepted_at),
            attempted_at=_first(self.attempted_at, other.attempted_at),
            rejected_at=_first(self.rejected_at, other.rejected_at),
            recycled_at=_first(self.recycled_at, other.recycled_at),
            converted_at=_first(self.converted_at, other.converted_at),
            disqualified_at=_first(self.disqualified_at, other.disqualified_at),
            withdrawn_at=_first(self.withdrawn_at, other.withdrawn_at),
            reason_sequence=reasoned.reason_sequence,
            reason=reasoned.reason,
            reason_label=reasoned.reason_label,
            consequence=reasoned.consequence,
        )


class ClockFact(NamedTuple):
    """What is known of one clock: a service level that ran on a handoff from a moment on."""

    handoff_id: str
    kind: int
    started_at: datetime
    lead_id: str
    cycle: int
    due_at: datetime
    allowed_seconds: int
    warned_at: datetime | None = None
    breached_at: datetime | None = None
    met_at: datetime | None = None
    used_seconds: int | None = None
    is_late: bool | None = None

    @property
    def key(self) -> tuple[str, int, datetime]:
        """Return what the facts of one clock share."""
        return self.handoff_id, self.kind, self.started_at

    def plus(self, other: "ClockFact") -> "ClockFact":
        """Return both facts as one."""
        return self._replace(
            warned_at=_first(self.warned_at, other.warned_at),
            breached_at=_first(self.breached_at, other.breached_at),
            met_at=_first(self.met_at, other.met_at),
            used_seconds=_known(self.used_seconds, other.used_seconds),
            is_late=_known(self.is_late, other.is_late),
        )


F = TypeVar("F", LeadFact, CycleFact, ClockFact)
V = TypeVar("V")


def summed(facts: Iterable[F]) -> list[F]:
    """Return one fact a key, sorted by key so that two batches lock rows in one order."""
    whole: dict[Any, F] = {}
    for fact in facts:
        key = fact.key
        known = whole.get(key)
        whole[key] = fact if known is None else known.plus(fact)
    return [whole[key] for key in sorted(whole)]


def _known(one: V | None, other: V | None) -> V | None:
    return other if one is None else one


def _first(one: datetime | None, other: datetime | None) -> datetime | None:
    return min((at for at in (one, other) if at is not None), default=None)


def _in_time(contact: Contact) -> tuple[datetime, str, bytes]:
    # Two touches of one moment are told apart by their bytes, the same in every order.
    return contact.at, contact.campaign, contact.touch


def _captured(fact: LeadFact) -> tuple[bool, float, str]:
    at = fact.captured_at
    return at is None, at.timestamp() if at else 0, fact.source


def _merged(fact: LeadFact) -> tuple[float, str]:
    at = fact.merged_at
    return at.timestamp() if at else 0, fact.merged_into or ""
