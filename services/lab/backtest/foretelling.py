"""What a model says of one lead from step to step; asked only when what it reads has moved."""

from bisect import bisect_left
from collections.abc import Mapping
from typing import NamedTuple

from leadloop.conditions import Values
from services.lab.backtest.leaves import Leaves
from services.scoring.definition import Agreement
from services.scoring.fading import days_of_change
from services.scoring.models.model import Model
from services.scoring.models.strengths import as_kept, named_strengths
from services.scoring.standings import Standing
from services.scoring.tallies import UNIT, Tally, worth_on


class _Placed(NamedTuple):
    """Between which of the model's numbers the strength of a rule lies.

    Attributes:
        until: The first day on which it lies elsewhere; None: it stays, if nothing is done.
    """

    tally: Tally
    level: int
    until: int | None


class Foretelling:
    """What an agreement's model says of one lead, day after day, never of a day gone by.

    Trees part strengths only at their own numbers: while each strength stays between the same
    two, and nothing new is known of the lead, they say the same.
    """

    def __init__(self, agreement: Agreement, model: Model) -> None:
        """Ask this model about the strengths of these rules."""
        self._agreement = agreement
        self._model = model
        self._placed: dict[str, _Placed] = {}
        self._facts: Values | None = None
        self._levels: Mapping[str, int] = {}
        self._leaves = Leaves(model)
        self._said = 0

    def on(self, standing: Standing, facts: Values, day: int) -> int:
        """Return what the model says on a day."""
        placed = self._placed_on(standing, day)
        levels = {name: one.level for name, one in placed.items()}
        # Fit rules hold by the facts alone.
        if facts is not self._facts:
            self._leaves.begin(facts, named_strengths(standing, self._agreement, day))
            self._said = self._leaves.said()
        elif levels != self._levels:
            self._leaves.move(self._moved(standing, levels, day))
            self._said = self._leaves.said()
        self._facts, self._levels = facts, levels
        return self._said

    def next_day(self, standing: Standing, day: int) -> int | None:
        """Return the next day on which time alone may have it say something else, if any."""
        placed = self._placed_on(standing, day).values()
        return min((one.until for one in placed if one.until is not None), default=None)

    def _moved(
        self, standing: Standing, levels: Mapping[str, int], day: int
    ) -> Mapping[str, float]:
        """Return the strengths that lie elsewhere than before."""
        before, tallies = self._levels, standing.tallies
        return {
            name: self._strength(name, tallies.get(name), day)
            for name in {**before, **levels}
            if before.get(name) != levels.get(name)
        }

    def _strength(self, name: str, tally: Tally | None, day: int) -> float:
        if tally is None:
            return 0.0
        return as_kept(worth_on(tally, self._agreement.rule(name).timing, day))

    def _placed_on(self, standing: Standing, day: int) -> Mapping[str, _Placed]:
        asked, known = self._model.levels, self._placed
        placed = {}
        for name, tally in standing.tallies.items():
            if name in asked:
                one = known.get(name)
                if (
                    one is None
                    or one.tally is not tally
                    or (one.until is not None and one.until <= day)
                ):
                    one = self._place(name, tally, day)
                placed[name] = one
        self._placed = placed
        return placed

    def _place(self, name: str, tally: Tally, day: int) -> _Placed:
        timing, model = self._agreement.rule(name).timing, self._model

        def level_on(later: int) -> int:
            return model.level(name, self._strength(name, tally, later))

        level = level_on(day)
        if not timing.fades or level == model.level(name, 0.0):
            return _Placed(tally, level, None)
        days = days_of_change([(tally, timing, UNIT)], day)
        if not days or level_on(days[-1]) == level:
            return _Placed(tally, level, None)
        last = len(days) - 1
        until = days[bisect_left(days, True, hi=last, key=lambda d: level_on(d) != level)]
        return _Placed(tally, level, until)
