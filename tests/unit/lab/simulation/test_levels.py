"""Service levels in words: what was kept, what was broken, by how much."""

from datetime import timedelta
from math import inf

import pytest

from services.handoff.clocks import ClockKind
from services.lab.simulation.levels import Promise, length, percent, sentence, with_times
from services.lab.simulation.measures import ClockCount, quantile
from tests.unit.lab.simulation.builders import HOUR, a_trial

ACCEPT = Promise("A", ClockKind.ACCEPT)


def count(kept: int, late: int, never: int) -> ClockCount:
    met = [1_800] * kept + [9_000] * late
    return ClockCount(HOUR, kept=kept, late=late, breached=late + never, met=met)


def test_a_level_that_is_kept_often_enough_holds():
    assert sentence(ACCEPT, count(96, 4, 0), 0.95) == (
        "A, accept: accepted within 1 h for 96 % of 100; it holds."
    )


def test_a_broken_level_says_by_how_much():
    assert sentence(ACCEPT, count(80, 17, 3), 0.95) == (
        "A, accept: accepted within 1 h for 80 % of 100, 95 % wanted: 15 too many ran out. "
        "Half of them took 30 min, 95 of 100 took 2 h 30 min."
    )


def test_what_was_never_done_is_not_made_up():
    said = sentence(ACCEPT, count(40, 0, 60), 0.95)

    assert said.endswith("Half of them took longer, more than 5 of 100 were never done.")


def test_a_level_without_clocks_claims_nothing():
    assert "nothing can be said" in sentence(ACCEPT, ClockCount(HOUR), 0.95)


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(0, "0 min"), (900, "15 min"), (3_600, "1 h"), (9_000, "2 h 30 min"), (inf, "")],
)
def test_a_length_is_told_in_hours_and_minutes(seconds, said):
    assert length(seconds) == said


@pytest.mark.parametrize(
    ("share", "said"), [(1.0, "100 %"), (0.9999, "99.9 %"), (0.955, "95.5 %"), (0, "0 %")]
)
def test_a_share_is_never_rounded_up_to_all(share, said):
    assert percent(share) == said


def test_a_quantile_counts_those_that_never_ended():
    assert quantile([3, 1, 2], 0.5, beyond=1) == 2
    assert quantile([3, 1, 2], 0.95, beyond=1) == inf
    assert quantile([], 0.5) == 0


def test_other_times_leave_the_rest_of_an_agreement_as_it_is():
    trial = a_trial()

    changed = with_times(trial, {ACCEPT: timedelta(hours=3)})

    assert changed.terms.levels["A"].accept == timedelta(hours=3)
    assert changed.terms.levels["A"].first_attempt == timedelta(hours=2)
    assert changed.terms.levels["B"] == trial.terms.levels["B"]
    assert trial.terms.levels["A"].accept == HOUR
