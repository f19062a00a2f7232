"""One run: leads come, a team works them under an agreement, and it is measured."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import NamedTuple

from services.handoff.calendar import used
from services.handoff.clocks import ClockKind
from services.lab.simulation.arrivals import arrivals_of, in_order
from services.lab.simulation.crew import Crew
from services.lab.simulation.leads import ByRules, Judge, Prospect
from services.lab.simulation.measures import ClockCount, Measures, quantile
from services.lab.simulation.stream import ByShares, Stream, comes_back
from services.lab.simulation.team import Team
from services.lab.simulation.trial import Trial
from services.lab.simulation.world import Arrival, ComeBack, World

# After the last lead, clocks that still run get this long to end.
AFTERWARDS = timedelta(weeks=4)
WEEK = timedelta(weeks=1)
_STEPS_BETWEEN_TELLING = 2_000

Watch = Callable[[float], None]


def _watch_nothing(_share: float) -> None:
    return


@dataclass(frozen=True)
class Coming:
    """The leads that come, whatever the agreement makes of them.

    Attributes:
        stream: They are made up; None: they are of a history.
        prospects: Those that may come to sales.
        seen: How many there were before those were chosen; 0: as many as prospects.
        shares: Of tiers, for made-up leads.
    """

    begins_at: datetime
    ends_at: datetime
    prospects: Sequence[Prospect]
    stream: Stream | None = None
    shares: tuple[tuple[str, float], ...] = ()
    seen: int = 0

    @property
    def weeks(self) -> float:
        """Return for how many weeks they come."""
        return max((self.ends_at - self.begins_at) / WEEK, 1 / 7)

    def judge(self, trial: Trial) -> Judge:
        """Return who tells their tiers."""
        if self.stream is None:
            return ByRules(trial.definition)
        return ByShares(trial.tiers, dict(self.shares))

    def qualifying(self, trial: Trial) -> list[Arrival]:
        """Return those who come to sales under an agreement, in order."""
        return in_order(arrivals_of(self.prospects, self.judge(trial), trial.definition))

    def first(self, most: int) -> "Coming":
        """Return the earlier part of them, about so many, for quick trials."""
        if len(self.prospects) <= most:
            return self
        ordered = sorted(self.prospects, key=lambda one: one.seen[0].at)[:most]
        ends_at = ordered[-1].seen[0].at
        return replace(self, ends_at=ends_at, prospects=ordered)


class Load(NamedTuple):
    """What one person had to do in a week, on average and in the busiest.

    Attributes:
        leads: Received in a week.
        hours: Of work in a week.
        hours_max: In the busiest week.
        share: Of their working hours.
    """

    name: str
    leads: float
    hours: float
    hours_max: float
    share: float


@dataclass(frozen=True)
class Result:
    """What one run came to.

    Attributes:
        seen: Leads that came, qualified or not.
        clocks: By tier and kind.
        leads: Handed over, by tier.
        happened: How often each thing did.
        waits: Business seconds in the queue, of each that had to wait.
    """

    seen: int
    weeks: float
    people: int
    clocks: dict[tuple[str, ClockKind], ClockCount]
    leads: dict[str, int]
    happened: dict[str, int]
    waits: tuple[int, ...]
    waiting_max: int
    still_waiting: int
    loads: tuple[Load, ...]

    @property
    def handed_over(self) -> int:
        """Return how many leads came to sales, each cycle counted."""
        return sum(self.leads.values())

    def wait_within(self, share: float) -> float:
        """Return the business seconds within which this share of those waiting got an owner."""
        return quantile(self.waits, share, beyond=self.still_waiting)


def run(
    trial: Trial,
    team: Team,
    coming: Coming,
    seed: int,
    watch: Watch = _watch_nothing,
    arrivals: Sequence[Arrival] | None = None,
) -> Result:
    """Live through it once; the same arguments give the same result.

    Args:
        trial: The agreement.
        team: Who works.
        coming: What leads come.
        seed: Of all that is left to chance.
        watch: Told how far it is, from 0 to 1.
        arrivals: What `coming.qualifying` gave for this agreement's definition, if known.
    """
    found = coming.qualifying(trial) if arrivals is None else arrivals
    measures, crew = Measures(trial.terms, coming.ends_at), Crew(team, trial, seed)
    people = [one.person for one in team.workers]
    world = World(
        trial, coming.judge(trial), people, crew, [measures], _come_back(team, coming, seed)
    )
    crew.plan_absences(world)
    until = coming.ends_at + AFTERWARDS
    whole = until - coming.begins_at
    for steps, at in enumerate(world.run(map(_fresh, found), until)):
        if steps % _STEPS_BETWEEN_TELLING == 0:
            watch(min(max((at - coming.begins_at) / whole, 0.0), 1.0))
    watch(1.0)
    return _result(measures, crew, team, coming)


def _come_back(team: Team, coming: Coming, seed: int) -> ComeBack:
    if coming.stream is None:
        return lambda _lead, _back, _now: None
    return comes_back(team.market.comes_back, seed, coming.ends_at)


def _fresh(arrival: Arrival) -> Arrival:
    """Return an arrival whose lead no other run changes."""
    lead = arrival.lead
    own = replace(lead, seen=list(lead.seen), activities=list(lead.activities))
    return arrival._replace(lead=own)


def _result(measures: Measures, crew: Crew, team: Team, coming: Coming) -> Result:
    return Result(
        seen=coming.seen or len(coming.prospects),
        weeks=coming.weeks,
        people=len(team.workers),
        clocks=measures.clocks,
        leads=dict(measures.leads),
        happened=dict(measures.happened),
        waits=tuple(measures.waits),
        waiting_max=measures.queue_max,
        still_waiting=measures.still_waiting,
        loads=tuple(_loads(measures, crew, team, coming)),
    )


def _loads(measures: Measures, crew: Crew, team: Team, coming: Coming) -> Iterable[Load]:
    worked: dict[str, list[int]] = {}
    for (person_id, _), spent in crew.minutes.items():
        worked.setdefault(person_id, []).append(spent)
    for worker in team.workers:
        person = worker.person
        minutes = worked.get(person.id, [0])
        open_hours = used(coming.begins_at, coming.ends_at, worker.calendar)
        hours = sum(minutes) / 60
        yield Load(
            person.name,
            measures.received[person.id] / coming.weeks,
            hours / coming.weeks,
            max(minutes) / 60,
            hours / max(open_hours / timedelta(hours=1), 1.0),
        )
