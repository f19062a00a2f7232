"""An agreement with all that its checks share: trees, gates, what values are where."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from functools import cached_property, lru_cache
from math import inf
from typing import NamedTuple

from leadloop.agreement.checks.known import Known, Scope
from leadloop.agreement.terms import Agreement, Rule
from leadloop.conditions import Condition
from leadloop.conditions.syntax import Node
from leadloop.possible import worlds
from leadloop.possible.ranges import between
from leadloop.possible.world import ANY, Worlds, all_of

ANY_SUM = between(-inf, inf)


class Worded(NamedTuple):
    """A condition somewhere in an agreement.

    Attributes:
        what: What it belongs to, such as: The rule "our market".
        path: JSON Pointer of the condition.
        scope: What the values are where it is judged.
    """

    what: str
    path: str
    text: str
    scope: Scope


@lru_cache(maxsize=2_048)
def tree_of(text: str) -> Node | None:
    """Return the tree of a condition that can be judged; None of one that can't."""
    condition = Condition(text)
    return None if condition.fault else condition.tree


@dataclass(frozen=True)
class Case:
    """An agreement to check.

    Attributes:
        known: What the sources fill.
        today: The calendar is looked at from this day on.
    """

    agreement: Agreement
    known: Known
    today: date

    @cached_property
    def lead_scope(self) -> Scope:
        """Return what the values are for fit rules and gates."""
        return Scope(self.known)

    @cached_property
    def free_scope(self) -> Scope:
        """Return what the values are for tiers if points could come to anything."""
        definition = self.agreement.definition
        return Scope(
            self.known,
            fit=ANY_SUM,
            engagement=ANY_SUM,
            total=ANY_SUM,
            products=tuple((line, ANY_SUM) for line in definition.products),
            has_model=bool(definition.predictive_model),
        )

    def scope_of(self, rule: Rule) -> Scope:
        """Return what the values are for a rule."""
        return Scope(self.known, kind=rule.activity_kind)

    @cached_property
    def gates(self) -> Worlds:
        """Return the worlds in which every gate is open; gates that never are, are left out."""
        trees = [tree_of(gate.condition) for gate in self.agreement.definition.gates]
        open_in = (worlds(tree, self.lead_scope) for tree in trees if tree)
        found = all_of(each for each in open_in if each)
        return found or ANY

    @cached_property
    def rule_worlds(self) -> tuple[Worlds, ...]:
        """Return for each rule the worlds in which it holds for somebody behind the gates."""
        return tuple(
            all_of((self.rule_alone(rule), self.gates))
            for rule in self.agreement.definition.rules
        )

    def rule_alone(self, rule: Rule) -> Worlds:
        """Return the worlds in which a rule holds."""
        tree = tree_of(rule.condition)
        return worlds(tree, self.scope_of(rule)) if tree else ANY

    def worded(self) -> Iterator[Worded]:
        """Give every condition of the agreement."""
        definition = self.agreement.definition
        for rule in definition.rules:
            yield Worded(
                f'The rule "{rule.name}"', _when(rule.path), rule.condition, self.scope_of(rule)
            )
        for gate in definition.gates:
            what = f'The gate "{gate.name}"'
            yield Worded(what, _when(gate.path), gate.condition, self.lead_scope)
        for tier in definition.tiers:
            what = f'The tier "{tier.name}"'
            yield Worded(what, _when(tier.path), tier.condition, self.free_scope)
        for reason in self.agreement.reasons:
            if reason.reopened_by:
                what, path = f'What reopens "{reason.code}"', f"{reason.path}/reopened_by"
                yield Worded(what, path, reason.reopened_by, self.lead_scope)
        for asset in self.agreement.content:
            what = f'The content "{asset.name}"'
            yield Worded(what, _when(asset.path), asset.condition, self.lead_scope)


def _when(path: str) -> str:
    return f"{path}/when"
