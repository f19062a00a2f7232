"""A predictive model at work: what it says of a lead, why, and when time changes that."""

import json
import math
from bisect import bisect_left
from collections.abc import Mapping
from functools import cached_property
from typing import Final, NamedTuple

from leadloop.conditions import Values
from services.scoring.models.forest import LEAF, Tree
from services.scoring.models.predictor import Prediction, Predictor, read_predictor

# As large as a request may be.
TEXT_MAX: Final = 1_000_000
# What is learned has 200 trees of 15 nodes at most, three to seven questions deep; these bounds
# keep the time of a score below some milliseconds whatever a text holds.
NODES_MAX: Final = 8_000
DEPTH_MAX: Final = 12
FEATURES_MAX: Final = 400
VERSION_CHARACTERS: Final = frozenset("0123456789abcdef")
VERSION_LENGTHS: Final = range(8, 65)


class Unsound(ValueError):
    """A text that is no model that could be judged by."""


class Asking(NamedTuple):
    """Which trees ask about a rule.

    Attributes:
        place: The rule's, among all features.
        trees: Their numbers.
    """

    place: int
    trees: tuple[int, ...]


class Model:
    """A predictor as scoring uses it."""

    def __init__(self, predictor: Predictor) -> None:
        """Judge by `predictor`."""
        self.predictor = predictor

    @property
    def version(self) -> str:
        """Return the version that agreements name."""
        return self.predictor.version

    def predicted(self, facts: Values, strengths: Mapping[str, float]) -> int:
        """Return the chance of being won in percent, whole; a half is rounded up."""
        return whole(self.predictor.score(facts, strengths))

    def explain(self, facts: Values, strengths: Mapping[str, float]) -> Prediction:
        """Return the same with what each feature did for it."""
        return self.predictor.explain(facts, strengths)

    @cached_property
    def levels(self) -> Mapping[str, tuple[float, ...]]:
        """Return the strengths of each rule that the model tells apart, in order."""
        first = len(self.predictor.columns)
        found: dict[str, set[float]] = {}
        for tree in self.predictor.forest.trees:
            for node in tree:
                if node.feature >= first and node.levels is None:
                    rule = self.predictor.rules[node.feature - first]
                    found.setdefault(rule, set()).add(node.threshold)
        return {rule: tuple(sorted(at)) for rule, at in found.items()}

    @cached_property
    def fields(self) -> tuple[str, ...]:
        """Return the columns that the trees ask about."""
        columns = self.predictor.columns
        asked = {node.feature for tree in self.predictor.forest.trees for node in tree}
        return tuple(column.name for n, column in enumerate(columns) if n in asked)

    @cached_property
    def asking(self) -> Mapping[str, Asking]:
        """Return the trees that ask about each rule."""
        first, trees = len(self.predictor.columns), self.predictor.forest.trees
        asked = [{node.feature for node in tree} for tree in trees]
        return {
            rule: Asking(
                place, tuple(n for n, features in enumerate(asked) if place in features)
            )
            for place, rule in enumerate(self.predictor.rules, first)
        }

    def level(self, rule: str, strength: float) -> int:
        """Return between which of its numbers a rule's strength lies."""
        return bisect_left(self.levels.get(rule, ()), strength)


def whole(score: float) -> int:
    """Return a score in percent as a whole number; a half is rounded up."""
    return math.floor(score + 0.5)


def read_model(text: str) -> Model:
    """Return the model of a text that `Predictor.to_json` wrote.

    A hash proves only that nothing was lost on the way: whoever can write the text can write
    the hash. So everything that judging relies on is looked at.

    Raises:
        Unsound: The text is too long, or no model that can be judged by.
    """
    if len(text) > TEXT_MAX:
        raise Unsound(f"at most {TEXT_MAX:,} characters, found {len(text):,}")
    try:
        predictor = read_predictor(text)
        _require_sound(predictor)
    except Unsound:
        raise
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError) as error:
        told = str(error) if type(error) is ValueError else "parts of it are missing"
        raise Unsound(f"a model as `leadloop agreement learn` writes it: {told}") from error
    return Model(predictor)


def _require_sound(predictor: Predictor) -> None:
    """Refuse what could not be judged by, or would take long."""
    version = predictor.version
    if not (set(version) <= VERSION_CHARACTERS and len(version) in VERSION_LENGTHS):
        raise Unsound(f"a version of 8 to 64 digits and letters a to f, found {version!r:.80}")
    names = [
        *predictor.features,
        *(level for column in predictor.columns for level in column.levels or ()),
        predictor.library,
        predictor.until,
    ]
    if not all(isinstance(name, str) for name in names):
        raise Unsound("names that are texts, found something else")
    if len(predictor.features) > FEATURES_MAX:
        raise Unsound(f"at most {FEATURES_MAX} features, found {len(predictor.features):,}")
    if not all(type(n) is int and n >= 0 for n in (predictor.learned_from, predictor.won)):
        raise Unsound("numbers of leads, found something else")
    _require_sound_trees(predictor)


def _require_sound_trees(predictor: Predictor) -> None:
    forest, features = predictor.forest, len(predictor.features)
    if sum(map(len, forest.trees)) > NODES_MAX:
        raise Unsound(f"at most {NODES_MAX:,} nodes, found more")
    numbers = [forest.base, predictor.chances.intercept, predictor.chances.slope]
    for tree in forest.trees:
        _require_tree(tree, features)
        numbers += [number for node in tree for number in (node.threshold, node.value)]
    if not all(math.isfinite(number) for number in numbers):
        raise Unsound("finite numbers, found one that is not")


def _require_tree(tree: Tree, features: int) -> None:
    """Refuse questions about nothing, and paths that meet again or are too long."""
    depths = {0: 0}
    for place, node in enumerate(tree):
        if place not in depths:
            raise Unsound(f"a tree, found a node that no path leads to: {place}")
        if node.feature >= features or node.leads < 1:
            raise Unsound(f"questions about features, and leads that met them: node {place}")
        for follower in (node.left, node.right) if node.feature != LEAF else ():
            if follower in depths or depths[place] >= DEPTH_MAX:
                raise Unsound(f"a tree of at most {DEPTH_MAX} questions a path: node {place}")
            depths[follower] = depths[place] + 1


def as_text(sha256: str, model: str) -> str:
    """Return the parts of a kept model as `read_model` takes them."""
    return json.dumps({"sha256": sha256, "model": model})
