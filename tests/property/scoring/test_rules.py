"""A score does not depend on the road that led to it, and an independent reference agrees."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.random_scores import random_agreement, random_lead, random_ledger
from bench.score_truth import Case, a_case, check, check_all
from bench.slow_score import slow_score
from services.scoring import rules
from services.scoring.definition import Axis, Rule
from services.scoring.standings import decode_standing, encode_standing
from services.scoring.tallies import Timing

cases = st.builds(a_case, st.integers(0, 2**32))


@settings(max_examples=150)
@given(cases)
def test_a_slow_independent_reference_agrees_whatever_road_led_to_the_score(case: Case) -> None:
    assert [what for what, held in check(case) if not held] == []


@given(cases)
def test_the_parts_add_up_to_fit_engagement_and_total(case: Case) -> None:
    found = rules.score(case.lead, case.ledger, case.agreement, case.day)

    by_axis = {axis: sum(p.points for p in found.parts if p.axis is axis) for axis in Axis}
    sums = found.sums
    assert (sums.fit, sums.engagement) == (by_axis[Axis.FIT], by_axis[Axis.ENGAGEMENT])
    assert sums.total == sum(part.points for part in found.parts)


@given(cases)
def test_no_side_and_no_group_gives_more_than_its_cap(case: Case) -> None:
    found = rules.score(case.lead, case.ledger, case.agreement, case.day)

    given_by = {part.rule: part.points for part in found.parts}
    for group, most in case.agreement.points_max.items():
        members = [r for r in case.agreement.rules if group in (r.group, r.axis.value)]
        assert sum(given_by.get(rule.name, 0) for rule in members) <= most


@given(cases)
def test_what_caps_and_time_took_is_never_negative(case: Case) -> None:
    for part in rules.score(case.lead, case.ledger, case.agreement, case.day).parts:
        assert part.capped >= 0
        assert part.decayed >= 0


@given(cases)
def test_a_standing_that_is_kept_is_read_back_as_it_was(case: Case) -> None:
    standing = rules.replay(case.lead, case.ledger, case.agreement).standing

    assert decode_standing(encode_standing(standing)) == standing


def test_the_comparison_finds_a_half_life_that_is_a_day_too_long() -> None:
    """A check that can't fail is worth nothing: here the rules in use are wrong on purpose."""

    def a_day_longer(rule: Rule) -> Rule:
        half_life = rule.timing.half_life_days
        timing = replace(rule.timing, half_life_days=half_life and half_life + 1)
        return Rule(rule.name, rule.axis, rule.condition, rule.points, timing=timing)

    from random import Random

    random, found = Random(7), 0
    for _ in range(300):
        agreement, lead, ledger = (
            random_agreement(random),
            random_lead(random),
            random_ledger(random),
        )
        wrong = type(agreement)("any", 1, tuple(map(a_day_longer, agreement.rules)), (), ())
        right = type(agreement)(
            "any",
            1,
            tuple(
                Rule(r.name, r.axis, r.condition, r.points, timing=r.timing)
                for r in agreement.rules
            ),
            (),
            (),
        )
        score = rules.score(lead, ledger, wrong, 9_700)
        found += score.sums.total != slow_score(lead, ledger, right, 9_700).sums["total"]
    assert found > 0


@pytest.mark.parametrize("timing", [Timing(2, 7, 30), Timing(3, 0, 10), Timing(1, 1)])
def test_ten_thousand_activities_leave_a_tally_that_stays_small(timing: Timing) -> None:
    from datetime import timedelta

    from bench.random_scores import START
    from services.scoring.tallies import counted, tally_of

    hits = [(START + timedelta(hours=2 * n), f"a{n:05}") for n in range(10_000)]
    tally = tally_of(hits[:1], timing)
    for hit in hits[1:]:
        more = counted(tally, hit, timing)
        assert more is not None
        tally = more
    assert len(tally.days) <= 100
    assert tally == tally_of(hits, timing)


def test_the_small_form_of_the_benchmark_finds_no_difference() -> None:
    assert check_all(range(1_000, 1_100)).differing == ()
