"""What can't work is found, with its line; what can work, if oddly, is left alone."""

from datetime import date
from pathlib import Path

import pytest

from leadloop.agreement.checks import Known, Level, examine
from leadloop.agreement.checks.known import ACTIVITY_FIELDS, LEAD_FIELDS
from leadloop.agreement.sources import KINDS_BY_TYPE, known_by_sources
from leadloop.possible.forms import is_number
from leadloop.possible.texts import listed
from leadloop.v1 import lead_pb2
from services.intake.countries import country_code
from services.intake.message import Lead
from services.intake.normalise import normal_email, normal_lead
from services.scoring.contract import activity_of, attributes_of, facts_of

SOUND = (Path(__file__).parents[3] / "agreements" / "sound.yaml").read_text()
TODAY = date(2026, 3, 2)
OUR_MARKET = """'lead.country in ["DE", "AT", "CH"]'"""
HEAD = """'lead.job_title.matches("(?i)(head|chief|owner)")'"""
PRICES = """'activity.url.contains("/pricing")'"""
CONSENT = """'lead.consent != "denied"'"""
TIER_A = "total >= 60 && fit >= 30"
TIER_C = "total >= 20 && engagement >= 10"


def found(*replacements, known=None):
    """Return code and line of what is found when this is replaced in the sound text."""
    text = SOUND
    for was, becomes in replacements:
        assert was in text, was
        text = text.replace(was, becomes, 1)
    examined = examine(text, TODAY, known)
    assert examined.faults == ()
    return [(one.code, text.splitlines()[one.line - 1].strip()) for one in examined.findings]


def codes(*replacements, known=None):
    return [code for code, _ in found(*replacements, known=known)]


@pytest.mark.parametrize(
    "condition",
    [
        'lead.country == "Germany"',
        'lead.country == "de"',
        'lead.email_domain == "@gmail.com"',
        'lead.email.endsWith("@Gmail.com")',
        'lead.phone.startsWith("030")',
        'lead.consent == "yes"',
        'lead.zip == "10115"',
        'lead.industry == ""',
        "lead.newsletter == true",
        "lead.company == null",
        "lead.company > 5",
        "lead.company",
        'lead.company.matches("(")',
        "lead.employees / 0 > 5",
        'lead.country == "DE" && lead.country == "AT"',
    ],
)
def test_a_rule_that_never_holds_is_found(condition):
    ((code, line),) = found((HEAD, f"'{condition}'"))

    assert code == "never_holds"
    assert "can decide" in line


def test_a_condition_that_would_take_long_is_found():
    costly = "[1,2,3].map(a, [1,2,3].map(b, [1,2,3].map(c, [1,2,3].map(d, a+b+c+d)))) != []"
    nested = costly.replace("[1,2,3]", "[1,2,3,4,5,6,7,8,9]")

    assert "too_costly" in codes((HEAD, f"'{nested}'"))


