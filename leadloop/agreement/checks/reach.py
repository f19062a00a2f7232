"""The fewest and the most points that rules can come to, by sides and by product lines."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import ceil, inf

from leadloop.agreement.checks.case import Case
from leadloop.agreement.checks.known import Scope
from leadloop.agreement.terms import Rule
from leadloop.possible.ranges import between
from leadloop.possible.world import ANY, Worlds, all_of

# Finding rules of which only one can hold takes a look at each pair of them.
_COMPARED_MAX = 60


@dataclass(frozen=True)
class Giving:
    """A rule that can hold, with the worlds in which it does."""

    rule: Rule
    worlds: Worlds

    @property
    def most(self) -> float:
        """Return the most points that it gives, before caps."""
        return self.rule.points * times_at_most(self.rule) if self.rule.points > 0 else 0

    @property
    def least(self) -> float:
        """Return the fewest points that it gives."""
        return self.rule.points * times_at_most(self.rule) if self.rule.points < 0 else 0


def times_at_most(rule: Rule) -> float:
    """Return how many activities of a rule can count at one moment, those that fade in part."""
    if not rule.is_engagement:
        return 1
    if not rule.count_max:
        return inf
    if not rule.period_days:
        return rule.count_max
    if rule.within_days:
        # So many days in a row touch at most so many periods.
        return rule.count_max * (ceil((rule.within_days - 1) / rule.period_days) + 1)
    if rule.half_life_days:
        # Full in the newest period and in the one before, then less by a fixed share.
        left: float = 0.5 ** (rule.period_days / rule.half_life_days)
        return rule.count_max * (1 + 1 / (1 - left)) + 1
    return inf


class Reach:
    """What the rules of an agreement can come to for leads in some worlds."""

    def __init__(self, case: Case, worlds: Worlds = ANY) -> None:
        """Take the rules that can hold in these worlds, behind all gates."""
        definition = case.agreement.definition
        self._caps = {cap.group: cap.points for cap in definition.caps}
        self._products = definition.products
        # A rule that never holds is told of by itself: it counts, so that what follows from it
        # is not told too.
        together = (all_of((found or ANY, worlds)) for found in case.rule_worlds)
        self._giving = [
            Giving(rule, found)
            for rule, found in zip(definition.rules, together, strict=True)
            if found and rule.points
        ]

    def scope(self, free: Scope) -> Scope:
        """Return the scope with what the sums can come to."""
        fit, engagement = self.side(is_engagement=False), self.side(is_engagement=True)
        return replace(
            free,
            fit=between(*fit),
            engagement=between(*engagement),
            total=between(fit[0] + engagement[0], fit[1] + engagement[1]),
            products=tuple((line, between(*self.product(line))) for line in self._products),
        )

    def side(self, *, is_engagement: bool, capped: bool = True) -> tuple[float, float]:
        """Return the fewest and the most points of one side."""
        of_side = [one for one in self._giving if one.rule.is_engagement is is_engagement]
        least, most = self._ends(of_side)
        cap = self._caps.get("engagement" if is_engagement else "fit", inf)
        return least, min(most, cap) if capped else most

    def product(self, line: str) -> tuple[float, float]:
        """Return the fewest and the most points of a product line."""
        return self._ends([one for one in self._giving if one.rule.product == line])

    def group(self, group: str) -> float:
        """Return the most points of a group if it had no cap."""
        return _most([one for one in self._giving if one.rule.group == group])

    def _ends(self, giving: Sequence[Giving]) -> tuple[float, float]:
        """Add up; a group gives at most its cap, and more by what it takes elsewhere."""
        most = _most([one for one in giving if not one.rule.group])
        for group in {one.rule.group for one in giving} - {""}:
            of_group = [one for one in giving if one.rule.group == group]
            elsewhere = [one for one in self._giving if one.rule.group == group]
            taken = sum(one.least for one in elsewhere if one not in of_group)
            most += min(_most(of_group), self._caps.get(group, inf) - taken)
        return sum(one.least for one in giving), min(most, _most(giving))


def _most(giving: Sequence[Giving]) -> float:
    """Add up the most points; of fit rules of which only one can hold, the highest counts."""
    adding = [one for one in giving if one.most > 0]
    fit = [one for one in adding if not one.rule.is_engagement]
    total = sum(one.most for one in adding if one.rule.is_engagement)
    if len(fit) > _COMPARED_MAX:
        return total + sum(one.most for one in fit)
    exclusive: list[list[Giving]] = []
    for one in sorted(fit, key=lambda giving: -giving.most):
        for others in exclusive:
            if all(not all_of((one.worlds, other.worlds)) for other in others):
                others.append(one)
                break
        else:
            exclusive.append([one])
    return total + sum(others[0].most for others in exclusive)
