"""What a condition reads is told from its tree, or said to be unknown."""

import pytest

from leadloop.conditions.parser import parse
from leadloop.conditions.reads import Read, Reads, functions_used, names_used, reads


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("lead.a == 1", Reads(("a",), (), (), ())),
        ('lead["a b"] == lead.c', Reads(("a b", "c"), (), (), ())),
        ("has(lead.a) && has(activity.b)", Reads(("a",), ("b",), (), ())),
        ("products.core > 2 && fit > total", Reads((), (), ("core",), ("fit", "total"))),
        ("lead.a.b == 1", Reads(("a",), (), (), ())),
        ("activity.lead.x == 1", Reads((), ("lead",), (), ())),
        ("predicted > 0.5", Reads((), (), (), ("predicted",))),
        ('"lead.a" == "total" // lead.b', Reads((), (), (), ())),
        ("[1].exists(lead, lead.a == total)", Reads((), (), (), ("total",))),
        ("lead.a.exists(lead, lead.b)", Reads(("a",), (), (), ())),
        ("[1].map(x, [x].exists(y, lead.a == y)) == []", Reads(("a",), (), (), ())),
        ("size(lead) > 1", Reads(None, (), (), ())),
        ("lead.all(k, k != activity.b)", Reads(None, ("b",), (), ())),
        ('lead["a" + "b"] == 1', Reads(None, (), (), ())),
        ('"a" in activity', Reads((), None, (), ())),
        ("{1: products} == {}", Reads((), (), None, ())),
    ],
)
def test_the_fields_of_each_record_are_known_or_said_to_be_unknown(text, expected):
    assert reads(parse(text)) == expected
    assert reads(parse(text)).all_known == (None not in expected)


def test_every_read_is_listed_once():
    found = reads(parse("lead.b == lead.a || products.a > fit || lead.a == activity.a"))

    assert found.each() == (
        Read("lead", "a"),
        Read("lead", "b"),
        Read("activity", "a"),
        Read("products", "a"),
        Read("", "fit"),
    )


def test_the_names_used_are_those_that_no_macro_binds():
    tree = parse("lead.a.exists(x, x == y) && f(x, [z].map(z, z)) || has(fit.q)")

    assert names_used(tree) == {"lead", "x", "y", "z", "fit"}
    assert functions_used(tree) == {"f"}


def test_functions_are_found_wherever_they_are_called():
    tree = parse("[size(lead.a)].all(x, lead.b.matches(string(x)) ? g() : !(h() > 1))")

    assert functions_used(tree) == {"size", "matches", "string", "g", "h"}
