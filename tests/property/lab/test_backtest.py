from dataclasses import replace
from datetime import timedelta
from itertools import pairwise
from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from bench.random_scores import random_agreement, random_lead
from services.lab.backtest.changes import Changes, change_of
from services.lab.backtest.counts import Counts
from services.lab.backtest.course import course_of
from services.lab.history.past import Learned
from services.lab.simulation.arrivals import arrivals_of
from services.lab.simulation.history import prospect_of
from services.lab.simulation.leads import ByRules
from services.scoring import rules
from services.scoring.fading import midnight
from services.scoring.tallies import day_of
from tests.unit.lab.backtest.past_builders import a_random_lead
from tests.unit.scoring.model_builders import foreseeing

COMES, ENDS = object(), object()


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


@given(seed=st.integers(0, 100_000))
@settings(max_examples=300, deadline=None)
def test_with_a_model_a_course_is_what_scoring_anew_at_every_step_and_midnight_gives(seed):
    random = Random(seed)
    agreement, lead = random_agreement(random), a_random_lead(seed)
    if not agreement.rules:
        return
    agreement = foreseeing(random.choice((agreement, without_penalties(agreement))), random)
    lead = lead._replace(learned=some_learned(random, lead))
    until = max([lead.at, *(one.occurred_at for one in lead.activities)])
    until += timedelta(days=random.randrange(40))

    first = next(
        (one for one in scored_at_every_moment(lead, agreement, until) if one[1]), None
    )
    course = course_of(lead, agreement, until)

    found = course.qualified and (course.qualified.at, course.qualified.tier)
    assert found == (first and first[:2])
    if course.qualified and first:
        assert course.qualified.sums == first[2]


@given(seed=st.integers(0, 100_000))
@settings(max_examples=100, deadline=None)
def test_with_a_model_a_simulation_brings_a_lead_to_sales_when_a_backtest_does(seed):
    random = Random(seed)
    agreement, lead = random_agreement(random), a_random_lead(seed)
    if not agreement.rules:
        return
    agreement = foreseeing(agreement, random)
    # What was done before a lead was known comes one by one in a simulation.
    later = tuple(one for one in lead.activities if one.occurred_at > lead.at)
    lead = lead._replace(learned=some_learned(random, lead), activities=later)

    arrivals = arrivals_of([prospect_of(lead)], ByRules(agreement), agreement)
    course = course_of(lead, agreement)

    assert [one.at for one in arrivals] == ([course.qualified.at] if course.qualified else [])


def without_penalties(agreement):
    """The same agreement, where time takes only from what speaks for a lead; no tiers."""
    rules_for = tuple(replace(rule, points=abs(rule.points)) for rule in agreement.rules)
    return replace(agreement, rules=rules_for, tiers=())


def some_learned(random, lead):
    """Up to two news of who the lead is, each at a time of its own."""
    days = random.sample(range(1, 120), random.randrange(3))
    return tuple(
        Learned(lead.at + timedelta(days=day, seconds=1), random_lead(random))
        for day in sorted(days)
    )


def scored_at_every_moment(lead, agreement, until):
    """Score anew after each step, and at each midnight in between, as nobody would."""
    later = [one for one in lead.activities if one.occurred_at > lead.at]
    known = [one for one in lead.activities if one.occurred_at <= lead.at]
    steps = sorted(
        [*((one.at, 0, one) for one in lead.learned), *((a.occurred_at, 1, a) for a in later)],
        key=lambda step: step[:2],
    )
    facts, now = lead.facts, lead.at
    for at, _, step in [(lead.at, 0, COMES), *steps, (until, 0, ENDS)]:
        night = midnight(day_of(now) + 1)
        while night < at:
            score = rules.score(facts, known, agreement, day_of(night))
            yield night, score.tier, score.sums
            night += timedelta(days=1)
        if isinstance(step, Learned):
            facts = step.facts
        elif step is ENDS:
            return
        elif step is not COMES:
            known.append(step)
        score = rules.score(facts, known, agreement, day_of(at))
        yield at, score.tier, score.sums
        now = at


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
