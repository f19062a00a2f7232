"""Trees learned by scikit-learn's histogram gradient boosting, taken out as plain values.

The trees are read from where scikit-learn keeps them, which it does not promise to leave as it
is. So every forest is tried on all leads that it was learned from: when it says anything else
than scikit-learn, it is refused.
"""

import math
import sys
from dataclasses import dataclass
from typing import Final, Protocol

import numpy as np
from numpy.typing import NDArray

from services.lab.learning.history import Flags, Floats
from services.lab.learning.measure import log_loss
from services.scoring.models.forest import LEAF, Forest, Node, Tree

# Sums of the same numbers in another order differ by less.
SAME: Final = 1e-9


@dataclass(frozen=True, slots=True)
class Parameters:
    """How trees are grown; small and slow, since leads are few and outcomes noisy.

    Attributes:
        rounds_max: Trees at most; how many is chosen on leads held back by time.
        leaves: Of one tree; 8 let three facts work together.
        leads_per_leaf_min: Fewer would teach a leaf by heart.
        bins: Cuts that are tried of a number.
    """

    rounds_max: int = 200
    learning_rate: float = 0.05
    leaves: int = 8
    leads_per_leaf_min: int = 30
    shrinking: float = 5.0
    bins: int = 64
    seed: int = 1


class _Grown(Protocol):
    """What the library keeps of a tree."""

    nodes: NDArray[np.void]
    raw_left_cat_bitsets: NDArray[np.uint32]


class DiffersFromLibrary(Exception):
    """The trees taken out do not say what the library says."""


@dataclass(frozen=True, slots=True, eq=False)
class _Layout:
    """Which columns the library is given, in its own order: texts first.

    Attributes:
        columns: Where each stands in the rows.
        levels: Of each text, the numbers that were met; the library numbers them anew.
    """

    columns: NDArray[np.intp]
    levels: tuple[Floats, ...]


def learn_forest(rows: Floats, texts: int, won: Flags, parameters: Parameters) -> Forest:
    """Grow as many trees as allowed.

    Args:
        rows: One lead each; the columns of texts, as numbers of levels, come first.
        texts: How many columns are texts.
        won: What came of the leads, both outcomes among them.
        parameters: How trees are grown.
    """
    from sklearn.ensemble import HistGradientBoostingClassifier
    from threadpoolctl import threadpool_limits

    layout = _layout(rows, texts)
    if not layout.columns.size or parameters.rounds_max == 0:
        rate = float(won.mean())
        return Forest(math.log(rate / (1 - rate)), ())
    given = rows[:, layout.columns]
    model = HistGradientBoostingClassifier(
        max_iter=parameters.rounds_max,
        learning_rate=parameters.learning_rate,
        max_leaf_nodes=parameters.leaves,
        min_samples_leaf=parameters.leads_per_leaf_min,
        l2_regularization=parameters.shrinking,
        max_bins=parameters.bins,
        categorical_features=np.arange(given.shape[1]) < len(layout.levels),
        early_stopping=False,
        random_state=parameters.seed,
    )
    # One thread: sums come out the same on every machine, and a few busy cores do not make it
    # many times slower, as they do when threads wait for each other.
    with threadpool_limits(1, user_api="openmp"):
        model.fit(given, won)
        expected = np.asarray(model.decision_function(given), dtype=np.float64)
    trees = tuple(_tree(grown[0], layout) for grown in model._predictors)
    forest = Forest(float(model._baseline_prediction[0, 0]), trees)
    _check(forest, rows, expected)
    return forest


def rounds_that_do_best(forest: Forest, rows: Floats, won: Flags) -> tuple[int, Floats]:
    """Return how many of the trees do best on leads they do not know, with the log-odds."""
    total = np.full(len(rows), forest.base)
    best, best_loss, best_odds = 0, log_loss(_chances(total), won), total
    for number, tree in enumerate(forest.trees, start=1):
        total = total + values_of(tree, rows)
        loss = log_loss(_chances(total), won)
        if loss < best_loss:
            best, best_loss, best_odds = number, loss, total
    return best, best_odds


