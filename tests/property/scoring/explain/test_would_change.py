"""What is said to change a score does change it, by as much, and on the day that is told."""

from datetime import timedelta
from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from bench.random_scores import START, random_agreement, random_lead, random_ledger
from leadloop.conditions import Verdict
from services.scoring import rules
from services.scoring.definition import Activity
from services.scoring.explain.likely import likely_activity
from services.scoring.explain.would_change import Kind, Lead, fade, steps
from services.scoring.tallies import day_of

HORIZON_DAYS = 400
seeds = st.integers(0, 2**32)


def a_lead(random: Random) -> tuple[Lead, list[Activity]]:
    agreement, facts = random_agreement(random), random_lead(random)
    ledger = list(random_ledger(random))
    newest = max((one.occurred_at for one in ledger), default=START)
    standing = rules.replay(facts, ledger, agreement).standing
    return Lead(standing, facts, agreement, newest + timedelta(hours=1)), ledger


@settings(max_examples=200, deadline=None)
@given(seeds)
def test_a_lead_that_does_what_is_told_gains_the_points_and_reaches_the_tier(seed: int) -> None:
    lead, ledger = a_lead(Random(seed))
    agreement, day = lead.agreement, day_of(lead.at)
    before = rules.score(lead.facts, ledger, agreement, day)

    for step in steps(lead):
        if step.kind is not Kind.ACTIVITY or step.name not in agreement.by_name:
            continue
        rule = agreement.rule(step.name)
        values = likely_activity(rule.condition.tree, rule.activity_kind)
        if rule.condition.judge(lead.facts, values) is not Verdict.HOLDS:
            continue
        done = [
            Activity(f"new{n:03}", step.activity_kind, lead.at, values)
            for n in range(max(step.times, 1))
        ]
        once = rules.score(lead.facts, [*ledger, done[0]], agreement, day)
        often = rules.score(lead.facts, [*ledger, *done], agreement, day)
        assert once.sums.total - before.sums.total == step.points
        assert not step.times or often.tier == step.tier


@settings(max_examples=200, deadline=None)
@given(seeds)
def test_the_tier_stays_until_the_day_on_which_it_is_told_to_fade(seed: int) -> None:
    lead, _ = a_lead(Random(seed))
    today = day_of(lead.at)

    def tier_on(day: int) -> str:
        return rules.score_on(lead.standing, lead.facts, lead.agreement, day).tier

    told = fade(lead)

    end = today + HORIZON_DAYS if told is None else told.day
    assert {tier_on(day) for day in range(today, end)} == {tier_on(today)}
    assert told is None or tier_on(told.day) == told.tier != tier_on(today)
