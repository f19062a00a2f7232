"""What would change a score next: the few things that bring most, and the passing of time.

Nothing is solved for: each thing is supposed to be so, and the lead judged again. What an
activity would look like is read off the condition: `activity.url.contains("/pricing")` is
tried with that very url.
"""

from collections.abc import Iterator
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple

from leadloop.conditions import NOTHING, Values
from services.scoring import fading, rules
from services.scoring.definition import Activity, Agreement, Rule, Tier
from services.scoring.explain.likely import likely_activity
from services.scoring.rules import HOLDS, Sums
from services.scoring.standings import Standing
from services.scoring.tallies import counted, day_of

STEPS_MAX = 10
# So often at most is one thing supposed to happen again.
TIMES_MAX = 5
_FADES_LOOKED_AT_MAX = 10
_NEVER = TIMES_MAX + 1
_UNKNOWN = (None, "", "unknown")


class Kind(StrEnum):
    """What sort of thing would have to be so."""

    # They do something.
    ACTIVITY = "activity"
    # Something turns out to be so, or becomes so.
    FACT = "fact"
    # Something that takes points away is no longer so.
    ENDS = "ends"
    # A closed gate opens.
    GATE = "gate"


class Step(NamedTuple):
    """One thing that would change the score.

    Attributes:
        name: Of the rule, the gate, or the tier that asks for an activity of no rule.
        condition: As the agreement words it.
        activity_kind: Empty when it is no activity, or one of any kind.
        points: What the total gains now, after caps.
        tier: That the lead would meet then; empty when none.
        times: How often it takes to reach a tier above; 0 when it alone never does.
        is_again: The rule has counted before.
        unknown: Facts that the condition reads and nobody knows yet.
    """

    kind: Kind
    name: str
    condition: str
    activity_kind: str
    points: int
    tier: str
    times: int = 0
    is_again: bool = False
    unknown: tuple[str, ...] = ()


class Fade(NamedTuple):
    """The day on which time alone changes the tier, and the tier from then on."""

    day: int
    tier: str


class Lead(NamedTuple):
    """A lead as it stands at a moment, and by what."""

    standing: Standing
    facts: Values
    agreement: Agreement
    at: datetime


def fade(lead: Lead) -> Fade | None:
    """Return when the tier changes if nothing happens; None when it never will."""
    day, agreement = day_of(lead.at), lead.agreement
    tier = _tier(lead)
    if not agreement.fades:
        return None
    for _ in range(_FADES_LOOKED_AT_MAX):
        found = fading.next_change(lead.standing, tier, lead.facts, agreement, day)
        if found is None:
            return None
        sums = _sums(lead, found)
        then, _ = rules.tier_of(lead.standing, sums, lead.facts, agreement)
        if then != tier:
            return Fade(found, then)
        day = found
    return None


class _Now(NamedTuple):
    """A lead, with what follows from it, worked out once.

    Attributes:
        above: The tiers above its own, the next one first.
    """

    lead: Lead
    total: int
    above: tuple[Tier, ...]

    def is_above(self, tier: str) -> bool:
        """Say whether this is one of the tiers above."""
        return any(tier == one.name for one in self.above)


def steps(lead: Lead) -> tuple[Step, ...]:
    """Return what would change the score, what can be done and reaches most first."""
    if lead.standing.closed:
        return tuple(_gates(lead))
    now = _Now(lead, _sums(lead).total, _above(lead))
    found = [*_activities(now), *_facts(now)]
    told = {(step.activity_kind, step.tier) for step in found if step.times == 1}
    for step in _asked_by_tiers(now):
        if (step.activity_kind, step.tier) not in told:
            found.append(step)
    better = [step for step in found if step.points > 0 or step.times]
    return tuple(sorted(better, key=_order)[:STEPS_MAX])


def _order(step: Step) -> tuple[bool, int, int]:
    """Put what somebody can do first, then what reaches a tier soonest, then most points."""
    can_be_done = step.kind is Kind.ACTIVITY or bool(step.unknown)
    return not can_be_done, step.times or _NEVER, -step.points


def _gates(lead: Lead) -> Iterator[Step]:
    """Tell what each closed gate keeps back: nothing else matters until it is open."""
    standing = lead.standing
    for gate in lead.agreement.gates:
        if gate.name in standing.closed:
            others = tuple(name for name in standing.closed if name != gate.name)
            tier = _tier(lead._replace(standing=standing._replace(closed=others)))
            condition, times = gate.condition.text, 1 if tier else 0
            unknown = _unknown(gate.condition.lead_fields, lead.facts)
            yield Step(Kind.GATE, gate.name, condition, "", 0, tier, times, unknown=unknown)


