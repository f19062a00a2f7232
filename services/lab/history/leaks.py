"""Columns that were filled in when the outcome was known: a rule on them proves nothing."""

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

# Fewer leads of the rarer outcome, or with a value, say too little.
LEADS_MIN: Final = 20
# What a column must take of the mistakes made without it, to tell the outcome by itself.
TOLD_SHARE: Final = 0.9
# A column is filled for one outcome alone if so many of its leads have it.
PURE_SHARE: Final = 0.98
# Values of a column that are looked at one by one; the rest count as one.
VALUES_MAX: Final = 50


class Leak(NamedTuple):
    """A column that tells the outcome, and how."""

    column: str
    why: str


def leaks(
    names: Sequence[str],
    rows: Sequence[Sequence[str]],
    outcomes: Sequence[bool | None],
    passed_over: frozenset[int],
) -> list[Leak]:
    """Return the columns that nobody can have known before the outcome.

    Args:
        names: Of the columns.
        rows: A sample of the leads.
        outcomes: Of the same leads; open ones are passed over.
        passed_over: The places of the outcome, the time and the id.
    """
    judged = [(row, won) for row, won in zip(rows, outcomes, strict=True) if won is not None]
    won = sum(outcome for _, outcome in judged)
    if min(won, len(judged) - won) < LEADS_MIN:
        return []
    found = []
    for place, name in enumerate(names):
        if place in passed_over:
            continue
        why = _why([(row[place].strip(), outcome) for row, outcome in judged], won)
        if why:
            found.append(Leak(name, why))
    return found


def _why(cells: Sequence[tuple[str, bool]], won: int) -> str:
    """Return how a column tells the outcome, empty when it does not."""
    share = won / len(cells)
    filled = [outcome for text, outcome in cells if text]
    if LEADS_MIN <= len(filled) < len(cells):
        pure = sum(filled) / len(filled)
        if pure >= PURE_SHARE and share <= 0.8:
            return "is filled almost only for leads that were won"
        if pure <= 1 - PURE_SHARE and share >= 0.2:
            return "is filled almost only for leads that were lost"
    if _told(cells, won, bool) >= TOLD_SHARE:
        return "is blank for one outcome and filled for the other"
    common = {text for text, _ in Counter(text for text, _ in cells).most_common(VALUES_MAX)}
    if _told(cells, won, lambda text: text if text in common else None) >= TOLD_SHARE:
        return "tells the outcome almost by itself"
    return ""


def _told(
    cells: Sequence[tuple[str, bool]], won: int, key: Callable[[str], str | bool | None]
) -> float:
    """Return the share of wrong guesses at the outcome that knowing the value avoids."""
    counts: Counter[tuple[str | bool | None, bool]] = Counter(
        (key(text), outcome) for text, outcome in cells
    )
    values = {value for value, _ in counts}
    wrong = sum(min(counts[value, True], counts[value, False]) for value in values)
    return 1 - wrong / min(won, len(cells) - won)
