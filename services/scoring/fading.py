"""When time alone will next change the tier of a lead: so that no nightly job has to look.

Points that fade or expire move a score in steps at midnight, UTC. A tier can change only where
a sum passes a number that its conditions compare it with. Between two days a sum lies between
two bounds that never turn: what fades of points, and what fades of penalties. So the first day
on which a bound passes such a number is found by halving, and then looked at exactly.

A predictive score changes in steps too: where the strength of a rule passes a number that the
model asks for. Without a new activity a strength only falls, so these days are found likewise.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import lru_cache

from leadloop.conditions import Condition, Values
from leadloop.conditions.syntax import (
    Binary,
    Field,
    Index,
    Literal,
    Name,
    Negative,
    Node,
    children,
)
from services.scoring.definition import Agreement, Rule, differs
from services.scoring.models.strengths import as_kept
from services.scoring.rules import Points, Sums, capped, predicted_on, sums_of, tier_of
from services.scoring.standings import Standing
from services.scoring.tables import LeadState
from services.scoring.tallies import UNIT, Tally, Timing, day_of, worth_on

# Passed numbers that change no tier; after so many the lead is looked at again on that day.
STEPS_MAX = 24

Levels = Mapping[str, tuple[int, ...] | None]

_PRODUCTS = "products"
_PASSED_AT: Mapping[str, tuple[int, ...]] = {
    ">=": (0,),
    "<": (0,),
    ">": (1,),
    "<=": (1,),
    "==": (0, 1),
    "!=": (0, 1),
}
_MIRRORED = {">=": "<=", "<=": ">=", ">": "<", "<": ">", "==": "==", "!=": "!="}


def next_change(
    standing: Standing,
    tier: str,
    facts: Values,
    agreement: Agreement,
    day: int,
    by: int | None = None,
) -> int | None:
    """Return the next day on which time may change the tier; None when it never will.

    Args:
        standing: On `day`.
        tier: That it meets on `day`.
        facts: Who the lead is.
        agreement: The definition.
        day: Since the EPOCH of tallies.
        by: The last day that matters, where that is known; looking no further is quicker.
    """
    if standing.closed or tier in agreement.lasting_tiers:
        return None
    ahead = _Ahead(standing, agreement)
    days = ahead.days_of_change(day)
    if by is not None:
        days = days[: bisect_right(days, by)]
    for _ in range(STEPS_MAX):
        found = _first_passing(ahead, day, days)
        if found is None:
            return None
        predicted = predicted_on(standing, facts, agreement, found)
        sums = ahead.sums(found, found, predicted)
        if tier_of(standing, sums, facts, agreement)[0] != tier:
            return found
        days = days[bisect_right(days, found) :]
        day = found
    return day


def must_look(
    before: LeadState, after: LeadState, sums: Sums, agreement: Agreement, day: int
) -> bool:
    """Say whether the day that was found before may be too late for what a lead is now."""
    if before.scored_version != after.scored_version or before.tier != after.tier:
        return True
    if before.fades_on is not None and before.fades_on <= day:
        return True
    # Any new activity, and a model that came late, may part a lead otherwise from then on.
    if agreement.prediction_fades:
        return True
    if before.lead != after.lead or _tiers_see_another(before, after, agreement):
        return True
    # What a product line had is not kept: it may have been anything.
    earlier = Sums(before.fit, before.engagement, {})
    return may_change_earlier(earlier, sums, agreement)


def _tiers_see_another(before: LeadState, after: LeadState, agreement: Agreement) -> bool:
    """Say whether tiers read something of the newest activity that is not as it was."""
    one, other = before.standing.newest, after.standing.newest
    if one is other:
        return False
    if one is None or other is None:
        return True
    return any(
        differs(
            tier.condition.reads and tier.condition.reads.activity, one.values, other.values
        )
        for tier in agreement.tiers
    )


def may_change_earlier(before: Sums, after: Sums, agreement: Agreement) -> bool:
    """Say whether a day found for `before` may be too late now that there are more points."""
    levels = levels_of(agreement)
    return agreement.has_fading_penalties or _level(before, levels) != _level(after, levels)


def midnight(day: int) -> datetime:
    """Return when a day begins."""
    return datetime(2000, 1, 1, tzinfo=UTC) + timedelta(days=day)


def levels_of(agreement: Agreement) -> Levels:
    """Return the numbers that each sum is compared with, in order; None: all numbers count."""
    return _levels(tuple(tier.condition for tier in agreement.tiers), agreement.product_lines)


@lru_cache(maxsize=32)
def _levels(conditions: tuple[Condition, ...], product_lines: tuple[str, ...]) -> Levels:
    found: dict[str, set[int] | None] = {}
    for condition in conditions:
        if condition.tree is None:
            found.update(dict.fromkeys(("fit", "engagement", _PRODUCTS), None))
        else:
            _note(condition.tree, found)
    if _PRODUCTS in found:
        del found[_PRODUCTS]
        found.update(dict.fromkeys((f"{_PRODUCTS}.{line}" for line in product_lines), None))
    return {name: tuple(sorted(at)) if at is not None else None for name, at in found.items()}


def _note(node: Node, found: dict[str, set[int] | None]) -> None:
    """Note what the sums below a node are compared with."""
    if isinstance(node, Binary) and node.operator in _PASSED_AT:
        for side, other, operator in (
            (node.left, node.right, node.operator),
            (node.right, node.left, _MIRRORED[node.operator]),
        ):
            name, number = _sum_name(side), _number(other)
            if name and number is not None:
                known = found.setdefault(name, set())
                if known is not None:
                    known.update(number + step for step in _PASSED_AT[operator])
                return
    name = _sum_name(node)
    if name:
        found[name] = None
        return
    for child in children(node):
        _note(child, found)


def _sum_name(node: Node) -> str:
    """Return the sum that a node is, empty when it is none; or `products` for any of them."""
    if isinstance(node, Name) and node.name in ("fit", "engagement", "total", _PRODUCTS):
        return node.name
    if isinstance(node, Field) and node.of == Name(_PRODUCTS):
        return f"{_PRODUCTS}.{node.name}"
    if isinstance(node, Index) and node.of == Name(_PRODUCTS):
        at = node.at.value if isinstance(node.at, Literal) else None
        return f"{_PRODUCTS}.{at}" if isinstance(at, str) else _PRODUCTS
    return ""


def _number(node: Node) -> int | None:
    """Return the whole number that a node is, None when it is none."""
    if isinstance(node, Negative):
        number = _number(node.operand)
        return None if number is None else -number
    if isinstance(node, Literal) and type(node.value) is int:
        return node.value
    return None


class _Ahead:
    """What a standing comes to on days ahead; what time does not move is added up once."""

    def __init__(self, standing: Standing, agreement: Agreement) -> None:
        self._agreement = agreement
        self._levels = levels_of(agreement)
        by_name = agreement.by_name
        self._uncapped = given = [0] * len(by_name)
        self.has_penalties = agreement.has_fading_penalties
        self._moving: list[tuple[int, Rule, Tally]] = []
        for name in standing.fit:
            place, rule = by_name[name]
            given[place] = rule.points
        for name, tally in standing.tallies.items():
            place, rule = by_name[name]
            if rule.timing.fades:
                self._moving.append((place, rule, tally))
            else:
                given[place] = rule.points_of(tally, 0)

    def days_of_change(self, after: int) -> Sequence[int]:
        """Return the days after one on which time takes something; it does so on no other."""
        moving = [
            (tally, rule.timing, _weight(rule, self._agreement))
            for _, rule, tally in self._moving
        ]
        return days_of_change(moving, after)

    def sums(self, day: int, penalties_day: int, predicted: int | None = None) -> Sums:
        """Return the sums with points as of one day and penalties as of another."""
        uncapped = self._uncapped.copy()
        for place, rule, tally in self._moving:
            uncapped[place] = rule.points_of(tally, day if rule.points >= 0 else penalties_day)
        given = capped(uncapped, self._agreement)
        return sums_of(Points(given, uncapped, day), self._agreement, predicted)

    def level(self, day: int, penalties_day: int) -> tuple[int, ...]:
        """Return between which of the numbers that tiers ask for each sum lies."""
        return _level(self.sums(day, penalties_day), self._levels)

    def foreseen(self, day: int) -> tuple[int, ...]:
        """Return between which of the model's numbers each strength lies that time moves."""
        model = self._agreement.model
        if model is None or not self._agreement.prediction_fades:
            return ()
        return tuple(
            model.level(rule.name, as_kept(worth_on(tally, rule.timing, day)))
            for _, rule, tally in self._moving
            if rule.name in model.levels
        )


