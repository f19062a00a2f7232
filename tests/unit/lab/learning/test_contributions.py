import math
from itertools import permutations

import numpy as np
import pytest

from services.lab.learning.boosting import Parameters, learn_forest
from services.scoring.models.contributions import contributions, expected_log_odds
from services.scoring.models.forest import LEAF, Forest

FEATURES = 4


@pytest.fixture(scope="module")
def rows():
    draw = np.random.default_rng(1)
    texts = draw.integers(0, 5, (1_500, 2)).astype(float)
    found = np.column_stack((texts, draw.normal(size=(1_500, 2))))
    found[draw.random(found.shape) < 0.1] = math.nan
    return found


@pytest.fixture(scope="module")
def forest(rows):
    draw = np.random.default_rng(2)
    # Two facts that only work together, so that sharing the credit is not trivial.
    odds = 2.0 * ((rows[:, 0] == 2) & (rows[:, 2] > 0)) + np.nan_to_num(rows[:, 3]) - 1
    won = draw.random(len(rows)) < 1 / (1 + np.exp(-odds))
    return learn_forest(rows, 2, won, Parameters(rounds_max=12))


def known_only(forest: Forest, row, known):
    """What the trees say when only these features are known, by walking both ways elsewhere."""

    def walk(tree, place):
        node = tree[place]
        if node.feature == LEAF:
            return node.value
        if node.feature in known:
            return walk(tree, node.left if node.goes_left(row[node.feature]) else node.right)
        ways = (node.left, node.right)
        return sum(tree[way].leads / node.leads * walk(tree, way) for way in ways)

    return forest.base + sum(walk(tree, 0) for tree in forest.trees)


def shapley(forest, row):
    """The mean over every order in which features become known."""
    orders = list(permutations(range(FEATURES)))
    found = [0.0] * FEATURES
    for order in orders:
        for place, feature in enumerate(order):
            before, after = set(order[:place]), set(order[: place + 1])
            gained = known_only(forest, row, after) - known_only(forest, row, before)
            found[feature] += gained / len(orders)
    return found


def test_contributions_are_the_shapley_values_of_every_order(forest, rows):
    for row in rows[:15].tolist():
        found = contributions(forest, row)

        assert [found.get(f, 0.0) for f in range(FEATURES)] == pytest.approx(
            shapley(forest, row), abs=1e-12
        )


def test_contributions_sum_to_what_the_trees_say(forest, rows):
    base = expected_log_odds(forest)
    for row in rows[:200].tolist():
        assert base + sum(contributions(forest, row).values()) == pytest.approx(
            forest.log_odds(row), abs=1e-12
        )


def test_a_forest_without_trees_has_no_contributions():
    bare = Forest(-2.0, ())

    assert (contributions(bare, [1.0]), expected_log_odds(bare)) == ({}, -2.0)
