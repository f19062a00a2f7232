"""What a model says of one lead from step to step; asked only when what it reads has moved."""

from collections.abc import Mapping
from typing import NamedTuple

from leadloop.conditions import Values
from services.scoring.definition import Agreement
from services.scoring.models import Model
from services.scoring.rules import Standing
from services.scoring.strengths import as_kept, named_strengths
from services.scoring.tallies import Tally, worth_on


class _Placed(NamedTuple):
    """Between which of the model's numbers a rule's strength lay on a day."""

    tally: Tally
    day: int
    level: int


class Foretelling:
    """What an agreement's model says of one lead.

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
        self._said = 0

    def on(self, standing: Standing, facts: Values, day: int) -> int:
        """Return what the model says on a day."""
        levels = self._levels_on(standing.tallies, day)
        # Fit rules hold by the facts alone.
        if facts is not self._facts or levels != self._levels:
            strengths = named_strengths(standing, self._agreement, day)
            self._said = self._model.predicted(facts, strengths)
            self._facts, self._levels = facts, levels
        return self._said

    def _levels_on(self, tallies: Mapping[str, Tally], day: int) -> Mapping[str, int]:
        return {
            name: self._level(name, tally, day)
            for name, tally in tallies.items()
            if name in self._model.levels
        }

    def _level(self, name: str, tally: Tally, day: int) -> int:
        """Return the level of a rule's strength, worked out anew if it may have moved."""
        timing = self._agreement.rule(name).timing
        before = self._placed.get(name)
        if before and before.tally is tally and (before.day == day or not timing.fades):
            return before.level
        level = self._model.level(name, as_kept(worth_on(tally, timing, day)))
        self._placed[name] = _Placed(tally, day, level)
        return level
