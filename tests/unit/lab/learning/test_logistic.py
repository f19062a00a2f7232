import numpy as np
import pytest

from services.lab.learning.logistic import FOLDS, forward_folds, learn_effects
from tests.unit.lab.learning.builders import planted, times


def test_planted_effects_are_found():
    held, won = planted([1.0, -1.0, 0.0], count=20_000)

    found = learn_effects(held, won, times(len(won)))
    assert found.of == pytest.approx([1.0, -1.0, 0.0], abs=0.1)
    assert not found.tell_nothing


def test_an_effect_is_one_unit_of_strength_whatever_the_units():
    held, won = planted([1.0, -1.0], count=5_000)
    at = times(len(won))

    one = learn_effects(held, won, at)
    other = learn_effects(held * np.array([100, 1], dtype=np.float32), won, at)
    assert other.of * [100, 1] == pytest.approx(one.of, abs=1e-3)


def test_rules_without_effect_tell_nothing():
    held, _ = planted([0.0] * 30, count=600)
    won = np.random.default_rng(9).random(600) < 0.2

    found = learn_effects(held, won, times(600))
    assert found.tell_nothing


def test_a_fold_learns_only_from_what_came_before():
    at = np.random.default_rng(1).permutation(np.repeat(times(40), 3))

    folds = forward_folds(at)
    assert len(folds) == FOLDS
    for before, after in folds:
        assert at[before].max() < at[after].min()


def test_leads_of_one_time_can_not_be_cut():
    assert forward_folds(np.repeat(times(1), 50)) == []
    assert forward_folds(times(0)) == []


def test_without_a_cut_the_strongest_shrinking_is_taken():
    held, won = planted([1.0], count=400)

    found = learn_effects(held, won, np.repeat(times(1), 400))
    assert (found.trials, found.tell_nothing) == ((), False)
    assert 0 < found.of[0] < 1


def test_two_rules_that_come_together_share_the_effect():
    held, won = planted([1.0], count=5_000)

    found = learn_effects(np.hstack((held, held)), won, times(len(won)))
    assert found.of[0] == pytest.approx(found.of[1], abs=1e-3)
