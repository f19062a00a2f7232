"""Rules that an agreement does not have yet: conditions on the raw columns of leads.

They are found without a look at outcomes, by how many leads they hold for. Which of them earn
points is for the model to say.
"""

import json
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Final

import numpy as np

from services.lab.learning.enough import LEADS_PER_RULE_MIN
from services.lab.learning.floats import numbers
from services.lab.learning.history import Flags, History
from services.scoring.models.columns import Field, is_missing, is_numeric

PER_COLUMN_MAX: Final = 40
CANDIDATES_MAX: Final = 200
# Where numbers are cut: so many leads lie below.
CUTS: Final = (0.25, 0.5, 0.75)

# Beyond this a float does not hold every whole number.
WHOLE_MAX: Final = 2**53

# Fields that every lead has for conditions, as empty texts where nothing is known.
_ALWAYS_THERE: Final = frozenset(
    ("email", "email_domain", "first_name", "last_name", "phone", "company", "job_title")
) | {"country"}

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
# What CEL keeps for itself; such a column is read by its text.
_RESERVED: Final = frozenset(
    re.findall(
        r"\w+",
        "as break const continue else false for function if import in let loop namespace null "
        "package return true var void while",
    )
)


class Asks(Enum):
    """What a proposed rule asks of a column."""

    IS = "is"
    AT_LEAST = "at least"
    MISSING = "missing"


@dataclass(frozen=True, slots=True)
class Candidate:
    """A rule that could be added to the agreement."""

    column: str
    asks: Asks
    value: str | int | float = ""

    @property
    def name(self) -> str:
        """Name the rule for people."""
        if self.asks is Asks.MISSING:
            return f"{self.column} missing"
        return f"{self.column} {self.asks.value} {self.value}"

    @property
    def condition(self) -> str:
        """Return the rule's condition in CEL."""
        if self.asks is Asks.MISSING:
            return _missing(self.column)
        sign = "==" if self.asks is Asks.IS else ">="
        return f"{_field(self.column)} {sign} {_literal(self.value)}"

    def holds(self, values: Sequence[Field]) -> Flags:
        """Say for which leads it holds, as the condition would."""
        if self.asks is Asks.MISSING:
            return np.array([is_missing(value) for value in values], dtype=np.bool_)
        if self.asks is Asks.IS:
            return np.array([value == self.value for value in values], dtype=np.bool_)
        return numbers(values) >= float(self.value)


def candidates(history: History, columns: Sequence[str]) -> tuple[Candidate, ...]:
    """Return the rules that could be made of these columns.

    Each holds for at least thirty leads and not for as many, and none says the same as a rule
    that the agreement has, or its opposite, or another candidate.
    """
    known = {_shape(history.strengths[:, place] > 0) for place in range(len(history.rules))}
    found: list[Candidate] = []
    for column in columns:
        for candidate in _of_column(column, history.fields[column]):
            held = candidate.holds(history.fields[column])
            shape = _shape(held)
            if _is_enough(held) and shape not in known and len(found) < CANDIDATES_MAX:
                known.add(shape)
                found.append(candidate)
    return tuple(found)


def _of_column(column: str, values: Sequence[Field]) -> list[Candidate]:
    """Return the tests that a column allows, those of most leads first."""
    missing = Candidate(column, Asks.MISSING)
    if is_numeric(values):
        return [*_cuts(column, values), missing]
    counts = Counter(value for value in values if isinstance(value, str) and value)
    ordered = sorted(counts.items(), key=lambda counted: (-counted[1], counted[0]))
    texts = [Candidate(column, Asks.IS, text) for text, _ in ordered[:PER_COLUMN_MAX]]
    return [*texts, missing]


def _cuts(column: str, values: Sequence[Field]) -> list[Candidate]:
    """Return tests that cut a column of numbers, at values that people can read."""
    read = numbers(values)
    there = read[~np.isnan(read)]
    if not there.size:
        return []
    cuts = dict.fromkeys(np.quantile(there, CUTS, method="higher").tolist())
    return [Candidate(column, Asks.AT_LEAST, _short(cut)) for cut in cuts]


def _short(value: float) -> int | float:
    """Return a number near this one with four digits that count, whole ones without a point."""
    short = float(f"{value:.4g}")
    return int(short) if short.is_integer() and abs(short) < WHOLE_MAX else short


def _is_enough(held: Flags) -> bool:
    """Say whether there are leads enough with and without it."""
    with_it = int(held.sum())
    return min(with_it, len(held) - with_it) >= LEADS_PER_RULE_MIN


def _shape(held: Flags) -> bytes:
    """Return the same for a rule and for its opposite."""
    same_first = held if held.size and held[0] else ~held
    return np.packbits(same_first).tobytes()


def _field(column: str) -> str:
    """Write how CEL reads a column."""
    return f"lead.{column}" if _is_plain(column) else f"lead[{_literal(column)}]"


def _missing(column: str) -> str:
    """Write how CEL asks whether a column is missing."""
    if column in _ALWAYS_THERE:
        return f'lead.{column} == ""'
    if _is_plain(column):
        return f"!has(lead.{column})"
    return f"!({_literal(column)} in lead)"


def _is_plain(column: str) -> bool:
    """Say whether a column's name is a name in CEL."""
    return _NAME.fullmatch(column) is not None and column not in _RESERVED


def _literal(value: str | float) -> str:
    """Write a value in CEL; its texts escape as JSON's do."""
    return json.dumps(value, ensure_ascii=False)
