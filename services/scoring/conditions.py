"""Conditions in CEL over plain values: judged fast, and never able to raise.

A condition reads few fields, and the same values come again and again, so its verdicts are
remembered by the values that it reads: handing a dict to CEL costs some 4 us a field, looking
up a verdict a tenth of that. A regular expression, compiled at each call, gains the most.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from enum import Enum
from functools import lru_cache
from typing import Any

import cel

Value = str | int | float
Values = Mapping[str, Value]

NOTHING: Values = {}

# Verdicts remembered per condition; the least used go first.
REMEMBERED_MAX = 4_096
# Longer texts are judged each time: they seldom come again and would fill the memory.
REMEMBERED_LENGTH_MAX = 200

RECORDS = ("lead", "activity")
SUMS = ("fit", "engagement", "total")

_TOKEN = re.compile(
    r"""(?P<raw>[bB]?[rR][bB]?(?:"[^"\n]*"|'[^'\n]*'))
      |(?P<text>[bB]?(?:"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'))
      |(?P<comment>//[^\n]*)
      |(?P<name>[A-Za-z_]\w*)
      |(?P<mark>\S)""",
    re.VERBOSE,
)
_PLAIN_TEXT = re.compile(r"""["'][^"'\\]*["']""")
_TRIPLE_QUOTED = re.compile(r"\"{3}|'{3}")


class Verdict(Enum):
    """What judging a condition came to; all but the first two are faults of its wording."""

    HOLDS = "holds"
    FAILS = "fails"
    BROKEN = "does not compile"
    NOT_BOOLEAN = "gives no boolean"
    WRONG_TYPE = "compares or computes with values of the wrong type"
    DIVIDES_BY_ZERO = "divides by zero"
    TOO_LARGE = "computes a number that is too large"
    UNKNOWN = "uses an unknown name, or a function on a value that it can't take"

    @property
    def is_fault(self) -> bool:
        """Say whether the condition could not be judged."""
        return self is not Verdict.HOLDS and self is not Verdict.FAILS


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


class Condition:
    """One condition of the agreement.

    A field that is missing makes the condition fail, without a fault: what nobody knows is not
    so. `has(lead.x)` asks whether it is there; `||` passes over a missing left side when the
    right side holds. A condition that can't be judged counts as failed and says why.

    Attributes:
        text: The condition in CEL.
        lead_fields: The fields of the lead that it reads; None when that can't be told.
    """

    __slots__ = ("_activity_fields", "_program", "_remembered", "_sums", "lead_fields", "text")

    def __init__(self, text: str) -> None:
        """Compile `text`; a text that does not compile is kept and never holds."""
        self.text = text
        self._program = _compiled(text)
        reads = _reads(text, self._program)
        self.lead_fields = reads["lead"] if reads else None
        self._activity_fields = reads["activity"] if reads else ()
        self._sums = reads["sums"] if reads else ()
        self._remembered = lru_cache(maxsize=REMEMBERED_MAX, typed=True)(self._judge_values)

    @property
    def compiles(self) -> bool:
        """Say whether the text is CEL."""
        return self._program is not None

    def judge(
        self, lead: Values, activity: Values = NOTHING, sums: Mapping[str, Any] = NOTHING
    ) -> Verdict:
        """Say whether the condition holds for these values."""
        if self.lead_fields is None:
            return self._run({"lead": dict(lead), "activity": dict(activity), **sums})
        values = (
            *map(lead.get, self.lead_fields),
            *map(activity.get, self._activity_fields),
            *map(sums.get, self._sums),
        )
        for value in values:
            if type(value) is str and len(value) > REMEMBERED_LENGTH_MAX:
                return self._judge_values(*values)
        return self._remembered(*values)

    def _judge_values(self, *values: Value | None) -> Verdict:
        """Judge by the values of the fields read: the lead's, the activity's, the sums."""
        rest = iter(values)
        lead = _present(self.lead_fields or (), rest)
        activity = _present(self._activity_fields, rest)
        return self._run({"lead": lead, "activity": activity, **_present(self._sums, rest)})

    def _run(self, variables: dict[str, object]) -> Verdict:
        """Execute the program; every way in which it can fail is a verdict."""
        if self._program is None:
            return Verdict.BROKEN
        try:
            result = self._program.execute(variables)
        except _FAILURES as error:
            return next(v for kind, v in _VERDICT_OF.items() if isinstance(error, kind))
        if result is True:
            return Verdict.HOLDS
        return Verdict.FAILS if result is False else Verdict.NOT_BOOLEAN


def _compiled(text: str) -> cel.Program | None:
    """Return the program, None when the text is no CEL."""
    try:
        return cel.compile(text)
    except (ValueError, RuntimeError):
        return None


def _present(names: Sequence[str], values: Iterator[Value | None]) -> dict[str, Value]:
    """Pair the names with the next values, leaving out those that are missing."""
    return {
        name: value for name, value in zip(names, values, strict=False) if value is not None
    }


def _reads(text: str, program: cel.Program | None) -> dict[str, tuple[str, ...]] | None:
    """Return the fields read of each record and the sums read; None when it can't be told.

    Too many fields do no harm. Too few would: so a record used in any other way than by a plain
    field (`size(lead)`, `lead[name]`), or that CEL sees and this reader does not, gives None.
    So do triple quotes, which this reader does not know.
    """
    if _TRIPLE_QUOTED.search(text):
        return None
    reads: dict[str, set[str]] = {name: set() for name in (*RECORDS, "sums")}
    tokens = _tokens(text)
    for index, token in enumerate(tokens):
        if index and tokens[index - 1] == ".":
            continue
        if token in SUMS:
            reads["sums"].add(token)
        elif token in RECORDS:
            field = _field_after(tokens, index)
            if not field:
                return None
            reads[token].add(field)
    if program is not None and not _names(reads) >= set(program.variables()) & {
        *RECORDS,
        *SUMS,
    }:
        return None
    return {name: tuple(sorted(fields)) for name, fields in reads.items()}


def _names(reads: Mapping[str, set[str]]) -> set[str]:
    """Return the names of the variables that these reads begin with."""
    return {name for name in RECORDS if reads[name]} | reads["sums"]


def _tokens(text: str) -> list[str]:
    """Split CEL into tokens, without comments."""
    return [found[0] for found in _TOKEN.finditer(text) if not found["comment"]]


def _field_after(tokens: Sequence[str], index: int) -> str:
    """Return the field read of the record at `index`, empty when it is used in another way."""
    mark, name, after = (*tokens[index + 1 : index + 4], "", "", "")[:3]
    if mark == "." and name.isidentifier() and after != "(":
        return name
    if mark == "[" and after == "]" and _PLAIN_TEXT.fullmatch(name):
        return name[1:-1]
    return ""
