"""A score is its parts; a decision follows from the score, the gates and the cycle."""

from datetime import timedelta

import pytest

from leadloop.conditions import Verdict
from services.scoring.cycles import Cycle, Stage
from services.scoring.rules import Decision, Fault, decide, replay, score
from services.scoring.standings import Standing
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

DAY = timedelta(days=1)


def test_parts_come_in_the_agreements_order_and_add_up():
    agreement = an_agreement(
        (
            an_engagement_rule(kind="page_view", points=3, name="visits"),
            a_fit_rule('lead.country == "DE"', 20, "german"),
            a_fit_rule('lead.company != ""', 7, "company known"),
            an_engagement_rule('activity.url == "/jobs"', points=-10, name="applicant"),
        )
    )
    activities = [an_activity(1), an_activity(2, url="/jobs")]

    found = score(facts(country="DE"), activities, agreement, TODAY)

    assert [(part.rule, part.points) for part in found.parts] == [
        ("german", 20),
        ("visits", 6),
        ("applicant", -10),
    ]
    assert (found.sums.fit, found.sums.engagement, found.sums.total) == (20, -4, 16)


@pytest.mark.parametrize(
    ("points", "count_max", "times", "given", "capped"),
    [(5, 3, 5, 15, 10), (5, 0, 5, 25, 0), (5, 3, 2, 10, 0), (-4, 1, 3, -4, 8)],
)
def test_a_cap_takes_points_away_and_says_how_many(points, count_max, times, given, capped):
    agreement = an_agreement((an_engagement_rule(points=points, count_max=count_max),))

    (part,) = score(facts(), [an_activity(n) for n in range(times)], agreement, TODAY).parts

    assert (part.points, part.capped) == (given, capped)


def test_the_evidence_is_the_newest_activity_whatever_came_last():
    agreement = an_agreement((an_engagement_rule(count_max=1),))
    late = [an_activity(9), an_activity(3)]

    (part,) = score(facts(), late, agreement, TODAY).parts

    assert part.evidence is not None
    assert part.evidence.activity_id == an_activity(9).activity_id


def test_a_rule_judges_only_its_kind_and_one_without_a_kind_judges_all():
    agreement = an_agreement(
        (
            an_engagement_rule(kind="demo_request", points=50, name="demo"),
            an_engagement_rule(points=1, name="any"),
        )
    )

    found = score(
        facts(), [an_activity(1), an_activity(2, kind="unheard_of")], agreement, TODAY
    )

    assert [(part.rule, part.times) for part in found.parts] == [("any", 2)]


def test_the_first_tier_that_holds_is_the_leads():
    tiers = (
        a_tier("hand-raiser", 'activity.kind == "demo_request"'),
        a_tier("A", "total >= 10"),
        a_tier("B", "total >= 1"),
    )
    agreement = an_agreement((an_engagement_rule(points=5),), tiers=tiers)

    assert score(facts(), [], agreement, TODAY).tier == ""
    assert score(facts(), [an_activity(1)], agreement, TODAY).tier == "B"
    assert score(facts(), [an_activity(1), an_activity(2)], agreement, TODAY).tier == "A"
    asked = [an_activity(3, kind="demo_request"), an_activity(1)]
    assert score(facts(), asked, agreement, TODAY).tier == "hand-raiser"


def test_a_closed_gate_keeps_a_lead_from_every_tier_and_says_why():
    agreement = an_agreement(
        (a_fit_rule("true", 100),),
        (a_gate('lead.consent != "denied"', "asked not to be contacted"),),
        (a_tier("A", "total >= 10"),),
    )

    found = score(facts(consent="denied"), [], agreement, TODAY)

    assert (found.tier, found.sums.total) == ("", 100)
    assert [gate.reason for gate in found.closed_gates] == ["asked not to be contacted"]


def test_a_gate_on_a_missing_field_is_closed():
    agreement = an_agreement(gates=(a_gate('lead.industry != "games"'),))

    assert len(score(facts(), [], agreement, TODAY).closed_gates) == 1
    assert score(facts(industry="steel"), [], agreement, TODAY).closed_gates == ()


