"""Raw columns of leads as numbers; with Python alone, so that one lead needs no numpy."""

import math
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

Field = str | int | float | None

# Bounds on what a model sees of one column, however many different values there are.
LEVELS_MAX: Final = 60
LEADS_PER_LEVEL_MIN: Final = 20
COLUMNS_MAX: Final = 200

_KINDS: Final = (int, float, str, type(None))
_DATE = re.compile(r"\d{1,4}[-/.]\d{1,2}[-/.]\d{1,4}([T ].*)?")


@dataclass(frozen=True, slots=True)
class Column:
    """How one column becomes a number.

    Attributes:
        levels: The texts known by name, most frequent first; None for a column of numbers.
        has_others: Whether rarer texts were met, which share one number; so do unknown ones.
    """

    name: str
    levels: tuple[str, ...] | None
    has_others: bool = False

    @property
    def is_text(self) -> bool:
        """Say whether the numbers are names."""
        return self.levels is not None

    def reader(self) -> "Reader":
        """Return what turns values of this column to numbers."""
        return Reader(self)


class Reader:
    """Turns values of one column to numbers; what is missing or unreadable is not a number."""

    __slots__ = ("_codes", "_other")

    def __init__(self, column: Column) -> None:
        """Number the levels in their order."""
        levels = column.levels
        self._other = float(len(levels)) if levels and column.has_others else math.nan
        self._codes: dict[Field, float] | None = None
        if levels is not None:
            self._codes = {level: float(number) for number, level in enumerate(levels)}
            self._codes |= {None: math.nan, "": math.nan}

    def read(self, value: Field) -> float:
        """Return the number that a value stands for."""
        if self._codes is None:
            return number(value)
        if value is None or type(value) is str:
            return self._codes.get(value, self._other)
        return math.nan if is_missing(value) else self._codes.get(str(value), self._other)


def read_columns(fields: Mapping[str, Sequence[Field]]) -> tuple[Column, ...]:
    """Decide how each column is read, from the leads that are learned from."""
    return tuple(_column(name, values) for name, values in fields.items())


def is_numeric(values: Sequence[Field]) -> bool:
    """Say whether a column holds numbers alone, at least one."""
    kinds = set(map(type, values))
    # Most columns are told by their types alone.
    has_texts = any(issubclass(kind, str) for kind in kinds)
    if has_texts and any(isinstance(value, str) and value for value in values):
        return False
    plain = all(issubclass(kind, _KINDS) for kind in kinds)
    return plain and any(not is_missing(value) for value in values)


def is_date(values: Sequence[Field]) -> bool:
    """Say whether a column of texts holds dates, all but a tenth of it."""
    texts = [value for value in values if isinstance(value, str) and value]
    dates = sum(_DATE.fullmatch(text) is not None for text in texts)
    return bool(texts) and dates >= 0.9 * len(texts)


def is_missing(value: Field) -> bool:
    """Say whether there is no value: none, an empty text, not a number."""
    return value is None or value == "" or (isinstance(value, float) and math.isnan(value))


def number(value: Field) -> float:
    """Return a finite number, else not a number."""
    if isinstance(value, str) or value is None:
        return math.nan
    try:
        read = float(value)
    except OverflowError:
        return math.nan
    return read if math.isfinite(read) else math.nan


def _column(name: str, values: Sequence[Field]) -> Column:
    """Decide how a column is read."""
    if is_numeric(values):
        return Column(name, None)
    counts = Counter(str(value) for value in values if not is_missing(value))
    # Equally frequent ones by name, so that the order of leads does not matter.
    ordered = sorted(counts.items(), key=lambda counted: (-counted[1], counted[0]))
    known = [text for text, count in ordered[:LEVELS_MAX] if count >= LEADS_PER_LEVEL_MIN]
    return Column(name, tuple(known), has_others=len(known) < len(counts))
