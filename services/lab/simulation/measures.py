"""What a run is measured by: clocks kept and broken, moves, waits, loads."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from math import ceil, inf

from services.handoff import facts
from services.handoff.calendar import used
from services.handoff.clocks import Clock, ClockKind
from services.handoff.cycle import Change, Handoff, State
from services.handoff.terms import Terms
from services.lab.simulation.leads import Lead


@dataclass
class ClockCount:
    """The clocks of one kind that ran for one tier.

    Attributes:
        met: Business seconds until each was met.
        missed: Ran out and nobody did what they ask for: moved on, withdrawn, or still open.
    """

    allowed: timedelta
    kept: int = 0
    warned: int = 0
    late: int = 0
    breached: int = 0
    met: list[int] = field(default_factory=list)

    @property
    def missed(self) -> int:
        """Return how many ran out and were never met."""
        return self.breached - self.late

    @property
    def decided(self) -> int:
        """Return how many were kept or broken."""
        return self.kept + self.breached

    @property
    def share_kept(self) -> float:
        """Return the share that was kept; 1 when there were none."""
        return self.kept / self.decided if self.decided else 1.0

    def within(self, share: float) -> float:
        """Return the business seconds in which this share was done; infinite: it never was."""
        return quantile(self.met, share, beyond=self.missed)


class Measures:
    """Counts what happens in one run."""

    def __init__(self, terms: Terms, ends_at: datetime) -> None:
        """Measure by these terms.

        Args:
            terms: Of the agreement.
            ends_at: When leads cease to come.
        """
        self.clocks: dict[tuple[str, ClockKind], ClockCount] = {}
        for tier, level in terms.levels.items():
            for kind, allowed in (
                (ClockKind.ACCEPT, level.accept),
                (ClockKind.FIRST_ATTEMPT, level.first_attempt),
            ):
                if allowed:
                    self.clocks[tier, kind] = ClockCount(allowed)
        self.happened: Counter[str] = Counter()
        self.leads: Counter[str] = Counter()
        self.received: Counter[str] = Counter()
        self.waits: list[int] = []
        self.queue_max = 0
        self._terms = terms
        self._ends_at = ends_at
        self._waiting: dict[int, datetime] = {}

    @property
    def still_waiting(self) -> int:
        """Return how many leads wait in the queue in the end."""
        return len(self._waiting)

    def qualified(self, lead: Lead, _now: datetime) -> None:
        """Count a lead that comes to sales."""
        self.leads[lead.tier] += 1
        self.happened["again" if lead.cycle.number > 1 else "first"] += 1

    def note(self, number: int, change: Change, now: datetime) -> None:
        """Count what happened to a handoff."""
        self._note_queue(number, change.handoff, now)
        for fact in change.facts:
            self.happened[type(fact).__name__] += 1
            if isinstance(fact, facts.Warned):
                self._count(change.handoff, fact.clock).warned += 1
            elif isinstance(fact, facts.Breached):
                self._count(change.handoff, fact.clock).breached += 1
            elif isinstance(fact, facts.Met):
                self._note_met(change.handoff, fact)
            elif isinstance(fact, facts.Routed | facts.Reassigned) and fact.owner is not None:
                self.received[fact.owner.id] += now < self._ends_at

    def _note_met(self, handoff: Handoff, fact: facts.Met) -> None:
        count = self._count(handoff, fact.clock)
        count.met.append(fact.used_seconds)
        if fact.is_late:
            count.late += 1
        else:
            count.kept += 1

    def _note_queue(self, number: int, handoff: Handoff, now: datetime) -> None:
        if handoff.state is State.QUEUED:
            self._waiting.setdefault(number, now)
            self.queue_max = max(self.queue_max, len(self._waiting))
        elif number in self._waiting:
            waited = used(self._waiting.pop(number), now, self._terms.calendar)
            self.waits.append(int(waited.total_seconds()))

    def _count(self, handoff: Handoff, clock: Clock) -> ClockCount:
        return self.clocks[handoff.tier, clock.kind]


def quantile(values: Iterable[float], share: float, beyond: int = 0) -> float:
    """Return what this share of all do not exceed, by nearest rank; 0 when there are none.

    Args:
        values: In any order.
        share: From 0 to 1.
        beyond: How many more there are that exceed all of them.
    """
    ordered = sorted(values)
    total = len(ordered) + beyond
    if not total:
        return 0.0
    rank = max(1, ceil(share * total))
    return ordered[rank - 1] if rank <= len(ordered) else inf
