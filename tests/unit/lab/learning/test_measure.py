import math

import numpy as np
import pytest
from sklearn.metrics import brier_score_loss, roc_auc_score

from services.lab.learning.enough import TooLittle
from services.lab.learning.intervals import Interval
from services.lab.learning.measure import (
    auc,
    auc_interval,
    brier,
    calibration_curve,
    calibration_error,
    compare,
    log_loss,
    measure,
)


def drawn(count=400, levels=7, seed=3):
    """Scores with many ties, and outcomes that follow them somewhat."""
    draw = np.random.default_rng(seed)
    scores = draw.integers(0, levels, count).astype(float)
    return scores, draw.random(count) < (scores + 1) / (levels + 3)


def covered_by_pairs(scores, won):
    """DeLong's variance by its definition: every pair of a won and a lost lead."""
    pairs = np.sign(scores[won][:, None] - scores[~won][None, :]) / 2 + 0.5
    above, below = pairs.mean(axis=1), pairs.mean(axis=0)
    return pairs.mean(), above.var(ddof=1) / len(above) + below.var(ddof=1) / len(below)


def test_the_auc_by_hand_counts_ties_half():
    # Pairs of won and lost: 3>1, 3>2, 2>1, 2=2.
    value = auc(np.array([3.0, 2.0, 1.0, 2.0]), np.array([True, True, False, False]))

    assert value == 3.5 / 4


def test_the_auc_is_that_of_the_library():
    scores, won = drawn()

    assert auc(scores, won) == pytest.approx(roc_auc_score(won, scores), abs=1e-12)


def test_the_interval_is_delongs_on_the_logit_scale():
    scores, won = drawn()
    value, variance = covered_by_pairs(scores, won)
    half = 1.959964 * math.sqrt(variance) / (value * (1 - value))
    middle = math.log(value / (1 - value))

    expected = [1 / (1 + math.exp(-(middle + side * half))) for side in (-1, 1)]
    assert auc_interval(scores, won) == pytest.approx(expected, abs=1e-6)


def test_the_interval_holds_the_truth_about_as_often_as_it_promises():
    draw = np.random.default_rng(5)
    # Of normal scores one apart, the true AUC is the normal distribution at 1 / sqrt(2).
    truth = 0.5 * (1 + math.erf(0.5))
    covered = 0
    for _ in range(300):
        won = draw.random(150) < 0.3
        covered += auc_interval(draw.normal(size=150) + won, won).holds(truth)

    assert 0.91 <= covered / 300 <= 0.99


@pytest.mark.parametrize("won", [[True] * 4, [False] * 4, []])
def test_one_outcome_only_has_no_auc(won):
    outcomes = np.array(won, dtype=bool)
    scores = np.arange(len(won), dtype=float)

    assert math.isnan(auc(scores, outcomes))
    assert auc_interval(scores, outcomes) == Interval(0.0, 1.0)
    assert compare(scores, scores, outcomes).p == 1.0


def test_scores_without_fault_keep_some_doubt():
    won = np.arange(20) >= 10

    low, high = auc_interval(np.arange(20.0), won)
    assert (0.6 < low < 0.8, high) == (True, 1.0)
    assert auc_interval(-np.arange(20.0), won).low == 0.0


def test_a_score_that_is_no_number_is_refused():
    with pytest.raises(ValueError, match="numbers"):
        auc(np.array([1.0, math.nan]), np.array([True, False]))


def test_a_score_is_no_better_than_itself_in_other_units():
    scores, won = drawn()

    gain = compare(scores, 10 * scores + 3, won)
    assert (gain.auc, gain.p, gain.is_real) == (0.0, 1.0, False)


def test_a_better_score_is_told_from_noise():
    scores, won = drawn()
    noise = np.random.default_rng(8).random(len(won))

    gain = compare(scores, noise, won)
    assert gain.is_real
    assert 0 < gain.interval.low < gain.auc < gain.interval.high


def test_brier_is_that_of_the_library():
    scores, won = drawn()
    chances = scores / 10

    assert brier(chances, won) == pytest.approx(brier_score_loss(won, chances))
    assert math.isnan(brier(np.array([]), np.array([], dtype=bool)))


def test_the_curve_by_hand():
    chances = np.array([0.1, 0.1, 0.1, 0.1, 0.6, 0.6])
    won = np.array([False, False, False, True, True, True])

    curve = calibration_curve(chances, won, bins=2)
    assert [tuple(b.came) for b in curve] == [(1, 4), (2, 2)]
    assert [b.promised for b in curve] == pytest.approx([0.1, 0.6])
    assert calibration_error(curve) == pytest.approx((4 * 0.15 + 2 * 0.4) / 6)


def test_leads_of_one_chance_stay_in_one_bin():
    chances = np.repeat([0.1, 0.2], [95, 5])

    curve = calibration_curve(chances, np.zeros(100, dtype=bool))
    assert [b.came.of for b in curve] == [95, 5]
    assert math.isnan(calibration_error(()))


def test_chances_of_certainty_have_a_finite_loss():
    assert math.isfinite(log_loss(np.array([0.0, 1.0]), np.array([True, False])))


def test_too_few_leads_are_not_measured():
    scores, won = drawn(count=50)

    found = measure(scores, scores / 10, won)
    assert isinstance(found, TooLittle)
    assert "10 more leads" in str(found)


def test_a_measure_holds_all_figures():
    scores, won = drawn()

    found = measure(scores, (scores + 1) / 10, won)
    assert not isinstance(found, TooLittle)
    assert (found.leads, found.won) == (400, won.sum())
    assert found.auc_interval.low < found.auc < found.auc_interval.high
    assert found.brier < found.brier_of_rate == pytest.approx(won.mean() * (1 - won.mean()))
    assert found.calibration_error < 0.1
