"""People in sales at work: each does one thing at a time, the most urgent first.

All of it in their working hours. A new lead lies unseen for a while, then waits. Looking at
it, they accept or refuse it; half way through they try to reach the person, again on other
days if need be.
"""

import heapq
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from itertools import count

from leadloop.agreement.terms import Then
from services.handoff import facts, rules
from services.handoff.calendar import due
from services.handoff.cycle import Change, Handoff
from services.handoff.facts import AttemptResult, Channel
from services.handoff.rules import Attempt, Recycle, Reject
from services.lab.simulation.agenda import Rank
from services.lab.simulation.draws import Fate, Handling, spread_out
from services.lab.simulation.team import Market, Team, Worker, known_away, next_open
from services.lab.simulation.trial import Trial
from services.lab.simulation.world import World, owner_of

# Who forgets a lead finds it after two working days of eight hours.
_FOUND_AFTER = timedelta(hours=16)
# Between two attempts lies about a working day; a deal follows some days after the talk.
_BETWEEN_ATTEMPTS = timedelta(hours=8)
_TO_THE_DEAL = timedelta(hours=24)
NOT_REACHED = "not_reached"


@dataclass(slots=True)
class Case:
    """A lead in the hands of one owner."""

    number: int
    lead_id: str
    cycle: int
    owner_id: str
    fate: Fate
    handling: Handling
    turn: int
    attempts: int = 0
    is_accepted: bool = False
    is_over: bool = False


@dataclass
class _Desk:
    """What lies before one person; the most urgent first."""

    worker: Worker
    fresh: list[tuple[datetime, int, Case]] = field(default_factory=list)
    again: list[tuple[datetime, int, Case]] = field(default_factory=list)
    accepted: int = 0
    is_busy: bool = False
    wakes_at: datetime | None = None


