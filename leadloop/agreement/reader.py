"""The agreement: the text that both teams sign, read and checked as a whole."""

import hashlib
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import TypeVar

from leadloop.agreement.calendars import Calendar, calendar
from leadloop.agreement.conditions import ABOUT_ACTIVITY, ABOUT_LEAD, ABOUT_SCORE, condition
from leadloop.agreement.document import Fault, Faults, Fields, Value, compose
from leadloop.agreement.terms import (
    Agreement,
    Definition,
    Gate,
    Goals,
    MarketingLevel,
    Reason,
    Rule,
    ServiceLevel,
    Signers,
    Then,
    Tier,
)
from leadloop.errors import FieldError, Rejected

T = TypeVar("T")

RULES_MAX = 200
GATES_MAX = 50
TIERS_MAX = 20
REASONS_MAX = 50
CALENDARS_MAX = 20
NAME_LENGTH_MAX = 80
POINTS_MAX = 10_000
CYCLES_MAX = 1_000
REASSIGN_MAX = 20
COUNT_MAX = 1_000_000
SERVICE_LEVEL_MAX = timedelta(days=90)
COOL_DOWN_MAX = timedelta(days=3_650)
WARN_PERCENT = 50
ANY_DAY = date(2026, 1, 1)

NAME_PATTERN = "^[a-z][a-z0-9_-]{0,62}$"

_SLUG = re.compile(NAME_PATTERN)
_CODE = re.compile(r"[a-z][a-z0-9_]{0,39}")
_MONEY = re.compile(r"([0-9]{1,12})(?:\.([0-9]{2}))? ([A-Z]{3})")


@dataclass(frozen=True)
class Checked:
    """What a check found: the agreement, or else every fault of its text by line."""

    agreement: Agreement | None
    faults: tuple[Fault, ...]


def check(text: str, today: date) -> Checked:
    """Read an agreement, or tell all that is wrong with it.

    Args:
        text: YAML.
        today: Holidays are resolved for the years around it.
    """
    faults = Faults()
    root = compose(text, faults)
    found = _agreement(root, sha256_of(text), today) if root and not faults.found else None
    if faults.found or found is None:
        return Checked(None, tuple(sorted(faults.found, key=lambda f: (f.line, f.column))))
    return Checked(found, ())


def read_agreement(text: str, today: date = ANY_DAY) -> Agreement:
    """Return the agreement of a sound text.

    Args:
        text: YAML.
        today: Holidays are resolved for the years around it; any day serves for a mere check.

    Raises:
        Rejected: With one error for each fault, which names its line and path.
    """
    checked = check(text, today)
    if checked.agreement is None:
        faults = checked.faults
        raise Rejected(f"The agreement has {len(faults)} faults.", *map(_error, faults))
    return checked.agreement


def _error(fault: Fault) -> FieldError:
    """Return a fault as problems carry it."""
    place = f"line {fault.line}" + (f" {fault.path}" if fault.path else "")
    return FieldError(place, fault.expected, fault.found)


def sha256_of(text: str) -> str:
    """Return the hash that the two sides sign."""
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()


def _agreement(root: Value, text_sha256: str, today: date) -> Agreement:
    """Read the whole; each part notes its own faults."""
    fields = root.fields(
        ("agreement", "signers", "qualified_lead", "service_levels", "calendars", "reasons"),
        ("routing", "goals", "marketing_owes"),
    )
    definition = _definition(fields["qualified_lead"])
    calendars = _calendars(fields["calendars"], today)
    chosen, levels = _service_levels(fields["service_levels"], definition.tiers, calendars)
    return Agreement(
        name=_matching(fields["agreement"], _SLUG, "a short name in lower case"),
        text_sha256=text_sha256,
        signers=_signers(fields["signers"]),
        definition=definition,
        service_levels=levels,
        calendar=chosen,
        reassign_max=_reassign_max(fields["routing"]),
        reasons=_reasons(fields["reasons"]),
        goals=_goals(fields["goals"]),
        marketing_level=_marketing_level(fields["marketing_owes"]),
    )


