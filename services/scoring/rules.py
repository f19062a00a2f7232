"""The verdict on a lead: a pure function of its facts and activities, the agreement, the day.

Engagement is kept as one tally a rule, so that a new activity is judged alone however many came
before it; a tally does not depend on the order in which activities arrive, so late ones end in
the same score.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime
from enum import Enum
from operator import itemgetter
from typing import Any, NamedTuple

from leadloop.conditions import NOTHING, Values, Verdict
from services.scoring import tallies
from services.scoring.cycles import Cycle
from services.scoring.definition import Activity, Agreement, Axis, Gate, Rule, Tier
from services.scoring.models.strengths import named_strengths
from services.scoring.standings import Standing
from services.scoring.tallies import Hit, Tally

HOLDS, FAILS = Verdict.HOLDS, Verdict.FAILS

# What a tier's condition reads of the newest activity when there is none.
NO_ACTIVITY: Values = {"kind": "", "url": "", "form": ""}


_PLACE = itemgetter(0)


class Fault(NamedTuple):
    """A rule, gate or tier that could not be judged, and why; it counts as not holding."""

    name: str
    cause: Verdict


class Found(NamedTuple):
    """A standing with what could not be judged on the way to it."""

    standing: Standing
    faults: tuple[Fault, ...]


class Points(NamedTuple):
    """What a standing is worth on a day.

    Attributes:
        given: Points by the rules' places, after all caps.
        uncapped: The same before the caps of groups and sides.
        day: Since the EPOCH of tallies.
    """

    given: list[int]
    uncapped: list[int]
    day: int


class Part(NamedTuple):
    """One rule's share of a score.

    Attributes:
        points: Given, after caps and time; may be negative.
        capped: What caps took away, as a positive number.
        decayed: What time took away, likewise.
        times: How many activities counted; 0 for a fit rule.
        evidence: The tally behind it; None for a fit rule.
    """

    rule: str
    axis: Axis
    points: int
    capped: int = 0
    decayed: int = 0
    times: int = 0
    evidence: Tally | None = None


class Sums(NamedTuple):
    """A score without its parts, as conditions of tiers read it.

    Attributes:
        products: By product line: the points of the rules that name it.
        predicted: Of the predictive model that the agreement names, 0 to 100; None without one.
    """

    fit: int
    engagement: int
    products: Mapping[str, int] = {}
    predicted: int | None = None

    @property
    def total(self) -> int:
        """Return fit and engagement together."""
        return self.fit + self.engagement

    def as_values(self) -> dict[str, Any]:
        """Return the sums by the names under which conditions read them."""
        values = {
            "fit": self.fit,
            "engagement": self.engagement,
            "total": self.fit + self.engagement,
            "products": self.products,
        }
        return values if self.predicted is None else {**values, "predicted": self.predicted}


class Score(NamedTuple):
    """The points of a lead, with the parts that add up to them."""

    sums: Sums
    parts: tuple[Part, ...]
    closed_gates: tuple[Gate, ...]
    tier: str


class Decision(Enum):
    """What follows from a score."""

    NOTHING = "nothing"
    SCORED = "scored"
    QUALIFIED = "qualified"
    DISQUALIFIED = "disqualified"


def score(
    facts: Values, activities: Iterable[Activity], agreement: Agreement, day: int
) -> Score:
    """Score a lead from scratch; the order of its activities does not matter.

    Args:
        facts: Who the lead is.
        activities: What it did.
        agreement: The definition.
        day: Since the EPOCH of tallies, UTC.
    """
    standing = replay(facts, activities, agreement).standing
    return score_on(standing, facts, agreement, day)


def score_on(standing: Standing, facts: Values, agreement: Agreement, day: int) -> Score:
    """Return the score of a standing on a day."""
    points = points_on(standing, agreement, day)
    sums = sums_of(points, agreement, predicted_on(standing, facts, agreement, day))
    tier, _ = tier_of(standing, sums, facts, agreement)
    return score_of(standing, points, sums, tier, agreement)


def replay(facts: Values, activities: Iterable[Activity], agreement: Agreement) -> Found:
    """Judge a lead and all its activities; one that is there twice counts once."""
    fit, closed, faults = _judge_facts(facts, agreement)
    hits: dict[str, list[Hit]] = {}
    newest: Activity | None = None
    newest_moment: Hit | None = None
    for activity in {activity.activity_id: activity for activity in activities}.values():
        moment = (activity.occurred_at, activity.activity_id)
        if newest_moment is None or moment > newest_moment:
            newest, newest_moment = activity, moment
        for name, function in agreement.functions_for(activity.kind):
            verdict = function(facts, activity.values, NOTHING)
            if verdict is HOLDS:
                hits.setdefault(name, []).append(moment)
            elif verdict is not FAILS:
                faults.append(Fault(name, verdict))
    counts = {
        name: tallies.tally_of(at, agreement.rule(name).timing) for name, at in hits.items()
    }
    return Found(Standing(fit, closed, counts, newest), tuple(faults))


def advance(
    standing: Standing,
    facts_before: Values,
    facts: Values,
    activity: Activity | None,
    agreement: Agreement,
) -> Found | None:
    """Judge only what is new; None when past activities must be judged again: `replay`."""
    fit, closed, counts, newest = standing
    faults: list[Fault] = []
    if facts is not facts_before:
        if agreement.engagement_depends_on(facts_before, facts):
            return None
        fit, closed, faults = _judge_facts(facts, agreement)
    if activity is not None:
        moved = held(counts, facts, activity, agreement, faults)
        if moved is None:
            return None
        counts = {**counts, **moved} if moved else counts
        newest = activity if newest is None or _is_after(activity, newest) else newest
    return Found(Standing(fit, closed, counts, newest), tuple(faults))


def held(
    known: Mapping[str, Tally],
    facts: Values,
    activity: Activity,
    agreement: Agreement,
    faults: list[Fault],
) -> dict[str, Tally] | None:
    """Return the tallies in which an activity counts, with it; None when it came too late.

    What can't be judged is added to `faults`.
    """
    moved: dict[str, Tally] = {}
    for name, function in agreement.functions_for(activity.kind):
        verdict = function(facts, activity.values, NOTHING)
        if verdict is HOLDS:
            moment = (activity.occurred_at, activity.activity_id)
            tally = tallies.counted(known.get(name), moment, agreement.rule(name).timing)
            if tally is None:
                return None
            moved[name] = tally
        elif verdict is not FAILS:
            faults.append(Fault(name, verdict))
    return moved


def _is_after(one: Activity, other: Activity) -> bool:
    """Order activities by time, those of one moment by id, so that one is always the newest."""
    return (one.occurred_at, one.activity_id) > (other.occurred_at, other.activity_id)


def _judge_facts(
    facts: Values, agreement: Agreement
) -> tuple[tuple[str, ...], tuple[str, ...], list[Fault]]:
    """Return the fit rules that hold, the gates that are closed, and what can't be judged."""
    fit: list[str] = []
    closed: list[str] = []
    faults: list[Fault] = []
    for name, function in agreement.fit_functions:
        verdict = function(facts, NOTHING, NOTHING)
        if verdict is HOLDS:
            fit.append(name)
        elif verdict is not FAILS:
            faults.append(Fault(name, verdict))
    for name, function in agreement.gate_functions:
        verdict = function(facts, NOTHING, NOTHING)
        if verdict is not HOLDS:
            closed.append(name)
            if verdict is not FAILS:
                faults.append(Fault(name, verdict))
    return tuple(fit), tuple(closed), faults