@pytest.mark.parametrize(
    ("was", "becomes", "code"),
    [
        ("points: 15, product: payroll", "points: 0, product: payroll", "no_points"),
        (HEAD, """'lead.consent == "denied"'""", "against_gate"),
        (HEAD, OUR_MARKET, "counted_twice"),
        (CONSENT, """'lead.consent != "refused"'""", "gate_never_closes"),
        (CONSENT, "'true'", "gate_never_closes"),
        (CONSENT, """'lead.email_domain == "rival.example"'""", "gates_contradict"),
        (TIER_C, "has(lead.customer_since) && total > 5", "tier_against_gate"),
        (TIER_A, "fit >= 66", "tier_out_of_reach"),
        (TIER_A, "products.planner > 20", "tier_out_of_reach"),
        (TIER_A, "engagement > 90", "tier_out_of_reach"),
        (TIER_A, """'lead.country == "US" && fit >= 60'""", "tier_out_of_reach"),
        (TIER_A, "products.crm > 5", "never_holds"),
        (TIER_A, "predicted > 50", "never_holds"),
        (TIER_C, "total >= 45 && engagement >= 10", "tier_comes_too_late"),
        (TIER_C, "total >= 40 && fit >= 10 || products.payroll == 25", "tier_comes_too_late"),
        ("engagement: 90", "engagement: 9000", "cap_never_bites"),
        ("website: 40", "website: 40, mail: 9", "cap_without_rules"),
        ("website: 40", "website: 8", "points_above_cap"),
        ("website: 40", "website: 10", "at_most_idle"),
        ("products: [planner, ", "products: [crm, planner, ", "product_without_rules"),
        ("  fit:", "  predictive_model: abcdef0123\n  fit:", "model_unused"),
        ("cycles_at_most: 4", "cycles_at_most: 1", "no_way_back"),
        (
            """'activity.kind in ["demo_request", "form_submit"]'""",
            """'lead.consent == "denied"'""",
            "reopened_against_gate",
        ),
        ("first_attempt: 16h", "first_attempt: 2100h", "level_too_long"),
        ("first_attempt: 16h", "first_attempt: 4h", "attempt_before_accept"),
        ("customers: 40", "customers: 400", "goals_out_of_reach"),
        ("  conversion: {accepted: 70%, converted: 50%, won: 25%}\n", "", None),
        ("accepted: 70%, converted", "accepted: 80%, converted", "goals_count_on_more"),
        ("lead.employees >= 50 && stage", 'lead.country == "Germany" && stage', "never_holds"),
        ("lead.email_domain in", "lead.emial_domain in", "field_misspelt"),
        ("activity.url.starts", "activity.form.starts", None),
        ("""kind == "demo_request""", """kind == "demo_requst""", "kind_misspelt"),
    ],
)  # fmt: skip
def test_what_can_not_work_is_found(was, becomes, code):
    assert codes((was, becomes)) == ([code] if code else [])


@pytest.mark.parametrize(
    ("was", "becomes"),
    [
        # Points that fade may be more than their cap: they last longer under it.
        ("website: 40", "website: 40, engagement_mail: 10"),
        (HEAD, """'lead.job_title.startsWith("Head") || lead.industry == "10a"'"""),
        (HEAD, "has(lead.zip) && lead.zip == 10115"),
        (HEAD, """'lead.phone.startsWith("+49")'"""),
        (TIER_A, "fit == 65"),
        (TIER_A, "products.planner == 20"),
        (TIER_A, """'lead.country == "US" && fit >= 45'"""),
        (TIER_C, "total >= 39 && engagement >= 10"),
        (TIER_C, """'total >= 45 && lead.industry != "x" || total == 1'"""),
        ("engagement: 90", "engagement: 149"),
        ("lead.email_domain in", "lead.email_2 in"),
    ],
)
def test_what_can_work_is_left_alone(was, becomes):
    if "engagement_mail" in becomes:
        becomes, group = "website: 40, mail: 4", "half_life: 30d, group: mail}"
        assert codes((was, becomes), ("half_life: 30d}", group)) == []
        return
    assert codes((was, becomes)) == []


def test_what_follows_from_a_fault_is_not_told_beside_it():
    rules = (("points: 20}", "points: 5}"), (TIER_A, "fit >= 40"))

    assert codes(*rules, (HEAD, "'lead.consent == \"no\"'")) == ["never_holds"]


def test_every_alarm_says_what_to_do_in_sentences():
    text = SOUND.replace(HEAD, "'lead.company'").replace(
        "cycles_at_most: 4", "cycles_at_most: 1"
    )

    for finding in examine(text, TODAY).findings:
        assert finding.problem.endswith(".")
        assert finding.advice.endswith(".")
        assert str(finding).startswith(f"line {finding.line}, /")
        assert finding.level is Level.ERROR


