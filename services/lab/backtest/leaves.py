"""Where a lead stands in a model's trees; only those that ask about what moved are walked."""

from collections.abc import Mapping

from leadloop.conditions import Values
from services.scoring.models.forest import value_of
from services.scoring.models.model import Model, whole
from services.scoring.models.predictor import as_score


class Leaves:
    """The leaves of one lead, a tree each; nothing stands anywhere before `begin`."""

    def __init__(self, model: Model) -> None:
        """Walk this model's trees."""
        self._model = model
        self._row: list[float] = []
        self._values: list[float] = []

    def begin(self, facts: Values, strengths: Mapping[str, float]) -> None:
        """Walk all trees: something else is known of the lead."""
        predictor = self._model.predictor
        self._row = row = predictor.row(facts, strengths)
        self._values = [value_of(tree, row) for tree in predictor.forest.trees]

    def move(self, strengths: Mapping[str, float]) -> None:
        """Walk the trees that ask about these rules; the facts are as before."""
        trees, asking = self._model.predictor.forest.trees, self._model.asking
        again: set[int] = set()
        for name, strength in strengths.items():
            place, numbers = asking[name]
            self._row[place] = strength
            again.update(numbers)
        for number in again:
            self._values[number] = value_of(trees[number], self._row)

    def said(self) -> int:
        """Return what the model says: exactly what `Model.predicted` does."""
        forest, chances = self._model.predictor.forest, self._model.predictor.chances
        total = forest.base
        # One by one, in order, as the forest does: `sum` rounds otherwise.
        for value in self._values:
            total += value
        return whole(as_score(chances.of(total)))
