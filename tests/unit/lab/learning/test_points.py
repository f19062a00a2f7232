import numpy as np
import pytest

from services.lab.learning.points import (
    LARGEST_MAX,
    LARGEST_MIN,
    Change,
    change_of,
    scale_of,
    threshold_of_same_volume,
)


@pytest.mark.parametrize(
    ("before", "after", "change"),
    [
        (5, 5, Change.SAME),
        (5, 9, Change.RAISED),
        (-5, -9, Change.RAISED),
        (5, 3, Change.LOWERED),
        (5, 0, Change.IDLE),
        (0, 4, Change.FOUND),
        (5, -1, Change.TURNED),
        (-5, 1, Change.TURNED),
    ],
)
def test_a_change_has_a_word(before, after, change):
    assert change_of(before, after) is change


def test_scores_spread_as_before():
    strengths = np.random.default_rng(1).integers(0, 2, (500, 3)).astype(np.float32)
    effects = np.array([1.0, 0.5, -0.25])
    scores = strengths @ np.array([20.0, 20.0, 20.0])

    scale = scale_of(scores, strengths, effects)
    assert scale.keeps_spread
    after = strengths @ (effects * scale.points_per_effect)
    assert after.std() == pytest.approx(scores.std())


@pytest.mark.parametrize(("points", "largest"), [(0.0, LARGEST_MIN), (1e6, LARGEST_MAX)])
def test_points_are_neither_too_coarse_nor_too_large(points, largest):
    strengths = np.random.default_rng(1).integers(0, 2, (500, 1)).astype(np.float32)

    scale = scale_of(points * strengths[:, 0], strengths, np.array([0.3]))
    assert 0.3 * scale.points_per_effect == pytest.approx(largest)
    assert not scale.keeps_spread


def test_without_effects_there_are_no_points():
    scale = scale_of(np.zeros(5), np.zeros((5, 0), dtype=np.float32), np.array([]))

    assert scale.points_per_effect == 0


def test_a_threshold_moves_so_that_as_many_pass():
    before, after = np.arange(100.0), np.arange(100.0) * 3 + 7

    moved = threshold_of_same_volume(before, after, 80)
    assert (moved.after, moved.passed_before, moved.passed_after) == (247, 20, 20)


def test_where_scores_tie_rather_fewer_pass():
    moved = threshold_of_same_volume(np.arange(10.0), np.repeat([1.0, 2.0], [4, 6]), 7)

    # Three passed; six or none could.
    assert (moved.after, moved.passed_after) == (3, 0)


def test_no_leads_move_no_threshold():
    moved = threshold_of_same_volume(np.array([]), np.array([]), 60)

    assert (moved.after, moved.passed_before, moved.passed_after) == (60, 0, 0)
