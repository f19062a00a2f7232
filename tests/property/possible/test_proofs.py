"""What is said to be impossible never happens: proofs held to conditions as judged."""

from math import isnan

from hypothesis import example, given, settings
from hypothesis import strategies as st

from leadloop.conditions import Condition, Verdict
from leadloop.conditions.parser import parse
from leadloop.possible import Possible, Read, World, holds_never, implies, is_sure, worlds
from leadloop.possible.ranges import Numbers, Range, between
from leadloop.possible.texts import listed
from leadloop.possible.value import ANYTHING, MISSING, a_number, a_text

TEXTS = ("", "a", "b", "ab", "ba", "abc", "Ä", "10")
NUMBERS = (-1, 0, 1, 2, 3, 2.0, 2.5, float("nan"), float("inf"), 2**53, 2**53 + 1)
FIELDS = ("lead.x", "lead.y", "activity.x", 'lead["x"]')
SUMS = ("fit", "engagement", "total")

fields = st.sampled_from(FIELDS)
texts = st.sampled_from([f'"{text}"' for text in TEXTS])
numbers = st.sampled_from(["-1", "0", "1", "2", "3", "2u", "2.0", "2.5", "9007199254740992"])
literals = texts | numbers | st.sampled_from(["true", "null", 'b"a"'])
orders = st.sampled_from(["<", "<=", ">", ">=", "==", "!="])
sums = st.recursive(
    st.sampled_from((*SUMS, "0", "1", "3")),
    lambda inner: st.builds(
        "({} {} {})".format, inner, st.sampled_from(["+", "-", "*"]), inner
    ),
    max_leaves=4,
)
atoms = st.one_of(
    st.builds("{} {} {}".format, fields, orders, literals),
    st.builds("{} {} {}".format, literals, orders, fields),
    st.builds("{} {} {}".format, fields, orders, fields),
    st.builds("{} {} {}".format, literals, orders, literals),
    st.builds("{} {} {}".format, sums, orders, sums),
    st.builds("{} {} {}".format, st.sampled_from(SUMS), orders, numbers),
    st.builds("size({}) {} {}".format, fields, orders, numbers),
    st.builds(
        "{}.{}({})".format,
        fields,
        st.sampled_from(["startsWith", "endsWith", "contains", "matches"]),
        texts,
    ),
    st.builds('{}.matches("{}")'.format, fields, st.sampled_from(["(", "^a", "b$", "(?i)B"])),
    st.builds(
        lambda field, items: f"{field} in [{', '.join(items)}]",
        fields,
        st.lists(literals | fields, max_size=4),
    ),
    st.sampled_from(
        [
            *("has(lead.x)", "has(lead.y)", "true", "false", "lead.x", "lead.x + 1", "1"),
            *("lead.x.y == 1", "lead.x / 0 == 1", "lead.x in lead.y", "size(lead) > 1"),
            *("[1, 2].exists(x, x == lead.x)", "int(lead.x) == 2"),
        ]
    ),
)
conditions = st.recursive(
    atoms,
    lambda inner: st.one_of(
        st.builds("!({})".format, inner),
        st.builds("({}) && ({})".format, inner, inner),
        st.builds("({}) || ({})".format, inner, inner),
        st.builds("({}) && ({}) && ({})".format, inner, inner, inner),
        st.builds("({}) ? ({}) : ({})".format, inner, inner, inner),
    ),
    max_leaves=8,
).filter(lambda text: len(text) < 900)
records = st.fixed_dictionaries(
    {}, optional={name: st.sampled_from(TEXTS + NUMBERS) for name in ("x", "y")}
)
scores = st.tuples(st.integers(-3, 5), st.integers(0, 4)).map(
    lambda two: {"fit": two[0], "engagement": two[1], "total": sum(two)}
)


def domain(read: Read) -> Possible:
    """Fit is from -3 to 5, engagement has no upper end; of all else nothing is known."""
    if read.record:
        return ANYTHING
    ranges = {"fit": (-3, 5), "engagement": (0, float("inf")), "total": (-3, float("inf"))}
    return a_number(between(*ranges[read.name])) if read.name in ranges else MISSING


def being(value: str | float | None) -> Possible:
    """Return the set of this one value."""
    if value is None:
        return MISSING
    if isinstance(value, str):
        return a_text(listed(value))
    if isnan(value):
        return a_number(Numbers((), nan=True))
    return a_number(Numbers((Range(value, value),)))


def is_in(values: dict, world: World) -> bool:
    return all(
        not possible.both(being(values[read.record].get(read.name))).is_empty
        for read, possible in world.values.items()
    )


def judged(text: str, values: dict) -> Verdict:
    return Condition(text).judge(values["lead"], values["activity"], values[""])


given_values = st.fixed_dictionaries({"lead": records, "activity": records, "": scores})
many = settings(max_examples=100, deadline=None)


@given(conditions, st.lists(given_values, min_size=1, max_size=12))
@many
@example('!(lead.x != "a")', [{"lead": {"x": "a"}, "activity": {}, "": {"fit": 0}}])
def test_whenever_a_condition_holds_there_is_a_world_for_the_values(text, cases):
    tree = parse(text)
    found = worlds(tree, domain)

    for values in cases:
        if judged(text, values) is Verdict.HOLDS:
            assert any(is_in(values, world) for world in found)
            assert not holds_never(tree, domain)


@given(conditions, given_values)
@many
def test_whenever_a_condition_is_false_there_is_a_world_for_the_values(text, values):
    if judged(f"!({text})", values) is Verdict.HOLDS:
        found = worlds(parse(text), domain, wanted=False)
        assert any(is_in(values, world) for world in found)


@given(conditions, conditions, st.lists(given_values, min_size=1, max_size=12))
@many
@example("fit > 2", "total > 1", [{"lead": {}, "activity": {}, "": {"fit": 3, "total": 3}}])
def test_what_is_implied_holds_too(one, two, cases):
    either = f"({one}) || ({two})"
    pairs = [(one, two), (one, either), (f"({one}) && ({two})", two), (two, one)]
    for premise, conclusion in pairs:
        if implies(parse(premise), parse(conclusion), domain):
            for values in cases:
                if judged(premise, values) is Verdict.HOLDS:
                    assert judged(conclusion, values) is Verdict.HOLDS


@given(conditions, given_values)
@many
def test_what_is_sure_is_true_or_false_and_no_fault(text, values):
    world = World(
        {
            Read(record, name): being(values[record].get(name))
            for record in ("lead", "activity")
            for name in ("x", "y")
        }
    )

    if is_sure(parse(text), world, domain):
        verdicts = {judged(text, values), judged(f"!({text})", values)}
        assert verdicts == {Verdict.HOLDS, Verdict.FAILS}