def _signers(value: Value) -> Signers:
    """Read who signs: one named person for each side, not the same for both."""
    fields = value.fields(("marketing", "sales"))
    signers = Signers(
        *(fields[side].text("a person's name") for side in ("marketing", "sales"))
    )
    if signers.marketing and signers.marketing == signers.sales:
        fields["sales"].fault("someone else than marketing's signer")
    return signers


def _definition(value: Value) -> Definition:
    """Read what a qualified lead is."""
    fields = value.fields(("tiers",), ("fit", "engagement", "gates", "cycles_at_most"))
    names: set[str] = set()
    fit = _listed(fields["fit"], RULES_MAX, lambda item: _fit_rule(item, names))
    engagement = _listed(
        fields["engagement"], RULES_MAX, lambda item: _engagement_rule(item, names)
    )
    gate_names: set[str] = set()
    gates = _listed(fields["gates"], GATES_MAX, lambda item: _gate(item, gate_names))
    tier_names: set[str] = set()
    tiers = _listed(fields["tiers"], TIERS_MAX, lambda item: _tier(item, tier_names))
    if not tiers:
        fields["tiers"].fault("at least one tier", "none")
    return Definition(
        fit + engagement, gates, tiers, _optional(fields, "cycles_at_most", CYCLES_MAX)
    )


def _fit_rule(item: Value, taken: set[str]) -> Rule:
    """Read points for who someone is."""
    fields = item.fields(("name", "when", "points"))
    return Rule(
        name=_unique(fields["name"], taken),
        condition=condition(fields["when"], ABOUT_LEAD),
        points=fields["points"].whole(-POINTS_MAX, POINTS_MAX),
    )


def _engagement_rule(item: Value, taken: set[str]) -> Rule:
    """Read points for what someone did."""
    fields = item.fields(("name", "points"), ("on", "when", "at_most"))
    if fields["on"].is_missing and fields["when"].is_missing:
        item.fault("the key on or the key when", "neither")
    kind = (
        "" if fields["on"].is_missing else _matching(fields["on"], _CODE, "a kind of activity")
    )
    when = "true" if fields["when"].is_missing else condition(fields["when"], ABOUT_ACTIVITY)
    return Rule(
        name=_unique(fields["name"], taken),
        condition=when,
        points=fields["points"].whole(-POINTS_MAX, POINTS_MAX),
        is_engagement=True,
        activity_kind=kind,
        count_max=_optional(fields, "at_most", COUNT_MAX),
    )


def _gate(item: Value, taken: set[str]) -> Gate:
    """Read what must hold whatever the points."""
    fields = item.fields(("name", "when", "reason"))
    return Gate(
        name=_unique(fields["name"], taken),
        condition=condition(fields["when"], ABOUT_LEAD),
        reason=fields["reason"].text("a sentence for people"),
    )


def _tier(item: Value, taken: set[str]) -> Tier:
    """Read a class of qualified leads."""
    fields = item.fields(("name", "when"))
    return Tier(_unique(fields["name"], taken), condition(fields["when"], ABOUT_SCORE))


def _calendars(value: Value, today: date) -> dict[str, Calendar]:
    """Read the calendars by name."""
    found = {}
    for key, entry in value.entries(CALENDARS_MAX):
        name = key.text("a calendar's name", NAME_LENGTH_MAX)
        found[name] = calendar(name, entry, today)
    return found


def _service_levels(
    value: Value, tiers: Sequence[Tier], calendars: dict[str, Calendar]
) -> tuple[Calendar, tuple[ServiceLevel, ...]]:
    """Read what sales owes: every tier has its level, every level its tier."""
    fields = value.fields(("calendar", "tiers"), ("warn_at",))
    warn = fields["warn_at"]
    percent = WARN_PERCENT if warn.is_missing else warn.percent(1, 99)
    levels = []
    for key, entry in fields["tiers"].entries(TIERS_MAX):
        if tiers:
            key.choice(tier.name for tier in tiers)
        levels.append(_service_level(key.scalar("a tier"), entry, percent))
    for tier in tiers:
        if tier.name and tier.name not in {level.tier for level in levels}:
            fields["tiers"].fault(f"a service level for each tier, also {tier.name}", "none")
    name = fields["calendar"].choice(calendars)
    nothing = Calendar(name, "", (), ())
    return calendars.get(name, nothing), tuple(levels)


