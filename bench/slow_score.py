"""The score by its definition alone: slow, obvious, and written apart from the rules in use.

It looks at all activities at once, judges each condition by CEL itself, and fades points by
decimals. `bench.score_truth` and the property tests compare the rules in use with it.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from decimal import ROUND_HALF_UP, Decimal, localcontext
from functools import lru_cache
from typing import NamedTuple

import cel

from leadloop.conditions import Values
from services.scoring.definition import Activity, Agreement, Axis, Rule
from services.scoring.tallies import EPOCH, Timing

_ERRORS = (LookupError, TypeError, ArithmeticError, RuntimeError, ValueError)


class Slow(NamedTuple):
    """A score as the reference tells it."""

    sums: Mapping[str, int]
    products: Mapping[str, int]
    parts: Mapping[str, tuple[int, int, int, int, str]]
    closed: Sequence[str]
    tier: str


def slow_score(
    lead: Values, ledger: Iterable[Activity], agreement: Agreement, day: int
) -> Slow:
    """Score a lead by the definition.

    Args:
        lead: Who the lead is.
        ledger: What it did, in any order, perhaps with repetitions.
        agreement: The definition.
        day: Since the EPOCH of tallies.
    """
    unique = list({activity.activity_id: activity for activity in ledger}.values())
    told = {rule.name: (rule, _told(rule, lead, unique, day)) for rule in agreement.rules}
    before = {name: part[0] for name, (_, part) in told.items() if part is not None}
    after = _after_caps(before, agreement)
    parts = {
        name: (after[name], part[1] + before[name] - after[name], *part[2:])
        for name, (_, part) in told.items()
        if part is not None
    }
    sides = {
        axis.value: sum(points for name, points in after.items() if told[name][0].axis is axis)
        for axis in Axis
    }
    sums = {**sides, "total": sum(after.values())}
    products = {
        line: sum(points for name, points in after.items() if told[name][0].product == line)
        for line in agreement.product_lines
    }
    closed = [
        gate.name for gate in agreement.gates if not holds(gate.condition.text, lead=lead)
    ]
    newest = max(unique, key=lambda a: (a.occurred_at, a.activity_id), default=None)
    values = newest.values if newest else {"kind": "", "url": "", "form": ""}
    tiers = [
        tier.name
        for tier in agreement.tiers
        if holds(tier.condition.text, lead=lead, activity=values, products=products, **sums)
    ]
    return Slow(sums, products, parts, closed, tiers[0] if tiers and not closed else "")


def holds(text: str, **variables: object) -> bool:
    """Judge a condition by CEL itself; one that can't be judged does not hold."""
    program = _program(text)
    if program is None:
        return False
    try:
        return program.execute({k: _plain(v) for k, v in variables.items()}) is True
    except _ERRORS:
        return False


@lru_cache(maxsize=1_000)
def _program(text: str) -> cel.Program | None:
    try:
        return cel.compile(text)
    except _ERRORS:
        return None


def _plain(value: object) -> object:
    return dict(value) if isinstance(value, Mapping) else value


def _told(
    rule: Rule, lead: Values, ledger: Sequence[Activity], day: int
) -> tuple[int, int, int, int, str] | None:
    """Return points, capped, decayed, times, evidence before caps of groups; None: no part."""
    if rule.axis is Axis.FIT:
        return (rule.points, 0, 0, 0, "") if holds(rule.condition.text, lead=lead) else None
    held = sorted(
        (
            activity
            for activity in ledger
            if rule.activity_kind in ("", activity.kind)
            and holds(rule.condition.text, lead=lead, activity=activity.values)
        ),
        key=lambda activity: (activity.occurred_at, activity.activity_id),
    )
    if not held:
        return None
    timing, points = rule.timing, abs(rule.points)
    eligible = [a for a in held if not timing.within_days or _day(a) > day - timing.within_days]
    counting = _newest_of_each_period(eligible, timing)
    with localcontext() as context:
        context.prec = 60
        shares = (_share(day - _day(activity), timing) for activity in counting)
        given = _rounded(points * sum(shares, Decimal(0)))
    capped = points * (len(eligible) - len(counting))
    decayed = points * (len(held) - len(eligible) + len(counting)) - given
    signed = given if rule.points >= 0 else -given
    return signed, capped, decayed, len(counting), held[-1].activity_id


def _newest_of_each_period(held: Sequence[Activity], timing: Timing) -> list[Activity]:
    if not timing.count_max:
        return list(held)
    periods: dict[int, list[Activity]] = {}
    for activity in held:
        period = _day(activity) // timing.period_days if timing.period_days else 0
        periods.setdefault(period, []).append(activity)
    return [a for found in periods.values() for a in found[-timing.count_max :]]


def _share(age_days: int, timing: Timing) -> Decimal:
    if not timing.half_life_days:
        return Decimal(1)
    return Decimal(2) ** (Decimal(-age_days) / timing.half_life_days)


def _rounded(points: Decimal) -> int:
    # First to many digits: an exact half must not be lost to the last digit of a power.
    return int(points.quantize(Decimal("1e-30")).quantize(Decimal(1), ROUND_HALF_UP))


def _day(activity: Activity) -> int:
    moment: datetime = activity.occurred_at
    return max(0, (moment.date() - date.fromordinal(EPOCH)).days)


def _after_caps(given: Mapping[str, int], agreement: Agreement) -> dict[str, int]:
    """Take what is above a cap from the last rules first; groups come before sides."""
    left = dict(given)
    sides = [axis.value for axis in Axis]
    for cap in sorted(agreement.points_max, key=lambda group: group in sides):
        members = [
            rule.name
            for rule in agreement.rules
            if rule.name in left and cap in (rule.group, rule.axis.value)
        ]
        over = sum(left[name] for name in members) - agreement.points_max[cap]
        for name in reversed(members):
            taken = max(0, min(over, left[name]))
            left[name] -= taken
            over -= taken
    return left
