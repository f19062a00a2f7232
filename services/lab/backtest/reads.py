"""What an agreement asks of a history: fields, kinds of activities."""

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from leadloop.conditions import Condition
from services.lab.history.export import Wanted
from services.scoring.definition import Agreement


class Asked(NamedTuple):
    """What agreements read, with the rules, gates and tiers that read it.

    Attributes:
        lead: Fields of the lead.
        activity: Fields of an activity.
        kinds: Kinds of activities that rules are bound to.
        all_lead: Some condition reads a lead in a way that does not tell its fields.
        all_activity: Likewise of an activity.
        foretelling: Fields of the lead that models ask about, with these.
    """

    lead: Mapping[str, list[str]]
    activity: Mapping[str, list[str]]
    kinds: Mapping[str, list[str]]
    all_lead: bool
    all_activity: bool
    foretelling: Mapping[str, list[str]]

    @property
    def wanted(self) -> Wanted:
        """Return the fields that a history has to give."""
        return Wanted(
            None if self.all_lead else frozenset((*self.lead, *self.foretelling)),
            None if self.all_activity else frozenset(self.activity),
        )


def asked_by(agreements: Sequence[Agreement]) -> Asked:
    """Return what some agreements read."""
    lead: dict[str, list[str]] = {}
    activity: dict[str, list[str]] = {}
    kinds: dict[str, list[str]] = {}
    foretelling: dict[str, list[str]] = {}
    all_lead = all_activity = False
    for agreement in agreements:
        for rule in agreement.engagement_rules:
            if rule.activity_kind:
                _add(kinds, rule.activity_kind, rule.name)
        for field in agreement.model.fields if agreement.model else ():
            _add(foretelling, field, f"The model {agreement.predictive_model}")
        for name, condition in _conditions(agreement):
            reads = condition.reads
            all_lead |= reads is None or reads.lead is None
            all_activity |= reads is None or reads.activity is None
            for field in (reads and reads.lead) or ():
                _add(lead, field, name)
            for field in (reads and reads.activity) or ():
                _add(activity, field, name)
    return Asked(lead, activity, kinds, all_lead, all_activity, foretelling)


def _conditions(agreement: Agreement) -> Iterator[tuple[str, Condition]]:
    yield from ((rule.name, rule.condition) for rule in agreement.rules)
    yield from ((gate.name, gate.condition) for gate in agreement.gates)
    yield from ((tier.name, tier.condition) for tier in agreement.tiers)


def _add(users: dict[str, list[str]], field: str, name: str) -> None:
    names = users.setdefault(field, [])
    if name not in names:
        names.append(name)