class Crew:
    """A team that works what it gets."""

    def __init__(self, team: Team, trial: Trial, seed: int) -> None:
        """Put everybody at an empty desk."""
        self.minutes: Counter[tuple[str, tuple[int, int]]] = Counter()
        self._market = team.market
        self._seed = seed
        self._desks = {one.person.id: _Desk(one) for one in team.workers}
        self._cases: dict[int, Case] = {}
        self._order = count()
        self._refusals = _Choice(trial, team.market, tuple(Then))
        self._firm = _Choice(trial, team.market, (Then.RETURN, Then.DISQUALIFY))

    def plan_absences(self, world: World) -> None:
        """Have everybody say when they are away, as far as they do."""
        for desk in self._desks.values():
            for absence in desk.worker.absences:
                known = known_away(absence, desk.worker)
                if known is not None:
                    put = partial(world.put, desk.worker.person.id, known[1])
                    world.agenda.plan(known[0], Rank.PEOPLE, put)

    def hear(self, world: World, number: int, change: Change, now: datetime) -> None:
        """Take a lead in hand, or leave it."""
        case, owner = self._cases.get(number), owner_of(change)
        is_lost = not change.handoff.is_open or any(
            isinstance(one, facts.Reassigned) for one in change.facts
        )
        if case is not None and is_lost:
            self._leave(world, case, now)
        if owner is not None:
            self._take(world, number, change.handoff, now)

    def _take(self, world: World, number: int, handoff: Handoff, now: datetime) -> None:
        if handoff.owner is None:
            return
        turn, lead_id, cycle = len(handoff.past_owners), handoff.lead_id, handoff.cycle
        case = Case(
            number,
            lead_id,
            cycle,
            handoff.owner.id,
            Fate.of(self._seed, lead_id, cycle),
            Handling.of(self._seed, lead_id, cycle, turn),
            turn,
        )
        self._cases[number] = case
        desk = self._desks[case.owner_id]
        pace, drawn = desk.worker.pace, case.handling
        if drawn.forgets < pace.forgets:
            lies = _FOUND_AFTER
        else:
            half, nine = pace.half_within.total_seconds(), pace.nine_within.total_seconds()
            lies = timedelta(seconds=round(spread_out(half, nine, drawn.notice)))
        at = due(now, lies, desk.worker.calendar).at
        urgency = handoff.due_at or at
        world.agenda.plan(at, Rank.PEOPLE, partial(self._see, world, desk, case, urgency))

    def _see(
        self, world: World, desk: _Desk, case: Case, urgency: datetime, now: datetime
    ) -> None:
        heapq.heappush(desk.fresh, (urgency, next(self._order), case))
        self._wake(world, desk, now)

    def _try_again(self, world: World, desk: _Desk, case: Case, now: datetime) -> None:
        heapq.heappush(desk.again, (now, next(self._order), case))
        self._wake(world, desk, now)

    def _leave(self, world: World, case: Case, now: datetime) -> None:
        """Put a lead aside: it ended, or somebody else has it."""
        case.is_over = True
        del self._cases[case.number]
        if case.is_accepted:
            desk = self._desks[case.owner_id]
            desk.accepted -= 1
            world.agenda.plan(now, Rank.PEOPLE, partial(self._wake, world, desk))

    def _wake(self, world: World, desk: _Desk, now: datetime) -> None:
        """Begin the most urgent thing, in working hours."""
        if desk.is_busy or (desk.wakes_at is not None and desk.wakes_at > now):
            return
        desk.wakes_at = None
        while (case := self._next(desk)) is not None:
            begins = next_open(now, desk.worker.calendar)
            if begins > now:
                desk.wakes_at = begins
                world.agenda.plan(begins, Rank.PEOPLE, partial(self._wake, world, desk))
                return
            heapq.heappop(desk.again if case.is_accepted else desk.fresh)
            if self._begin(world, desk, case, now):
                return

    def _next(self, desk: _Desk) -> Case | None:
        """Return the most urgent case, which stays where it is; None when there is none."""
        for heap in (desk.fresh, desk.again):
            while heap and heap[0][2].is_over:
                heapq.heappop(heap)
        most = desk.worker.pace.leads_at_once
        fresh = desk.fresh[0] if desk.fresh and not (0 < most <= desk.accepted) else None
        again = desk.again[0] if desk.again else None
        if fresh is None or again is None:
            chosen = fresh or again
            return chosen[2] if chosen else None
        return min(fresh, again)[2]

    def _begin(self, world: World, desk: _Desk, case: Case, now: datetime) -> bool:
        """Begin with a case; False when somebody else was faster."""
        if case.is_accepted:
            self._busy(world, desk, case, desk.worker.pace.minutes_per_attempt, now)
            self._attempt(world, desk, case, now)
            return True
        actor, reason = case.owner_id, self._refusal(case)
        if reason is not None:
            refusal = Reject(actor, reason)
            if not world.tell(case.number, lambda h, t: rules.reject(h, refusal, t, now), now):
                return False
            self._busy(world, desk, case, desk.worker.pace.minutes_per_lead / 2, now)
            return True
        if not world.tell(case.number, lambda h, t: rules.accept(h, actor, t, now), now):
            return False
        case.is_accepted = True
        desk.accepted += 1
        minutes = desk.worker.pace.minutes_per_lead * case.handling.effort
        at = self._busy(world, desk, case, desk.worker.pace.minutes_per_lead, now, minutes / 2)
        world.agenda.plan(at, Rank.PEOPLE, partial(self._attempt, world, desk, case))
        return True

    def _refusal(self, case: Case) -> str | None:
        """Return the reason for which a lead is refused; None when it is not."""
        if case.turn == 0:
            if case.fate.accepts < self._market.accepted:
                return None
            return self._refusals.of(case.fate.reason)
        # Who gets it next sees the same lead, and has no reason to pass it on once more.
        if case.fate.accepts < self._market.accepted or not self._firm.codes:
            return None
        return self._firm.of(case.handling.accepts_elsewhere)

    def _busy(
        self,
        world: World,
        desk: _Desk,
        case: Case,
        minutes: float,
        now: datetime,
        until_then: float = 0.0,
    ) -> datetime:
        """Be busy for so many minutes on average; return when some of them are over."""
        spent = minutes * case.handling.effort
        worker, year_week = desk.worker, now.isocalendar()[:2]
        self.minutes[worker.person.id, (year_week[0], year_week[1])] += round(spent)
        desk.is_busy = True
        free_at = due(now, _minutes(spent), worker.calendar).at
        world.agenda.plan(free_at, Rank.PEOPLE, partial(self._free, world, desk))
        return due(now, _minutes(until_then), worker.calendar).at if until_then else free_at

    def _free(self, world: World, desk: _Desk, now: datetime) -> None:
        desk.is_busy = False
        self._wake(world, desk, now)

    def _attempt(self, world: World, desk: _Desk, case: Case, now: datetime) -> None:
        """Try to reach the person; plan what follows from that."""
        reached, gap = case.handling.attempt()
        is_reached = reached < self._market.reached
        result = AttemptResult.CONNECTED if is_reached else AttemptResult.NO_ANSWER
        told = Attempt(case.owner_id, Channel.CALL, result)
        if case.is_over or not world.tell(
            case.number, lambda h, t: rules.attempt(h, told, t, now), now
        ):
            return
        case.attempts += 1
        calendar, act = desk.worker.calendar, self._after_the_talk
        if not is_reached and case.attempts < desk.worker.pace.attempts:
            at = due(now, _BETWEEN_ATTEMPTS * gap, calendar).at
            again = partial(self._try_again, world, desk, case)
            world.agenda.plan(at, Rank.PEOPLE, again)
            return
        if not is_reached:
            act = self._give_up
        minutes = desk.worker.pace.minutes_per_attempt * case.handling.effort
        at = due(now, _minutes(minutes), calendar).at
        world.agenda.plan(at, Rank.PEOPLE, partial(act, world, case))

    def _give_up(self, world: World, case: Case, now: datetime) -> None:
        if NOT_REACHED in self._firm.codes:
            self._give_back(world, case, NOT_REACHED, now)
        elif self._firm.codes:
            self._give_back(world, case, self._firm.of(case.fate.reason), now)

    def _after_the_talk(self, world: World, case: Case, now: datetime) -> None:
        if case.fate.converts < self._market.converted or not self._firm.codes:
            desk = self._desks[case.owner_id]
            at = due(now, _TO_THE_DEAL, desk.worker.calendar).at
            world.agenda.plan(at, Rank.PEOPLE, partial(self._convert, world, case))
            return
        self._give_back(world, case, self._firm.of(case.fate.reason), now)

    def _give_back(self, world: World, case: Case, reason: str, now: datetime) -> None:
        told = Recycle(case.owner_id, reason)
        if not case.is_over:
            world.tell(case.number, lambda h, t: rules.recycle(h, told, t, now), now)

    def _convert(self, world: World, case: Case, now: datetime) -> None:
        if case.is_over:
            return
        world.tell(case.number, lambda h, _: rules.convert(h, case.owner_id, "", now), now)
        ends = now + timedelta(seconds=round(case.fate.deal_days * 86_400))
        is_won = case.fate.wins < self._market.won
        end: Callable[[datetime], None] = partial(world.end_deal, case.lead_id, is_won=is_won)
        world.agenda.plan(ends, Rank.PEOPLE, end)


class _Choice:
    """Chooses a reason of the agreement by its weight."""

    def __init__(self, trial: Trial, market: Market, allowed: Iterable[Then]) -> None:
        known, wanted = trial.reasons.values(), set(allowed)
        self.codes = [one.code for one in known if one.then in wanted]
        weights = [market.weights.get(code, 1) for code in self.codes]
        if not any(weights):
            weights = [1] * len(self.codes)
        self._shares: list[tuple[float, str]] = []
        so_far = 0.0
        for code, weight in zip(self.codes, weights, strict=True):
            so_far += weight / sum(weights)
            self._shares.append((so_far, code))

    def of(self, drawn: float) -> str:
        """Return the reason at a share from 0 to 1."""
        return next((code for up_to, code in self._shares if drawn < up_to), self.codes[-1])


def _minutes(count_of: float) -> timedelta:
    """Return whole seconds, at least one."""
    return timedelta(seconds=max(round(count_of * 60), 1))
