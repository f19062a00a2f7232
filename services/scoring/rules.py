"""The verdict on a lead: a pure function of its facts, its activities and the agreement.

Engagement is kept as one tally a rule, so that a new activity is judged alone however many came
before it. A tally is a count and the newest activity that counted: neither depends on the order
in which activities arrive, so late ones end in the same score.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from functools import cached_property
from typing import NamedTuple

from leadloop.conditions import Condition, Values, Verdict
from services.scoring.cycles import Cycle

# What a tier's condition reads of the newest activity when there is none.
NO_ACTIVITY: Values = {"kind": "", "url": "", "form": ""}


@dataclass(frozen=True, slots=True)
class Activity:
    """One engagement; `values` is what conditions see of it."""

    activity_id: str
    kind: str
    occurred_at: datetime
    values: Values = field(default_factory=dict)


class Axis(Enum):
    """The two sides of a score."""

    FIT = "fit"
    ENGAGEMENT = "engagement"


@dataclass(frozen=True, slots=True)
class Rule:
    """Points for something that is so (fit) or was done (engagement).

    Attributes:
        activity_kind: Only activities of this kind are judged; empty means every kind.
        count_max: Counts at most this often; 0 means every time.
    """

    name: str
    axis: Axis
    condition: Condition
    points: int
    activity_kind: str = ""
    count_max: int = 0


@dataclass(frozen=True, slots=True)
class Gate:
    """Must hold whatever the points; `reason` is told to people when it does not."""

    name: str
    condition: Condition
    reason: str


@dataclass(frozen=True, slots=True)
class Tier:
    """A class of qualified leads."""

    name: str
    condition: Condition


@dataclass(frozen=True)
class Agreement:
    """What scoring reads of one version of the agreement, compiled.

    Attributes:
        tiers: In order; the first one whose condition holds is the lead's.
        cycles_max: A person is handed over at most this often; 0 means no limit.
    """

    name: str
    version: int
    rules: tuple[Rule, ...]
    gates: tuple[Gate, ...]
    tiers: tuple[Tier, ...]
    cycles_max: int = 0

    @cached_property
    def fit_rules(self) -> tuple[Rule, ...]:
        """Return the rules about who a lead is."""
        return tuple(rule for rule in self.rules if rule.axis is Axis.FIT)

    @cached_property
    def engagement_rules(self) -> tuple[Rule, ...]:
        """Return the rules about what a lead did."""
        return tuple(rule for rule in self.rules if rule.axis is Axis.ENGAGEMENT)

    @cached_property
    def _by_name(self) -> Mapping[str, Rule]:
        return {rule.name: rule for rule in self.rules}

    @cached_property
    def _by_kind(self) -> Mapping[str, tuple[Rule, ...]]:
        kinds = {rule.activity_kind for rule in self.engagement_rules} | {""}
        return {
            kind: tuple(
                rule for rule in self.engagement_rules if rule.activity_kind in ("", kind)
            )
            for kind in kinds
        }

    def rule(self, name: str) -> Rule:
        """Return the rule of this name."""
        return self._by_name[name]

    def rules_for(self, kind: str) -> tuple[Rule, ...]:
        """Return the rules that judge activities of this kind."""
        by_kind = self._by_kind
        return by_kind.get(kind, by_kind[""])

    def engagement_depends_on(self, before: Values, after: Values) -> bool:
        """Say whether past activities may count otherwise now that the facts have changed."""
        return any(
            _differs(rule.condition.lead_fields, before, after)
            for rule in self.engagement_rules
        )


class Tally(NamedTuple):
    """How often an engagement rule held, and the newest activity for which it did."""

    times: int
    activity_id: str
    occurred_at: datetime


class Fault(NamedTuple):
    """A rule, gate or tier that could not be judged, and why; it counts as not holding."""

    name: str
    cause: Verdict


@dataclass(frozen=True, slots=True)
class Standing:
    """What the rules found about a lead; its score follows from this alone.

    Attributes:
        fit: Names of the fit rules that hold.
        closed: Names of the gates that are closed.
        tallies: By engagement rule; a rule that never held has none.
        newest: The newest activity; of two at one moment the one with the greater id.
    """

    fit: tuple[str, ...] = ()
    closed: tuple[str, ...] = ()
    tallies: Mapping[str, Tally] = field(default_factory=dict)
    newest: Activity | None = None


class Found(NamedTuple):
    """A standing with what could not be judged on the way to it."""

    standing: Standing
    faults: tuple[Fault, ...]


@dataclass(frozen=True, slots=True)
class Part:
    """One rule's share of a score.

    Attributes:
        points: Given, after caps; may be negative.
        capped: What a cap took away, as a positive number.
        count: How many activities counted; 0 for a fit rule.
        evidence: The tally behind it; None for a fit rule.
    """

    rule: str
    axis: Axis
    points: int
    capped: int = 0
    count: int = 0
    evidence: Tally | None = None


@dataclass(frozen=True, slots=True)
class Score:
    """The points of a lead, with the parts that add up to them."""

    parts: tuple[Part, ...]
    closed_gates: tuple[Gate, ...]
    tier: str
    fit: int
    engagement: int

    @property
    def total(self) -> int:
        """Return the sum of all parts."""
        return self.fit + self.engagement


class Decision(Enum):
    """What follows from a score."""

    NOTHING = "nothing"
    SCORED = "scored"
    QUALIFIED = "qualified"
    DISQUALIFIED = "disqualified"


def score(facts: Values, activities: Iterable[Activity], agreement: Agreement) -> Score:
    """Score a lead from scratch; the order of its activities does not matter."""
    standing = replay(facts, activities, agreement).standing
    tier, _ = tier_of(standing, sums_of(standing, agreement), facts, agreement)
    return score_of(standing, tier, agreement)


def replay(facts: Values, activities: Iterable[Activity], agreement: Agreement) -> Found:
    """Judge a lead and all its activities; one that is there twice counts once."""
    standing, faults = judge_facts(Standing(), facts, agreement)
    unique = {activity.activity_id: activity for activity in activities}
    for activity in unique.values():
        standing, more = add_activity(standing, activity, facts, agreement)
        faults += more
    return Found(standing, faults)


def advance(
    standing: Standing,
    facts_before: Values,
    facts: Values,
    activity: Activity | None,
    agreement: Agreement,
) -> Found | None:
    """Judge only what is new; None when past activities may count otherwise now: `replay`."""
    faults: tuple[Fault, ...] = ()
    if facts is not facts_before:
        if agreement.engagement_depends_on(facts_before, facts):
            return None
        standing, faults = judge_facts(standing, facts, agreement)
    if activity is None:
        return Found(standing, faults)
    standing, more = add_activity(standing, activity, facts, agreement)
    return Found(standing, faults + more)


def judge_facts(standing: Standing, facts: Values, agreement: Agreement) -> Found:
    """Judge who a lead is: the fit rules and the gates."""
    fit = [(rule.name, rule.condition.judge(facts)) for rule in agreement.fit_rules]
    gates = [(gate.name, gate.condition.judge(facts)) for gate in agreement.gates]
    judged = Standing(
        fit=tuple(name for name, verdict in fit if verdict is Verdict.HOLDS),
        closed=tuple(name for name, verdict in gates if verdict is not Verdict.HOLDS),
        tallies=standing.tallies,
        newest=standing.newest,
    )
    return Found(judged, _faults([*fit, *gates]))


def add_activity(
    standing: Standing, activity: Activity, facts: Values, agreement: Agreement
) -> Found:
    """Judge one activity that was not judged before."""
    judged = [
        (rule.name, rule.condition.judge(facts, activity.values))
        for rule in agreement.rules_for(activity.kind)
    ]
    held = {
        name: _counted(standing.tallies.get(name), activity)
        for name, verdict in judged
        if verdict is Verdict.HOLDS
    }
    tallies = {**standing.tallies, **held} if held else standing.tallies
    newest = standing.newest
    if newest is None or _moment(activity) > _moment(newest):
        newest = activity
    return Found(Standing(standing.fit, standing.closed, tallies, newest), _faults(judged))


def score_of(standing: Standing, tier: str, agreement: Agreement) -> Score:
    """Return the score of a standing that meets `tier`, its parts in the agreement's order."""
    fit = [
        Part(rule.name, Axis.FIT, rule.points)
        for rule in agreement.fit_rules
        if rule.name in standing.fit
    ]
    engagement = [
        _part(rule, standing.tallies[rule.name])
        for rule in agreement.engagement_rules
        if rule.name in standing.tallies
    ]
    return Score(
        parts=(*fit, *engagement),
        closed_gates=tuple(gate for gate in agreement.gates if gate.name in standing.closed),
        tier=tier,
        fit=sum(part.points for part in fit),
        engagement=sum(part.points for part in engagement),
    )


