"""An AUC is about order alone, and no input makes a measure leave its bounds."""

import math

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from services.lab.learning.intervals import Rate, difference, ratio, wilson
from services.lab.learning.measure import (
    auc,
    auc_interval,
    calibration_curve,
    calibration_error,
    compare,
)

# Whole numbers, so that a map that rises keeps every two apart that were apart.
LEADS = st.lists(st.tuples(st.integers(-50, 50), st.booleans()), min_size=1, max_size=60)
MAPS = (lambda s: 3 * s - 7, np.exp, lambda s: s**3, lambda s: np.arctan(s / 50))


def arrays(leads):
    scores, won = zip(*leads, strict=True)
    return np.array(scores, dtype=float), np.array(won, dtype=bool)


@given(LEADS, st.sampled_from(MAPS))
def test_a_map_that_rises_changes_no_auc(leads, rising):
    scores, won = arrays(leads)

    assert np.array_equal(auc(scores, won), auc(rising(scores), won), equal_nan=True)
    assert auc_interval(scores, won) == auc_interval(rising(scores), won)


@given(LEADS)
def test_turning_scores_round_turns_the_auc_round(leads):
    scores, won = arrays(leads)
    value = auc(scores, won)

    assert math.isnan(value) or abs(auc(-scores, won) - (1 - value)) < 1e-12
    assert math.isnan(value) or abs(auc(scores, ~won) - (1 - value)) < 1e-12


@given(LEADS)
def test_the_auc_is_the_share_of_pairs(leads):
    scores, won = arrays(leads)
    pairs = [
        1.0 if up > down else 0.5 if up == down else 0.0
        for up in scores[won]
        for down in scores[~won]
    ]

    assert np.allclose(auc(scores, won), np.mean(pairs) if pairs else math.nan, equal_nan=True)


@given(LEADS, st.randoms(use_true_random=False))
def test_an_interval_holds_its_value_whatever_the_leads(leads, random):
    scores, won = arrays(leads)
    other = scores.copy()
    random.shuffle(other)
    low, high = auc_interval(scores, won)

    assert 0 <= low <= high <= 1
    assert math.isnan(auc(scores, won)) or low - 1e-12 <= auc(scores, won) <= high + 1e-12
    assert 0 <= compare(scores, other, won).p <= 1


@given(LEADS, st.integers(1, 15))
def test_every_lead_is_in_one_bin(leads, bins):
    scores, won = arrays(leads)
    chances = (scores + 50) / 100

    curve = calibration_curve(chances, won, bins)
    assert sum(b.came.of for b in curve) == len(won)
    assert sum(b.came.hits for b in curve) == won.sum()
    assert len(curve) <= bins
    assert 0 <= calibration_error(curve) <= 1


@st.composite
def rates(draw):
    of = draw(st.integers(0, 10_000))
    return Rate(draw(st.integers(0, of)), of)


@given(rates(), rates())
def test_intervals_keep_within_what_is_possible(one, other):
    low, high = wilson(one)
    assert 0 <= low <= high <= 1
    low, high = difference(one, other)
    assert -1 - 1e-12 <= low <= high <= 1 + 1e-12
    low, high = ratio(one, other)
    assert 0 <= low <= high


@given(rates(), rates())
def test_turning_a_difference_round_turns_its_interval_round(one, other):
    low, high = difference(one, other)

    assert np.allclose(difference(other, one), (-high, -low))