def points_on(standing: Standing, agreement: Agreement, day: int) -> Points:
    """Return what a standing is worth on a day since the EPOCH of tallies, rule by rule."""
    by_name = agreement.by_name
    given = [0] * len(by_name)
    for name in standing.fit:
        place, rule = by_name[name]
        given[place] = rule.points
    for name, tally in standing.tallies.items():
        place, rule = by_name[name]
        given[place] = rule.points_of(tally, day)
    return Points(capped(given, agreement), given, day)


def capped(uncapped: list[int], agreement: Agreement) -> list[int]:
    """Return points by the rules' places once every cap has taken its share."""
    if not agreement.caps:
        return uncapped
    given = list(uncapped)
    for most, places in agreement.caps:
        over = sum([given[n] for n in places]) - most
        if over > 0:
            _cut(given, places, over)
    return given


def sums_of(points: Points, agreement: Agreement, predicted: int | None = None) -> Sums:
    """Return what points come to by sides and product lines, beside what a model predicted."""
    given, border = points.given, len(agreement.fit_rules)
    products = {line: sum([given[n] for n in at]) for line, at in agreement.products.items()}
    return Sums(sum(given[:border]), sum(given[border:]), products, predicted)


def predicted_on(
    standing: Standing, facts: Values, agreement: Agreement, day: int
) -> int | None:
    """Return what the agreement's model says on a day; None without one at hand."""
    if agreement.model is None:
        return None
    return agreement.model.predicted(facts, named_strengths(standing, agreement, day))


