"""How a lead of a batch is judged: by what is new alone if that will do, else from scratch."""

from collections import Counter
from collections.abc import Iterable, Sequence

import structlog

from leadloop.conditions import Values
from leadloop.events import moment
from leadloop.v1 import lead_pb2
from services.scoring import metrics, rules
from services.scoring.contract import facts_of
from services.scoring.cycles import Cycle, Stage
from services.scoring.definition import Activity, Agreement
from services.scoring.models.store import tell_missing
from services.scoring.rules import HOLDS, Fault
from services.scoring.standings import Standing
from services.scoring.tables import LeadState
from services.scoring.tallies import day_of

log = structlog.get_logger()


class Judge:
    """Judges leads by the agreement in force, if there is one; remembers what can't be judged.

    Attributes:
        agreement: None before the first one was signed: nobody is judged then.
    """

    def __init__(self, agreement: Agreement | None) -> None:
        """Judge by `agreement`."""
        self.agreement = agreement
        self._read: dict[bytes | None, Values] = {}
        self._faults: Counter[Fault] = Counter()

    def facts_of(self, lead: bytes | None) -> Values:
        """Return a lead as conditions see it; the same lead gives the same object."""
        facts = self._read.get(lead)
        if facts is None:
            facts = self._read[lead] = facts_of(lead_pb2.Lead.FromString(lead or b""))
        return facts

    def must_replay(self, state: LeadState, lead: bytes | None = None) -> bool:
        """Say whether judging a lead, perhaps with new facts, needs its whole ledger."""
        if self.agreement is None or not (state.activity_count or state.parts):
            return False
        if state.parts:
            return True
        if state.scored_version != self.agreement.version:
            return True
        if lead is None or lead == state.lead:
            return False
        return self.agreement.engagement_depends_on(
            self.facts_of(state.lead), self.facts_of(lead)
        )

    def waits_for_evidence(self, reason: str) -> bool:
        """Say whether a return for this reason asks for a certain activity to come back."""
        found = self.agreement.reason(reason) if self.agreement else None
        return found is not None and found.reopened_by is not None

    def is_behind(self, state: LeadState, activity: lead_pb2.Activity) -> bool:
        """Say whether an activity is so late that tallies have closed its day."""
        if self.agreement is None or not self.agreement.closes_days:
            return False
        day = day_of(moment(activity.occurred_at))
        return any(day < tally.closed_before for tally in state.standing.tallies.values())

    def standing(
        self,
        before: LeadState,
        after: LeadState,
        activity: Activity | None,
        ledger: Sequence[Activity] | None,
    ) -> Standing:
        """Judge a lead that was as `before` and is as `after` now.

        Args:
            before: Judged by any version.
            after: With its new facts.
            activity: What it did since; None when nothing.
            ledger: All that it did, if it was read; see `must_replay`.
        """
        agreement = self._required()
        facts, found = self.facts_of(after.lead), None
        # What one record knows another may know too: only all of them tell what is new.
        if before.scored_version == agreement.version and not before.parts:
            known = self.facts_of(before.lead)
            found = rules.advance(before.standing, known, facts, activity, agreement)
        if found is None:
            found = rules.replay(facts, ledger or [], agreement)
        self.note(found.faults)
        return found.standing

    def reopened(self, state: LeadState, activities: Iterable[Activity]) -> Cycle:
        """Return a lead's cycle, reopened if one of these is what its return waits for."""
        cycle = state.cycle
        is_returned = self.agreement is not None and cycle.stage is Stage.RETURNED
        reason = self._required().reason(cycle.reason) if is_returned else None
        if reason is None or reason.reopened_by is None or cycle.closed_at is None:
            return cycle
        facts, judge = self.facts_of(state.lead), reason.reopened_by.judge
        return cycle._replace(
            is_reopened=cycle.is_reopened
            or any(
                judge(facts, activity.values) is HOLDS
                for activity in activities
                if activity.occurred_at > cycle.closed_at
            )
        )

    def note(self, faults: Iterable[Fault]) -> None:
        """Remember what could not be judged."""
        self._faults.update(faults)

    def tell_faults(self, leads: int) -> None:
        """Report what could not be judged of so many leads, for a human to mend."""
        tell_missing(self.agreement, leads)
        for (name, cause), times in self._faults.items():
            metrics.FAULTS.labels(cause.name.lower()).inc(times)
            log.warning("condition.not_judged", condition=name, cause=cause.value, times=times)

    def _required(self) -> Agreement:
        if self.agreement is None:
            raise LookupError("expected an agreement to judge by, found none")
        return self.agreement
