import math

import numpy as np
import pytest

from services.lab.learning.intervals import Rate
from services.lab.learning.lift import Earns, earns, lifts
from tests.unit.lab.learning.builders import a_history

MANY = 1_000


def one_rule(with_won, with_all, without_won, without_all, points=10, **more):
    held = np.repeat([1, 0], [with_all, without_all])
    won = np.concatenate([np.arange(with_all) < with_won, np.arange(without_all) < without_won])
    (found,) = lifts(a_history(held, won, points=[points], **more))
    return found


def test_a_lift_by_hand():
    found = one_rule(45, 411, 73, 411, points=-5)

    assert found.lift == pytest.approx(45 / 73)
    assert found.lift_interval == pytest.approx((0.4364, 0.8707), abs=5e-5)
    assert found.difference == pytest.approx(-28 / 411)
    assert found.difference_interval.high < 0
    assert found.earns is Earns.FOR
    assert str(found) == (
        "r0 (-5): earns its points; won 10.9% of 411 with it and 17.8% of 411 without it, "
        "lift 0.62 (0.44 to 0.87)"
    )


@pytest.mark.parametrize(
    ("points", "with_it", "without", "verdict"),
    [
        (10, Rate(300, MANY), Rate(100, MANY), Earns.FOR),
        (-10, Rate(300, MANY), Rate(100, MANY), Earns.AGAINST),
        (-10, Rate(100, MANY), Rate(300, MANY), Earns.FOR),
        (10, Rate(100, MANY), Rate(300, MANY), Earns.AGAINST),
        (0, Rate(300, MANY), Rate(100, MANY), Earns.HELPFUL),
        (10, Rate(101, MANY), Rate(100, MANY), Earns.UNSURE),
        (10, Rate(5_000, 10_000), Rate(5_000, 10_000), Earns.NOTHING),
        (10, Rate(29, 29), Rate(100, MANY), Earns.TOO_LITTLE),
        (10, Rate(0, 40), Rate(100, MANY), Earns.TOO_LITTLE),
        (10, Rate(0, 0), Rate(100, MANY), Earns.TOO_LITTLE),
    ],
)
def test_a_verdict(points, with_it, without, verdict):
    assert earns(points, with_it, without) is verdict


def test_reasons_of_refusals_are_counted_with_the_rule():
    found = one_rule(1, 4, 0, 2, reasons=[None, "budget", "timing", "budget", "budget", None])

    assert found.reasons == {"budget": 2, "timing": 1}


@pytest.mark.parametrize("counts", [(0, 0, 3, 5), (3, 5, 0, 0), (0, 5, 0, 5), (2, 5, 0, 5)])
def test_an_empty_side_has_words_and_no_fault(counts):
    found = one_rule(*counts)

    assert found.earns is Earns.TOO_LITTLE
    assert "too little data" in str(found)
    assert not math.isfinite(found.lift) or counts == (0, 5, 0, 5)


def test_no_leads_and_no_rules_have_no_lifts():
    assert lifts(a_history(np.zeros((0, 0)), [])) == ()
    assert [found.earns for found in lifts(a_history(np.zeros((0, 1)), []))] == [
        Earns.TOO_LITTLE
    ]
