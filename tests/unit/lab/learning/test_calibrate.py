import math

import numpy as np
import pytest

from services.lab.learning.calibrate import (
    chances_of,
    correction_if_needed,
    learn_chances,
    logistic,
)
from services.scoring.models.chances import AS_IT_IS


def drawn(intercept, slope, count=20_000, seed=2):
    draw = np.random.default_rng(seed)
    scores = draw.normal(30, 10, count)
    return scores, draw.random(count) < logistic(intercept + slope * scores)


def test_a_planted_line_is_found():
    line = learn_chances(*drawn(-4.0, 0.08))

    assert line.intercept == pytest.approx(-4, abs=0.2)
    assert line.slope == pytest.approx(0.08, abs=0.01)


def test_one_score_and_many_have_the_same_chance():
    line = learn_chances(*drawn(-4.0, 0.08, count=500))
    scores = np.array([-1e6, 0.0, 30.0, 1e6])

    assert chances_of(line, scores) == pytest.approx([line.of(s) for s in scores.tolist()])


def test_equal_scores_promise_the_rate():
    line = learn_chances(np.full(100, 7.0), np.arange(100) < 20)

    assert line.slope == 0
    assert line.of(7.0) == pytest.approx(21 / 102)


def test_a_score_without_fault_gives_no_certainty():
    scores = np.arange(100.0)
    line = learn_chances(scores, scores >= 50)

    assert math.isfinite(line.slope)
    assert 0 < line.of(0.0) < 0.1
    assert 0.9 < line.of(99.0) < 1


@pytest.mark.parametrize("won", [True, False])
def test_one_outcome_only_is_no_certainty(won):
    line = learn_chances(np.arange(50.0), np.full(50, won))

    assert 0 < line.of(25.0) < 1


def test_no_leads_promise_nothing():
    assert learn_chances(np.array([]), np.array([], dtype=bool)).of(3.0) == 0.5


def test_right_odds_are_left_alone_and_wrong_ones_corrected():
    draw = np.random.default_rng(4)
    odds = draw.normal(-1.5, 1, 2_000)
    won = draw.random(2_000) < logistic(odds)

    assert correction_if_needed(odds, won) is AS_IT_IS
    assert correction_if_needed(3 * odds, won).slope == pytest.approx(1 / 3, abs=0.1)


def test_odds_that_point_the_wrong_way_are_not_turned():
    draw = np.random.default_rng(4)
    odds = draw.normal(-1.5, 1, 2_000)

    assert correction_if_needed(-odds, draw.random(2_000) < logistic(odds)) is AS_IT_IS
