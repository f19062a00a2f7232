"""Thresholds move with the points, so that about as many leads pass."""

import numpy as np
import pytest

from leadloop.conditions import Condition
from services.lab.lessons.sums import AllSums
from services.lab.lessons.thresholds import moves, with_moves
from services.scoring.definition import Tier

BEFORE = np.arange(100)


def sums(total):
    names = ("fit", "engagement", "total", "products.crm")
    return AllSums(dict.fromkeys(names, np.asarray(total)))


def moved(condition, after=None):
    """The condition when all sums halve."""
    tier = Tier("A", Condition(condition))
    found, left = moves((tier,), sums(BEFORE), sums(BEFORE // 2 if after is None else after))
    return with_moves(condition, found), [one.why for one in left]


@pytest.mark.parametrize(
    ("condition", "then"),
    [
        ("total >= 40", "total >= 20"),
        ("total > 39", "total > 19"),
        ("total < 40", "total < 20"),
        ("total <= 39", "total <= 19"),
        ("40 <= total", "20 <= total"),
        ("39 < total", "19 < total"),
        ("(fit >= 40 && engagement >= 60)", "(fit >= 20 && engagement >= 30)"),
        ("fit>=40||products.crm>=60", "fit>=20||products.crm>=30"),
        (
            'lead.fit == "total >= 40" && total >= 40',
            'lead.fit == "total >= 40" && total >= 20',
        ),
        ("total >= 40 ? fit >= 60 : false", "total >= 20 ? fit >= 30 : false"),
        ("lead.total >= 40 && fit >= 40", "lead.total >= 40 && fit >= 20"),
    ],
)
def test_numbers_move_with_the_sums_they_are_compared_with(condition, then):
    assert moved(condition) == (then, [])


def test_a_number_below_nothing_is_moved_with_its_sign():
    assert moved("total >= -10", BEFORE - 30)[0] == "total >= -30"
    assert moved("-10 <= total", BEFORE - 30)[0] == "-30 <= total"
    assert moved("total >= 20", BEFORE - 30)[0] == "total >= -10"


@pytest.mark.parametrize(
    "condition",
    [
        "fit + engagement >= 40",
        "total * 2 >= 40",
        "total == 40",
        "total >= 40.0",
        "total in [40, 50]",
        "40 + 1 <= total",
        "total >= fit",
        "total >= 40 + 1",
        "double(total) >= 40.0",
    ],
)
def test_what_is_not_simply_compared_stays_and_is_told(condition):
    then, left = moved(condition)

    assert then == condition
    assert left


def test_a_predicted_score_does_not_move():
    then, left = moved("predicted >= 40 && total >= 40")

    assert then == "predicted >= 40 && total >= 20"
    assert left == ["what it asks of predicted does not depend on points"]


def test_a_number_that_nobody_reaches_says_nothing_and_stays():
    then, left = moved("total >= 400 && fit >= 40")

    assert then == "total >= 400 && fit >= 20"
    assert left == ["no lead of the history reaches total 400"]
    tier = Tier("A", Condition("total >= 40"))
    assert moves((tier,), sums([]), sums([]))[0] == ()


def test_a_broken_condition_is_passed_over():
    assert moves((Tier("A", Condition("total >=")),), sums(BEFORE), sums(BEFORE)) == ((), ())
