from datetime import timedelta

import pytest

from services.lab.backtest import figures
from services.lab.backtest.counts import Counts, bin_of, week_of
from services.lab.backtest.course import course_of
from tests.unit.lab.backtest.past_builders import a_past_lead
from tests.unit.scoring.builders import START, a_fit_rule, a_tier, an_agreement

AGREEMENT = an_agreement(
    (a_fit_rule("lead.size > 10", 30, "large"), a_fit_rule("lead.size > 100", 30, "huge")),
    tiers=(a_tier("A", "total >= 60"), a_tier("B", "total >= 30")),
)


def counts_of(*cases):
    """Count leads of a size, with an outcome, weeks after START."""
    counts = Counts()
    for n, (size, won, weeks) in enumerate(cases):
        lead = a_past_lead(
            won=won, lead_id=str(n), at=START + timedelta(weeks=weeks), size=size
        )
        counts.add(lead, course_of(lead, AGREEMENT))
    return counts


CASES = [
    (200, True, 0),
    (200, False, 0),
    (50, True, 1),
    (5, False, 1),
    (5, True, 3),
    (5, None, 3),
]


def test_precision_recall_and_lift_leave_open_outcomes_out():
    counts = counts_of(*CASES)

    quality = figures.quality_of(counts.qualified, counts.leads)

    assert (quality.precision.rate.hits, quality.precision.rate.of) == (2, 3)
    assert (quality.recall.rate.hits, quality.recall.rate.of) == (2, 3)
    assert quality.lift is not None
    assert quality.lift_interval is not None
    assert quality.lift == pytest.approx((2 / 3) / (3 / 5))
    low, high = quality.lift_interval
    assert low < quality.lift < high


def test_volume_counts_weeks_without_leads_too():
    volume = figures.volume_of(counts_of(*CASES))

    assert volume is not None
    assert (volume.weeks, volume.mean, volume.most) == (4, 0.75, 2)
    assert volume.most_week == week_of(START)


def test_a_threshold_takes_all_that_reached_it():
    every = figures.thresholds(counts_of(*CASES))

    assert [(one.total, one.quality.group.all) for one in every] == [(0, 6), (30, 3), (60, 2)]
    assert [one.quality.recall.value for one in every] == [1.0, 2 / 3, 1 / 3]


def test_bands_hold_every_lead_once():
    found = figures.bands(counts_of(*CASES))

    assert sum(band.group.all for band in found) == 6
    assert [(band.low, band.high) for band in found] == [(0, 0), (30, 30), (60, 60)]


def test_bars_hold_every_qualification_once_however_long_the_past():
    counts = counts_of(*((200, True, weeks) for weeks in range(0, 500, 7)))

    bars = figures.bars(counts, ["A", "B"])

    assert len(bars) <= figures.BARS_MAX
    assert sum(sum(bar.tiers) for bar in bars) == counts.qualified.all
    assert sum(bar.arrivals for bar in bars) == counts.leads.all


def test_totals_are_counted_in_bins_that_never_grow_in_number():
    assert [bin_of(total) for total in (7, -7, 503, 5_055, 10**9, -(10**9))] == [
        7,
        -7,
        500,
        5_000,
        50_000,
        -50_000,
    ]


def test_nothing_has_no_shares():
    counts = Counts()

    assert figures.quality_of(counts.qualified, counts.leads).lift is None
    assert figures.volume_of(counts) is None
    assert figures.thresholds(counts) == []
    assert figures.bands(counts) == []
    assert figures.bars(counts, ["A"]) == []
