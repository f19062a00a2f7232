"""What a check rules out in an agreement never happens in a score."""

from datetime import UTC, date, datetime, timedelta

import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from leadloop.agreement.checks import findings
from leadloop.agreement.contract import to_contract
from leadloop.agreement.lines import lines_of
from leadloop.agreement.reader import check
from leadloop.agreement.terms import Agreement
from services.scoring.contract import agreement_of, attributes_of
from services.scoring.definition import Activity
from services.scoring.rules import Score, score
from tests.unit.feedback.builders import SOUND

TODAY = date(2026, 3, 2)
START = datetime(2026, 1, 1, tzinfo=UTC)
KINDS = ("page_view", "demo_request")

about_lead = st.sampled_from(
    [
        *('lead.country == "DE"', 'lead.country in ["DE", "AT"]', 'lead.country == "Germany"'),
        *("lead.employees >= 10", "lead.employees < 10", "lead.employees >= 100", "true"),
        *("has(lead.industry)", "!has(lead.industry)", 'lead.industry == ""'),
        *('lead.consent != "denied"', 'lead.consent != "no"', 'lead.industry.matches("^s")'),
        *('lead.country != "AT" && lead.employees > 5', 'lead.country != "DE"', "lead.x"),
        *('!(lead.country == "DE") || lead.consent == "granted"', 'lead.employees == "10"'),
    ]
)
about_activity = about_lead | st.sampled_from(
    [
        *('activity.url.contains("/p")', 'activity.url.contains("/pricing")'),
        *('activity.url.startsWith("/pricing")', 'activity.kind == "page_view"'),
        *('activity.kind != "page_view"', 'activity.url == "/pricing" && lead.country == "DE"'),
    ]
)
about_score = about_activity | st.builds(
    "{} {} {}".format,
    st.sampled_from(["fit", "engagement", "total", "products.crm"]),
    st.sampled_from([">=", ">", "<", "<=", "=="]),
    st.integers(-20, 40),
)
both = st.builds("({}) {} ({})".format, about_score, st.sampled_from(["&&", "||"]), about_score)
points = st.integers(-20, 30)
groups = st.sampled_from(["", "web"])
products = st.sampled_from(["", "crm"])
times = st.sampled_from(["", "1", "2", "2 per 7d", "1 per 1d"])
fading = st.sampled_from([{}, {"within": "7d"}, {"half_life": "3d"}, {"within": "30d"}])


def without_empty(**fields):
    return {name: value for name, value in fields.items() if value != ""}


fit_rules = st.lists(
    st.builds(
        lambda when, points, group, product: without_empty(
            when=when, points=points, group=group, product=product
        ),
        about_lead,
        points,
        groups,
        products,
    ),
    max_size=4,
)
engagement_rules = st.lists(
    st.builds(
        lambda when, on, points, at_most, fading, group, product: (
            without_empty(
                when=when, on=on, points=points, at_most=at_most, group=group, product=product
            )
            | fading
        ),
        about_activity,
        st.sampled_from(["", *KINDS]),
        points,
        times,
        fading,
        groups,
        products,
    ),
    max_size=4,
)


@st.composite
def agreements(draw):
    """Draw an agreement whose definition is at random; the rest is the sound one's."""
    root = yaml.safe_load(SOUND)
    tiers = draw(st.lists(about_score | both, min_size=1, max_size=3))
    caps = {
        group: draw(st.integers(1, 40))
        for group in ("fit", "engagement")
        if draw(st.booleans())
    }
    root["qualified_lead"] = {
        "products": ["crm"],
        "caps": {"web": draw(st.integers(1, 40)), **caps},
        "fit": [{"name": f"f{n}", **rule} for n, rule in enumerate(draw(fit_rules))],
        "engagement": [
            {"name": f"e{n}", **rule} for n, rule in enumerate(draw(engagement_rules))
        ],
        "gates": [
            {"name": f"g{n}", "when": when, "reason": "because"}
            for n, when in enumerate(draw(st.lists(about_lead, max_size=2)))
        ],
        "tiers": [{"name": f"t{n}", "when": when} for n, when in enumerate(tiers)],
    }
    levels = {f"t{n}": {"accept": "1h", "first_attempt": "2h"} for n in range(len(tiers))}
    root["service_levels"]["tiers"] = levels
    return yaml.safe_dump(root, sort_keys=False)


leads = st.builds(
    lambda country, consent, attributes: (
        attributes_of(attributes) | {"country": country, "consent": consent, "email": ""}
    ),
    st.sampled_from(["", "DE", "AT", "CH"]),
    st.sampled_from(["granted", "denied", "unknown"]),
    st.fixed_dictionaries(
        {},
        optional={
            "employees": st.sampled_from(["1", "10", "200", "many"]),
            "industry": st.sampled_from(["steel", "games", "3"]),
        },
    ),
)
ledgers = st.lists(
    st.tuples(
        st.sampled_from(KINDS),
        st.sampled_from(["", "/pricing", "/p", "/x"]),
        st.integers(0, 40),
    ),
    max_size=6,
)


def activities_of(ledger):
    return [
        Activity(
            str(n), kind, START + timedelta(days=day), {"kind": kind, "url": url, "form": ""}
        )
        for n, (kind, url, day) in enumerate(ledger)
    ]


def scored(agreement: Agreement, lead, ledger, day) -> Score:
    body = to_contract(agreement, 1, []).SerializeToString(deterministic=True)
    at = (START + timedelta(days=day)).toordinal() - date(2000, 1, 1).toordinal()
    return score(lead, activities_of(ledger), agreement_of(body), at)


def named(agreement: Agreement, path: str) -> str:
    """Return the name of the rule, gate or tier that a path leads to."""
    definition = agreement.definition
    paths = {
        **{rule.path: rule.name for rule in definition.rules},
        **{gate.path: gate.name for gate in definition.gates},
        **{tier.path: tier.name for tier in definition.tiers},
    }
    return next((name for at, name in paths.items() if f"{path}/".startswith(f"{at}/")), "")


@given(
    agreements(),
    st.lists(st.tuples(leads, ledgers, st.integers(40, 60)), min_size=5, max_size=8),
)
@settings(max_examples=80, deadline=None)
def test_what_is_ruled_out_never_happens(text, cases):
    agreement = check(text, TODAY).agreement
    assert agreement
    found = [
        (one.code, named(agreement, one.path))
        for one in findings(agreement, lines_of(text), TODAY)
    ]

    for lead, ledger, day in cases:
        result = scored(agreement, lead, ledger, day)
        assert [one for one in found if happened(*one, result)] == []


def happened(code: str, name: str, result: Score) -> bool:
    """Say whether a score shows what a finding with this code rules out."""
    points = {part.rule: part.points for part in result.parts}
    closed = [gate.name for gate in result.closed_gates]
    if code == "never_holds":
        return name in points or name == result.tier
    if code.startswith("tier_"):
        return name == result.tier
    return {
        "against_gate": not closed and name in points,
        "rule_idle": points.get(name, 0) != 0,
        "gate_never_closes": name in closed,
        "gates_contradict": not closed,
    }.get(code, False)
