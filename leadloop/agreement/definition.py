"""What a qualified lead is: the rules, caps, gates and tiers of an agreement's text."""

import re
from collections.abc import Callable, Collection
from datetime import timedelta
from typing import NamedTuple, TypeVar

from leadloop.agreement.conditions import (
    ABOUT_ACTIVITY,
    ABOUT_LEAD,
    ABOUT_SCORE,
    condition,
    optional_condition,
)
from leadloop.agreement.document import Fields, Value
from leadloop.agreement.terms import Cap, Definition, Gate, Rule, Tier

T = TypeVar("T")

RULES_MAX = 200
GATES_MAX = 50
TIERS_MAX = 20
CAPS_MAX = 50
PRODUCTS_MAX = 20
NAME_LENGTH_MAX = 80
POINTS_MAX = 10_000
CYCLES_MAX = 1_000
COUNT_MAX = 1_000_000
TIME_MAX = timedelta(days=3_650)
HALF_LIFE_MAX = timedelta(days=730)

# The two caps that need no rule to name them.
SIDES = ("fit", "engagement")

_OPTIONAL = ("caps", "products", "predictive_model")
_CODE = re.compile(r"[a-z][a-z0-9_]{0,39}")
_MODEL = re.compile(r"[0-9a-f]{8,64}")
_AT_MOST = re.compile(r"([0-9]{1,7})(?: per ([0-9]{1,4})d)?")
_WHOLE_DAYS = "d"


class _Known(NamedTuple):
    """What rules may name, and the names that are taken already."""

    groups: Collection[str]
    products: Collection[str]
    names: set[str]


def read_definition(value: Value) -> Definition:
    """Read what a qualified lead is."""
    fields = value.fields(
        ("tiers",),
        (
            "fit",
            "engagement",
            "gates",
            "cycles_at_most",
            "caps",
            "products",
            "predictive_model",
        ),
    )
    caps, products = _caps(fields["caps"]), _products(fields["products"])
    known = _Known({cap.group for cap in caps} - set(SIDES), products, set())
    fit = listed(fields["fit"], RULES_MAX, lambda item: _fit_rule(item, known))
    engagement = listed(
        fields["engagement"], RULES_MAX, lambda item: _engagement_rule(item, known)
    )
    gate_names: set[str] = set()
    tier_names: set[str] = set()
    tiers = listed(fields["tiers"], TIERS_MAX, lambda item: _tier(item, tier_names))
    if not tiers:
        fields["tiers"].fault("at least one tier", "none")
    return Definition(
        rules=fit + engagement,
        gates=listed(fields["gates"], GATES_MAX, lambda item: _gate(item, gate_names)),
        tiers=tiers,
        cycles_max=optional(fields, "cycles_at_most", CYCLES_MAX),
        caps=caps,
        products=products,
        predictive_model=_model(fields["predictive_model"]),
    )


def _fit_rule(item: Value, known: _Known) -> Rule:
    """Read points for who someone is."""
    fields = item.fields(("name", "when", "points"), ("group", "product"))
    return Rule(
        name=unique(fields["name"], known.names),
        condition=condition(fields["when"], ABOUT_LEAD),
        points=fields["points"].whole(-POINTS_MAX, POINTS_MAX),
        group=_one_of(fields["group"], "caps", known.groups),
        product=_one_of(fields["product"], "products", known.products),
        path=item.path,
    )


def _engagement_rule(item: Value, known: _Known) -> Rule:
    """Read points for what someone did, and for how long they count."""
    fields = item.fields(
        ("name", "points"),
        ("on", "when", "at_most", "half_life", "within", "group", "product"),
    )
    if fields["on"].is_missing and fields["when"].is_missing:
        item.fault("the key on or the key when", "neither")
    if not fields["half_life"].is_missing:
        fields["within"].fault("half_life or within, not both")
    count_max, period_days = _at_most(fields["at_most"])
    return Rule(
        name=unique(fields["name"], known.names),
        condition=optional_condition(fields["when"], ABOUT_ACTIVITY, "true"),
        points=fields["points"].whole(-POINTS_MAX, POINTS_MAX),
        is_engagement=True,
        activity_kind=_kind(fields["on"]),
        count_max=count_max,
        period_days=period_days,
        half_life_days=_days(fields["half_life"], HALF_LIFE_MAX),
        within_days=_days(fields["within"]),
        group=_one_of(fields["group"], "caps", known.groups),
        product=_one_of(fields["product"], "products", known.products),
        path=item.path,
    )


