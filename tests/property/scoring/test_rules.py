"""A score does not depend on the road that led to it, and an independent reference agrees."""

import cel
from hypothesis import given, settings
from hypothesis import strategies as st

from leadloop.conditions import Condition, Values
from services.scoring.rules import (
    Activity,
    Agreement,
    Axis,
    Gate,
    Rule,
    Score,
    Standing,
    Tier,
    advance,
    judge_facts,
    replay,
    score,
    score_of,
    sums_of,
    tier_of,
)
from tests.unit.scoring.builders import an_activity, facts

KINDS = ("page_view", "form_submit", "email_click")
ABOUT_LEAD = (
    "true",
    'lead.country == "DE"',
    'lead.country in ["DE", "AT"]',
    "lead.employees > 50",
    "lead.employees + 1 == 2",
    'has(lead.industry) && lead.industry == "steel"',
    'lead.industry != "steel"',
    "size(lead) > 10",
    "lead.country > 3",
    "100 / lead.employees > 1",
    "lead.",
)
ABOUT_ACTIVITY = (
    *ABOUT_LEAD,
    'activity.url == "/pricing"',
    'activity.url.matches("^/p")',
    "activity.seconds >= 30",
    'activity.kind != "page_view"',
    'activity.form == "demo" || lead.country == "DE"',
    "size(activity) > 3",
)
ABOUT_SCORE = (
    *ABOUT_ACTIVITY,
    "total >= 20",
    "fit > 0 && engagement > 0",
    "engagement >= 10 || fit >= 30",
    'total > 0 && activity.kind == "form_submit"',
)

points = st.integers(-30, 50)


def named(texts: tuple[str, ...]) -> st.SearchStrategy[str]:
    return st.sampled_from(texts)


fit_rules = st.builds(
    lambda text, given: Rule("", Axis.FIT, Condition(text), given), named(ABOUT_LEAD), points
)
engagement_rules = st.builds(
    lambda text, given, kind, most: Rule(
        "", Axis.ENGAGEMENT, Condition(text), given, kind, most
    ),
    named(ABOUT_ACTIVITY),
    points,
    st.sampled_from(("", *KINDS)),
    st.integers(0, 4),
)


def agreement_of(
    rules: list[Rule], gates: list[str], tiers: list[str], cycles_max: int
) -> Agreement:
    return Agreement(
        "any",
        1,
        tuple(
            Rule(f"r{n}", r.axis, r.condition, r.points, r.activity_kind, r.count_max)
            for n, r in enumerate(rules)
        ),
        tuple(Gate(f"g{n}", Condition(text), "") for n, text in enumerate(gates)),
        tuple(Tier(f"t{n}", Condition(text)) for n, text in enumerate(tiers)),
        cycles_max,
    )


agreements = st.builds(
    agreement_of,
    st.lists(st.one_of(fit_rules, engagement_rules), max_size=8),
    st.lists(named(ABOUT_LEAD), max_size=1),
    st.lists(named(ABOUT_SCORE), max_size=3),
    st.integers(0, 3),
)
leads = st.builds(
    lambda country, more: facts(country=country, **more),
    st.sampled_from(("", "DE", "AT", "FR")),
    st.fixed_dictionaries(
        {},
        optional={
            "employees": st.sampled_from((0, 1, 1.0, 80, "many")),
            "industry": st.sampled_from(("steel", "games")),
        },
    ),
)
activities = st.builds(
    lambda number, kind, minutes, values: an_activity(number, kind, minutes, **values),
    st.integers(0, 30),
    st.sampled_from(KINDS),
    st.integers(0, 5),
    st.fixed_dictionaries(
        {},
        optional={
            "url": st.sampled_from(("/pricing", "/jobs")),
            "form": st.just("demo"),
            "seconds": st.integers(0, 60),
        },
    ),
)
ledgers = st.lists(activities, max_size=12, unique_by=lambda activity: activity.activity_id)


def holds(condition: Condition, **variables: object) -> bool:
    """Judge a condition the slow way: compiled each time, all values handed over."""
    try:
        return cel.evaluate(condition.text, variables) is True
    except (LookupError, TypeError, ArithmeticError, RuntimeError, ValueError):
        return False


