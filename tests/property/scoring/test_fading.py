"""The day on which time changes a tier next is the one that a look at every day would find."""

from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from bench.random_scores import START, random_agreement, random_lead, random_ledger
from services.scoring import rules
from services.scoring.fading import next_change
from services.scoring.tallies import day_of
from tests.unit.scoring.model_builders import foreseeing

HORIZON_DAYS = 400


@settings(max_examples=200, deadline=None)
@given(st.integers(0, 2**32))
def test_no_change_of_tier_comes_before_the_day_that_is_told(seed: int) -> None:
    random = Random(seed)
    agreement, lead = random_agreement(random), random_lead(random)
    ledger = random_ledger(random)
    standing = rules.replay(lead, ledger, agreement).standing
    newest = max((day_of(one.occurred_at) for one in ledger), default=day_of(START))

    def tier_on(day: int) -> str:
        return rules.score_on(standing, lead, agreement, day).tier

    told = next_change(standing, tier_on(newest), lead, agreement, newest)

    end = newest + HORIZON_DAYS if told is None else min(told, newest + HORIZON_DAYS)
    assert {tier_on(day) for day in range(newest, end)} <= {tier_on(newest)}


@settings(max_examples=200, deadline=None)
@given(st.integers(0, 2**32))
def test_a_predicted_score_that_fades_is_looked_at_in_time(seed: int) -> None:
    random = Random(seed)
    agreement, lead = random_agreement(random), random_lead(random)
    if not agreement.rules:
        return
    agreement = foreseeing(agreement, random)
    ledger = random_ledger(random)
    standing = rules.replay(lead, ledger, agreement).standing
    newest = max((day_of(one.occurred_at) for one in ledger), default=day_of(START))

    def tier_on(day: int) -> str:
        return rules.score_on(standing, lead, agreement, day).tier

    told = next_change(standing, tier_on(newest), lead, agreement, newest)

    end = newest + HORIZON_DAYS if told is None else min(told, newest + HORIZON_DAYS)
    assert {tier_on(day) for day in range(newest, end)} <= {tier_on(newest)}
