"""The whole loop in virtual time: leads qualify, are handed over, worked, and come back.

Scoring's, handoff's and feedback's own rules decide; here is only what happens next. Nothing
asks the time, and nothing is random but what leads and people bring along.
"""

from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from functools import partial
from typing import NamedTuple, Protocol

from services.feedback import rules as returns
from services.feedback.rules import Return
from services.handoff import facts
from services.handoff.cycle import Change, Handoff, State
from services.handoff.routing import Person
from services.lab.simulation import leads
from services.lab.simulation.agenda import Agenda, Rank
from services.lab.simulation.floor import Decide, Floor
from services.lab.simulation.leads import Judge, Lead, Seen
from services.lab.simulation.trial import Trial
from services.scoring.cycles import Cycle
from services.scoring.rules import Decision

_LAST = 1 << 60


class Arrival(NamedTuple):
    """A lead that qualifies for the first time, as far as scoring has come with it by then."""

    at: datetime
    tie: int
    lead: Lead


class Sales(Protocol):
    """The people who take leads."""

    def hear(self, world: "World", number: int, change: Change, now: datetime) -> None:
        """Learn what happened to a handoff; plan what follows."""
        ...


class Watcher(Protocol):
    """Whoever counts what happens."""

    def note(self, number: int, change: Change, now: datetime) -> None:
        """Take down what happened to a handoff."""
        ...

    def qualified(self, lead: Lead, now: datetime) -> None:
        """Take down that a cycle began."""
        ...


ComeBack = Callable[[Lead, Return, datetime], Seen | None]


def _stay_away(_lead: Lead, _back: Return, _now: datetime) -> Seen | None:
    return None


