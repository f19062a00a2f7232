"""Conditions hold, fail or say what is wrong with them, and never raise."""

import pytest

from leadloop.conditions import Condition, Values, Verdict
from leadloop.conditions.engine import REMEMBERED_LENGTH_MAX

LEAD: Values = {"country": "DE", "employees": 120, "share": 0.5, "job_title": "Head of Sales"}
ACTIVITY: Values = {"kind": "page_view", "url": "/pricing"}
SUMS: Values = {"fit": 30, "engagement": 20, "total": 50}


def verdict(text: str) -> Verdict:
    return Condition(text).judge(LEAD, ACTIVITY, SUMS)


@pytest.mark.parametrize(
    "text",
    [
        'lead.country in ["DE", "AT"]',
        "lead.employees > 50 && lead.employees <= 200",
        "lead.share == 0.5",
        'lead["job_title"].startsWith("Head")',
        "lead['job_title'].matches(r'^Head\\b')",
        'lead.job_title.matches("(?i)head|vp")',
        'activity.kind == "page_view" && activity.url == "/pricing"',
        "total >= 50 && fit + engagement == total",
        "size(lead) == 4",
        '["country"].exists(name, name in lead)',
        '"lead.nope" != "activity.nope" // lead.nope == 1',
        '"""lead.nope""" != ""',
    ],
)
def test_a_condition_that_is_so_holds(text):
    assert verdict(text) is Verdict.HOLDS


@pytest.mark.parametrize(
    "text",
    [
        'lead.country == "FR"',
        'lead.industry == "games"',
        'lead.industry != "games"',
        '!(lead.industry == "games")',
        "has(lead.industry)",
        'activity.form == "demo"',
        "[1, 2][5] == 1",
    ],
)
def test_a_condition_that_is_not_so_or_reads_a_missing_field_fails(text):
    assert verdict(text) is Verdict.FAILS


@pytest.mark.parametrize(
    "text",
    [
        '!has(lead.industry) || lead.industry != "games"',
        'lead.industry == "games" || lead.country == "DE"',
    ],
)
def test_a_condition_may_say_what_a_missing_field_means(text):
    assert verdict(text) is Verdict.HOLDS


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", Verdict.BROKEN),
        ("lead.country ==", Verdict.BROKEN),
        ("(" * 400 + "true" + ")" * 400, Verdict.BROKEN),
        ("(" * 10_000 + "true" + ")" * 10_000, Verdict.TOO_COSTLY),
        ("lead.country", Verdict.NOT_BOOLEAN),
        ("lead.country > 5", Verdict.WRONG_TYPE),
        ('lead.employees + "1" == "121"', Verdict.WRONG_TYPE),
        ("lead.employees / 0 == 1", Verdict.DIVIDES_BY_ZERO),
        ("lead.employees + 9223372036854775807 > 0", Verdict.TOO_LARGE),
        ("company == 'x'", Verdict.UNKNOWN),
        ("lower(lead.country) == 'de'", Verdict.UNKNOWN),
        ('lead.country.matches("(")', Verdict.UNKNOWN),
        ("int(lead.country) == 1", Verdict.UNKNOWN),
    ],
)
def test_a_condition_that_can_not_be_judged_says_why(text, expected):
    assert verdict(text) is expected
    assert expected.is_fault


def test_an_integer_and_a_decimal_of_one_value_are_remembered_apart():
    condition = Condition("lead.size + 1 == 2")

    assert condition.judge({"size": 1}) is Verdict.HOLDS
    assert condition.judge({"size": 1.0}) is Verdict.WRONG_TYPE


def test_zero_and_minus_zero_are_remembered_apart():
    condition = Condition("1.0 / lead.size > 0.0")

    assert condition.judge({"size": 0.0}) is Verdict.HOLDS
    assert condition.judge({"size": -0.0}) is Verdict.FAILS


def test_a_text_too_long_to_remember_is_judged_all_the_same():
    condition = Condition('lead.note.matches("x$")')
    long = "a" * REMEMBERED_LENGTH_MAX

    assert condition.judge({"note": long + "x"}) is Verdict.HOLDS
    assert condition.judge({"note": long + "y"}) is Verdict.FAILS


@pytest.mark.parametrize(
    ("text", "fields"),
    [
        ('lead.country == "lead.city"', ("country",)),
        ('lead["a b"] == 1 && lead.c == 2', ("a b", "c")),
        ("total > 3", ()),
        ("activity.lead.x == 1", ()),
        ("size(lead) > 1", None),
        ("lead.size() > 1", None),
        ("[1].exists(lead, lead == 1)", ()),
        ('lead["a" + "b"] == 1', None),
        ('"""x""" == lead.country', ("country",)),
    ],
)
def test_the_fields_read_of_the_lead_are_known_or_said_to_be_unknown(text, fields):
    assert Condition(text).lead_fields == fields
