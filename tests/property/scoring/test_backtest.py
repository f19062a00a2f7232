from datetime import timedelta
from itertools import pairwise
from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from bench.random_scores import random_agreement
from services.scoring import rules
from services.scoring.backtest.changes import Changes, change_of
from services.scoring.backtest.counts import Counts
from services.scoring.backtest.course import course_of
from services.scoring.tallies import day_of
from tests.unit.scoring.backtest.past_builders import a_random_lead


@given(seed=st.integers(0, 100_000))
@settings(max_examples=300, deadline=None)
def test_a_course_is_what_scoring_anew_at_every_moment_gives(seed):
    agreement, lead = random_agreement(Random(seed)), a_random_lead(seed)
    moments = [lead.at, *(a.occurred_at for a in lead.activities if a.occurred_at > lead.at)]
    early = sum(a.occurred_at <= lead.at for a in lead.activities)

    scores = []
    for n, moment in enumerate(moments):
        so_far = lead.activities[: early + n]
        scores.append((moment, rules.score(lead.facts, so_far, agreement, day_of(moment))))
    qualified = next(((at, score) for at, score in scores if score.tier), None)
    course = course_of(lead, agreement)

    if agreement.has_fading_penalties:
        if qualified:
            assert course.qualified is not None
            assert course.qualified.at <= qualified[0]
    elif qualified:
        assert course.qualified is not None
        assert (course.qualified.at, course.qualified.tier) == (
            qualified[0],
            qualified[1].tier,
        )
        assert course.qualified.sums == qualified[1].sums
    else:
        assert course.qualified is None
    if scores[0][1].closed_gates:
        assert course.peak is None
    elif not agreement.has_fading_penalties:
        assert course.peak == max(score.sums.total for _, score in scores)


@given(seed=st.integers(0, 100_000), cuts=st.lists(st.integers(0, 30), max_size=4))
@settings(max_examples=100, deadline=None)
def test_shares_of_leads_in_any_order_add_up_to_the_same(seed, cuts):
    random = Random(seed)
    agreement, current = random_agreement(random), random_agreement(random)
    leads = [a_random_lead(random.randrange(100_000)) for _ in range(30)]
    whole = counted(leads, agreement, current)

    shuffled = random.sample(leads, len(leads))
    edges = [0, *sorted(cuts), len(leads)]
    shares = [counted(shuffled[a:b], agreement, current) for a, b in pairwise(edges)]
    random.shuffle(shares)
    joint = (Counts(), Changes())
    for counts, changes in shares:
        joint[0].merge(counts)
        joint[1].merge(changes)

    assert joint == whole
    assert joint[0].leads.all == joint[1].groups.total().all == len(leads)


def counted(leads, agreement, current):
    counts, changes = Counts(), Changes()
    for lead in leads:
        course, before = course_of(lead, agreement), course_of(lead, current)
        counts.add(lead, course)
        changes.add(change_of(lead, (current, before), (agreement, course)), lead)
    return counts, changes


def test_a_planted_fault_in_the_course_would_be_seen():
    lead = a_random_lead(1)
    later = lead._replace(at=lead.at + timedelta(days=365))

    seen = 0
    for seed in range(200):
        agreement = random_agreement(Random(seed))
        seen += course_of(lead, agreement).qualified != course_of(later, agreement).qualified
    assert seen > 0
