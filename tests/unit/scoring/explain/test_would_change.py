"""What would change a score is told, the things that can be done first."""

from services.scoring.definition import Agreement
from services.scoring.explain.would_change import Fade, Kind, Lead, Step, fade, steps
from services.scoring.rules import replay
from tests.unit.scoring.builders import (
    START,
    TODAY,
    a_fit_rule,
    a_gate,
    a_tier,
    an_activity,
    an_agreement,
    an_engagement_rule,
    facts,
)


def a_lead(agreement: Agreement, *kinds: str, **known: str | int) -> Lead:
    activities = [an_activity(n, kind) for n, kind in enumerate(kinds)]
    standing = replay(facts(**known), activities, agreement).standing
    return Lead(standing, facts(**known), agreement, START)


def told(lead: Lead) -> list[tuple[Kind, str, int, int]]:
    return [(step.kind, step.name, step.points, step.times) for step in steps(lead)]


def test_what_can_be_done_comes_first_and_of_that_what_reaches_a_tier_soonest():
    rules = (
        a_fit_rule('lead.country == "DE"', 50, "german"),
        a_fit_rule("lead.size > 5", 10, "large"),
        an_engagement_rule(points=10, kind="page_view", name="visit"),
        an_engagement_rule(points=30, kind="demo", name="demo"),
    )
    lead = a_lead(an_agreement(rules, tiers=(a_tier("A", "total >= 30"),)), country="FR")

    assert told(lead) == [
        (Kind.ACTIVITY, "demo", 30, 1),
        (Kind.ACTIVITY, "visit", 10, 3),
        (Kind.FACT, "large", 10, 0),
        (Kind.FACT, "german", 50, 1),
    ]
    assert [step.unknown for step in steps(lead)] == [(), (), ("size",), ()]


def test_a_rule_that_gives_no_more_is_not_told():
    rule = an_engagement_rule(points=10, kind="page_view", name="visit", count_max=1)
    agreement = an_agreement((rule,), tiers=(a_tier("A", "total >= 30"),))

    assert told(a_lead(agreement, "page_view")) == []


def test_points_are_those_that_caps_leave():
    rule = an_engagement_rule(points=10, kind="page_view", name="visit")
    agreement = Agreement("sales", 1, (rule,), (), (), points_max={"engagement": 14})

    assert told(a_lead(agreement, "page_view")) == [(Kind.ACTIVITY, "visit", 4, 0)]


def test_an_activity_that_only_a_tier_asks_for_is_told_by_the_tier():
    tiers = (a_tier("hand-raiser", 'activity.kind == "demo" && fit >= 10'),)
    agreement = an_agreement((a_fit_rule("true", 10),), tiers=tiers)

    assert steps(a_lead(agreement)) == (
        Step(
            Kind.ACTIVITY,
            "hand-raiser",
            tiers[0].condition.text,
            "demo",
            0,
            "hand-raiser",
            1,
        ),
    )


def test_an_activity_is_supposed_to_be_as_the_condition_asks():
    condition = 'activity.url.contains("/pricing") && activity.seconds > 30'
    tier = a_tier("A", 'activity.url == "/pricing" && activity.seconds >= 31')
    agreement = an_agreement((an_engagement_rule(condition, name="prices"),), tiers=(tier,))

    assert told(a_lead(agreement)) == [(Kind.ACTIVITY, "prices", 5, 1)]


def test_a_penalty_that_ends_brings_its_points_back():
    agreement = an_agreement(
        (a_fit_rule('lead.company == ""', -10, "no company"),),
        tiers=(a_tier("A", "total == 0"),),
    )

    assert told(a_lead(agreement)) == [(Kind.ENDS, "no company", 10, 1)]


def test_while_a_gate_is_closed_only_gates_are_told():
    gate = a_gate('lead.consent == "granted"')
    rules = (a_fit_rule("true", 10), an_engagement_rule(points=10, name="did"))
    agreement = an_agreement(rules, gates=(gate,), tiers=(a_tier("A", "total >= 10"),))

    (step,) = steps(a_lead(agreement))

    assert (step.kind, step.tier, step.times, step.unknown) == (Kind.GATE, "A", 1, ("consent",))


def test_the_day_on_which_points_fade_below_the_tier_is_told():
    rule = an_engagement_rule(points=10, kind="page_view", within_days=30)
    tiers = (a_tier("A", "total >= 10"), a_tier("B", "true"))
    agreement = an_agreement((rule,), tiers=tiers)

    assert fade(a_lead(agreement, "page_view")) == Fade(TODAY + 30, "B")
    assert fade(a_lead(agreement)) is None