def days_of_change(moving: Iterable[tuple[Tally, Timing, int]], after: int) -> Sequence[int]:
    """Return the days after one on which time takes something of tallies; it does on no other.

    Args:
        moving: Tallies of rules that fade, with what one activity is worth.
        after: Since the EPOCH of tallies.
    """
    last, days = after, set()
    for tally, timing, points in moving:
        if timing.half_life_days:
            last = max(last, _spent_on(tally, timing, points))
        else:
            days.update([day + timing.within_days for day in tally.days[::2]])
    if last == after:
        return sorted([day for day in days if day > after])
    return range(after + 1, max(last, *days) + 1 if days else last + 1)


def _first_passing(ahead: _Ahead, today: int, days: Sequence[int]) -> int | None:
    """Return the first of these days by which a bound has passed a number; None: none."""
    if not days:
        return None
    has_penalties = ahead.has_penalties
    now, foreseen = ahead.level(today, today), ahead.foreseen(today)

    def has_passed(day: int) -> bool:
        if foreseen != ahead.foreseen(day) or ahead.level(day, today) != now:
            return True
        return has_penalties and ahead.level(today, day) != now

    if not has_passed(days[-1]):
        return None
    return days[bisect_left(days, True, hi=len(days) - 1, key=has_passed)]


def _level(sums: Sums, levels: Levels) -> tuple[int, ...]:
    """Return between which of the numbers each sum lies."""
    return tuple(
        _value(sums, name) if at is None else bisect_right(at, _value(sums, name))
        for name, at in levels.items()
    )


def _value(sums: Sums, name: str) -> int:
    line = name.removeprefix(f"{_PRODUCTS}.")
    if line != name:
        return sums.products.get(line, 0)
    value: int = getattr(sums, name)
    return value


def _weight(rule: Rule, agreement: Agreement) -> int:
    """Return what one activity is worth: its points, or what a model can tell from nothing."""
    model = agreement.model if agreement.prediction_fades else None
    if model is not None and rule.name in model.levels:
        return UNIT
    return abs(rule.points)


def _spent_on(tally: Tally, timing: Timing, points: int) -> int:
    """Return a day by which a half-life has taken all that it takes of a tally."""
    # Less than half a point is left once the points are halved this often.
    halvings = (points * tally.times).bit_length() + 2
    return day_of(tally.occurred_at) + timing.half_life_days * halvings
