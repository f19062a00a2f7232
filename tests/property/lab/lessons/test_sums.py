"""Sums of many leads at once are the sums of each."""

import pickle
from random import Random

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.random_scores import random_agreement
from services.lab.learning.material import Material, Sample, judged_at
from services.lab.lessons.sums import sums_of_all
from services.scoring import rules
from services.scoring.models.strengths import strengths_on
from services.scoring.tallies import day_of
from tests.unit.lab.backtest.past_builders import a_random_lead


@given(seed=st.integers(0, 100_000))
@settings(max_examples=200, deadline=None)
def test_sums_of_all_leads_are_those_of_each(seed):
    random = Random(seed)
    agreement = random_agreement(random)
    strengths, expected = [], []
    for _ in range(10):
        lead = a_random_lead(random.randrange(100_000))
        day = day_of(lead.at) + random.randrange(60)
        standing = rules.replay(lead.facts, lead.activities, agreement).standing
        strengths.append(strengths_on(standing, agreement, day))
        expected.append(rules.sums_of(rules.points_on(standing, agreement, day), agreement))

    rows = np.array(strengths, dtype=np.float32).reshape(10, len(agreement.rules))
    found = sums_of_all(agreement, rows)

    for name in ("fit", "engagement", "total"):
        assert found[name].tolist() == [getattr(one, name) for one in expected]
    for line in agreement.product_lines:
        assert found[f"products.{line}"].tolist() == [one.products[line] for one in expected]


@given(seed=st.integers(0, 100_000), cut=st.integers(0, 30))
@settings(max_examples=100, deadline=None)
def test_what_is_gathered_does_not_depend_on_order_or_parts(seed, cut):
    random = Random(seed)
    agreement = random_agreement(random)
    leads = [a_random_lead(random.randrange(10_000_000)) for _ in range(30)]
    whole = gathered(leads, agreement)

    shuffled = random.sample(leads, len(leads))
    parts = gathered(shuffled[:cut], agreement)
    # Parts come from other processes.
    parts.merge(pickle.loads(pickle.dumps(gathered(shuffled[cut:], agreement))))

    one, other = whole.history(), parts.history()
    assert one.strengths.tolist() == other.strengths.tolist()
    assert (one.won.tolist(), one.at.tolist()) == (other.won.tolist(), other.at.tolist())
    assert one.fields == other.fields
    assert one.totals().tolist() == other.totals().tolist()
    assert (whole.seen, whole.undecided) == (parts.seen, parts.undecided)


def gathered(leads, agreement):
    material = Material(agreement, ["country", "employees"])
    for lead in leads:
        material.add(Sample(lead, judged_at(lead)), agreement)
    return material