def _at_most(value: Value) -> tuple[int, int]:
    """Read how often a rule counts, such as 3 or 3 per 7d: the times, and the days."""
    if value.is_missing:
        return 0, 0
    expected = f"how often it counts, such as 3 or 3 per 7d, from 1 to {COUNT_MAX}"
    text = value.scalar(expected)
    found = _AT_MOST.fullmatch(text)
    times = int(found[1]) if found else 0
    days = int(found[2]) if found and found[2] else None
    if text and not (0 < times <= COUNT_MAX and (days is None or 0 < days <= TIME_MAX.days)):
        value.fault(expected)
        return 0, 0
    return times, days or 0


def _gate(item: Value, taken: set[str]) -> Gate:
    """Read what must hold whatever the points."""
    fields = item.fields(("name", "when", "reason"))
    return Gate(
        name=unique(fields["name"], taken),
        condition=condition(fields["when"], ABOUT_LEAD),
        reason=fields["reason"].text("a sentence for people"),
        path=item.path,
    )


def _tier(item: Value, taken: set[str]) -> Tier:
    """Read a class of qualified leads."""
    fields = item.fields(("name", "when"))
    return Tier(
        unique(fields["name"], taken), condition(fields["when"], ABOUT_SCORE), item.path
    )


def _caps(value: Value) -> tuple[Cap, ...]:
    """Read the most that groups and sides give together."""
    entries = [] if value.is_missing else value.entries(CAPS_MAX)
    return tuple(
        Cap(matching(key, _CODE, "a group"), entry.whole(1, POINTS_MAX), key.path)
        for key, entry in entries
    )


def _products(value: Value) -> tuple[str, ...]:
    """Read the product lines that are scored apart."""
    return listed(value, PRODUCTS_MAX, lambda item: matching(item, _CODE, "a product line"))


def _one_of(value: Value, listed_under: str, known: Collection[str]) -> str:
    """Read a name that another part of the definition lists; empty when there is none."""
    if value.is_missing:
        return ""
    if not known:
        value.fault(f"none, as {listed_under} is empty")
        return ""
    return value.choice(known)


def _model(value: Value) -> str:
    """Read the version of the predictive model; empty when none is used."""
    if value.is_missing:
        return ""
    return matching(value, _MODEL, "the version of a model, as `leadloop model list` shows it")


def _days(value: Value, longest: timedelta = TIME_MAX) -> int:
    """Read a time in whole days, 0 when it is not given."""
    return 0 if value.is_missing else value.duration(_WHOLE_DAYS, longest).days


def _kind(value: Value) -> str:
    """Read a kind of activity, empty when it is not given."""
    return "" if value.is_missing else matching(value, _CODE, "a kind of activity")


def listed(value: Value, most: int, read: Callable[[Value], T]) -> tuple[T, ...]:
    """Read each item of a list that may be missing."""
    return () if value.is_missing else tuple(read(item) for item in value.items(most))


def unique(value: Value, taken: set[str]) -> str:
    """Return a name that no other of its kind has."""
    name = value.text("a name", NAME_LENGTH_MAX)
    if name in taken:
        value.fault("a name that no other has", f"{name} again")
    taken.update(name for name in [name] if name)
    return name


def matching(value: Value, pattern: re.Pattern[str], meaning: str) -> str:
    """Return a word of letters, digits and dashes or underscores."""
    word = value.scalar(meaning)
    if word and not pattern.fullmatch(word):
        value.fault(f"{meaning}: letters a to z, digits, _, beginning with a letter")
    return word


def optional(fields: Fields, name: str, most: int, least: int = 1) -> int:
    """Return a bounded whole number, 0 when it is not given."""
    return 0 if fields[name].is_missing else fields[name].whole(least, most)
