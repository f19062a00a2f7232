"""What each feature of a lead did for what the trees say of it: exact Shapley values.

The question is: which share of the distance from the usual to this lead does each feature
bear, averaged over every order in which features could become known? While a feature is
unknown, a tree goes both ways, weighted by the leads that went there when it was learned (the
"path dependent" values of Lundberg and others, Nature Machine Intelligence 2, 2020). So the
values sum exactly to what the trees say minus what they say when nothing is known. Where
features go together, credit is shared by where the trees happen to ask; it proves no cause.

A leaf is reached with a product of one factor for each feature on its path, and for a product
the average over all orders is a sum over how many features are known: nothing is sampled.
"""

import math
from collections.abc import Iterator, Sequence
from functools import lru_cache

from services.scoring.models.forest import LEAF, Forest, Node, Tree

# One step of a path: the question and whether the path goes left there.
Step = tuple[Node, bool]


def contributions(forest: Forest, row: Sequence[float]) -> dict[int, float]:
    """Return what each feature adds to the log-odds; what trees ignore is left out."""
    found: dict[int, float] = {}
    for tree in forest.trees:
        for value, steps in _paths(tree):
            for feature, effect in _shares(value, steps, tree, row):
                found[feature] = found.get(feature, 0.0) + effect
    return found


def expected_log_odds(forest: Forest) -> float:
    """Return what the trees say of a lead of which nothing is known."""
    total = forest.base
    for tree in forest.trees:
        for value, steps in _paths(tree):
            total += value * math.prod(_weight(tree, step) for step in steps)
    return total


def _paths(tree: Tree) -> Iterator[tuple[float, tuple[Step, ...]]]:
    """Yield the value of each leaf with the steps that lead there."""
    waiting: list[tuple[Node, tuple[Step, ...]]] = [(tree[0], ())]
    while waiting:
        node, steps = waiting.pop()
        if node.feature == LEAF:
            yield node.value, steps
            continue
        waiting.append((tree[node.left], (*steps, (node, True))))
        waiting.append((tree[node.right], (*steps, (node, False))))


def _weight(tree: Tree, step: Step) -> float:
    """Return the share of leads that went this way."""
    node, left = step
    return tree[node.left if left else node.right].leads / node.leads


def _shares(
    value: float, steps: Sequence[Step], tree: Tree, row: Sequence[float]
) -> Iterator[tuple[int, float]]:
    """Yield the share of each feature on a path in what its leaf adds."""
    known: dict[int, float] = {}
    unknown: dict[int, float] = {}
    for step in steps:
        node, left = step
        stays = node.goes_left(row[node.feature]) == left
        known[node.feature] = known.get(node.feature, 1.0) * stays
        unknown[node.feature] = unknown.get(node.feature, 1.0) * _weight(tree, step)
    weights = _order_weights(len(known))
    for feature, follows in known.items():
        others = [(known[f], unknown[f]) for f in known if f != feature]
        rest = sum(w * c for w, c in zip(weights, _by_known(others), strict=True))
        yield feature, value * (follows - unknown[feature]) * rest


def _by_known(factors: Sequence[tuple[float, float]]) -> list[float]:
    """Return the sum of products in which k features are known, for each k."""
    sums = [1.0]
    for known, unknown in factors:
        grown = [0.0] * (len(sums) + 1)
        for count, so_far in enumerate(sums):
            grown[count] += so_far * unknown
            grown[count + 1] += so_far * known
        sums = grown
    return sums


@lru_cache(maxsize=64)
def _order_weights(features: int) -> tuple[float, ...]:
    """Return the share of orders in which exactly k given features come before another one."""
    return tuple(
        math.factorial(k) * math.factorial(features - 1 - k) / math.factorial(features)
        for k in range(features)
    )
