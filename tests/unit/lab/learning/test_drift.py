import numpy as np
import pytest

from services.lab.learning.drift import (
    Moved,
    Windows,
    chance_of_no_move,
    corrected,
    drifts,
    rates_of_rules,
    rates_of_sources,
    shares_of_sources,
    wins_of_rules,
)
from services.lab.learning.intervals import Rate
from tests.unit.lab.learning.builders import a_history


def moved(before, after):
    (found,) = drifts([Windows("w", before, after)])
    return found


@pytest.mark.parametrize(
    ("before", "after", "word"),
    [
        (Rate(100, 1_000), Rate(160, 1_000), Moved.ROSE),
        (Rate(160, 1_000), Rate(100, 1_000), Moved.FELL),
        (Rate(100, 1_000), Rate(104, 1_000), Moved.STAYED),
        (Rate(50_000, 100_000), Rate(51_000, 100_000), Moved.SLIGHTLY),
        (Rate(5, 19), Rate(160, 1_000), Moved.TOO_LITTLE),
        (Rate(0, 0), Rate(160, 1_000), Moved.TOO_LITTLE),
        (Rate(0, 100), Rate(0, 100), Moved.TOO_LITTLE),
        (Rate(100, 100), Rate(100, 100), Moved.TOO_LITTLE),
    ],
)
def test_a_move_has_a_word(before, after, word):
    found = moved(before, after)

    assert found.moved is word
    assert found.is_alarm is (word in {Moved.ROSE, Moved.FELL})
    assert str(found).startswith(f"w: {word.value}; ")


def test_the_test_is_the_n_minus_1_chi_squared_by_hand():
    # 10 of 50 against 20 of 50: chi squared 100 * (10*30 - 20*40)**2 / (30*70*50*50) = 4.7619,
    # times 99 / 100; a chi squared of 4.7143 with one degree of freedom has p = 0.02992.
    assert chance_of_no_move(Rate(10, 50), Rate(20, 50)) == pytest.approx(0.02992, abs=1e-5)
    assert chance_of_no_move(Rate(5, 5), Rate(7, 7)) == 1.0


def test_the_correction_is_the_published_example():
    # Benjamini and Hochberg (1995), section 3: fifteen tests, of which four pass at 5 %.
    ps = [0.0001, 0.0004, 0.0019, 0.0095, 0.0201, 0.0278, 0.0298, 0.0344]
    ps += [0.0459, 0.3240, 0.4262, 0.5719, 0.6528, 0.7590, 1.0]

    found = corrected(ps)
    assert [q <= 0.05 for q in found] == [True] * 4 + [False] * 11
    assert found[3] == pytest.approx(0.0095 * 15 / 4)
    assert corrected([]) == []


def test_one_move_among_many_is_found_and_comes_first():
    draw = np.random.default_rng(1)
    windows = [
        Windows(f"s{n}", Rate(int(a), 2_000), Rate(int(b), 2_000))
        for n, (a, b) in enumerate(draw.binomial(2_000, 0.1, (50, 2)))
    ]
    windows[30] = Windows("moved", Rate(200, 2_000), Rate(320, 2_000))

    found = drifts(windows)
    assert found[0].name == "moved"
    assert [drift.name for drift in found if drift.is_alarm] == ["moved"]
    assert found[0].interval.holds(0.06)


def halves():
    sources = ["a", "a", "b", "a", "b", "b"]
    history = a_history(
        [[1, 0], [1, 1], [0, 1], [0, 0], [1, 1], [0, 1]],
        [True, False, True, True, True, False],
        sources=sources,
    )
    first = np.arange(6) < 3
    return history.part(first), history.part(~first)


def test_rates_are_counted_by_source_and_by_rule():
    before, after = halves()

    assert rates_of_sources(before, after) == (
        Windows("a", Rate(1, 2), Rate(1, 1)),
        Windows("b", Rate(1, 1), Rate(1, 2)),
    )
    assert shares_of_sources(before, after)[0] == Windows("a", Rate(2, 3), Rate(1, 3))
    assert rates_of_rules(before, after) == (
        Windows("r0", Rate(2, 3), Rate(1, 3)),
        Windows("r1", Rate(2, 3), Rate(2, 3)),
    )
    assert wins_of_rules(before, after)[0] == Windows("r0", Rate(1, 2), Rate(1, 1))


def test_a_source_that_is_new_or_gone_is_counted():
    before, after = halves()
    empty = before.part(np.zeros(3, dtype=bool))

    assert rates_of_sources(empty, after)[0] == Windows("b", Rate(0, 0), Rate(1, 2))
    assert rates_of_sources(empty, empty) == ()
    assert drifts(rates_of_rules(empty, empty))[0].moved is Moved.TOO_LITTLE