def test_a_rule_that_can_not_be_judged_gives_nothing_and_the_others_go_on():
    agreement = an_agreement(
        (
            a_fit_rule("lead.country > 5", 10, "wrong"),
            a_fit_rule("1 +", 10, "broken"),
            a_fit_rule("true", 3, "sound"),
            an_engagement_rule("1 / 0 == 1", 10, "divides"),
        ),
        (a_gate("lead.country"),),
        (a_tier("A", "true"),),
    )

    found = replay(facts(), [an_activity()], agreement)

    assert found.faults == (
        Fault("wrong", Verdict.WRONG_TYPE),
        Fault("broken", Verdict.BROKEN),
        Fault("lead.country", Verdict.NOT_BOOLEAN),
        Fault("divides", Verdict.DIVIDES_BY_ZERO),
    )
    assert score(facts(), [an_activity()], agreement, TODAY).sums.total == 3


AGREEMENT = an_agreement(gates=(a_gate("true"),), cycles_max=3)
OPEN = Cycle(1, 1, Stage.OPEN, "q1", opened_at=START)
RETURNED = Cycle(1, 1, Stage.RETURNED, "q1", START, START + DAY, START + 30 * DAY)
BEFORE_RETURN = an_activity(minutes=5)
AFTER_RETURN = an_activity(minutes=2 * 24 * 60)


def decision(tier_before, tier, cycle=None, *, newest=None, closed=(), now=START):
    standing = Standing(closed=closed, newest=newest)
    return decide(tier_before, tier, standing, cycle or Cycle(), AGREEMENT, now)


@pytest.mark.parametrize(
    ("tier_before", "tier", "expected"),
    [
        ("", "", Decision.NOTHING),
        ("", "A", Decision.QUALIFIED),
        ("A", "A", Decision.QUALIFIED),
        ("A", "", Decision.SCORED),
    ],
)
def test_a_lead_without_a_cycle_qualifies_when_it_meets_a_tier(tier_before, tier, expected):
    assert decision(tier_before, tier) is expected


@pytest.mark.parametrize(
    ("tier_before", "tier", "expected"),
    [("A", "A", Decision.NOTHING), ("B", "A", Decision.SCORED), ("A", "", Decision.SCORED)],
)
def test_a_lead_in_an_open_cycle_never_qualifies_again(tier_before, tier, expected):
    assert decision(tier_before, tier, OPEN) is expected


def test_a_closed_gate_disqualifies_only_in_an_open_cycle():
    assert decision("A", "", OPEN, closed=("true",)) is Decision.DISQUALIFIED
    assert decision("A", "", RETURNED, closed=("true",)) is Decision.SCORED
    assert decision("", "", closed=("true",)) is Decision.NOTHING


@pytest.mark.parametrize(
    ("newest", "days", "expected"),
    [
        (AFTER_RETURN, 29, Decision.NOTHING),
        (AFTER_RETURN, 30, Decision.QUALIFIED),
        (BEFORE_RETURN, 31, Decision.NOTHING),
        (None, 31, Decision.NOTHING),
    ],
)
def test_a_returned_lead_waits_for_its_cool_down_and_for_a_newer_activity(
    newest, days, expected
):
    assert decision("A", "A", RETURNED, newest=newest, now=START + days * DAY) is expected


@pytest.mark.parametrize(
    ("cycle", "expected"),
    [
        (OPEN.lose(START + DAY), Decision.QUALIFIED),
        (OPEN.close_by_gate(START + DAY), Decision.QUALIFIED),
        (OPEN.win(START + DAY), Decision.NOTHING),
        (OPEN.disqualify(START + DAY), Decision.NOTHING),
        (Cycle(3, 3, Stage.LOST, "q3", START, START + DAY), Decision.NOTHING),
    ],
)
def test_what_ended_the_last_cycle_decides_whether_there_is_a_next_one(cycle, expected):
    later = START + 60 * DAY

    assert decision("A", "A", cycle, newest=AFTER_RETURN, now=later) is expected