class World:
    """One run under one agreement."""

    def __init__(
        self,
        trial: Trial,
        judge: Judge,
        people: Iterable[Person],
        sales: Sales,
        watchers: Iterable[Watcher] = (),
        come_back: ComeBack = _stay_away,
    ) -> None:
        """Begin with everybody at hand.

        Args:
            trial: The agreement.
            judge: Tells what tier a lead meets.
            people: Who takes leads.
            sales: How they work.
            watchers: Told everything.
            come_back: What a lead does that was given back, if anything.
        """
        self.trial = trial
        self.agenda = Agenda()
        self.floor = Floor(trial.terms, people)
        self.now: datetime | None = None
        self._judge = judge
        self._sales = sales
        self._watchers = tuple(watchers)
        self._come_back = come_back
        self._leads: dict[str, Lead] = {}
        self._open: dict[str, int] = {}
        self._armed: dict[int, datetime] = {}
        self._looks_at: datetime | None = None

    def run(self, arrivals: Iterable[Arrival], until: datetime) -> Iterator[datetime]:
        """Let time pass up to `until`; give each moment at which something happened.

        Args:
            arrivals: In order of time.
            until: Nothing happens from then on.
        """
        coming = iter(arrivals)
        following = next(coming, None)
        while True:
            at = self.agenda.next_at
            while following is not None and (at is None or following.at <= at):
                begin = partial(self._arrive, following.lead)
                self.agenda.plan(following.at, Rank.LEADS, begin, following.tie)
                at = self.agenda.next_at
                following = next(coming, None)
            if at is None or at >= until:
                return
            self.now = at
            yield self.agenda.step()

    def tell(self, number: int, decide: Decide, now: datetime) -> bool:
        """Do what somebody in sales says; False when they come too late."""
        change = self.floor.tell(number, decide, now)
        if change is None:
            return False
        self._happened(number, change, now)
        return True

    def put(self, person_id: str, away_until: datetime | None, now: datetime) -> None:
        """Hear until when somebody is away."""
        self.floor.put(person_id, away_until, now)
        self._plan_look()

    def end_deal(self, lead_id: str, now: datetime, *, is_won: bool) -> None:
        """Hear what came of a deal."""
        lead = self._leads.get(lead_id)
        if lead is not None:
            cycle = lead.cycle.win(now) if is_won else lead.cycle.lose(now)
            self._end_cycle(lead, cycle, now)

    def _arrive(self, lead: Lead, now: datetime) -> None:
        self._leads[lead.lead_id] = lead
        self._hand_over(lead, now)
        self._plan_lead(lead)

    def _look_at_lead(self, lead: Lead, at: datetime) -> None:
        if lead.next_at is None or lead.next_at > at:
            return
        for decision in leads.advance(lead, self._judge, self.trial.definition, at):
            self._follow(lead, decision, at)
        self._plan_lead(lead)

    def _follow(self, lead: Lead, decision: Decision, now: datetime) -> None:
        if decision is Decision.QUALIFIED:
            self._hand_over(lead, now)
        elif decision is Decision.DISQUALIFIED:
            number = self._open.get(lead.lead_id)
            if number is not None:
                why = self._why_withdrawn(lead)
                self._happened(number, self.floor.withdraw(number, why, now), now)

    def _why_withdrawn(self, lead: Lead) -> str:
        """Return why the closed gates keep the lead back, as scoring tells it."""
        closed = set(lead.standing.closed)
        gates = [gate for gate in self.trial.definition.gates if gate.name in closed]
        return "; ".join(gate.reason or gate.name for gate in gates)

    def _hand_over(self, lead: Lead, now: datetime) -> None:
        for watcher in self._watchers:
            watcher.qualified(lead, now)
        number, change = self.floor.begin(lead.lead_id, lead.cycle.number, lead.tier, now)
        self._open[lead.lead_id] = number
        self._happened(number, change, now)

    def _plan_lead(self, lead: Lead) -> None:
        if (at := lead.next_at) is not None:
            self.agenda.plan(at, Rank.LEADS, partial(self._look_at_lead, lead), _tie(lead, at))

    def _happened(self, number: int, change: Change, now: datetime) -> None:
        for watcher in self._watchers:
            watcher.note(number, change, now)
        self._arm(number, change.handoff, now)
        self._plan_look()
        self._sales.hear(self, number, change, now)
        handoff = change.handoff
        if not handoff.is_open and self._open.get(handoff.lead_id) == number:
            del self._open[handoff.lead_id]
            self._take_back(handoff, now)

    def _arm(self, number: int, handoff: Handoff, now: datetime) -> None:
        """Have the clocks looked at when the next of them acts."""
        at = handoff.next_at
        if at is None:
            self._armed.pop(number, None)
        elif self._armed.get(number) != at:
            self._armed[number] = at
            self.agenda.plan(max(at, now), Rank.CLOCKS, partial(self._tick, number, at))

    def _tick(self, number: int, armed: datetime, now: datetime) -> None:
        if self._armed.get(number) != armed:
            return
        del self._armed[number]
        self._happened(number, self.floor.tick(number, now), now)

    def _plan_look(self) -> None:
        at = self.floor.look_at
        if at is not None and at != self._looks_at:
            self._looks_at = at
            self.agenda.plan(at, Rank.QUEUE, self._release)

    def _release(self, now: datetime) -> None:
        if now != self._looks_at:
            return
        self._looks_at = None
        for number, change in self.floor.release(now):
            self._happened(number, change, now)
        self._plan_look()

    def _take_back(self, handoff: Handoff, now: datetime) -> None:
        """Let a lead that sales gave back return to marketing, as feedback decides."""
        if handoff.state not in (State.REJECTED, State.RECYCLED):
            return
        lead, reason = self._leads[handoff.lead_id], self.trial.reasons[handoff.reason]
        if handoff.state is State.REJECTED:
            back = returns.on_rejected(reason, now)
        else:
            back = returns.on_recycled(reason, now, handoff.not_before)
        if back is None:
            return
        if back.not_before is None:
            cycle = lead.cycle.disqualify(now)
        else:
            cycle = lead.cycle.give_back(handoff.cycle, now, back.not_before, reason.code)
        seen = self._come_back(lead, back, now)
        if seen is not None:
            lead.seen.append(seen)
        self._end_cycle(lead, cycle, now)

    def _end_cycle(self, lead: Lead, cycle: Cycle, now: datetime) -> None:
        if cycle == lead.cycle:
            return
        leads.end_cycle(lead, cycle, self._judge, now)
        decision = leads.decide(lead, None, self._judge, self.trial.definition, now)
        self._follow(lead, decision, now)
        self._plan_lead(lead)


def _tie(lead: Lead, at: datetime) -> int:
    """Return a lead's place among those of one moment: what time alone does comes last."""
    if lead.place < len(lead.seen) and lead.seen[lead.place].at == at:
        return lead.seen[lead.place].order
    return _LAST


def owner_of(change: Change) -> Person | None:
    """Return who has just got a handoff; None when nobody has."""
    for fact in change.facts:
        if isinstance(fact, facts.Routed | facts.Reassigned):
            return fact.owner
    return None
