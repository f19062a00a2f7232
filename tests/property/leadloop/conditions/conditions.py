"""Conditions of every kind, sound and broken, and values of every kind to judge them on."""

from hypothesis import strategies as st

from leadloop.conditions import Sums, Value, Values

RECORDS = ("lead", "activity", "products")
SUMS = ("fit", "engagement", "total", "predicted")
FIELDS = ("a", "b", "c", "d")
MACROS = ("all", "exists", "exists_one", "existsOne", "filter", "map")
LITERALS = st.sampled_from(
    (
        *(
            "0",
            "1",
            "2",
            "-1",
            "- 1",
            "1u",
            "3u",
            "0x10",
            "07",
            "1.0",
            "0.5",
            "-0.0",
            "1e3",
            ".5",
        ),
        *("9007199254740992", "9007199254740993", "9007199254740992.0", "9223372036854775807"),
        *("-9223372036854775808", "18446744073709551615u", "1.8446744073709552e19"),
        *("true", "false", "null", '""', "'a'", '"abc"', '"ab"', "'1'", '"äö"', '"😀"'),
        *(
            r'"a\"b"',
            r"'\x61\u00e4\101'",
            r"r'a\b'",
            '"""a"b"""',
            "R'''a'b'''",
            "b'a'",
            "[]",
            "{}",
        ),
    )
)
PATTERNS = ('"a"', "'^a.c$'", '"(?i)AB"', "r'\\d'", '"("', "1")

COMPARISONS = st.sampled_from(("==", "!=", "<", "<=", ">", ">="))
TESTS = st.sampled_from(("startsWith", "endsWith", "contains"))
texts = st.sampled_from(('""', "'a'", '"abc"', '"b"', '"ö"', "1", "lead.a", "null"))
spaces = st.sampled_from(("", "", "", " ", "\n", " // so\n"))


def fields(names: tuple[str, ...] = FIELDS) -> st.SearchStrategy[str]:
    """Reads of a record in the ways that there are."""
    return st.builds(
        lambda record, way, name: way.format(record, name),
        st.sampled_from((*RECORDS, "lead", "lead", "activity")),
        st.sampled_from(("{}.{}", "{}.{}", "{}.{}", '{}["{}"]', "{}['{}']", "{} . {}")),
        st.sampled_from(names),
    )


operands = st.recursive(
    st.one_of(
        fields(),
        fields(),
        LITERALS,
        st.sampled_from((*SUMS, *SUMS, "nope", "lead", "x", "int", "lead.a.b")),
    ),
    lambda inner: st.one_of(
        st.builds("size({})".format, inner),
        st.builds("{}.size()".format, fields()),
        st.builds("({} {} {})".format, inner, st.sampled_from("+-*/%"), inner),
        st.builds("-{}".format, inner),
        st.builds("--({})".format, inner),
        st.builds("{}({})".format, st.sampled_from(("int", "string", "double", "f")), inner),
        st.lists(inner, max_size=3).map(lambda items: f"[{', '.join(items)}]"),
        st.builds("{{{}: {}}}".format, inner, inner),
        st.builds("{}[{}]".format, inner, inner),
    ),
    max_leaves=3,
)

plain_lists = st.lists(LITERALS, max_size=4).map(lambda items: f"[{','.join(items)}]")
simple = st.one_of(
    st.builds(
        "{}{}{}{}{}".format,
        operands,
        spaces,
        COMPARISONS,
        spaces,
        operands,
    ),
    st.builds(
        "{} {} {}".format,
        fields(),
        COMPARISONS,
        LITERALS,
    ),
    st.builds("{} in {}".format, fields(), plain_lists),
    st.builds("{} in {}".format, operands, operands),
    fields().map(lambda read: f"has({read})"),
    st.sampled_from(("true", "false", "has(lead.a)", "has(products.a)", "has(lead.a.b)")),
    st.builds(
        "{}.{}({})".format,
        st.one_of(fields(), texts),
        TESTS,
        texts,
    ),
    st.builds("{}.matches({})".format, fields(), st.sampled_from(PATTERNS)),
    st.builds("size({}) {} {}".format, fields(), st.sampled_from(("==", "<", ">=")), LITERALS),
    operands,
)


