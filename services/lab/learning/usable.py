"""Which raw columns may be learned from, and why the others may not.

An export often holds columns that were filled in after the outcome (a stage, a closing reason)
or that count leads (a number, a date). Learned from, they shine on the past and are worthless
on the next lead.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from services.lab.learning.floats import numbers_of
from services.lab.learning.history import Floats, History
from services.lab.learning.measure import auc
from services.scoring.models.columns import (
    COLUMNS_MAX,
    Column,
    Field,
    is_date,
    read_columns,
)

# What is known of a lead before sales meet it seldom parts outcomes so well.
AUC_TOO_GOOD: Final = 0.9
# A number that runs with time this closely (rank correlation) numbers leads or dates them.
RUNS_WITH_TIME: Final = 0.95
NUMBER_BINS: Final = 20
# A guess at the rate of a value weighs as much as this many leads.
PRIOR_LEADS: Final = 5.0


@dataclass(frozen=True, slots=True)
class SetAside:
    """A column that is not learned from."""

    column: str
    why: str


def usable_columns(history: History) -> tuple[tuple[str, ...], tuple[SetAside, ...]]:
    """Return the columns to learn from, and those set aside with the reason."""
    usable: list[str] = []
    aside: list[SetAside] = []
    for name, values in history.fields.items():
        why = _why_not(history, values)
        if not why and len(usable) >= COLUMNS_MAX:
            why = f"more than {COLUMNS_MAX} columns; only the first ones are learned from"
        if why:
            aside.append(SetAside(name, why))
        else:
            usable.append(name)
    return tuple(usable), tuple(aside)


def _why_not(history: History, values: Sequence[Field]) -> str:
    """Return why a column must not be learned from, empty when it may."""
    if is_date(values):
        return "holds dates, which say nothing of leads to come"
    (column,) = read_columns({"": values})
    codes = numbers_of(column, values)
    if len(codes) == 0 or _is_constant(codes):
        return "says the same of every lead" if column.levels != () else _all_rare(values)
    if not column.is_text and _runs_with_time(codes, history):
        return "runs with time, like a number or a date of the lead"
    told = _told(codes, column, history)
    if told > AUC_TOO_GOOD:
        return (
            f"tells the outcome almost alone (AUC {told:.2f}), "
            "so it was probably filled in when the outcome was known"
        )
    return ""


def _all_rare(values: Sequence[Field]) -> str:
    """Say why no value of a text column is known by name."""
    different = len({value for value in values if value not in {None, ""}})
    if different == 0:
        return "is empty"
    return f"holds {different:,} different values, each too rare to learn from"


def _is_constant(codes: Floats) -> bool:
    """Say whether there is one value only, a missing one being a value."""
    return len(np.unique(codes, equal_nan=True)) < 2


def _runs_with_time(codes: Floats, history: History) -> bool:
    """Say whether a number rises or falls with time."""
    there = ~np.isnan(codes)
    if there.sum() < 3:
        return False
    ranks = _ranks(codes[there])
    times = _ranks(history.at[there].astype("datetime64[s]").astype(np.float64))
    if ranks.std() == 0 or times.std() == 0:
        return False
    return abs(float(np.corrcoef(ranks, times)[0, 1])) > RUNS_WITH_TIME


def _ranks(values: Floats) -> Floats:
    """Return ranks; equal values share one."""
    return np.unique(values, return_inverse=True)[1].astype(np.float64)


def _told(codes: Floats, column: Column, history: History) -> float:
    """Return the AUC of the rates of a column's values, learned on every other lead."""
    levels = _levels(codes, column)
    learned = np.arange(len(codes)) % 2 == 0
    hits = np.bincount(
        levels[learned], weights=history.won[learned], minlength=levels.max() + 1
    )
    seen = np.bincount(levels[learned], minlength=levels.max() + 1)
    rate = history.won[learned].mean()
    rates = (hits + PRIOR_LEADS * rate) / (seen + PRIOR_LEADS)
    told = auc(rates[levels[~learned]], history.won[~learned])
    return 0.5 if np.isnan(told) else told


def _levels(codes: Floats, column: Column) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """Return values as small whole numbers, numbers cut into bins and 0 for missing ones."""
    there = ~np.isnan(codes)
    levels = np.zeros(len(codes), dtype=np.int64)
    if column.is_text:
        levels[there] = codes[there].astype(np.int64) + 1
        return levels
    edges = np.unique(np.quantile(codes[there], np.linspace(0, 1, NUMBER_BINS + 1)[1:-1]))
    levels[there] = np.searchsorted(edges, codes[there], side="left") + 1
    return levels
