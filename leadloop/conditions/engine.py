"""CEL as the package `cel` runs it: the reference for what a condition means."""

from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import NamedTuple

import cel

from leadloop.conditions.reads import Read, Reads
from leadloop.conditions.verdict import (
    ACTIVITY,
    LEAD,
    NOTHING,
    PRODUCTS,
    RECORDS,
    SUMS,
    Sums,
    Value,
    Values,
    Verdict,
)

# What a boolean part of a condition comes to: true, false, or the verdict that ends it all. One
# that reads a missing field is such an end too, FAILS, though `||` and `&&` may pass over it.
Outcome = bool | Verdict
# Judges a lead, an activity and the sums.
Part = Callable[[Values, Values, Sums], Outcome]

# Verdicts remembered per part; the least used go first.
REMEMBERED_MAX = 4_096
# Longer texts are judged each time: they seldom come again and would fill the memory.
REMEMBERED_LENGTH_MAX = 200

# What CEL raises, the narrower first; a missing field is a LookupError.
_VERDICT_OF: Mapping[type[Exception], Verdict] = {
    LookupError: Verdict.FAILS,
    TypeError: Verdict.WRONG_TYPE,
    ZeroDivisionError: Verdict.DIVIDES_BY_ZERO,
    OverflowError: Verdict.TOO_LARGE,
    RuntimeError: Verdict.UNKNOWN,
    ValueError: Verdict.UNKNOWN,
}
_FAILURES = tuple(_VERDICT_OF)


def program_of(text: str) -> cel.Program | None:
    """Return the program, None when the text is no CEL."""
    try:
        return cel.compile(text)
    except (ValueError, RuntimeError):
        return None


def run(program: cel.Program, variables: dict[str, object]) -> Outcome:
    """Execute a program; every way in which it can fail is an outcome."""
    try:
        result = program.execute(variables)
    except _FAILURES as error:
        return next(v for kind, v in _VERDICT_OF.items() if isinstance(error, kind))
    return result if isinstance(result, bool) else Verdict.NOT_BOOLEAN


def variables_of(lead: Values, activity: Values, sums: Sums) -> dict[str, object]:
    """Return what CEL sees: every record, empty when it was not handed over, and the sums."""
    return {
        LEAD: _given(lead),
        ACTIVITY: _given(activity),
        PRODUCTS: _given(products_of(sums)),
        **{name: sums[name] for name in SUMS if sums.get(name) is not None},
    }


def _given(values: Values) -> dict[str, Value]:
    """Return the values that are there: None stands for one that is missing."""
    given: Mapping[str, Value | None] = values
    return {name: value for name, value in given.items() if value is not None}


def products_of(sums: Sums) -> Values:
    """Return the record of the products' scores, empty when there is none."""
    products = sums.get(PRODUCTS)
    return products if isinstance(products, Mapping) else NOTHING


def whole_part(program: cel.Program) -> Part:
    """Return a part that hands over everything each time: nobody knows what it reads."""

    def part(lead: Values, activity: Values, sums: Sums) -> Outcome:
        return run(program, variables_of(lead, activity, sums))

    return part


class ByValues(NamedTuple):
    """Two ways to judge by the values of `Reads.each()`: by what is remembered, and anew."""

    remembered: Callable[..., Outcome]
    anew: Callable[..., Outcome]


def by_values(program: cel.Program, reads: Reads) -> ByValues:
    """Return what judges by nothing but the values read.

    The same values come again and again, and handing them to CEL takes ten times as long as
    looking up what came of them; a regular expression, compiled at each run, gains the most.
    """
    each = reads.each()

    def judged(*values: Value | None) -> Outcome:
        return run(program, _variables(each, values))

    return ByValues(lru_cache(maxsize=REMEMBERED_MAX, typed=True)(judged), judged)


def _variables(each: tuple[Read, ...], values: tuple[Value | None, ...]) -> dict[str, object]:
    """Return what CEL sees when nothing but these values is handed over."""
    records: dict[str, dict[str, object]] = {name: {} for name in (*RECORDS, "")}
    for read, value in zip(each, values, strict=True):
        if value is not None:
            records[read.record][read.name] = value
    return {**records.pop(""), **records}