def tier_of(
    standing: Standing, sums: Sums, facts: Values, agreement: Agreement
) -> tuple[str, tuple[Fault, ...]]:
    """Return the first tier whose condition holds, empty when none does or a gate is closed."""
    if standing.closed:
        return "", ()
    newest = standing.newest.values if standing.newest else NO_ACTIVITY
    values = sums.as_values()
    unpredicted = agreement.predictive_model and sums.predicted is None
    faults: list[Fault] = []
    for tier in agreement.tiers:
        verdict = tier.condition.function(facts, newest, values)
        if verdict is HOLDS:
            return tier.name, tuple(faults)
        if verdict is not FAILS and not (unpredicted and _wants_model(tier, verdict)):
            faults.append(Fault(tier.name, verdict))
    return "", tuple(faults)


def _wants_model(tier: Tier, verdict: Verdict) -> bool:
    """Say whether a tier fails for want of a model, which is no fault of its condition."""
    reads = tier.condition.reads
    return verdict is Verdict.UNKNOWN and reads is not None and "predicted" in reads.sums


def score_of(
    standing: Standing, points: Points, sums: Sums, tier: str, agreement: Agreement
) -> Score:
    """Return the whole score, its parts in the agreement's order."""
    by_name, counts = agreement.by_name, standing.tallies
    held = sorted([by_name[name] for name in (*standing.fit, *counts)], key=_PLACE)
    parts = tuple([_part(rule, place, counts.get(rule.name), points) for place, rule in held])
    closed = tuple(gate for gate in agreement.gates if gate.name in standing.closed)
    return Score(sums, parts, closed, tier)


def decide(
    tier_before: str,
    tier: str,
    standing: Standing,
    cycle: Cycle,
    agreement: Agreement,
    now: datetime,
) -> Decision:
    """Decide what follows now that a lead meets `tier` (empty when none)."""
    if standing.closed and cycle.is_open:
        return Decision.DISQUALIFIED
    newest_at = standing.newest.occurred_at if standing.newest else None
    reason = agreement.reason(cycle.reason) if cycle.reason else None
    may_open = tier and cycle.may_open_next(
        newest_at,
        now,
        agreement.cycles_max,
        needs_evidence=reason is not None and reason.reopened_by is not None,
    )
    if may_open:
        return Decision.QUALIFIED
    return Decision.SCORED if tier != tier_before else Decision.NOTHING


def _cut(given: list[int], places: tuple[int, ...], over: int) -> None:
    """Take so many points away from some rules, from the last of them first."""
    for n in reversed(places):
        if over <= 0:
            break
        taken = min(over, max(given[n], 0))
        given[n] -= taken
        over -= taken


def _part(rule: Rule, place: int, tally: Tally | None, points: Points) -> Part:
    """Return a rule's share, with what caps and time took away from it."""
    given, uncapped = points.given[place], points.uncapped[place]
    if tally is None:
        return Part(rule.name, rule.axis, given, uncapped - given)
    each = abs(rule.points)
    eligible, counting = tallies.count_on(tally, rule.timing, points.day)
    capped = each * (eligible - counting) + uncapped - given
    decayed = each * (tally.times - eligible + counting) - abs(uncapped)
    return Part(rule.name, rule.axis, given, capped, decayed, counting, tally)
