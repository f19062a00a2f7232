"""A condition that would run for long, or fill the memory, is refused before it runs."""

import pytest

from leadloop.conditions import Condition, Verdict
from leadloop.conditions.cost import COST_MAX, cost
from leadloop.conditions.parser import parse
from leadloop.conditions.patterns import pattern_cost

ZEROS = "[0,0,0,0,0,0,0,0,0]"


def nested(macro: str, over: str, levels: int, inside: str) -> str:
    opened = "".join(f"{over}.{macro}(x{level}, " for level in range(levels))
    return opened + inside + ")" * levels


@pytest.mark.parametrize(
    "text",
    [
        nested("all", ZEROS, 8, "true"),
        nested("exists", "[1,2]", 30, "false"),
        nested("exists", "[1,2]", 60, "false")[:900],
        nested("map", ZEROS, 8, "1") + " == []",
        nested("all", "lead", 4, "true"),
        '["a"]' + ".map(x, x + x)" * 60 + " == []",
        "[[1]]" + ".map(x, x + x)" * 60 + " == []",
        "[1,1]" + ".map(x, [x, x])" * 40 + " == []",
        "[lead]" + ".map(x, [x, x])" * 20 + " == []",
        '[{"a": "bc"}]' + ".map(x, {1: x, 2: x})" * 30 + " == []",
        "[1]" + ".map(x, true ? [x, x] : x)" * 20 + " == []",
        '[["a"]]' + ".map(x, x.filter(y, true) + x)" * 20 + " == []",
        '[dyn(["a"])]' + ".map(x, dyn(x + x))" * 20 + " == []",
        '[["a"]]' + ".map(x, [x, x][0] + x)" * 20 + " == []",
        r'lead.a.matches("(\\w{100}){100}")',
        r'lead.a.matches(r"\w{50}")',
        "||".join([r'lead.a.matches("\\pL{9}")'] * 30),
        "lead.a.matches(lead.b)",
        'lead.a.matches("(a{" + "100}){100}")',
        f'{ZEROS}.exists(x, {ZEROS}.exists(y, lead.a.matches("(?i)(head|chief)")))',
    ],
)
def test_a_condition_that_takes_long_on_purpose_never_runs(text):
    condition = Condition(text)

    assert condition.judge({"a": "a", "b": "b"}) in {Verdict.TOO_COSTLY, Verdict.BROKEN}
    assert condition.fault in {Verdict.TOO_COSTLY, Verdict.BROKEN}
    assert len(text) <= 1_000


@pytest.mark.parametrize(
    "text",
    [
        'lead.country in ["DE", "AT"]',
        'lead.a in ["' + '", "'.join("abcdefghijklmnopqrstuvwxyz" * 6) + '"]',
        " && ".join(['lead.job_title.matches("(?i)(head|chief|vp) of")'] * 15),
        r'lead.email.matches("^[\\w.]+@[\\w.]+$")',
        '["head", "chief", "vp", "director"].exists(word, lead.job_title.contains(word))',
        '["a", "b", "c"].exists(x, ["d", "e", "f"].exists(y, lead.title.contains(x + y)))',
        'lead.all(name, lead[name] != "test")',
        "[lead.a, lead.b, lead.c].filter(x, x > 2).size() >= 2",
        " + ".join(["lead.a"] * 60) + " == 3",
        nested("all", "[1,2]", 5, "true"),
    ],
)
def test_a_condition_of_the_usual_kind_is_let_run(text):
    assert Condition(text).fault is None


def test_a_text_that_is_too_long_is_refused_unread():
    condition = Condition("true" + " " * 1_000)

    assert condition.judge({}) is Verdict.TOO_COSTLY
    assert condition.compiles


@pytest.mark.parametrize("deep", ["1" + "+1" * 150, "-(" * 60 + "1" + ")" * 60 + "+1" * 60])
def test_what_our_parser_can_not_read_is_left_to_the_engine(deep):
    condition = Condition(f"{deep} > 0")

    assert condition.tree is None
    assert condition.fault is None
    assert condition.lead_fields is None
    assert condition.judge({}) is Verdict.HOLDS


@pytest.mark.parametrize("more", ["[1].all(x, true)", 'lead.a.matches("a")'])
def test_what_nobody_can_read_and_may_take_long_is_refused(more):
    assert Condition("1" + "+1" * 150 + f" > 0 && {more}").fault is Verdict.TOO_COSTLY


def test_macros_inside_one_another_multiply():
    one, two = (cost(parse(nested("all", ZEROS, levels, "true"))) for levels in (1, 2))

    assert 8 * one < two < 20 * one
    assert two < COST_MAX


def test_an_absurd_cost_stays_a_number_that_can_be_shown():
    assert cost(parse(nested("all", ZEROS, 30, "true"))) < 10**12


@pytest.mark.parametrize(
    ("cheap", "dear"),
    [
        ("a", r"\w"),
        ("a{9}", "a{900}"),
        ("(ab){9}", "((ab){9}){9}"),
        ("[a-z]{50}", r"[\w]{50}"),
        ("a{2}", "(?i)a{99}"),
        (r"\d{9}", r"\w{9}"),
        ("x", r"\pL{9}"),
        ("x", r"\p{Greek}{9}"),
        ("x", "[^a]{99}"),
        ("x", "[]ä]{99}"),
        ("x", "a{5,99}"),
        ("x", "a{99,}"),
        (r"\w{20}", r"\w+{90}"),
        (r"\w{20}", r"(\w?*){90}"),
    ],
)
def test_a_pattern_costs_more_the_more_there_is_to_compile(cheap, dear):
    assert pattern_cost(cheap) < pattern_cost(dear)