def test_fields_and_kinds_that_no_source_fills_are_found():
    sources = known_by_sources(
        """
sources:
  site:
    type: standard
    mapping:
      email: mail
      attributes: {employees: size, customer_since: since}
      activity: {kind: "'page_view'", attributes: {title: title}}
  form:
    type: plain
    mapping: {email: mail, activity: {kind: "'form_submit'"}}
"""
    )

    told = found(known=sources)

    assert {code for code, _ in told} == {"kind_unfilled"}
    assert len(told) == 4
    more = (HEAD, """'has(lead.budget) || lead.country_raw == "x"'""")
    assert "field_unfilled" in codes(more, known=sources)


@pytest.mark.parametrize(
    ("source", "kinds"),
    [
        ("{type: hubspot}", KINDS_BY_TYPE["hubspot"]),
        ("{type: mautic}", KINDS_BY_TYPE["mautic"]),
        (
            """{type: hubspot, activity: {kind: "'Demo Request'"}}""",
            KINDS_BY_TYPE["hubspot"] | {"demo_request"},
        ),
    ],
)
def test_a_type_sends_its_own_kinds_and_those_that_its_file_names(source, kinds):
    known = known_by_sources(f"sources: {{one: {source}}}")

    assert known.kinds == kinds
    assert known.attributes is None


def test_a_kind_that_neither_hubspot_nor_mautic_can_send_is_found():
    known = known_by_sources("sources: {a: {type: mautic}, b: {type: hubspot}}")
    asked = SOUND.replace('"page_view"', '"demo_request"').replace(
        "on: page_view", "on: demo_request"
    )

    assert "kind_unfilled" in {
        finding.code for finding in examine(asked, TODAY, known).findings
    }


@pytest.mark.parametrize(
    "source",
    [
        "{type: mautic, activity: {kind: submission.form.alias}}",
        "{type: plain, mapping: {email: e, activity: {kind: type}}}",
    ],
)
def test_nothing_is_claimed_of_what_a_source_may_send(source):
    known = known_by_sources(f"sources: {{one: {source}}}")

    assert known.kinds is None
    assert "kind_unfilled" not in codes(known=known)


def test_the_values_of_a_csv_have_no_form():
    columns = frozenset({"country", "consent", "employees"})
    text = """'lead.country == "Germany" || lead.consent == "no" || lead.zip == 1'"""

    told = codes((HEAD, text), known=Known(columns=columns, where="leads.csv"))

    assert "never_holds" not in told
    assert "field_unfilled" in told


def test_the_fields_that_every_lead_has_are_those_that_scoring_hands_over():
    assert set(facts_of(lead_pb2.Lead())) == set(LEAD_FIELDS)
    assert set(activity_of(lead_pb2.Activity()).values) == set(ACTIVITY_FIELDS)


@pytest.mark.parametrize(
    "text", ["1", "-1", "007", "+49", "1.5", "1.", ".5", "1e3", "٣", "9" * 19]
)
def test_what_is_a_number_here_is_one_for_scoring(text):
    assert is_number(text) == (not isinstance(attributes_of({"x": text})["x"], str))


@pytest.mark.parametrize(
    "said",
    [
        ("Ada@Example.COM", "+49 110", "germany"),
        ("ÄDA@exämple.de", "030 1234567", "DE"),
        ("x@y.example", "+1 (650) 253-0000 ext. 5", "United States"),
        ("", "", ""),
    ],
)
def test_the_forms_are_those_that_intake_gives(said):
    email, phone, country = said
    lead = normal_lead(
        Lead(email=email, phone=phone, country=country), normal_email(email) or ""
    )

    for name in ("email", "phone", "country"):
        texts = LEAD_FIELDS[name].texts
        assert not texts.both(listed(getattr(lead, name))).is_empty, name


def test_every_country_that_intake_knows_has_the_form_of_a_code():
    codes = {country_code(name) for name in ("DE", "Austria", "switzerland", "XK", "Kosovo")}

    assert all(not LEAD_FIELDS["country"].texts.both(listed(c)).is_empty for c in codes)
