"""What scoring reads of one version of the agreement, compiled: who is qualified, in rules."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import Enum
from functools import cached_property
from typing import Final, NamedTuple

from leadloop.conditions import NOTHING, Condition, Function, Values
from services.scoring.falling import may_hold_for_less
from services.scoring.models.model import Model
from services.scoring.tallies import PointsOf, Timing, points_by

_MOVED_BY_TIME: Final = frozenset(("engagement", "total", "predicted"))


class Activity(NamedTuple):
    """One engagement; `values` is what conditions see of it."""

    activity_id: str
    kind: str
    occurred_at: datetime
    values: Values = NOTHING


class Axis(Enum):
    """The two sides of a score."""

    FIT = "fit"
    ENGAGEMENT = "engagement"


@dataclass(frozen=True, slots=True)
class Rule:
    """Points for something that is so (fit) or was done (engagement).

    Attributes:
        activity_kind: Only activities of this kind are judged; empty means every kind.
        timing: How often and for how long an engagement rule counts.
        group: The group whose cap it shares; empty when it is in none.
        product: The product line that the points count for; empty: the lead as a whole.
        points_of: Gives a tally's points on a day, before caps of groups and sides.
    """

    name: str
    axis: Axis
    condition: Condition
    points: int
    activity_kind: str = ""
    timing: Timing = field(default_factory=Timing)
    group: str = ""
    product: str = ""
    points_of: PointsOf = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        """Make what gives the points of an engagement rule's tally on a day."""
        object.__setattr__(self, "points_of", points_by(self.points, self.timing))


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


@dataclass(frozen=True, slots=True)
class Reason:
    """What must happen after a return for this reason before the person may come back.

    Attributes:
        reopened_by: None when any activity will do.
    """

    code: str
    label: str
    new_evidence: str
    reopened_by: Condition | None


class PlacedCap(NamedTuple):
    """The most points that the rules at these places of the agreement give together."""

    points: int
    places: tuple[int, ...]


