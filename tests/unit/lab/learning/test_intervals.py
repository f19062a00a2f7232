import math

import pytest

from services.lab.learning.intervals import Interval, Rate, difference, ratio, wilson

# Published worked examples: Newcombe, Statistics in Medicine 17 (1998), 857-872 and 873-890,
# and Moore, McCabe, Craig, Introduction to the Practice of Statistics, example 8.18.


@pytest.mark.parametrize(
    ("rate", "low", "high"),
    [
        (Rate(81, 263), 0.2553, 0.3662),
        (Rate(15, 148), 0.0624, 0.1605),
        (Rate(0, 20), 0.0, 0.1611),
        (Rate(1, 29), 0.0061, 0.1718),
    ],
)
def test_the_interval_of_a_rate_is_the_published_one(rate, low, high):
    assert wilson(rate) == pytest.approx((low, high), abs=5e-5)


@pytest.mark.parametrize(
    ("one", "other", "low", "high"),
    [
        (Rate(56, 70), Rate(48, 80), 0.0524, 0.3339),
        (Rate(9, 10), Rate(3, 10), 0.1705, 0.8090),
        (Rate(6, 7), Rate(2, 7), 0.0582, 0.8062),
        (Rate(5, 56), Rate(0, 29), -0.0381, 0.1926),
        (Rate(0, 10), Rate(0, 20), -0.1611, 0.2775),
        (Rate(10, 10), Rate(0, 10), 0.6075, 1.0),
    ],
)
def test_the_interval_of_a_difference_is_the_published_one(one, other, low, high):
    assert difference(one, other) == pytest.approx((low, high), abs=1e-4)


def test_the_interval_of_a_ratio_is_the_published_one():
    assert ratio(Rate(45, 411), Rate(73, 411)) == pytest.approx((0.4364, 0.8707), abs=5e-5)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (Rate(0, 50), Rate(10, 50)),
        (Rate(10, 50), Rate(0, 50)),
        (Rate(50, 50), Rate(10, 50)),
        (Rate(0, 50), Rate(0, 50)),
        (Rate(50, 50), Rate(50, 50)),
    ],
)
def test_nobody_or_everybody_still_gives_a_finite_ratio(one, other):
    low, high = ratio(one, other)

    assert 0 < low < high < math.inf


def test_nothing_counted_says_nothing():
    nothing = Rate(0, 0)

    assert wilson(nothing) == Interval(0.0, 1.0)
    assert difference(nothing, Rate(1, 2)) == Interval(-1.0, 1.0)
    assert ratio(Rate(1, 2), nothing) == Interval(0.0, math.inf)
    assert math.isnan(nothing.share)
