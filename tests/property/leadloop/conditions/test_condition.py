"""A condition compiled means what the engine says it means, whatever it is judged on."""

import operator

import cel
import pytest
from hypothesis import HealthCheck, Phase, assume, find, given, settings
from hypothesis import strategies as st

from leadloop.conditions import Condition, Sums, Values, Verdict, compiled, meaning
from leadloop.conditions.parser import parse
from leadloop.conditions.tokens import Unreadable
from tests.property.leadloop.conditions.conditions import (
    SUMS,
    conditions,
    records,
    scraps,
    sums,
)

Case = tuple[str, Values, Values, Sums]

FAULTS = (
    (LookupError, Verdict.FAILS),
    (TypeError, Verdict.WRONG_TYPE),
    (ZeroDivisionError, Verdict.DIVIDES_BY_ZERO),
    (OverflowError, Verdict.TOO_LARGE),
    ((RuntimeError, ValueError), Verdict.UNKNOWN),
)


def by_the_engine(text: str, lead: Values, activity: Values, sums: Sums) -> Verdict:
    """Run the text with the engine alone, nothing remembered and nothing left out."""
    known = {name: sums[name] for name in SUMS if name in sums}
    records = {"lead": lead, "activity": activity, "products": sums.get("products", {})}
    try:
        program = cel.compile(text)
    except ValueError:
        return Verdict.BROKEN
    try:
        result = program.execute({**records, **known})
    except Exception as error:
        return next(verdict for kind, verdict in FAULTS if isinstance(error, kind))
    if isinstance(result, bool):
        return Verdict.HOLDS if result else Verdict.FAILS
    return Verdict.NOT_BOOLEAN


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(conditions, records, records, sums)
def test_a_condition_gives_the_verdict_of_the_engine(text, lead, activity, sums):
    condition = Condition(text)
    assume(condition.fault is not Verdict.TOO_COSTLY)

    expected = by_the_engine(text, lead, activity, sums)

    assert condition.judge(lead, activity, sums) is expected
    # The second time, what the engine said is remembered: of these values, not of others.
    assert condition.judge(lead, activity, sums) is expected
    for other in (activity, {**lead, **activity}, {}):
        expected = by_the_engine(text, other, activity, sums)
        assert condition.judge(other, activity, sums) is expected


@settings(max_examples=200, deadline=None)
@given(conditions, records, records, sums)
def test_nothing_but_what_is_said_to_be_read_changes_the_verdict(text, lead, activity, sums):
    condition = Condition(text)
    fields = condition.lead_fields
    assume(fields is not None)

    read = {name: value for name, value in lead.items() if name in (fields or ())}

    assert condition.judge(read, activity, sums) is condition.judge(lead, activity, sums)


@settings(max_examples=500, deadline=None)
@given(st.one_of(conditions, scraps))
def test_our_parser_takes_what_the_engine_takes_and_nothing_else(text):
    try:
        parse(text)
        ours = True
    except Unreadable:
        ours = False

    try:
        cel.compile(text)
        theirs = True
    except ValueError:
        theirs = False
    assert ours == theirs


def differs(case: Case) -> bool:
    return Condition(case[0]).judge(*case[1:]) is not by_the_engine(*case)


def planted(monkeypatch: pytest.MonkeyPatch, fault: str) -> None:
    """Put one fault of meaning into the compiler."""
    if fault == "true is one":
        monkeypatch.setattr(compiled, "_no_bool", lambda _values: "")
    elif fault == "NaN is before everything":
        monkeypatch.setitem(meaning.COMPARED, "<", operator.lt)
    elif fault == "a test of texts is turned round":
        monkeypatch.setitem(compiled._TESTS, "contains", "{v} in {c}")
    elif fault == "a missing sum is a missing field":
        monkeypatch.setattr(compiled, "_absent", lambda _read: "FAILS")
    else:
        monkeypatch.setitem(compiled._FLIPPED, "<", "<")


short = st.sampled_from(
    (
        *("lead.a == 1", "lead.a < lead.b", 'lead.a.contains("a")', "total > 1", "1 < lead.a"),
        *('lead.a != "a"', "has(lead.a)", "lead.a <= 0.5", "fit >= total", "lead.a in [0, 1]"),
    )
)

odd = st.fixed_dictionaries(
    dict.fromkeys("ab", st.sampled_from((True, 0, 1, 0.5, float("nan"), "a", "abc")))
)


@pytest.mark.parametrize(
    "fault",
    [
        "true is one",
        "NaN is before everything",
        "a test of texts is turned round",
        "a missing sum is a missing field",
        "an operand is turned round",
    ],
)
def test_a_planted_fault_is_found(monkeypatch, fault):
    planted(monkeypatch, fault)
    thorough = settings(
        max_examples=5_000, deadline=None, database=None, phases=[Phase.generate]
    )

    assert find(st.tuples(short, odd, odd, sums), differs, settings=thorough)