@dataclass(frozen=True)
class Agreement:
    """One version of the agreement.

    Attributes:
        rules: The fit rules, then the engagement rules.
        tiers: In order; the first one whose condition holds is the lead's.
        cycles_max: A person is handed over at most this often; 0 means no limit.
        points_max: By group, or by a side's name: the most points it gives.
        product_lines: In the agreement's order.
        predictive_model: The version of the model that conditions read; empty for none.
        model: That model, where it is at hand; conditions on `predicted` hold only then.
    """

    name: str
    version: int
    rules: tuple[Rule, ...]
    gates: tuple[Gate, ...]
    tiers: tuple[Tier, ...]
    cycles_max: int = 0
    points_max: Mapping[str, int] = field(default_factory=dict)
    product_lines: tuple[str, ...] = ()
    predictive_model: str = ""
    reasons: tuple[Reason, ...] = ()
    model: Model | None = field(default=None, compare=False, repr=False)

    def __post_init__(self) -> None:
        """Sort the sides apart: what a side gives is a slice then."""
        by_side = sorted(self.rules, key=lambda rule: rule.axis is Axis.ENGAGEMENT)
        object.__setattr__(self, "rules", tuple(by_side))

    @cached_property
    def fit_rules(self) -> tuple[Rule, ...]:
        """Return the rules about who a lead is."""
        return tuple(rule for rule in self.rules if rule.axis is Axis.FIT)

    @cached_property
    def engagement_rules(self) -> tuple[Rule, ...]:
        """Return the rules about what a lead did."""
        return tuple(rule for rule in self.rules if rule.axis is Axis.ENGAGEMENT)

    @cached_property
    def by_name(self) -> Mapping[str, tuple[int, Rule]]:
        """Return the rules with their places, by name."""
        return {rule.name: (place, rule) for place, rule in enumerate(self.rules)}

    @cached_property
    def caps(self) -> tuple[PlacedCap, ...]:
        """Return the caps of groups, then those of the sides."""
        places: dict[str, list[int]] = {}
        for place, rule in enumerate(self.rules):
            for group in (rule.group, rule.axis.value):
                places.setdefault(group, []).append(place)
        sides = [axis.value for axis in Axis]
        ordered = sorted(self.points_max, key=lambda group: group in sides)
        return tuple(
            PlacedCap(self.points_max[group], tuple(places[group]))
            for group in ordered
            if group in places
        )

    @cached_property
    def products(self) -> Mapping[str, tuple[int, ...]]:
        """Return the places of the rules of each product line."""
        return {
            line: tuple(n for n, rule in enumerate(self.rules) if rule.product == line)
            for line in self.product_lines
        }

    @cached_property
    def fades(self) -> bool:
        """Say whether a score may change by the passing of time alone."""
        return any(
            rule.timing.half_life_days or rule.timing.within_days
            for rule in self.engagement_rules
        )

    @cached_property
    def closes_days(self) -> bool:
        """Say whether an activity may come too late to be counted alone."""
        return any(rule.timing.count_max and rule.timing.period_days for rule in self.rules)

    @cached_property
    def has_fading_penalties(self) -> bool:
        """Say whether a score may rise by the passing of time alone."""
        return any(
            rule.points < 0 and (rule.timing.half_life_days or rule.timing.within_days)
            for rule in self.engagement_rules
        )

    @cached_property
    def fading_rules(self) -> tuple[tuple[int, Rule], ...]:
        """Return the rules whose points change by the passing of time, with their places."""
        return tuple(
            (place, rule)
            for place, rule in enumerate(self.rules)
            if rule.timing.half_life_days or rule.timing.within_days
        )

    @cached_property
    def lasting_tiers(self) -> frozenset[str]:
        """Return the tiers that time alone can't take: none up to them asks what it moves."""
        lasting = []
        for tier in self.tiers:
            reads = tier.condition.reads
            if reads is None or reads.products is None or reads.products:
                break
            if not _MOVED_BY_TIME.isdisjoint(reads.sums):
                break
            lasting.append(tier.name)
        return frozenset(lasting)

    @cached_property
    def tiers_read_activities(self) -> bool:
        """Say whether a tier depends on the newest activity."""
        reads = [tier.condition.reads for tier in self.tiers]
        return any(one is None or one.activity is None or one.activity for one in reads)

    @cached_property
    def prediction_fades(self) -> bool:
        """Say whether time alone may change a tier by way of the predicted score."""
        if self.model is None or not self.tiers_read_predicted:
            return False
        fading = [rule for rule in self.rules if rule.timing.fades]
        return any(rule.name in self.model.levels for rule in fading)

    @cached_property
    def may_rise_by_points(self) -> bool:
        """Say whether a lead may come to a tier because points or penalties fade."""
        if self.has_fading_penalties:
            return True
        return self.fades and any(may_hold_for_less(tier.condition) for tier in self.tiers)

    @cached_property
    def tiers_read_predicted(self) -> bool:
        """Say whether a tier depends on the predicted score."""
        reads = [tier.condition.reads for tier in self.tiers]
        return any(one is None or "predicted" in one.sums for one in reads)

    @cached_property
    def fit_functions(self) -> tuple[tuple[str, Function], ...]:
        """Return how the fit rules are judged, by name."""
        return tuple((rule.name, rule.condition.function) for rule in self.fit_rules)

    @cached_property
    def gate_functions(self) -> tuple[tuple[str, Function], ...]:
        """Return how the gates are judged, by name."""
        return tuple((gate.name, gate.condition.function) for gate in self.gates)

    @cached_property
    def _by_kind(self) -> Mapping[str, tuple[tuple[str, Function], ...]]:
        kinds = {rule.activity_kind for rule in self.engagement_rules} | {""}
        return {
            kind: tuple(
                (rule.name, rule.condition.function)
                for rule in self.engagement_rules
                if rule.activity_kind in ("", kind)
            )
            for kind in kinds
        }

    def with_model(self, model: Model) -> "Agreement":
        """Return the same agreement with its model at hand."""
        return replace(self, model=model)

    def rule(self, name: str) -> Rule:
        """Return the rule of this name."""
        return self.by_name[name][1]

    def reason(self, code: str) -> Reason | None:
        """Return the reason with this code; None when the agreement has none."""
        return next((reason for reason in self.reasons if reason.code == code), None)

    def functions_for(self, kind: str) -> tuple[tuple[str, Function], ...]:
        """Return how the rules for activities of this kind are judged, by name."""
        by_kind = self._by_kind
        return by_kind.get(kind) or by_kind[""]

    def engagement_depends_on(self, before: Values, after: Values) -> bool:
        """Say whether past activities may count otherwise now that the facts have changed."""
        return any(
            differs(rule.condition.lead_fields, before, after) for rule in self.engagement_rules
        )


def differs(fields: Iterable[str] | None, before: Values, after: Values) -> bool:
    """Say whether any of the fields changed; None stands for all of them."""
    names = before.keys() | after.keys() if fields is None else fields
    # 1 and 1.0 are equal in Python and not the same to CEL.
    return any(
        before.get(name) != after.get(name)
        or type(before.get(name)) is not type(after.get(name))
        for name in names
    )
