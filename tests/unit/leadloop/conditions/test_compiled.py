"""The rules of CEL's meaning that Python does not share, one by one, against the engine."""

from collections import UserDict
from datetime import UTC, datetime
from decimal import Decimal
from enum import IntEnum, StrEnum

import cel
import pytest

from leadloop.conditions import Condition, Sums, Verdict, compiled, engine

NAN = float("nan")
INFINITE = float("inf")
HOLDS, FAILS = Verdict.HOLDS, Verdict.FAILS
WRONG, UNKNOWN = Verdict.WRONG_TYPE, Verdict.UNKNOWN


def judged(text: str, sums: Sums | None = None, **lead) -> Verdict:
    """Judge compiled, and see that the engine alone says the same."""
    sums = sums or {}
    outcome = engine.run(cel.compile(text), engine.variables_of(lead, {}, sums))
    verdict = Condition(text).judge(lead, {}, sums)
    if isinstance(outcome, bool):
        outcome = HOLDS if outcome else FAILS
    assert verdict is outcome
    return verdict


@pytest.mark.parametrize(
    ("text", "a", "verdict"),
    [
        ('lead.a == "1"', 1, FAILS),
        ("lead.a == 1", "1", FAILS),
        ('lead.a != "1"', 1, HOLDS),
        ("lead.a == 1", 1.0, HOLDS),
        ("lead.a == 1.0", 1, HOLDS),
        ("lead.a == 1u", 1, HOLDS),
        ("lead.a != 1", 1.0, FAILS),
        ("lead.a == 1", True, FAILS),
        ("lead.a != 0", False, HOLDS),
        ("lead.a == true", True, HOLDS),
        ("lead.a == true", 1, FAILS),
        ("lead.a != true", 1, HOLDS),
        ("lead.a == null", 1, FAILS),
        ("lead.a == b'a'", "a", FAILS),
        ("lead.a == 1", NAN, FAILS),
        ("lead.a != 1", NAN, HOLDS),
        ("lead.a == lead.a", NAN, FAILS),
        ("lead.a == 0.0", -0.0, HOLDS),
        ("lead.a == []", "a", FAILS),
    ],
)
def test_values_are_equal_by_number_never_across_kinds(text, a, verdict):
    assert judged(text, a=a) is verdict


@pytest.mark.parametrize(
    ("text", "a", "verdict"),
    [
        ("lead.a < 5", 4, HOLDS),
        ("lead.a < 5", 4.5, HOLDS),
        ("lead.a < 4.5", 4, HOLDS),
        ("lead.a < 5u", -1, HOLDS),
        ("5 < lead.a", 6, HOLDS),
        ("5 >= lead.a", 5, HOLDS),
        ("lead.a < 5", "4", WRONG),
        ('lead.a < "5"', 4, WRONG),
        ('lead.a < "b"', "a", HOLDS),
        ('lead.a < "B"', "a", FAILS),
        ('lead.a > "z"', "ä", HOLDS),
        ("lead.a < 5", True, WRONG),
        ("lead.a < true", False, HOLDS),
        ("lead.a < true", 0, WRONG),
        ("lead.a < 5", NAN, WRONG),
        ("lead.a >= 5", NAN, WRONG),
        ("lead.a >= lead.a", NAN, WRONG),
        ("lead.a > 5", INFINITE, HOLDS),
        ("lead.a < 5", -INFINITE, HOLDS),
        ("lead.a < null", 1, WRONG),
        ("lead.a < []", 1, WRONG),
    ],
)
def test_numbers_and_texts_have_an_order_nothing_else_has(text, a, verdict):
    assert judged(text, a=a) is verdict


@pytest.mark.parametrize(
    ("text", "a", "verdict"),
    [
        ("lead.a == 9007199254740992.0", 2**53 + 1, HOLDS),
        ("lead.a == 9007199254740993", 2.0**53, HOLDS),
        ("lead.a < 9007199254740993", 2.0**53, FAILS),
        ("lead.a == 9007199254740993", 2**53, FAILS),
        ("lead.a in [9007199254740993]", 2.0**53, HOLDS),
        ("lead.a == 9223372036854775807", 2**63, FAILS),
        ("lead.a == 9223372036854775808u", 2**63, HOLDS),
        ("lead.a > 9223372036854775807", 2**63, HOLDS),
        ("lead.a == 18446744073709551616.0", 2**64 + 1, HOLDS),
        ("lead.a < -9223372036854775808", -(2**70), HOLDS),
        ("lead.a > 5", 2**70, HOLDS),
        ("lead.a == lead.b", 2**70, HOLDS),
    ],
)
def test_numbers_are_compared_as_64_bits_hold_them(text, a, verdict):
    assert judged(text, a=a, b=2**70 + 1) is verdict