def sums_of(standing: Standing, agreement: Agreement) -> dict[str, int]:
    """Return fit, engagement and total, as conditions of tiers read them."""
    fit = sum(agreement.rule(name).points for name in standing.fit)
    engagement = sum(
        points_of(agreement.rule(name), tally) for name, tally in standing.tallies.items()
    )
    return {"fit": fit, "engagement": engagement, "total": fit + engagement}


def tier_of(
    standing: Standing, sums: Values, facts: Values, agreement: Agreement
) -> tuple[str, tuple[Fault, ...]]:
    """Return the first tier whose condition holds, empty when none does or a gate is closed."""
    if standing.closed:
        return "", ()
    newest = standing.newest.values if standing.newest else NO_ACTIVITY
    judged: list[tuple[str, Verdict]] = []
    for tier in agreement.tiers:
        verdict = tier.condition.judge(facts, newest, sums)
        if verdict is Verdict.HOLDS:
            return tier.name, _faults(judged)
        judged.append((tier.name, verdict))
    return "", _faults(judged)


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
    if tier and cycle.may_open_next(newest_at, now, agreement.cycles_max):
        return Decision.QUALIFIED
    return Decision.SCORED if tier != tier_before else Decision.NOTHING


def points_of(rule: Rule, tally: Tally) -> int:
    """Return the points of an engagement rule after its cap."""
    return rule.points * _counting(rule, tally)