def log_odds_of(forest: Forest, rows: Floats) -> Floats:
    """Return what the trees say of each lead."""
    total = np.full(len(rows), forest.base)
    for tree in forest.trees:
        total = total + values_of(tree, rows)
    return total


def values_of(tree: Tree, rows: Floats) -> Floats:
    """Return what one tree adds for each lead: every node parts the leads that reach it."""
    values = np.zeros(len(rows))
    waiting = [(0, np.arange(len(rows)))]
    while waiting:
        place, here = waiting.pop()
        node = tree[place]
        if node.feature == LEAF:
            values[here] = node.value
            continue
        left = _go_left(node, rows[here, node.feature])
        waiting += [(node.left, here[left]), (node.right, here[~left])]
    return values


def _go_left(node: Node, values: Floats) -> Flags:
    """Say for each value where it goes, as `Node.goes_left` does."""
    if node.levels is None:
        left = values <= node.threshold
    else:
        left = np.isin(values, list(node.levels))
    return np.where(np.isnan(values), node.missing_left, left)


def _layout(rows: Floats, texts: int) -> _Layout:
    """Choose the columns to learn from: those with two values, a missing one counted.

    A text with one level beside missing ones is given as a number: for such a text the library
    forgets to note where its level goes, and follows the note of another question. A column
    that is missing everywhere makes it fail.
    """
    met = [np.unique(column[~np.isnan(column)]) for column in rows.T]
    values = [
        len(known) + bool(np.isnan(column).any())
        for known, column in zip(met, rows.T, strict=True)
    ]
    as_texts = [place for place in range(texts) if len(met[place]) > 1]
    as_numbers = [
        place
        for place in range(rows.shape[1])
        if place not in as_texts and len(met[place]) and values[place] > 1
    ]
    columns = np.array([*as_texts, *as_numbers], dtype=np.intp)
    return _Layout(columns, tuple(met[place] for place in as_texts))


def _chances(odds: Floats) -> Floats:
    chances: Floats = 1 / (1 + np.exp(-odds))
    return chances


def _tree(grown: _Grown, layout: _Layout) -> Tree:
    """Read one tree from the library's table of nodes."""
    return tuple(_node(node, grown.raw_left_cat_bitsets, layout) for node in grown.nodes)


def _node(node: np.void, bitsets: NDArray[np.uint32], layout: _Layout) -> Node:
    """Read one node."""
    if node["is_leaf"]:
        return Node(LEAF, 0.0, None, False, 0, 0, float(node["value"]), int(node["count"]))
    levels = None
    if node["is_categorical"]:
        met = layout.levels[node["feature_idx"]]
        levels = frozenset(int(met[bit]) for bit in _bits(bitsets[node["bitset_idx"]]))
    # A question that only parts missing values from others has no end; JSON knows no infinity.
    threshold = min(float(node["num_threshold"]), sys.float_info.max)
    return Node(
        feature=int(layout.columns[node["feature_idx"]]),
        threshold=threshold if levels is None else 0.0,
        levels=levels,
        missing_left=bool(node["missing_go_to_left"]),
        left=int(node["left"]),
        right=int(node["right"]),
        value=0.0,
        leads=int(node["count"]),
    )


def _bits(words: NDArray[np.uint32]) -> list[int]:
    """Return the numbers of the bits that are set."""
    return [
        32 * place + bit
        for place, word in enumerate(words.tolist())
        for bit in range(32)
        if word >> bit & 1
    ]


def _check(forest: Forest, rows: Floats, expected: Floats) -> None:
    """Refuse a forest that says something else than the library."""
    worst = float(np.abs(log_odds_of(forest, rows) - expected).max())
    if not worst <= SAME:
        raise DiffersFromLibrary(
            f"expected the log-odds of scikit-learn, found some that differ by {worst:g}"
        )