@pytest.mark.parametrize(
    ("text", "a", "verdict"),
    [
        ('lead.a in ["x", "y"]', "y", HOLDS),
        ('lead.a in ["x", "y"]', "z", FAILS),
        ('lead.a in ["x", 1]', 1.0, HOLDS),
        ("lead.a in [1, 0]", True, FAILS),
        ("lead.a in [1.0]", True, FAILS),
        ("lead.a in [true]", True, HOLDS),
        ("lead.a in [5]", "5", FAILS),
        ("lead.a in []", "5", FAILS),
        ("lead.a in [1.5, 2u]", 2, HOLDS),
        ("lead.a in [1, lead.a]", "x", HOLDS),
        ("lead.a in [1, lead.missing]", 1, FAILS),
        ('lead.a in "abc"', "a", WRONG),
        ('"a" in lead', 1, HOLDS),
        ("lead.a in [0]", NAN, FAILS),
    ],
)
def test_membership_is_equality_with_one_of_them(text, a, verdict):
    assert judged(text, a=a) is verdict


@pytest.mark.parametrize(
    ("text", "a", "verdict"),
    [
        ('lead.a.startsWith("ab")', "abc", HOLDS),
        ('lead.a.endsWith("bc")', "abc", HOLDS),
        ('lead.a.contains("b")', "abc", HOLDS),
        ('lead.a.contains("")', "", HOLDS),
        ('lead.a.contains("B")', "abc", FAILS),
        ('lead.a.contains("b")', 5, UNKNOWN),
        ('lead.a.contains("b")', True, UNKNOWN),
        ("lead.a.contains(5)", "5", UNKNOWN),
        ('lead.a.contains("b", "c")', "b", UNKNOWN),
        ('contains(lead.a, "b")', "b", UNKNOWN),
        ('"abc".contains(lead.a)', "b", HOLDS),
        ('lead.a.contains("{v}{0}")', "{v}{0}", HOLDS),
        ("size(lead.a) == 3", "abc", HOLDS),
        ("lead.a.size() == 2", "ä", HOLDS),
        ("lead.a.size() > 3.5", "😀", HOLDS),
        ("3 < size(lead.a)", "abcd", HOLDS),
        ("size(lead.a) == 1", 5, UNKNOWN),
        ('size(lead.a) == "1"', "a", FAILS),
        ('size(lead.a) < "1"', "a", WRONG),
        ('lead.a.matches("^a.c$")', "abc", HOLDS),
        ('lead.a.matches("^a.c$")', 5, UNKNOWN),
        ('lead.a.matches("(")', "a", UNKNOWN),
    ],
)
def test_functions_of_texts_are_unknown_to_other_values(text, a, verdict):
    assert judged(text, a=a) is verdict


@pytest.mark.parametrize(
    ("text", "verdict"),
    [
        ("lead.x == 1", FAILS),
        ("lead.x != 1", FAILS),
        ("!(lead.x == 1)", FAILS),
        ("lead.x == 1 || lead.a == 1", HOLDS),
        ("lead.a == 1 || lead.x == 1", HOLDS),
        ("!(lead.x == 1 && lead.a == 2)", HOLDS),
        ("!(lead.a == 2 && lead.x == 1)", HOLDS),
        ("lead.x == 1 || lead.a == 2", FAILS),
        ("!(lead.x == 1 || lead.a == 2)", FAILS),
        ("lead.x == 1 ? true : true", FAILS),
        ("has(lead.x) ? lead.x == 1 : true", HOLDS),
        ("!has(lead.x) || lead.x > 3", HOLDS),
        ("has(lead.x) && lead.x > 3", FAILS),
        ("lead.x < lead.y", FAILS),
        ("lead.x in [1]", FAILS),
        ("!(lead.x in [1])", FAILS),
        ("!lead.x.contains('a')", FAILS),
        ("size(lead.x) != 3", FAILS),
        ("lead.x == 1 || lead.a < 'a'", WRONG),
        ("lead.a < 'a' || lead.x == 1", FAILS),
        ("lead.x == 1 && lead.a < 'a'", WRONG),
        ("lead.a < 'a' && lead.x == 1", FAILS),
        ("lead.a < 'a' || lead.a == 1", HOLDS),
        ("lead.a < 'a' && lead.a == 2", FAILS),
        ("lead.a.contains('a') && lead.a < 'a' && lead.a == 1", WRONG),
        ("has(lead.x.y)", FAILS),
        ("lead.a.b == 1", WRONG),
        ("has(lead.a.b)", WRONG),
    ],
)
def test_a_fault_is_passed_over_by_what_decides_without_it(text, verdict):
    assert judged(text, a=1) is verdict


