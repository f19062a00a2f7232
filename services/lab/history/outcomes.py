"""Which values of an outcome column mean won: told from all of them, or by who asks."""

import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from leadloop.errors import Rejected
from leadloop.nearest import did_you_mean
from services.lab.history.times import NULLS, Evidence

# Different values that are counted one by one; a column of more holds dates, amounts or ids.
VALUES_MAX: Final = 2_000
SHOWN_MAX: Final = 12
# Said as --won, it means any value at all.
ANYTHING: Final = "*"

WON: Final = frozenset(
    (
        *("1", "true", "t", "yes", "y", "won", "win", "converted", "customer", "success"),
        *("successful", "sold", "bought", "purchased", "purchase", "subscribed", "positive"),
        *("closed won", "deal won", "won deal", "closed converted", "paying customer"),
        *("opportunity won", "converted to customer", "became customer", "closed sold"),
        *("ja", "gewonnen", "wahr", "kunde", "oui", "gagné", "si", "sí", "sim", "ganado"),
    )
)
LOST: Final = frozenset(
    (
        *("0", "false", "f", "no", "n", "lost", "lose", "failed", "failure", "unqualified"),
        *("disqualified", "rejected", "dead", "junk", "unsuccessful", "negative"),
        *("closed lost", "deal lost", "lost deal", "not converted", "closed not converted"),
        *("not won", "not interested", "no sale", "not sold", "opportunity lost"),
        *("not a customer", "lost lead", "dead lead", "bad lead", "not qualified"),
        *("nein", "verloren", "falsch", "non", "perdu", "não", "nao", "perdido"),
    )
)
_NO_WORD: Final = re.compile(r"[\W_]+")
_ZERO: Final = re.compile(r"[-+]?[$€£]?\s?0+(?:[.,]0+)?(?:\s?(?:[$€£]|[A-Z]{3}))?")
_AMOUNT: Final = re.compile(r"[-+]?[$€£]?\s?\d[\d., ]*(?:\s?(?:[$€£]|[A-Z]{3}))?")


@dataclass
class Values:
    """How often each value of an outcome column is there."""

    counts: Counter[str] = field(default_factory=Counter)
    others: int = 0
    times: Evidence = field(default_factory=Evidence)

    def look_at(self, texts: Sequence[str]) -> None:
        """Count values; behind the first VALUES_MAX different ones, all others as one."""
        for text, times in Counter(map(str.strip, texts)).items():
            self._count(text, times)

    def merge(self, other: "Values") -> None:
        """Add what another part of the file holds."""
        for text, times in other.counts.items():
            self._count(text, times)
        self.others += other.others
        self.times.merge(other.times)

    def _count(self, text: str, times: int) -> None:
        if text in self.counts or len(self.counts) < VALUES_MAX:
            if text not in self.counts:
                self.times.look_at([text])
            self.counts[text] += times
        else:
            self.others += times


@dataclass(frozen=True, slots=True)
class Meaning:
    """What the values of an outcome column mean.

    Attributes:
        won: Values in lower case; None: every value that is not blank, and no zero.
        lost: Likewise; None: every value that does not mean won.
        says_when: A value is the time of the outcome.
        how: One sentence for people.
    """

    won: frozenset[str] | None
    lost: frozenset[str] | None
    says_when: bool
    how: str

    def reader(self) -> Callable[[str], bool | None]:
        """Return what reads a value: won, lost, or None when it is open."""
        cache: dict[str, bool | None] = {}

        def read(text: str) -> bool | None:
            if text not in cache:
                if len(cache) > VALUES_MAX:
                    cache.clear()
                cache[text] = self._read(text.strip().lower())
            return cache[text]

        return read

    def _read(self, text: str) -> bool | None:
        if (not _is_blank(text)) if self.won is None else text in self.won:
            return True
        return False if self.lost is None or text in self.lost else None


def meaning_of(
    values: Values, column: str, won: Sequence[str] = (), lost: Sequence[str] = ()
) -> Meaning:
    """Decide which values mean won.

    Args:
        values: All that the column holds.
        column: Its name.
        won: As told; empty lets the values speak.
        lost: As told; the values that are neither are open then.

    Raises:
        Rejected: There is one value only, or nothing says which of them mean won.
    """
    filled = {text: n for text, n in values.counts.items() if not _is_null(text)}
    if len(values.counts) == 1 and not values.others:
        only = next(iter(values.counts))
        raise Rejected(
            f"The column {column!r} holds {_quoted(only)} for every lead: with no lead of "
            "another outcome there is nothing to compare. Name another column with --outcome, "
            "or add the leads that were not won."
        )
    if won:
        return _as_told(values, column, won, lost)
    meaning = _by_words(values, filled, column) or _by_content(values, filled)
    if meaning is None:
        raise Rejected(
            f"It is not clear which values of {column!r} mean won, found {_shown(filled)}: "
            f"say it with --won, such as --won {_quoted(_likely(filled))}; every other value "
            "counts as not won then, unless --lost names those."
        )
    return meaning


