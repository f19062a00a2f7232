"""A shadow judges as signing its text would, and what differs adds up."""

from datetime import timedelta
from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from bench.random_scores import DAYS, START, random_agreement, random_lead, random_ledger
from services.scoring import rules
from services.scoring.cycles import Cycle
from services.scoring.shadow.rules import (
    REASONS_MAX,
    decode_reasons,
    differences,
    encode_reasons,
    judged,
)
from services.scoring.tallies import day_of

LATER = START + timedelta(days=DAYS + 10)
TODAY = day_of(LATER)
seeds = st.integers(0, 2**32)


@settings(max_examples=150, deadline=None)
@given(seeds)
def test_what_rules_give_otherwise_adds_up_to_the_difference_of_the_totals(seed: int) -> None:
    random = Random(seed)
    proposal, in_force = random_agreement(random), random_agreement(random)
    lead, ledger = random_lead(random), random_ledger(random)
    proposed = rules.score(lead, ledger, proposal, TODAY)
    live = rules.score(lead, ledger, in_force, TODAY)

    found = differences(proposed, live, proposal, in_force)

    given_by = [one for one in found if one.what == "rule"]
    assert len(given_by) <= REASONS_MAX
    more = sum((one.points or 0) - (one.live_points or 0) for one in given_by)
    assert more == proposed.sums.total - live.sums.total
    assert decode_reasons(encode_reasons(found)) == found


@settings(max_examples=100, deadline=None)
@given(seeds)
def test_a_shadow_of_the_agreement_in_force_finds_no_difference(seed: int) -> None:
    random = Random(seed)
    agreement, lead, ledger = (
        random_agreement(random),
        random_lead(random),
        random_ledger(random),
    )

    side = judged(lead, ledger, Cycle(), agreement, LATER).side
    live = rules.score(lead, ledger, agreement, TODAY)

    assert side.score == live
    assert differences(side.score, live, agreement, agreement) == ()
    assert not (side.qualified and live.closed_gates)
