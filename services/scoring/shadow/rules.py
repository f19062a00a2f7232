"""What a proposed agreement makes of a lead, beside the one in force: pure."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import NamedTuple

import orjson

from leadloop.conditions import Values
from services.scoring import fading, rules
from services.scoring.cycles import Cycle
from services.scoring.definition import Activity, Agreement
from services.scoring.rules import Score
from services.scoring.standings import Standing
from services.scoring.tallies import day_of

# The largest differences come first; the rest would not be read.
REASONS_MAX = 20


class Difference(NamedTuple):
    """Something that the two agreements see differently.

    Attributes:
        what: "rule", "gate", or "tier": one that the lead meets under one of the two only.
        name: Its name.
        points: The shadow's; None where it has no such rule, or it does not hold.
        live_points: Those of the agreement in force, likewise.
        told: Of a gate, who closes it and why; of a tier, its condition.
    """

    what: str
    name: str
    points: int | None = None
    live_points: int | None = None
    told: str = ""


class Side(NamedTuple):
    """A lead under one of the two agreements.

    Attributes:
        qualified: Meets a tier, and is with sales or may go there.
    """

    score: Score
    qualified: bool


class Judged(NamedTuple):
    """A lead under a shadow.

    Attributes:
        fades_on: The day when time alone may change its tier; None when none is near.
    """

    side: Side
    fades_on: int | None


def judged(
    facts: Values,
    activities: Iterable[Activity],
    cycle: Cycle,
    proposal: Agreement,
    now: datetime,
) -> Judged:
    """Judge a lead from scratch under a proposal.

    Args:
        facts: Who the lead is.
        activities: All that it did.
        cycle: As sales really has it: a shadow has no effect, so it opens and ends none.
        proposal: The shadow's agreement.
        now: When.
    """
    day = day_of(now)
    standing = rules.replay(facts, activities, proposal).standing
    score = rules.score_on(standing, facts, proposal, day)
    fades_on = None
    if proposal.fades:
        fades_on = fading.next_change(standing, score.tier, facts, proposal, day)
    return Judged(side_of(score, standing, cycle, proposal, now), fades_on)


def side_of(
    score: Score, standing: Standing, cycle: Cycle, agreement: Agreement, now: datetime
) -> Side:
    """Return a score with whether it is a qualification."""
    newest_at = standing.newest.occurred_at if standing.newest else None
    reason = agreement.reason(cycle.reason) if cycle.reason else None
    needs_evidence = reason is not None and reason.reopened_by is not None
    may_be_with_sales = cycle.is_open or cycle.may_open_next(
        newest_at, now, agreement.cycles_max, needs_evidence=needs_evidence
    )
    return Side(score, bool(score.tier) and may_be_with_sales)


def differences(
    proposed: Score, live: Score, proposal: Agreement, in_force: Agreement | None
) -> tuple[Difference, ...]:
    """Return why a lead stands otherwise: gates, then rules by their weight, then tiers."""
    weighed = sorted(_rules(proposed, live), key=_weight, reverse=True)
    found = [*_gates(proposed, live), *weighed[:REASONS_MAX]]
    if proposed.tier != live.tier:
        found += _tier(proposed.tier, proposal, "under the proposal")
        found += _tier(live.tier, in_force, "in force")
    return tuple(found)


def encode_reasons(found: Sequence[Difference]) -> bytes:
    """Return differences as compact JSON."""
    return orjson.dumps([tuple(one) for one in found])


def decode_reasons(body: bytes) -> tuple[Difference, ...]:
    """Read what `encode_reasons` wrote."""
    return tuple(Difference(*row) for row in orjson.loads(body))


def _rules(proposed: Score, live: Score) -> Iterator[Difference]:
    points = {part.rule: part.points for part in proposed.parts}
    live_points = {part.rule: part.points for part in live.parts}
    for name in dict.fromkeys((*points, *live_points)):
        given, given_live = points.get(name), live_points.get(name)
        if (given or 0) != (given_live or 0):
            yield Difference("rule", name, given, given_live)


def _gates(proposed: Score, live: Score) -> Iterator[Difference]:
    closed = {gate.name: gate.reason for gate in proposed.closed_gates}
    closed_live = {gate.name: gate.reason for gate in live.closed_gates}
    for name in sorted(closed.keys() - closed_live.keys()):
        yield Difference("gate", name, told=f"closed under the proposal: {closed[name]}")
    for name in sorted(closed_live.keys() - closed.keys()):
        yield Difference("gate", name, told=f"closed in force: {closed_live[name]}")


def _tier(name: str, agreement: Agreement | None, where: str) -> Iterator[Difference]:
    for tier in agreement.tiers if agreement else ():
        if tier.name == name:
            yield Difference("tier", name, told=f"{where}: {tier.condition.text}")


def _weight(difference: Difference) -> int:
    return abs((difference.points or 0) - (difference.live_points or 0))