def _as_told(values: Values, column: str, won: Sequence[str], lost: Sequence[str]) -> Meaning:
    """Take the values that were named; each must be there."""
    known = {text.lower() for text in values.counts}
    if ANYTHING in won:
        return Meaning(None, None, values.times.is_of_times, "won: any value; lost: none")
    for text in (*won, *lost):
        if text.strip().lower() not in known and not values.others:
            hint = did_you_mean(text, values.counts)
            raise Rejected(
                f"No lead has {text!r} in the column {column!r}{hint}; found "
                f"{_shown(values.counts)}."
            )
    names = frozenset(text.strip().lower() for text in won)
    others = frozenset(text.strip().lower() for text in lost) or None
    rest = f"lost: {', '.join(lost)}; open: all others" if others else "lost: all others"
    return Meaning(names, others, False, f"won: {', '.join(won)}; {rest}")


def _by_words(values: Values, filled: Mapping[str, int], column: str) -> Meaning | None:
    """Read words such as won and lost, yes and no; None when they do not decide."""
    if values.others:
        return None
    won = {text for text in filled if _word(text) in WON}
    lost = {text for text in filled if _word(text) in LOST}
    open_values = filled.keys() - won - lost
    if won and lost:
        others = [*sorted(open_values)[:SHOWN_MAX]]
        others += ["blank"] if len(values.counts) > len(filled) else []
        rest = f"; open: {', '.join(others)}" if others else ""
        how = f"won: {_listed(won)}; lost: {_listed(lost)}{rest}"
        return Meaning(_lower(won), _lower(lost), False, how)
    if won and not open_values:
        return Meaning(_lower(won), None, False, f"won: {_listed(won)}; lost: blank")
    if lost and not open_values and len(values.counts) > len(filled):
        raise Rejected(
            f"The column {column!r} says who was lost ({_listed(lost)}) and not who was won: "
            "name a column that does, with --outcome."
        )
    return None


def _by_content(values: Values, filled: Mapping[str, int]) -> Meaning | None:
    """Read a column that is filled only for leads that were won: times, amounts, ids."""
    blank = sum(values.counts.values()) - sum(filled.values())
    zeros = sum(n for text, n in filled.items() if _is_zero(text))
    if values.times.is_of_times and blank:
        return Meaning(None, None, True, "won: a date; lost: blank")
    numbers = [text for text in filled if _AMOUNT.fullmatch(text)]
    if len(numbers) == len(filled) and blank + zeros and len(filled) > 10:
        return Meaning(None, None, False, "won: an amount above 0; lost: 0 or blank")
    if blank and (values.others or len(filled) > 50):
        return Meaning(None, None, False, "won: any value; lost: blank")
    return None


def _is_null(text: str) -> bool:
    return text.strip().lower() in NULLS


def _is_zero(text: str) -> bool:
    return bool(_ZERO.fullmatch(text.strip()))


def _is_blank(text: str) -> bool:
    return text in NULLS or _is_zero(text.upper())


def _word(text: str) -> str:
    """Return a value without marks: "Closed - Won" is closed won; 1.0 is 1."""
    word = _NO_WORD.sub(" ", text.lower()).strip()
    return {"1 0": "1", "0 0": "0", "closedwon": "closed won"}.get(word, word)


def _lower(texts: set[str]) -> frozenset[str]:
    return frozenset(text.lower() for text in texts)


def _listed(texts: set[str]) -> str:
    return ", ".join(sorted(texts)[:SHOWN_MAX])


def _quoted(text: str) -> str:
    return f'"{text[:40]}"' if text else "nothing"


def _shown(counts: Mapping[str, int]) -> str:
    """Return the most frequent values with their counts."""
    top = Counter(counts).most_common(SHOWN_MAX)
    more = ", …" if len(counts) > len(top) else ""
    return ", ".join(f"{_quoted(text)} ({n:,})" for text, n in top) + more


def _likely(filled: Mapping[str, int]) -> str:
    """Return a value for an example: one that sounds like it, or the rarest of the common."""
    top = [text for text, _ in Counter(filled).most_common(SHOWN_MAX)]
    return next((text for text in top if _word(text) in WON), top[-1] if top else "won")
