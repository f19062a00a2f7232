from dataclasses import replace
from datetime import timedelta

from services.lab.backtest.course import course_of
from services.scoring.models.model import Model
from tests.unit.lab.backtest.past_builders import a_past_lead
from tests.unit.scoring.builders import (
    START,
    a_fit_rule,
    a_gate,
    a_tier,
    an_activity,
    an_agreement,
    an_engagement_rule,
)
from tests.unit.scoring.model_builders import VERSION, a_predictor, a_tree

GERMAN = a_fit_rule('lead.country == "DE"', 20)
VIEWED = an_engagement_rule(kind="page_view", points=10, name="viewed")
AGREEMENT = an_agreement(
    (GERMAN, VIEWED), tiers=(a_tier("A", "total >= 40"), a_tier("B", "total >= 30"))
)


def test_a_lead_qualifies_at_the_activity_that_brings_the_points():
    lead = a_past_lead(an_activity(1), an_activity(2), an_activity(3), country="DE")

    course = course_of(lead, AGREEMENT)

    assert course.qualified is not None
    assert (course.qualified.tier, course.qualified.activities) == ("B", 1)
    assert course.qualified.at == START + timedelta(minutes=1)
    assert course.qualified.sums.total == 30
    assert course.peak == 50


def test_what_was_done_before_the_lead_was_known_counts_when_it_comes():
    early = an_activity(1, minutes=-500), an_activity(2, minutes=-50)

    course = course_of(a_past_lead(*early, country="DE"), AGREEMENT)

    assert course.qualified is not None
    assert (course.qualified.at, course.qualified.tier) == (START, "A")


def test_a_lead_that_never_has_the_points_does_not_qualify():
    course = course_of(a_past_lead(an_activity(1), country="FR"), AGREEMENT)

    assert (course.qualified, course.peak) == (None, 10)


def test_a_closed_gate_keeps_a_lead_back_and_its_rules_are_still_told():
    agreement = an_agreement(
        AGREEMENT.rules, (a_gate('lead.consent != "denied"'),), AGREEMENT.tiers
    )

    course = course_of(a_past_lead(an_activity(1), country="DE", consent="denied"), agreement)

    assert (course.qualified, course.peak) == (None, None)
    assert course.standing.closed == ('lead.consent != "denied"',)
    assert set(course.standing.tallies) == {"viewed"}


def test_a_tier_may_hang_on_the_newest_activity_alone():
    agreement = an_agreement(tiers=(a_tier("hand-raiser", 'activity.kind == "demo_request"'),))
    lead = a_past_lead(an_activity(1), an_activity(2, kind="demo_request"), an_activity(3))

    course = course_of(lead, agreement)

    assert course.qualified is not None
    assert course.qualified.activities == 2


def test_points_that_fade_are_worth_less_by_the_next_activity():
    fading = an_engagement_rule(kind="page_view", points=20, name="viewed", half_life_days=1)
    agreement = an_agreement((fading,), tiers=(a_tier("A", "total >= 30"),))
    day = 24 * 60

    together = a_past_lead(an_activity(1), an_activity(2))
    apart = a_past_lead(an_activity(1), an_activity(2, minutes=3 * day))

    assert course_of(together, agreement).qualified is not None
    assert course_of(apart, agreement).qualified is None
    assert course_of(apart, agreement).peak == 23


def test_a_penalty_that_fades_lets_a_lead_qualify_at_midnight():
    penalty = an_engagement_rule(kind="page_view", points=-20, name="jobs", within_days=2)
    agreement = an_agreement((GERMAN, penalty), tiers=(a_tier("A", "total >= 20"),))

    course = course_of(a_past_lead(an_activity(1, minutes=-5), country="DE"), agreement)

    assert course.qualified is not None
    midnight = START.replace(hour=0) + timedelta(days=2)
    assert (course.qualified.at, course.peak) == (midnight, 20)


def test_points_that_fade_let_a_lead_come_to_a_tier_that_asks_for_few():
    viewed = an_engagement_rule(kind="page_view", points=20, name="viewed", within_days=3)
    agreement = an_agreement((viewed,), tiers=(a_tier("quiet", "engagement < 10"),))

    course = course_of(a_past_lead(an_activity(1, minutes=-5)), agreement)

    assert course.qualified is not None
    assert course.qualified.at == START.replace(hour=0) + timedelta(days=3)


LIKELY = an_agreement(
    (an_engagement_rule(kind="page_view", points=1, name="visit", half_life_days=10),),
    tiers=(a_tier("likely", "predicted >= 80"),),
)


def test_a_tier_may_ask_what_the_model_says_at_each_activity():
    lead = a_past_lead(an_activity(1), an_activity(2), employees=80)

    course = course_of(lead, LIKELY.with_model(Model(a_predictor())))

    assert course.qualified is not None
    assert (course.qualified.activities, course.qualified.sums.predicted) == (1, 88)


def test_without_its_model_a_tier_that_asks_for_it_does_not_hold_and_nothing_is_at_fault():
    naming = replace(LIKELY, predictive_model=VERSION)

    course = course_of(a_past_lead(an_activity(1), employees=80), naming)

    assert (course.qualified, course.faults) == (None, {})


def test_a_strength_that_fades_brings_a_lead_to_a_tier_at_midnight_unless_the_past_ends():
    fewer_visits_help = a_predictor(trees=(a_tree(1, 0.75, 2.0, -1.0),))
    agreement = LIKELY.with_model(Model(fewer_visits_help))
    lead = a_past_lead(an_activity(1, minutes=-5))
    midnight = START.replace(hour=0) + timedelta(days=5)

    course = course_of(lead, agreement)

    assert course.qualified is not None
    assert course.qualified.at == midnight
    assert course_of(lead, agreement, midnight).qualified is None
    assert course_of(lead._replace(decided_at=midnight), agreement).qualified is None


def test_rules_that_cannot_be_judged_are_told_with_the_reason():
    agreement = an_agreement((a_fit_rule("lead.country > 3", name="odd"),))

    course = course_of(a_past_lead(country="DE"), agreement)

    assert {name: cause.value for name, cause in course.faults.items()} == {
        "odd": "compares or computes with values of the wrong type"
    }
