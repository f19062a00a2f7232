"""What would mend broken service levels, found by trying: more people, or other times."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

from services.handoff.clocks import ClockKind
from services.lab.simulation.levels import Promise, broken, with_times
from services.lab.simulation.runs import Coming, Result, run
from services.lab.simulation.team import PEOPLE_MAX, Team
from services.lab.simulation.trial import Trial
from services.lab.simulation.world import Arrival

# A search tries many runs; more leads than this would only make it slow.
SAMPLED_LEADS = 3_000
# Beyond four times as many people, it is not people that are missing.
_TIMES_AS_MANY = 4
_AT_LEAST_MORE = 8
_ROUNDS_MAX = 12
_MINUTES = (
    *(5, 10, 15, 20, 30, 45, 60, 90, 120, 180, 240, 300, 360, 480, 600, 720),
    *(960, 1_200, 1_440, 1_920, 2_400, 3_600, 4_800),
)
TIMES = tuple(timedelta(minutes=minutes) for minutes in _MINUTES)

Tell = Callable[[str], None]


@dataclass(frozen=True)
class Mending:
    """What was found.

    Attributes:
        people: How many people would keep all service levels; None: no number tried did.
        people_max: The most that were tried.
        left: With so many, these would still break.
        times: For the same people, times that would be kept; None: none were found.
        leads: On how many leads it was tried.
    """

    people: int | None
    people_max: int
    left: tuple[Promise, ...]
    times: Mapping[Promise, timedelta] | None
    leads: int


class Search:
    """Tries runs under an agreement until the wanted share of every clock is kept."""

    def __init__(
        self, trial: Trial, team: Team, coming: Coming, seed: int, target: float
    ) -> None:
        """Search for what keeps `target` of each service level."""
        self._trial, self._team, self._seed, self._target = trial, team, seed, target
        self._coming = coming
        self._arrivals: Sequence[Arrival] = ()
        self._tell: Tell = _say_nothing

    def mend(self, tell: Tell) -> Mending:
        """Search; `tell` hears what is tried."""
        self._tell = tell
        whole = self._coming
        self._on(whole.first(SAMPLED_LEADS))
        if self._coming is not whole and not self._broken(self._team, self._trial):
            # What breaks shows only later on: a backlog that grows.
            self._on(whole)
        people, most, left = self._people()
        return Mending(people, most, tuple(left), self._times(), len(self._arrivals))

    def _on(self, coming: Coming) -> None:
        self._coming, self._arrivals = coming, coming.qualifying(self._trial)

    def _people(self) -> tuple[int | None, int, list[Promise]]:
        """Find the fewest people that will do, by doubling and then by halving."""
        now = len(self._team.workers)
        most = min(max(now * _TIMES_AS_MANY, now + _AT_LEAST_MORE), PEOPLE_MAX)
        too_few, step = now, 1
        while True:
            tried = min(now + step, most)
            left = self._broken(self._team.with_people(tried), self._trial)
            if not left:
                break
            if tried == most:
                return None, most, left
            too_few, step = tried, step * 2
        enough = tried
        while enough - too_few > 1:
            middle = (enough + too_few) // 2
            if self._broken(self._team.with_people(middle), self._trial):
                too_few = middle
            else:
                enough = middle
        return enough, most, []

    def _times(self) -> dict[Promise, timedelta] | None:
        """Find times that these people keep: as long as they need, and tried again."""
        levels = self._run(self._team, self._trial).clocks
        times: dict[Promise, timedelta] = {}
        for _ in range(_ROUNDS_MAX):
            result = self._run(self._team, with_times(self._trial, times))
            missed = broken(result, self._target)
            if not missed:
                return times
            for promise in missed:
                allowed = times.get(promise, levels[promise].allowed)
                longer = _longer(result, promise, allowed, self._target)
                if longer is None:
                    return None
                times[promise] = longer
            _in_order(times, self._trial)
        return None

    def _broken(self, team: Team, trial: Trial) -> list[Promise]:
        return broken(self._run(team, trial), self._target)

    def _run(self, team: Team, trial: Trial) -> Result:
        self._tell(f"trying {len(team.workers):,} people on {len(self._arrivals):,} leads")
        return run(trial, team, self._coming, self._seed, arrivals=self._arrivals)


def _longer(
    result: Result, promise: Promise, allowed: timedelta, target: float
) -> timedelta | None:
    """Return the next time to try: what was needed if that is known, else the next longer."""
    needed = result.clocks[promise].within(target)
    longer = [time for time in TIMES if time > allowed]
    enough = [time for time in longer if time.total_seconds() >= needed]
    return next(iter(enough or longer), None)


def _in_order(times: dict[Promise, timedelta], trial: Trial) -> None:
    """Have nobody try to reach somebody sooner than they must accept them."""
    for tier, level in trial.terms.levels.items():
        accept = times.get(Promise(tier, ClockKind.ACCEPT), level.accept)
        first = Promise(tier, ClockKind.FIRST_ATTEMPT)
        if times.get(first, level.first_attempt) < accept:
            times[first] = accept


def _say_nothing(_what: str) -> None:
    return