@pytest.mark.parametrize(
    ("text", "sums", "verdict"),
    [
        ("total >= 50", {"total": 50}, HOLDS),
        ("total >= 50", {}, UNKNOWN),
        ("total >= 50 || true", {}, HOLDS),
        ("fit >= engagement", {"fit": 2, "engagement": 1}, HOLDS),
        ("fit >= engagement", {"fit": 2}, UNKNOWN),
        ("fit + engagement == total", {"fit": 1, "engagement": 2, "total": 3}, HOLDS),
        ("fit + engagement == total", {"fit": 1, "engagement": 2}, UNKNOWN),
        ("predicted > 0.5", {"predicted": 1}, HOLDS),
        ("products.core > 3", {"products": {"core": 5}}, HOLDS),
        ('products["core"] > 3', {"products": {"core": 5}}, HOLDS),
        ("products.core > 3", {"products": {}}, FAILS),
        ("products.core > 3", {}, FAILS),
        ("has(products.core)", {"products": {"core": 0}}, HOLDS),
        ("has(products.core)", {}, FAILS),
        ("products.core + 1 > 3", {"products": {"core": 5}}, HOLDS),
        ("products.exists(name, products[name] > 3)", {"products": {"core": 5}}, HOLDS),
        ("size(products) == 0", {}, HOLDS),
        ("fit.core == 1", {"fit": 1}, WRONG),
        ("other == 1", {"other": 1}, UNKNOWN),
    ],
)
def test_a_sum_is_unknown_unless_given_and_products_are_a_record(text, sums, verdict):
    assert judged(text, sums) is verdict


@pytest.mark.parametrize(
    "text", ["lead.a", "1", '"true"', "[true][0] ? null : true", "!!lead.a"]
)
def test_what_gives_no_boolean_is_a_fault(text):
    assert judged(text, a="a") is Verdict.NOT_BOOLEAN


class Size(IntEnum):
    ONE = 1


class Country(StrEnum):
    GERMANY = "DE"


@pytest.mark.parametrize(
    ("text", "a"),
    [
        ("lead.a < 5", Size.ONE),
        ("lead.a == 1", Size.ONE),
        ("lead.a < 5", Decimal(1)),
        ('lead.a < "E"', Country.GERMANY),
        ('lead.a in ["DE"]', Country.GERMANY),
        ('lead.a.contains("D")', Country.GERMANY),
        ('lead.a < timestamp("2100-01-01T00:00:00Z")', datetime(2026, 1, 1, tzinfo=UTC)),
    ],
)
def test_a_value_of_another_class_is_for_the_engine(text, a):
    assert judged(text, a=a) is HOLDS


@pytest.mark.parametrize("a", [[1], {"b": 1}, {1}, object(), b"a", 10**400, "\ud800"])
@pytest.mark.parametrize(
    "text",
    ["lead.a == 1", "lead.a in [1]", "lead.a < 1", "lead.a.matches('a')", "size(lead.a) < 9"],
)
def test_a_value_that_can_not_be_judged_does_no_harm(text, a):
    assert isinstance(Condition(text).judge({"a": a}), Verdict)


def test_none_stands_for_a_value_that_is_missing():
    values: dict = {"a": None}

    for text in ("lead.a == null", "has(lead.a)", "lead.a + 1 == 2", "size(lead) == 1"):
        assert Condition(text).judge(values) is FAILS


def test_any_mapping_will_do():
    lead = UserDict({"a": 1})

    assert Condition("lead.a == 1 && size(lead) == 1").judge(lead) is HOLDS


@pytest.mark.parametrize(
    "text",
    [
        r'lead.a == "\"); raise SystemExit  # "',
        "lead.a == '''\n'''",
        r'lead["a\") or True or (\""] == 1',
        'lead["{v}"] == "{c}"',
        r'lead.a in ["\n", "{0}", "%s", "\x00"]',
    ],
)
def test_nothing_of_the_text_becomes_code(text):
    assert judged(text, a=1) is FAILS


def test_the_bare_function_says_what_judge_says():
    function = Condition('lead.a == "x"').function

    assert function({"a": "x"}, {}, {}) is HOLDS
    assert function({}, {}, {}) is FAILS


def test_a_tree_too_high_to_compile_is_judged_whole_by_the_engine():
    text = "lead.a == 1"
    for _ in range(compiled.HEIGHT_MAX):
        text = f"!({text})"

    assert judged(text, a=1) is HOLDS


def test_as_many_terms_as_fit_the_text_are_joined():
    terms = " && ".join(["1<2"] * 142)

    assert judged(terms) is HOLDS
    assert judged(terms[:-1] + "1") is FAILS


def test_what_the_engine_said_is_looked_up_the_next_time(monkeypatch):
    condition = Condition('lead.a.matches("b+") && lead.c == 1')
    assert condition.judge({"a": "abb", "c": 1}) is HOLDS

    monkeypatch.setattr(engine, "run", lambda *_: pytest.fail("the engine was asked again"))

    assert condition.judge({"a": "abb", "c": 1, "d": 2}) is HOLDS
    assert condition.judge({"a": "abb", "c": 2}) is FAILS
