"""Suggested points follow planted effects, and keep quiet where there are none."""

import numpy as np
import pytest

from services.lab.learning.suggest import Suggestion, suggest
from tests.unit.lab.learning.builders import a_history, planted


@pytest.mark.parametrize("seed", range(6))
def test_points_follow_planted_effects(seed):
    draw = np.random.default_rng(seed)
    effects = draw.normal(0, 0.8, 12)
    guessed = draw.integers(-20, 30, 12).tolist()
    held, won = planted(effects, count=6_000, seed=seed + 100)

    found = suggest(a_history(held, won, points=guessed))
    assert isinstance(found, Suggestion)
    points = np.array([rule.points for rule in found.rules])
    assert np.corrcoef(points, effects)[0, 1] > 0.97
    strong = np.abs(effects) > 0.4
    assert (np.sign(points[strong]) == np.sign(effects[strong])).all()


def test_where_outcomes_are_chance_points_are_seldom_suggested():
    spoken = 0
    for seed in range(20):
        held, _ = planted([0.0] * 12, count=600, seed=seed)
        won = np.random.default_rng(1_000 + seed).random(600) < 0.2
        spoken += isinstance(suggest(a_history(held, won)), Suggestion)

    # The best of seven strengths is taken, so it is a little more than once in twenty.
    assert spoken <= 4
