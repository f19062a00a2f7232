"""Where nothing moved there is seldom an alarm; what moved much is always found."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from services.lab.learning.drift import Windows, corrected, drifts
from services.lab.learning.intervals import Rate


def windows(draw, count, leads, before, after):
    hits = zip(
        draw.binomial(leads, before, count), draw.binomial(leads, after, count), strict=True
    )
    return [
        Windows(f"s{place}", Rate(int(first), leads), Rate(int(second), leads))
        for place, (first, second) in enumerate(hits)
    ]


def test_alarms_where_nothing_moved_stay_within_their_bound():
    draw = np.random.default_rng(20)
    runs = 400
    alarmed = 0
    for _ in range(runs):
        rate = draw.uniform(0.02, 0.5, 30)
        still = windows(draw, 30, int(draw.integers(40, 400)), rate, rate)
        alarmed += any(drift.is_alarm for drift in drifts(still))

    # Promised is 5 %; three standard errors of 400 runs above it are 8.3 %.
    assert alarmed / runs <= 0.083


def test_among_alarms_few_are_false():
    draw = np.random.default_rng(21)
    false = real = 0
    for _ in range(100):
        moved = windows(draw, 10, 1_000, 0.1, 0.18)
        still = windows(draw, 40, 1_000, 0.1, 0.1)
        names = [Windows(f"moved {w.name}", w.before, w.after) for w in moved]
        alarms = [drift.name for drift in drifts([*names, *still]) if drift.is_alarm]
        real += sum(name.startswith("moved") for name in alarms)
        false += sum(not name.startswith("moved") for name in alarms)

    assert false / (false + real) <= 0.06
    assert real >= 900


@given(st.lists(st.floats(0, 1), max_size=40))
def test_a_correction_keeps_order_and_never_makes_surer(ps):
    found = corrected(ps)

    assert all(p <= q <= 1 for p, q in zip(ps, found, strict=True))
    ordered = [q for _, q in sorted(zip(ps, found, strict=True))]
    assert ordered == sorted(ordered)
