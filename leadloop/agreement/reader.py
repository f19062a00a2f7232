"""The agreement: the text that both teams sign, read and checked as a whole."""

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta

from leadloop.agreement.calendars import Calendar, calendar
from leadloop.agreement.conditions import (
    ABOUT_ACTIVITY,
    ABOUT_CONTENT,
    condition,
    optional_condition,
)
from leadloop.agreement.definition import (
    COUNT_MAX,
    NAME_LENGTH_MAX,
    TIERS_MAX,
    listed,
    matching,
    optional,
    read_definition,
    unique,
)
from leadloop.agreement.document import Fault, Faults, Value, compose
from leadloop.agreement.terms import (
    Agreement,
    Content,
    Goals,
    MarketingLevel,
    Reason,
    ServiceLevel,
    Signers,
    Then,
    Tier,
)
from leadloop.errors import FieldError, Rejected

REASONS_MAX = 50
CALENDARS_MAX = 20
CONTENT_MAX = 200
REASSIGN_MAX = 20
SERVICE_LEVEL_MAX = timedelta(days=90)
COOL_DOWN_MAX = timedelta(days=3_650)
WARN_PERCENT = 50
ANY_DAY = date(2026, 1, 1)

NAME_PATTERN = "^[a-z][a-z0-9_-]{0,62}$"

RESERVED = ("schema",)

_WHOLE = ("agreement", "signers", "qualified_lead", "service_levels", "calendars", "reasons")
_OPTIONAL = ("routing", "goals", "marketing_owes", "content")
# What leads are scored by; and what a draft is called that has no name.
_DEFINITION = ("qualified_lead",)
_DRAFT = "draft"

_SLUG = re.compile(NAME_PATTERN)
_CODE = re.compile(r"[a-z][a-z0-9_]{0,39}")
_ADDRESS = re.compile(r"https?://[^\s/]\S{0,490}")
_ON_RETURN = ("new_evidence", "reopened_by")
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
    return _check(text, today, _WHOLE)


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
        raise refused(checked.faults)
    return checked.agreement


def read_draft(text: str) -> Agreement:
    """Return the agreement of a text that may leave out all but the definition.

    That is what leads are scored by, so it is enough to try one on the past. What is there of
    the rest must be sound.

    Raises:
        Rejected: As of a whole text.
    """
    checked = _check(text, ANY_DAY, _DEFINITION)
    if checked.agreement is None:
        raise refused(checked.faults)
    return replace(checked.agreement, name=checked.agreement.name or _DRAFT)


def refused(faults: Sequence[Fault]) -> Rejected:
    """Return the refusal of a text with these faults."""
    return Rejected(_told(len(faults)), *map(_error, faults))


def _told(faults: int) -> str:
    return (
        "The agreement has 1 fault." if faults == 1 else f"The agreement has {faults} faults."
    )


def _check(text: str, today: date, required: Sequence[str]) -> Checked:
    faults = Faults()
    root = compose(text, faults)
    if root is None or faults.found:
        return Checked(None, _in_order(faults))
    found = _agreement(root, sha256_of(text), today, required)
    return Checked(None, _in_order(faults)) if faults.found else Checked(found, ())


def _in_order(faults: Faults) -> tuple[Fault, ...]:
    return tuple(sorted(faults.found, key=lambda fault: (fault.line, fault.column)))


def _error(fault: Fault) -> FieldError:
    """Return a fault as problems carry it."""
    place = f"line {fault.line}" + (f" {fault.path}" if fault.path else "")
    return FieldError(place, fault.expected, fault.found)


def sha256_of(text: str) -> str:
    """Return the hash that the two sides sign."""
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()


