"""Where the thresholds of tiers move when points change, so that about as many leads pass.

Each number that a condition compares a sum with is moved for itself. What a condition asks
besides, such as a kind of activity or a second sum, is left out of the count.
"""

from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

from leadloop.conditions.tokens import Token, Unreadable, tokens_of
from services.lab.learning.points import Threshold, threshold_of_same_volume
from services.lab.lessons.sums import AllSums
from services.scoring.definition import Tier

# Passing `> 40` is passing `>= 41`: so much lies between the number and the level.
_LEVEL_ABOVE: Final = {">=": 0, "<": 0, ">": 1, "<=": 1}
_MIRRORED: Final = {">=": "<=", "<=": ">=", ">": "<", "<": ">"}
_BEFORE: Final = frozenset(("", "(", "&&", "||", "?", ":"))
_AFTER: Final = frozenset(("", ")", "&&", "||", "?", ":"))
_SUMS: Final = ("fit", "engagement", "total")
_POINTS_MAX: Final = 1_000_000


class Move(NamedTuple):
    """One number in the condition of a tier, and where it moves.

    Attributes:
        sum: What is compared with it: fit, engagement, total or products.NAME.
        start: Where the number stands in the condition, with its sign; likewise end.
        number: As the condition has it.
        moved: What it becomes.
        threshold: What that means in leads.
    """

    tier: str
    sum: str
    start: int
    end: int
    number: int
    moved: int
    threshold: Threshold


class Left(NamedTuple):
    """A sum in the condition of a tier whose threshold is left as it is, and why."""

    tier: str
    why: str


class _Compared(NamedTuple):
    """A sum compared with a number: where the sum stands, and the number."""

    sum: str
    at: int
    operator: str
    start: int
    end: int
    number: int


def moves(
    tiers: Sequence[Tier], before: AllSums, after: AllSums
) -> tuple[tuple[Move, ...], tuple[Left, ...]]:
    """Return where the numbers of tiers move, and those that stay though points change.

    Args:
        tiers: The agreement's.
        before: The sums of leads that no gate keeps back.
        after: The same of the same leads, under the other points.
    """
    moved: list[Move] = []
    left: list[Left] = []
    for tier in tiers:
        if tier.condition.fault is not None:
            continue
        try:
            tokens = tokens_of(tier.condition.text)
        except Unreadable:
            left.append(Left(tier.name, "its condition can't be read word by word"))
            continue
        found = list(_compared(tokens))
        for move in (_move(tier.name, one, before, after) for one in found):
            if move.threshold.passed_before:
                moved.append(move)
            else:
                # Where nobody passes, any number above all scores keeps the volume.
                why = f"no lead of the history reaches {move.sum} {move.number}"
                left.append(Left(tier.name, why))
        left += _left(tier, tokens, found)
    return tuple(moved), tuple(left)


def with_moves(condition: str, moved: Sequence[Move]) -> str:
    """Return a condition with its numbers moved."""
    text = condition
    for move in sorted(moved, key=lambda one: -one.start):
        text = text[: move.start] + str(move.moved) + text[move.end :]
    return text


def _move(tier: str, one: _Compared, before: AllSums, after: AllSums) -> Move:
    step = _LEVEL_ABOVE[one.operator]
    threshold = threshold_of_same_volume(
        before[one.sum].astype(float), after[one.sum].astype(float), one.number + step
    )
    moved = threshold.after - step
    return Move(tier, one.sum, one.start, one.end, one.number, moved, threshold)


def _left(tier: Tier, tokens: Sequence[Token], found: Sequence[_Compared]) -> Iterator[Left]:
    """Tell the sums that are read and not compared with a number that can be moved."""
    moved = {one.at for one in found}
    names = dict.fromkeys(
        name
        for place, token in enumerate(tokens)
        if (name := _sum_at(tokens, place)) and place not in moved and token.kind == "name"
    )
    for name in names:
        yield Left(tier.name, f"{name} is not simply compared with a number there")
    if tier.condition.reads is not None and "predicted" in tier.condition.reads.sums:
        yield Left(tier.name, "what it asks of predicted does not depend on points")


def _compared(tokens: Sequence[Token]) -> Iterator[_Compared]:
    """Yield each sum that is compared with a whole number, and nothing else."""
    for place in range(len(tokens)):
        name = _sum_at(tokens, place)
        if not name:
            continue
        last = place + (2 if name.startswith("products.") else 0)
        found = _number_after(tokens, place, last, name) or _number_before(
            tokens, place, last, name
        )
        if found is not None:
            yield found


def _sum_at(tokens: Sequence[Token], place: int) -> str:
    """Return the sum that begins at a place, empty when none does."""
    token = tokens[place]
    if token.kind != "name" or _text(tokens, place - 1) == ".":
        return ""
    if token.text in _SUMS:
        return token.text
    is_product = token.text == "products" and _text(tokens, place + 1) == "."
    if is_product and place + 2 < len(tokens) and tokens[place + 2].kind == "name":
        return f"products.{tokens[place + 2].text}"
    return ""


def _number_after(
    tokens: Sequence[Token], place: int, last: int, name: str
) -> _Compared | None:
    """Read `total >= 40`; None when it is something else."""
    operator = _text(tokens, last + 1)
    sign = _text(tokens, last + 2) == "-"
    at = last + 2 + sign
    if operator not in _LEVEL_ABOVE or _kind(tokens, at) != "int":
        return None
    if _text(tokens, place - 1) not in _BEFORE or _text(tokens, at + 1) not in _AFTER:
        return None
    return _read(tokens, (name, place, operator), last + 2, at)


def _number_before(
    tokens: Sequence[Token], place: int, last: int, name: str
) -> _Compared | None:
    """Read `40 <= total`; None when it is something else."""
    operator = _text(tokens, place - 1)
    sign = _text(tokens, place - 3) == "-"
    at = place - 2
    first = at - sign
    if operator not in _MIRRORED or _kind(tokens, at) != "int":
        return None
    if _text(tokens, first - 1) not in _BEFORE or _text(tokens, last + 1) not in _AFTER:
        return None
    return _read(tokens, (name, place, _MIRRORED[operator]), first, at)


def _read(
    tokens: Sequence[Token], compared: tuple[str, int, str], first: int, last: int
) -> _Compared | None:
    """Read the number from its sign to its digits."""
    text = tokens[last].text
    if not text.isdecimal() or int(text) > _POINTS_MAX:
        return None
    number = -int(text) if first < last else int(text)
    return _Compared(*compared, tokens[first].start, tokens[last].end, number)


def _text(tokens: Sequence[Token], place: int) -> str:
    return tokens[place].text if 0 <= place < len(tokens) else ""


def _kind(tokens: Sequence[Token], place: int) -> str:
    return tokens[place].kind if 0 <= place < len(tokens) else ""