def _activities(now: _Now) -> Iterator[Step]:
    """Suppose for each rule about activities that they did what it asks for."""
    for rule in now.lead.agreement.engagement_rules:
        if rule.points > 0:
            values = likely_activity(rule.condition.tree, rule.activity_kind)
            step = _repeated(now, values, rule.name, rule)
            yield step._replace(is_again=rule.name in now.lead.standing.tallies)


def _asked_by_tiers(now: _Now) -> Iterator[Step]:
    """Suppose the activity that a tier above asks for, whether or not a rule counts it."""
    for tier in now.above:
        reads = tier.condition.reads
        if reads is not None and reads.activity:
            values = likely_activity(tier.condition.tree, "")
            step = _repeated(now, values, tier.name, None)
            if step.times == 1 and step.tier == tier.name:
                yield step._replace(condition=tier.condition.text)


def _facts(now: _Now) -> Iterator[Step]:
    """Suppose for each rule about who they are that it holds; of penalties, that it doesn't."""
    held = now.lead.standing.fit
    for rule in now.lead.agreement.fit_rules:
        if rule.points > 0 and rule.name not in held:
            yield _fact(now, rule, Kind.FACT, (*held, rule.name))
        elif rule.points < 0 and rule.name in held:
            others = tuple(name for name in held if name != rule.name)
            yield _fact(now, rule, Kind.ENDS, others)


def _fact(now: _Now, rule: Rule, kind: Kind, fit: tuple[str, ...]) -> Step:
    lead = now.lead
    then = lead._replace(standing=lead.standing._replace(fit=fit))
    tier = _tier(then)
    return Step(
        kind,
        rule.name,
        rule.condition.text,
        "",
        _sums(then).total - now.total,
        tier,
        1 if now.is_above(tier) else 0,
        unknown=_unknown(rule.condition.lead_fields, lead.facts) if kind is Kind.FACT else (),
    )


def _repeated(now: _Now, values: Values, name: str, rule: Rule | None) -> Step:
    """Suppose one activity, again and again, until it reaches a tier above."""
    names, kind = _counting(now.lead, values, rule), str(values.get("kind", ""))

    def once_more(lead: Lead, number: int) -> Lead:
        activity = Activity(f"supposed/{number:03}", kind, lead.at, values)
        return _with_activity(lead, activity, names)

    then = once_more(now.lead, 1)
    times, sums, tier = 1, _sums(then), _tier(then)
    points, first_tier = sums.total - now.total, tier
    while times < TIMES_MAX and not now.is_above(tier):
        times += 1
        then = once_more(then, times)
        before, sums = sums, _sums(then)
        if sums == before:
            break
        tier = rules.tier_of(then.standing, sums, then.facts, then.agreement)[0]
    reaches = now.is_above(tier)
    return Step(
        Kind.ACTIVITY,
        name,
        rule.condition.text if rule else "",
        kind,
        points,
        tier if reaches else first_tier,
        times if reaches else 0,
    )


def _counting(lead: Lead, values: Values, rule: Rule | None) -> list[str]:
    """Return the rules that count an activity; the one that asks for it surely does."""
    kind = str(values.get("kind", ""))
    names = [] if rule is None else [rule.name]
    for name, function in lead.agreement.functions_for(kind):
        if name not in names and function(lead.facts, values, NOTHING) is HOLDS:
            names.append(name)
    return names


def _with_activity(lead: Lead, activity: Activity, names: list[str]) -> Lead:
    """Return the lead as it is once it did this, which these rules count."""
    tallies = dict(lead.standing.tallies)
    hit = (activity.occurred_at, activity.activity_id)
    for name in names:
        tally = counted(tallies.get(name), hit, lead.agreement.rule(name).timing)
        if tally is not None:
            tallies[name] = tally
    standing = lead.standing._replace(tallies=tallies, newest=activity)
    return lead._replace(standing=standing)


def _above(lead: Lead) -> tuple[Tier, ...]:
    """Return the tiers above the lead's, the next one first."""
    names = [tier.name for tier in lead.agreement.tiers]
    tier = _tier(lead)
    place = names.index(tier) if tier in names else len(names)
    return tuple(reversed(lead.agreement.tiers[:place]))


def _sums(lead: Lead, day: int | None = None) -> Sums:
    """Return the sums on a day; None for the lead's own."""
    on, agreement = day_of(lead.at) if day is None else day, lead.agreement
    predicted = rules.predicted_on(lead.standing, lead.facts, agreement, on)
    return rules.sums_of(rules.points_on(lead.standing, agreement, on), agreement, predicted)


def _tier(lead: Lead) -> str:
    return rules.tier_of(lead.standing, _sums(lead), lead.facts, lead.agreement)[0]


def _unknown(fields: tuple[str, ...] | None, facts: Values) -> tuple[str, ...]:
    """Return the facts among these that nobody knows."""
    return tuple(name for name in fields or () if facts.get(name) in _UNKNOWN)