def _agreement(
    root: Value, text_sha256: str, today: date, required: Sequence[str]
) -> Agreement:
    """Read the whole; each part notes its own faults."""
    fields = root.fields(
        required, [key for key in (*_WHOLE, *_OPTIONAL) if key not in required]
    )
    definition = read_definition(fields["qualified_lead"])
    calendars = _calendars(fields["calendars"], today)
    chosen, levels = _service_levels(fields["service_levels"], definition.tiers, calendars)
    return Agreement(
        name=_name(fields["agreement"]),
        text_sha256=text_sha256,
        signers=_signers(fields["signers"]),
        definition=definition,
        service_levels=levels,
        calendar=chosen,
        reassign_max=_reassign_max(fields["routing"]),
        reasons=_reasons(fields["reasons"]),
        goals=_goals(fields["goals"]),
        marketing_level=_marketing_level(fields["marketing_owes"]),
        content=_content(fields["content"]),
    )


def _name(value: Value) -> str:
    """Read the agreement's name; where the schema is published, no agreement can be."""
    name = matching(value, _SLUG, "a short name in lower case")
    if name in RESERVED:
        value.fault("another name: this one is taken", name)
    return name


def _signers(value: Value) -> Signers:
    """Read who signs: one named person for each side, not the same for both."""
    fields = value.fields(("marketing", "sales"))
    signers = Signers(
        *(fields[side].text("a person's name") for side in ("marketing", "sales"))
    )
    if signers.marketing and signers.marketing == signers.sales:
        fields["sales"].fault("someone else than marketing's signer")
    return signers


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
        else optional(
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
    fields = entry.fields(("label", "then"), ("cool_down", *_ON_RETURN))
    then = fields["then"].choice(Then)
    returns = then in ("", Then.RETURN)
    if then == Then.RETURN and fields["cool_down"].is_missing:
        entry.fault("the key cool_down, since the lead returns", "no such key")
    for name in ("cool_down", *_ON_RETURN):
        if not returns:
            fields[name].fault(f"no {name} with then: {then}")
    return Reason(
        code=matching(key, _CODE, "a code such as no_budget"),
        label=fields["label"].text("a label for people"),
        then=Then(then or Then.RETURN),
        cool_down=_optional_duration(fields["cool_down"]) if returns else timedelta(0),
        new_evidence=_optional_text(fields["new_evidence"]),
        reopened_by=optional_condition(fields["reopened_by"], ABOUT_ACTIVITY, ""),
        path=entry.path,
    )


def _goals(value: Value) -> Goals | None:
    """Read what both want per quarter; None when nothing is said."""
    if value.is_missing:
        return None
    fields = value.fields(("customers", "revenue"), ("conversion",))
    expected = "an amount with its currency, such as 240000 EUR"
    amount = fields["revenue"].scalar(expected)
    found = _MONEY.fullmatch(amount)
    if amount and not found:
        fields["revenue"].fault(expected)
    whole, cents, currency = found.groups() if found else ("0", "0", "")
    customers = fields["customers"].whole(1, COUNT_MAX)
    rates = _conversion(fields["conversion"])
    return Goals(customers, int(whole) * 100 + int(cents or 0), currency, *rates)


def _conversion(value: Value) -> tuple[int, ...]:
    """Read how many of each stage reach the next, in percent; nothing when it is not said."""
    if value.is_missing:
        return ()
    fields = value.fields(("accepted", "converted", "won"))
    return tuple(fields[name].percent(1, 100) for name in ("accepted", "converted", "won"))


def _content(value: Value) -> tuple[Content, ...]:
    """Read what to give whom to read."""
    names: set[str] = set()
    return listed(value, CONTENT_MAX, lambda item: _asset(item, names))


def _asset(item: Value, taken: set[str]) -> Content:
    """Read an asset and whom it suits."""
    fields = item.fields(("name", "url", "when"))
    url = fields["url"].scalar("an address")
    if url and not _ADDRESS.fullmatch(url):
        fields["url"].fault("an address that begins with https:// or http://")
    return Content(
        unique(fields["name"], taken), url, condition(fields["when"], ABOUT_CONTENT), item.path
    )


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


def _optional_duration(value: Value) -> timedelta:
    """Return a time of the calendar, nothing when it is not given."""
    return timedelta(0) if value.is_missing else value.duration("mhd", COOL_DOWN_MAX)


def _optional_text(value: Value) -> str:
    """Return words, none when they are not given."""
    return "" if value.is_missing else value.text()
