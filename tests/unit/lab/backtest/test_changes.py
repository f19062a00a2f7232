import pytest

from services.lab.backtest.changes import change_of
from services.lab.backtest.course import course_of
from tests.unit.lab.backtest.past_builders import a_past_lead
from tests.unit.scoring.builders import (
    a_fit_rule,
    a_gate,
    a_tier,
    an_activity,
    an_agreement,
    an_engagement_rule,
)

VIEWED = an_engagement_rule(kind="page_view", points=10, name="viewed")
TIERS = (a_tier("A", "total >= 40"), a_tier("B", "total >= 20"))


def version(points=20, tiers=TIERS, gates=(), rules=(VIEWED,)):
    market = a_fit_rule('lead.country == "DE"', points, "our market")
    return an_agreement((market, *rules), gates, tiers)


def change(before, after, *activities, country="DE"):
    lead = a_past_lead(*activities, country=country)
    return change_of(lead, (before, course_of(lead, before)), (after, course_of(lead, after)))


@pytest.mark.parametrize(
    ("after", "kind", "why"),
    [
        (version(10), "no longer qualified", "our market 20 → 10; total 20 → 10"),
        (version(40), "another tier", "our market 20 → 40; total 20 → 40"),
        (
            version(gates=(a_gate("lead.country != 'DE'"),)),
            "no longer qualified",
            "the gate lead.country != 'DE' closes; total 20 as before",
        ),
        (
            version(tiers=(a_tier("B", "total >= 30"),)),
            "no longer qualified",
            "total 20 as before; B asks total >= 30, asked total >= 20",
        ),
        (
            version(tiers=(a_tier("C", "total >= 20"),)),
            "another tier",
            "total 20 as before; there is no tier B any more; the tier C is new",
        ),
        (
            version(rules=(VIEWED, a_fit_rule("true", -20, "anyone"))),
            "no longer qualified",
            "anyone -20 (new rule); total 20 → 0",
        ),
    ],
)
def test_a_change_is_told_with_its_reason(after, kind, why):
    found = change(version(), after)

    assert found is not None
    assert (found.kind, found.why) == (kind, why)


def test_a_lead_may_qualify_later_or_earlier_or_now():
    few, many = version(10), version(20)
    steps = an_activity(1), an_activity(2)

    assert change(many, few, *steps).kind == "later"
    assert change(few, many, *steps).kind == "earlier"
    assert change(few, many).kind == "now qualified"
    assert change(many, many, *steps) is None
    assert change(few, many, country="FR") is None


def test_the_cause_holds_no_number_of_this_one_lead():
    assert change(version(), version(10)).cause == "our market"
    assert change(version(), version(tiers=(a_tier("B", "total >= 30"),))).cause == (
        "B asks total >= 30, asked total >= 20"
    )