def _joined(terms: list[str], operators: list[str]) -> str:
    return terms[0] + "".join(
        f" {operator} {term}" for operator, term in zip(operators, terms[1:], strict=False)
    )


def grown(leaves: st.SearchStrategy[str], more: tuple[str, ...]) -> st.SearchStrategy[str]:
    """Conditions made of others, in the ways that CEL has and in these `more`."""
    over = st.one_of(plain_lists, st.sampled_from(("lead", "activity", "lead.a", "{1: 2}")))
    return st.recursive(
        leaves,
        lambda inner: st.one_of(
            st.builds("({})".format, inner),
            st.builds("!({})".format, inner),
            st.builds(
                _joined,
                st.lists(inner, min_size=2, max_size=6),
                st.lists(st.sampled_from(("&&", "||")), min_size=5, max_size=5),
            ),
            st.builds(
                lambda terms, operator: operator.join(f"({term})" for term in terms),
                st.lists(inner, min_size=2, max_size=6),
                st.sampled_from(("&&", "||")),
            ),
            st.builds("({}) ? ({}) : ({})".format, inner, inner, inner),
            *(st.builds(way.format, inner, inner) for way in more),
            *(
                st.builds(
                    f"{{}}.{name}({{}}, {{}})".format,
                    over,
                    st.sampled_from(("x", "x", "lead", "total", "lead.a")),
                    inner,
                )
                for name in MACROS
                if more
            ),
        ),
        max_leaves=6,
    )


# What is compiled to Python whole, so that a fault of ours has nowhere to hide.
ours = grown(
    st.one_of(
        st.builds("{} {} {}".format, fields(), COMPARISONS, LITERALS),
        st.builds("{} {} {}".format, LITERALS, COMPARISONS, fields()),
        st.builds("{} {} {}".format, fields(("a", "b")), COMPARISONS, fields(("a", "b"))),
        st.builds("{} {} {}".format, st.sampled_from(SUMS), COMPARISONS, st.sampled_from(SUMS)),
        st.builds("{} in {}".format, fields(), plain_lists),
        fields().map(lambda read: f"has({read})"),
        st.builds("{}.{}({})".format, fields(), TESTS, texts),
        st.builds("size({}) {} {}".format, fields(), COMPARISONS, LITERALS),
    ),
    (),
)
theirs = grown(simple, ("!!({})", "({}) == ({})"))
conditions = st.one_of(ours, theirs)

values: st.SearchStrategy[Value] = st.one_of(
    st.sampled_from(("", "a", "abc", "ab", "1", "äö", "b", 'a"b', "a\\b")),
    st.sampled_from((0, 1, 2, 3, -1, 16, 2**53, 2**53 + 1, 2**63 - 1, -(2**63))),
    st.sampled_from((0, 1, 2**63, 2**64 - 1, 2**64, -(2**63) - 1, 10**30, True, False)),
    st.sampled_from((0.0, -0.0, 1.0, 0.5, 2.0**53, 2.0**63, 2.0**64, 1e300)),
    st.sampled_from((float("nan"), float("inf"), float("-inf"))),
    st.text(max_size=5).filter(lambda text: text.isprintable()),
    st.integers(),
    st.floats(),
)
records: st.SearchStrategy[Values] = st.one_of(
    st.dictionaries(st.sampled_from(FIELDS), values),
    st.fixed_dictionaries(dict.fromkeys(FIELDS, values)),
)
points = st.one_of(st.integers(-3, 3), st.integers(-100, 100), values)
sums: st.SearchStrategy[Sums] = st.builds(
    lambda given, products: {**given, **products},
    st.dictionaries(st.sampled_from(SUMS), points),
    st.one_of(st.just({}), st.fixed_dictionaries({"products": records})),
)

# Tokens in any order: hardly ever a condition, but now and then.
scraps = st.lists(
    st.one_of(
        st.sampled_from(("lead", ".", "a", "(", ")", "[", "]", "{", "}", ",", ":", "?", "!")),
        st.sampled_from(("1", ".5", "2u", "'a'", "true", "has", "all", "x", "in", "as", "-")),
        st.sampled_from(("==", "<", "+", "*", " ", "\n", "// c\n", "r'\\'", "b'a'", '"', "&&")),
        st.sampled_from(('"""', "`", "||", "'", "\\", "ä")),
        LITERALS,
    ),
    max_size=8,
).map("".join)
