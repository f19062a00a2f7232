"""CEL becomes a tree, or an error that says where and what was expected."""

import cel
import pytest

from leadloop.conditions.parser import parse
from leadloop.conditions.syntax import (
    Binary,
    Call,
    Choice,
    Field,
    Has,
    Index,
    List,
    Literal,
    Logic,
    Macro,
    Map,
    Message,
    Name,
    Negative,
    Not,
    children,
    height,
)
from leadloop.conditions.tokens import Unreadable
from leadloop.conditions.verdict import LENGTH_MAX

ONE, TWO, A, B, C = Literal("int", 1), Literal("int", 2), Name("a"), Name("b"), Name("c")


@pytest.mark.parametrize(
    ("text", "tree"),
    [
        ("a.b", Field(A, "b")),
        ("a . b // so\n", Field(A, "b")),
        ('a["b"]', Index(A, Literal("string", "b"))),
        ("has(a.b)", Has(A, "b")),
        ("a.b(1, c)", Call("b", A, (ONE, C))),
        ("b()", Call("b", None, ())),
        (".a", Name(".a")),
        ("[1, a,]", List((ONE, A))),
        ("[,]", List(())),
        ('{"x": 1}', Map(((Literal("string", "x"), ONE),))),
        ("a.b{c: 1}", Message("a.b", (("c", ONE),))),
        ("a.all(b, c)", Macro("all", A, "b", (C,))),
        ("a.map(b, c, 1)", Macro("map", A, "b", (C, ONE))),
        ("a.all(b)", Call("all", A, (B,))),
        ("!a", Not(A)),
        ("!!a", A),
        ("!-1", Not(Literal("int", -1))),
        ("-a", Negative(A)),
        ("--a", A),
        ("-1", Literal("int", -1)),
        ("--1", Literal("int", 1)),
        ("---1", Negative(Literal("int", 1))),
        ("a -1", Binary("-", A, ONE)),
    ],
)
def test_each_form_becomes_its_node(text, tree):
    assert parse(text) == tree


@pytest.mark.parametrize(
    ("text", "tree"),
    [
        ("a + b * c", Binary("+", A, Binary("*", B, C))),
        ("a - b - c", Binary("-", Binary("-", A, B), C)),
        ("(a - (b - c))", Binary("-", A, Binary("-", B, C))),
        ("a < b + c", Binary("<", A, Binary("+", B, C))),
        ("a == b in c", Binary("in", Binary("==", A, B), C)),
        ("a && b && c", Logic("&&", (A, B, C))),
        ("(a && b) && c", Logic("&&", (Logic("&&", (A, B)), C))),
        ("a || b && c", Logic("||", (A, Logic("&&", (B, C))))),
        ("a && b || c", Logic("||", (Logic("&&", (A, B)), C))),
        ("!a == b", Binary("==", Not(A), B)),
        ("-a.b", Negative(Field(A, "b"))),
        ("a ? b : c ? 1 : 2", Choice(A, B, Choice(C, ONE, TWO))),
        ("a || b ? 1 : 2", Choice(Logic("||", (A, B)), ONE, TWO)),
    ],
)
def test_operators_bind_as_tightly_as_in_cel(text, tree):
    assert parse(text) == tree


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        *(("1", "int"), ("0x1F", "int"), ("007", "int"), ("-9223372036854775808", "int")),
        *(("1u", "uint"), ("0xFFU", "uint"), ("18446744073709551615u", "uint")),
        *(("1.5", "double"), ("1e3", "double"), (".5e-2", "double"), ("-0.5", "double")),
        *(("true", "bool"), ("false", "bool"), ("null", "null")),
        *(
            ('"a"', "string"),
            ("''", "string"),
            (r'"\n\"\\"', "string"),
            (r"'\u00e4'", "string"),
        ),
        *((r'r"\d"', "string"), ('"""a"b"""', "string"), (r"'\101\x41'", "string")),
        *(
            ("R'''a\n'b'''", "string"),
            ("b'ä'", "bytes"),
            (r'br"\x"', "bytes"),
            ('"😀"', "string"),
        ),
    ],
)
def test_a_literal_stands_for_what_the_engine_says(text, kind):
    literal = parse(text)

    assert isinstance(literal, Literal)
    assert literal.kind == kind
    assert literal.value == cel.evaluate(text)
    assert type(literal.value) is type(cel.evaluate(text))


@pytest.mark.parametrize(
    ("text", "position"),
    [
        *(
            ("", 0),
            ("a ==", 4),
            ("a b", 2),
            ("(a", 2),
            ("a)", 1),
            ("[1", 2),
            ("{1}", 2),
            ("@", 0),
        ),
        *(("!-", 1), ("!-a", 1), ("!-1u", 1), ("!--1", 1)),
        *(("a.", 2), ("a..b", 2), ("a ? b", 5), ("a ? b ? c : 1 : 2", 6), ("1 +* 2", 3)),
        *(("has(a)", 4), ('has(a["b"])', 4), ("a.all(b.c, 1)", 6), ("f(1,)", 4), ("a.?b", 2)),
        *(
            ("as == 1", 0),
            ("a.in", 2),
            ("9223372036854775808", 0),
            ("--9223372036854775808", 2),
            ("1e999", 0),
            ("a['b", 2),
        ),
        *(('"\\8"', 0), ('"\\ud800"', 0), ("a.`b`", 2), ("-!a", 1), ("!", 1), ("a = b", 2)),
    ],
)
def test_what_is_no_cel_is_refused_where_it_goes_wrong(text, position):
    with pytest.raises(Unreadable, match=f"at character {position + 1}, found") as refused:
        parse(text)

    assert refused.value.position == position
    with pytest.raises(ValueError, match="Failed to parse"):
        cel.compile(text)


def test_as_many_parentheses_are_read_as_the_engine_reads():
    assert parse("(" * 96 + "true" + ")" * 96) == Literal("bool", True)
    for depth in (97, 400):
        text = "(" * depth + "true" + ")" * depth
        with pytest.raises(Unreadable, match="levels of brackets"):
            parse(text)
        with pytest.raises(ValueError, match="Failed to parse"):
            cel.compile(text)


@pytest.mark.parametrize("text", ["1" + "+1" * 400, "a" + ".b" * 400, "a" + "[0]" * 300])
def test_a_tree_that_is_too_high_to_walk_is_refused(text):
    with pytest.raises(Unreadable, match="levels"):
        parse(text)


def test_a_text_that_is_too_long_is_refused_unread():
    assert parse("a" * LENGTH_MAX) == Name("a" * LENGTH_MAX)
    with pytest.raises(Unreadable, match="at most 1000 characters"):
        parse("a" * (LENGTH_MAX + 1))


def test_a_node_knows_its_part_of_the_text():
    text = ' (a + b) * c < 2 && has(d.e) || f("x")  '

    tree = parse(text)

    parts = [text[node.start : node.end] for node in children(tree)]
    assert text[tree.start : tree.end] == text.strip()
    assert parts == ["(a + b) * c < 2 && has(d.e)", 'f("x")']


def test_where_a_node_stands_does_not_make_it_another():
    assert parse("a+b") == parse(" ( a + b ) ")
    assert parse("1") != parse("true")


def test_height_counts_levels():
    assert height(parse("a")) == 1
    assert height(parse("a.b == 1")) == 3