def reference(lead: Values, ledger: list[Activity], agreement: Agreement) -> dict[str, object]:
    """Score by the definition alone, without tallies."""
    parts = {}
    for rule in agreement.rules:
        if rule.axis is Axis.FIT:
            if holds(rule.condition, lead=lead):
                parts[rule.name] = (rule.points, 0, "")
            continue
        hits = sorted(
            (activity.occurred_at, activity.activity_id)
            for activity in ledger
            if rule.activity_kind in ("", activity.kind)
            and holds(rule.condition, lead=lead, activity=activity.values)
        )
        counting = hits[-rule.count_max :] if rule.count_max else hits
        if hits:
            capped = abs(rule.points) * (len(hits) - len(counting))
            parts[rule.name] = (rule.points * len(counting), capped, hits[-1][1])
    axes = {rule.name: rule.axis for rule in agreement.rules}
    fit = sum(part[0] for name, part in parts.items() if axes[name] is Axis.FIT)
    total = sum(part[0] for part in parts.values())
    closed = [gate.name for gate in agreement.gates if not holds(gate.condition, lead=lead)]
    newest = max(ledger, key=lambda a: (a.occurred_at, a.activity_id), default=None)
    values = newest.values if newest else {"kind": "", "url": "", "form": ""}
    sums = {"fit": fit, "engagement": total - fit, "total": total}
    tiers = [
        tier.name
        for tier in agreement.tiers
        if holds(tier.condition, lead=lead, activity=values, **sums)
    ]
    tier = tiers[0] if tiers and not closed else ""
    return {**sums, "parts": parts, "closed": closed, "tier": tier}


def told(found: Score) -> dict[str, object]:
    return {
        "fit": found.fit,
        "engagement": found.engagement,
        "total": found.total,
        "parts": {
            part.rule: (
                part.points,
                part.capped,
                part.evidence.activity_id if part.evidence else "",
            )
            for part in found.parts
        },
        "closed": [gate.name for gate in found.closed_gates],
        "tier": found.tier,
    }


@settings(max_examples=200)
@given(leads, ledgers, agreements)
def test_a_slow_independent_reference_comes_to_the_same_score(lead, ledger, agreement):
    assert told(score(lead, ledger, agreement)) == reference(lead, ledger, agreement)


@given(leads, ledgers, agreements)
def test_the_parts_add_up_to_fit_engagement_and_total(lead, ledger, agreement):
    found = score(lead, ledger, agreement)

    by_axis = {axis: sum(p.points for p in found.parts if p.axis is axis) for axis in Axis}
    assert (found.fit, found.engagement) == (by_axis[Axis.FIT], by_axis[Axis.ENGAGEMENT])
    assert found.total == sum(part.points for part in found.parts)
    sums = sums_of(replay(lead, ledger, agreement).standing, agreement)
    assert sums == {"fit": found.fit, "engagement": found.engagement, "total": found.total}


@given(leads, ledgers, agreements, st.data())
def test_order_and_repetition_of_activities_change_nothing(lead, ledger, agreement, data):
    shuffled = data.draw(st.permutations(ledger))
    repeated = [*shuffled, *shuffled[:3]]

    assert score(lead, repeated, agreement) == score(lead, ledger, agreement)


@given(leads, ledgers, agreements)
def test_no_rule_counts_more_often_than_its_cap(lead, ledger, agreement):
    for part in score(lead, ledger, agreement).parts:
        rule = agreement.rule(part.rule)
        if rule.count_max:
            assert part.count <= rule.count_max
        assert part.capped >= 0


@settings(max_examples=150)
@given(st.lists(st.tuples(leads, activities | st.none()), min_size=1, max_size=10), agreements)
def test_step_by_step_and_from_scratch_are_the_same(steps, agreement):
    """Every step changes the facts, adds an activity, or both."""
    known: Values = facts()
    standing = judge_facts(Standing(), known, agreement).standing
    ledger: list[Activity] = []
    for lead, activity in steps:
        new = activity if activity and activity.activity_id not in _ids(ledger) else None
        ledger += [new] if new else []
        found = advance(standing, known, lead, new, agreement)
        standing = (found or replay(lead, ledger, agreement)).standing
        known = lead

        tier, _ = tier_of(standing, sums_of(standing, agreement), known, agreement)
        assert score_of(standing, tier, agreement) == score(known, ledger, agreement)


def _ids(ledger: list[Activity]) -> set[str]:
    return {activity.activity_id for activity in ledger}
