"""What scoring decided on a lead, as the event that tells it and the record that keeps it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from leadloop.events import timestamp
from leadloop.v1.qualification_pb2 import Change as ChangeMessage
from leadloop.v1.qualification_pb2 import LeadDisqualified, LeadQualified, LeadScored
from services.scoring.changes import Change
from services.scoring.contract import score_message
from services.scoring.rules import Decision, Score
from services.scoring.tables import CycleRecord, LeadState

VerdictEvent = LeadScored | LeadQualified | LeadDisqualified


@dataclass(frozen=True, slots=True)
class Verdict:
    """A decision, with the state after it and the score that led to it.

    Attributes:
        tier_before: The tier before; empty when none.
        state: The lead, its cycle already opened or closed.
        version: The agreement's.
        at: When it was decided.
        changes: What is different from the cycle before; empty in the first.
    """

    decision: Decision
    tier_before: str
    state: LeadState
    score: Score
    version: int
    at: datetime
    changes: tuple[Change, ...] = ()

    def to_message(self) -> VerdictEvent:
        """Return the event that tells this decision.

        Raises:
            ValueError: Nothing was decided.
        """
        if self.decision is Decision.QUALIFIED:
            return self._qualified()
        if self.decision is Decision.DISQUALIFIED:
            return self._disqualified()
        if self.decision is Decision.SCORED:
            return self._scored()
        raise ValueError("expected a decision that is told, found none")

    def to_record(self, score: bytes) -> CycleRecord:
        """Return the cycle that this opens; `score` is its event's, serialised."""
        return CycleRecord(
            qualification_id=self.state.cycle.qualification_id,
            lead_id=self.state.lead_id,
            cycle=self.state.cycle.number,
            tier=self.state.tier,
            agreement_version=self.version,
            score=score,
            trigger=self._trigger(),
            opened_at=self.at,
        )

    def reason(self) -> str:
        """Return why the closed gates keep the lead back, in the agreement's words."""
        return "; ".join(gate.reason or gate.name for gate in self.score.closed_gates)

    def _trigger(self) -> str:
        newest = self.state.standing.newest
        return newest.kind if newest else ""

    def _scored(self) -> LeadScored:
        return LeadScored(
            lead_id=self.state.lead_id,
            score=score_message(self.score),
            tier=self.state.tier,
            tier_before=self.tier_before,
            agreement_version=self.version,
            scored_at=timestamp(self.at),
        )

    def _qualified(self) -> LeadQualified:
        state = self.state
        event = LeadQualified(
            lead_id=state.lead_id,
            qualification_id=state.cycle.qualification_id,
            cycle=state.cycle.number,
            tier=state.tier,
            score=score_message(self.score),
            agreement_version=self.version,
            qualified_at=timestamp(self.at),
            trigger=self._trigger(),
            product=_strongest(self.score.sums.products),
            changes=[ChangeMessage(**change._asdict()) for change in self.changes],
        )
        event.lead.MergeFromString(state.lead or b"")
        if state.touch is not None:
            event.touch.MergeFromString(state.touch)
        if state.received_at is not None:
            event.received_at.CopyFrom(timestamp(state.received_at))
        return event

    def _disqualified(self) -> LeadDisqualified:
        return LeadDisqualified(
            lead_id=self.state.lead_id,
            qualification_id=self.state.cycle.qualification_id,
            cycle=self.state.cycle.number,
            score=score_message(self.score),
            reason=self.reason(),
            agreement_version=self.version,
            disqualified_at=timestamp(self.at),
        )


def _strongest(products: Mapping[str, int]) -> str:
    """Return the product line with the most points, the first of equals; empty without any."""
    line = max(products, key=products.__getitem__, default="")
    return line if line and products[line] > 0 else ""