def _part(rule: Rule, tally: Tally) -> Part:
    """Return an engagement rule's share."""
    count = _counting(rule, tally)
    capped = abs(rule.points) * (tally.times - count)
    return Part(rule.name, Axis.ENGAGEMENT, rule.points * count, capped, count, tally)


def _counting(rule: Rule, tally: Tally) -> int:
    """Return how many activities count under the rule's cap."""
    return min(tally.times, rule.count_max) if rule.count_max else tally.times


def _counted(tally: Tally | None, activity: Activity) -> Tally:
    """Count one more activity."""
    moment = _moment(activity)
    if tally is None:
        return Tally(1, activity.activity_id, activity.occurred_at)
    if moment > (tally.occurred_at, tally.activity_id):
        return Tally(tally.times + 1, activity.activity_id, activity.occurred_at)
    return tally._replace(times=tally.times + 1)


def _moment(activity: Activity) -> tuple[datetime, str]:
    """Order activities by time, those of one moment by id, so that one is always the newest."""
    return activity.occurred_at, activity.activity_id


def _faults(judged: Iterable[tuple[str, Verdict]]) -> tuple[Fault, ...]:
    """Return the judgements that could not be made."""
    return tuple(Fault(name, verdict) for name, verdict in judged if verdict.is_fault)


def _differs(fields: Iterable[str] | None, before: Values, after: Values) -> bool:
    """Say whether any of the fields changed; None stands for all of them."""
    names = before.keys() | after.keys() if fields is None else fields
    # 1 and 1.0 are equal in Python and not the same to CEL.
    return any(
        before.get(name) != after.get(name)
        or type(before.get(name)) is not type(after.get(name))
        for name in names
    )
