"""An agreement as items with a name, each with its terms in words: for people to compare."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta

from leadloop.agreement.calendars import WEEKDAYS, Calendar
from leadloop.agreement.goals import needed
from leadloop.agreement.terms import (
    Agreement,
    Cap,
    Goals,
    MarketingLevel,
    Reason,
    Rule,
    ServiceLevel,
    Then,
)

# What follows from a reason, in words.
FOLLOWS = {
    Then.RETURN: "returns to marketing",
    Then.REROUTE: "goes to someone else",
    Then.DISQUALIFY: "is out for good",
}


@dataclass(frozen=True)
class Item:
    """One part of an agreement that both sides may argue about.

    Attributes:
        kind: Such as rule, gate, tier.
        name: Of its kind the only one; empty when there is one at most.
        terms: What is agreed, in words, by what it is about.
    """

    kind: str
    name: str
    terms: Mapping[str, str]


def items_of(agreement: Agreement) -> Iterator[Item]:
    """Give all that is agreed, in the order of the text."""
    definition = agreement.definition
    yield Item("agreement", "", {"name": agreement.name})
    for side, signer in vars(agreement.signers).items():
        yield Item("signer", side, {"name": signer})
    for rule in definition.rules:
        yield Item("rule", rule.name, rule_terms(rule))
    for cap in definition.caps:
        yield Item("cap", cap.group, _cap_terms(cap, agreement))
    for line in definition.products:
        yield Item("product line", line, {})
    for gate in definition.gates:
        yield Item("gate", gate.name, {"when": gate.condition, "reason": gate.reason})
    for tier in definition.tiers:
        yield Item("tier", tier.name, {"when": tier.condition})
    yield Item("tiers", "", {"order": ", ".join(tier.name for tier in definition.tiers)})
    cycles = str(definition.cycles_max) if definition.cycles_max else "no limit"
    yield Item("cycles", "", {"at most": cycles})
    if definition.predictive_model:
        yield Item("predictive model", "", {"version": definition.predictive_model})
    yield from _around(agreement)


def _around(agreement: Agreement) -> Iterator[Item]:
    """Give what is agreed around the definition."""
    for level in agreement.service_levels:
        yield Item("service level", level.tier, _level_terms(level))
    yield Item("calendar", agreement.calendar.name, calendar_terms(agreement.calendar))
    yield Item("routing", "", {"reassign at most": str(agreement.reassign_max)})
    for reason in agreement.reasons:
        yield Item("reason", reason.code, reason_terms(reason))
    if agreement.goals:
        yield Item("goals", "", goal_terms(agreement.goals))
    if agreement.marketing_level:
        yield Item("marketing owes", "", owed_terms(agreement.marketing_level))
    for asset in agreement.content:
        yield Item("content", asset.name, {"url": asset.url, "when": asset.condition})


def rule_terms(rule: Rule) -> dict[str, str]:
    """Return how a rule counts."""
    terms = {
        "side": "engagement" if rule.is_engagement else "fit",
        "on": rule.activity_kind,
        "when": rule.condition,
        "points": f"{rule.points:+}",
        "counts": _counts(rule),
        "fades": f"halves every {rule.half_life_days} days" if rule.half_life_days else "",
        "within": f"the last {rule.within_days} days" if rule.within_days else "",
        "group": rule.group,
        "product": rule.product,
    }
    return {about: value for about, value in terms.items() if value}


def _counts(rule: Rule) -> str:
    if not rule.is_engagement:
        return ""
    if not rule.count_max:
        return "every time"
    times = "once" if rule.count_max == 1 else f"at most {rule.count_max} times"
    return f"{times} in every {rule.period_days} days" if rule.period_days else times


def _cap_terms(cap: Cap, agreement: Agreement) -> dict[str, str]:
    """Return a cap with its rules: their order says whose points are cut last."""
    of_group = [r.name for r in agreement.definition.rules if r.group == cap.group]
    return {"points": str(cap.points), "rules": ", ".join(of_group)}


def _level_terms(level: ServiceLevel) -> dict[str, str]:
    return {
        "accept": time_in_words(level.accept),
        "first attempt": time_in_words(level.first_attempt),
        "warn at": f"{level.warn_percent}%",
    }


def calendar_terms(calendar: Calendar) -> dict[str, str]:
    """Return when a calendar is open, day by day."""
    terms = {"time zone": calendar.time_zone}
    for number, day in enumerate(WEEKDAYS, start=1):
        hours = [
            f"{_clock(o.opens_minute)}-{_clock(o.closes_minute)}"
            for o in calendar.openings
            if o.weekday == number
        ]
        terms[day] = " ".join(hours) or "closed"
    named = sorted({closed.name for closed in calendar.closed_days} - {"closed"})
    own = [str(closed.day) for closed in calendar.closed_days if closed.name == "closed"]
    return terms | {
        key: ", ".join(days) for key, days in (("holidays", named), ("closed", own)) if days
    }


def reason_terms(reason: Reason) -> dict[str, str]:
    """Return what follows when sales gives a reason, without what is left open."""
    terms = {
        "label": reason.label,
        "then": FOLLOWS[reason.then],
        "cool-down": time_in_words(reason.cool_down) if reason.cool_down else "",
        "new evidence": reason.new_evidence,
        "reopened by": reason.reopened_by,
    }
    return {about: value for about, value in terms.items() if value}


def goal_terms(goals: Goals) -> dict[str, str]:
    """Return the goals with the leads that they need."""
    terms = {
        "customers a quarter": str(goals.customers),
        "revenue a quarter": money(goals.revenue_cents, goals.currency),
    }
    found = needed(goals)
    if found is None:
        return terms
    return terms | {
        "accepted": f"{goals.accepted_percent}%",
        "converted": f"{goals.converted_percent}%",
        "won": f"{goals.won_percent}%",
        "qualified leads needed a month": str(found.qualified_per_month),
    }


def owed_terms(level: MarketingLevel) -> dict[str, str]:
    """Return what marketing owes."""
    return {
        "qualified a month": str(level.qualified_per_month),
        "accepted": f"{level.accepted_percent}%",
        "complete": f"{level.complete_percent}%",
    }


def time_in_words(length: timedelta) -> str:
    """Return a time in the largest units that leave nothing over, as the text has it."""
    minutes = int(length.total_seconds()) // 60
    for unit, size in (("d", 1_440), ("h", 60)):
        if minutes and minutes % size == 0:
            return f"{minutes // size}{unit}"
    return f"{minutes}m"


def money(cents: int, currency: str) -> str:
    """Return an amount with its currency; cents only when there are some."""
    whole, rest = divmod(cents, 100)
    return f"{whole:,}" + (f".{rest:02}" if rest else "") + f" {currency}"


def _clock(minute: int) -> str:
    return f"{minute // 60:02}:{minute % 60:02}"