def _service_level(tier: str, entry: Value, percent: int) -> ServiceLevel:
    """Read one tier's times; not in days, since a day of business time is read two ways."""
    fields = entry.fields(("accept", "first_attempt"))
    accept, first = (
        fields[name].duration("mh", SERVICE_LEVEL_MAX) for name in ("accept", "first_attempt")
    )
    return ServiceLevel(tier, accept, first, percent)


def _reassign_max(value: Value) -> int:
    """Read how often a breach may give a handoff to someone else."""
    return (
        0
        if value.is_missing
        else _optional(
            value.fields((), ("reassign_at_most",)), "reassign_at_most", REASSIGN_MAX, least=0
        )
    )


def _reasons(value: Value) -> tuple[Reason, ...]:
    """Read why a lead may come back, and what follows."""
    reasons = tuple(_reason(key, entry) for key, entry in value.entries(REASONS_MAX))
    if not reasons:
        value.fault("at least one reason", "none")
    return reasons


def _reason(key: Value, entry: Value) -> Reason:
    """Read one reason. Only a return has a time to cool down, and something to wait for."""
    fields = entry.fields(("label", "then"), ("cool_down", "new_evidence"))
    then = fields["then"].choice(Then)
    returns = then in ("", Then.RETURN)
    if then == Then.RETURN and fields["cool_down"].is_missing:
        entry.fault("the key cool_down, since the lead returns", "no such key")
    for name in ("cool_down", "new_evidence"):
        if not returns:
            fields[name].fault(f"no {name} with then: {then}")
    return Reason(
        code=_matching(key, _CODE, "a code such as no_budget"),
        label=fields["label"].text("a label for people"),
        then=Then(then or Then.RETURN),
        cool_down=_optional_duration(fields["cool_down"]) if returns else timedelta(0),
        new_evidence=_optional_text(fields["new_evidence"]),
    )


def _goals(value: Value) -> Goals | None:
    """Read what both want per quarter; None when nothing is said."""
    if value.is_missing:
        return None
    fields = value.fields(("customers", "revenue"))
    expected = "an amount with its currency, such as 240000 EUR"
    amount = fields["revenue"].scalar(expected)
    found = _MONEY.fullmatch(amount)
    if amount and not found:
        fields["revenue"].fault(expected)
    whole, cents, currency = found.groups() if found else ("0", "0", "")
    customers = fields["customers"].whole(1, COUNT_MAX)
    return Goals(customers, int(whole) * 100 + int(cents or 0), currency)


def _marketing_level(value: Value) -> MarketingLevel | None:
    """Read what marketing owes per month; None when nothing is said."""
    if value.is_missing:
        return None
    fields = value.fields(("qualified_per_month", "accepted", "complete"))
    return MarketingLevel(
        fields["qualified_per_month"].whole(1, COUNT_MAX),
        fields["accepted"].percent(0, 100),
        fields["complete"].percent(0, 100),
    )


def _listed(value: Value, most: int, read: Callable[[Value], T]) -> tuple[T, ...]:
    """Read each item of a list that may be missing."""
    return () if value.is_missing else tuple(read(item) for item in value.items(most))


def _unique(value: Value, taken: set[str]) -> str:
    """Return a name that no other of its kind has."""
    name = value.text("a name", NAME_LENGTH_MAX)
    if name in taken:
        value.fault("a name that no other has", f"{name} again")
    taken.update(name for name in [name] if name)
    return name


def _matching(value: Value, pattern: re.Pattern[str], meaning: str) -> str:
    """Return a word of letters, digits and dashes or underscores."""
    word = value.scalar(meaning)
    if word and not pattern.fullmatch(word):
        value.fault(f"{meaning}: letters a to z, digits, _, beginning with a letter")
    return word


def _optional(fields: Fields, name: str, most: int, least: int = 1) -> int:
    """Return a bounded whole number, 0 when it is not given."""
    return 0 if fields[name].is_missing else fields[name].whole(least, most)


def _optional_duration(value: Value) -> timedelta:
    """Return a time of the calendar, nothing when it is not given."""
    return timedelta(0) if value.is_missing else value.duration("mhd", COOL_DOWN_MAX)


def _optional_text(value: Value) -> str:
    """Return words, none when they are not given."""
    return "" if value.is_missing else value.text()
