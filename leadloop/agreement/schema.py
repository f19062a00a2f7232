"""The JSON Schema of an agreement's text, for editors: `python -m leadloop.agreement.schema`.

It is written beside the reader, not made from it; a test holds the keys of both together. What
a schema can't say, such as whether a condition compiles, the reader and the checks say.
"""

import json
import sys
from typing import Any

from leadloop.agreement.conditions import (
    ABOUT_ACTIVITY,
    ABOUT_CONTENT,
    ABOUT_LEAD,
    ABOUT_SCORE,
    LENGTH_MAX,
)
from leadloop.agreement.definition import (
    CAPS_MAX,
    COUNT_MAX,
    CYCLES_MAX,
    GATES_MAX,
    NAME_LENGTH_MAX,
    POINTS_MAX,
    PRODUCTS_MAX,
    RULES_MAX,
    TIERS_MAX,
)
from leadloop.agreement.document import TEXT_LENGTH_MAX
from leadloop.agreement.reader import (
    CALENDARS_MAX,
    CONTENT_MAX,
    NAME_PATTERN,
    REASONS_MAX,
    REASSIGN_MAX,
)
from leadloop.agreement.terms import Then

# Editors know draft 7 best.
DRAFT = "http://json-schema.org/draft-07/schema#"

Schema = dict[str, Any]

_CODE = "^[a-z][a-z0-9_]{0,39}$"
_DAYS = "^[0-9]{1,5}d$"


def schema() -> Schema:
    """Return what an agreement's text may hold, in JSON Schema as editors read it."""
    return {
        "$schema": DRAFT,
        "title": "The agreement between marketing and sales",
        "description": "Both sides sign this very text; the software keeps both to it.",
        **_mapping(
            {
                "agreement": _text("Its name, in lower case.", pattern=NAME_PATTERN),
                "signers": _signers(),
                "qualified_lead": _definition(),
                "service_levels": _service_levels(),
                "calendars": _by_name(
                    "When sales is at work, by name.", _calendar(), most=CALENDARS_MAX
                ),
                "reasons": _by_name(
                    "Why sales may refuse a lead or give it back, by code.",
                    _reason(),
                    most=REASONS_MAX,
                    names=_CODE,
                ),
                "routing": _routing(),
                "goals": _goals(),
                "marketing_owes": _marketing_owes(),
                "content": _list(
                    "What to give whom to read.", _content(), least=0, most=CONTENT_MAX
                ),
            },
            optional=("routing", "goals", "marketing_owes", "content"),
        ),
    }


def as_text() -> str:
    """Return the schema as it is published."""
    return json.dumps(schema(), indent=2, ensure_ascii=False) + "\n"


def _signers() -> Schema:
    return _mapping(
        {
            "marketing": _text("Who signs for marketing."),
            "sales": _text("Who signs for sales; someone else."),
        },
        says="Who signs.",
    )


def _definition() -> Schema:
    line = _text("A product line.", pattern=_CODE)
    return _mapping(
        {
            "fit": _list("Who they are; each rule counts once.", _fit_rule(), 0, RULES_MAX),
            "engagement": _list(
                "What they did; each rule counts for each activity.",
                _engagement_rule(),
                0,
                RULES_MAX,
            ),
            "caps": _by_name(
                "The most points that a group of rules gives, or all of fit or engagement.",
                _whole("Points.", 1, POINTS_MAX),
                most=CAPS_MAX,
                names=_CODE,
            ),
            "products": _list("Product lines that are scored apart.", line, 0, PRODUCTS_MAX),
            "gates": _list("What must hold whatever the points.", _gate(), 0, GATES_MAX),
            "tiers": _list("The first whose condition holds.", _tier(), 1, TIERS_MAX),
            "cycles_at_most": _whole("How often a person is handed over.", 1, CYCLES_MAX),
            "predictive_model": _text(
                "The version of the model that conditions read as predicted.",
                pattern="^[0-9a-f]{8,64}$",
            ),
        },
        optional=(
            *("fit", "engagement", "caps", "products", "gates"),
            *("cycles_at_most", "predictive_model"),
        ),
        says="What a qualified lead is.",
    )


def _fit_rule() -> Schema:
    keys = {"name": _name(), "when": _condition(ABOUT_LEAD), **_points()}
    return _mapping(keys, optional=("group", "product"))


def _engagement_rule() -> Schema:
    rule = _mapping(
        {
            "name": _name(),
            "on": _text("The kind of activity; any if left out.", pattern=_CODE),
            "when": _condition(ABOUT_ACTIVITY),
            "at_most": {
                "description": "How often it counts: 3, or 3 per 7d.",
                "anyOf": [
                    {"type": "integer", "minimum": 1, "maximum": COUNT_MAX},
                    {"type": "string", "pattern": "^[0-9]{1,7}( per [0-9]{1,4}d)?$"},
                ],
            },
            "half_life": _text("Its points halve each time these have passed.", _DAYS),
            "within": _text("Only activities of so many last days count.", _DAYS),
            **_points(),
        },
        optional=("on", "when", "at_most", "half_life", "within", "group", "product"),
    )
    return rule | {
        "anyOf": [{"required": ["on"]}, {"required": ["when"]}],
        "not": {"required": ["half_life", "within"]},
    }


def _points() -> Schema:
    return {
        "points": _whole("Points, negative ones too.", -POINTS_MAX, POINTS_MAX),
        "group": _text("The group whose cap it shares.", pattern=_CODE),
        "product": _text("The product line that it counts for.", pattern=_CODE),
    }


def _gate() -> Schema:
    reason = _text("What people are told when it is closed.")
    return _mapping({"name": _name(), "when": _condition(ABOUT_LEAD), "reason": reason})


def _tier() -> Schema:
    return _mapping({"name": _name(), "when": _condition(ABOUT_SCORE)})


def _service_levels() -> Schema:
    length = "A time of the calendar, such as 15m or 4h."
    level = _mapping(
        {
            "accept": _text(length, pattern="^[0-9]{1,5}[mh]$"),
            "first_attempt": _text(length, pattern="^[0-9]{1,5}[mh]$"),
        }
    )
    return _mapping(
        {
            "calendar": _text("The calendar by which the times count."),
            "warn_at": _percent("When to warn, in percent of a time."),
            "tiers": _by_name("What each tier is owed.", level, most=TIERS_MAX),
        },
        optional=("warn_at",),
        says="What sales owes a lead, in business time.",
    )


def _calendar() -> Schema:
    hours = {"type": "string", "pattern": "^[0-9]{2}:[0-9]{2}-[0-9]{2}:[0-9]{2}$"}
    day = "(mon|tue|wed|thu|fri|sat|sun)"
    return _mapping(
        {
            "time_zone": _text("An IANA time zone, such as Europe/Berlin."),
            "open": _by_name(
                "Hours by weekday, or by a stretch of them such as mon-fri.",
                _list("Hours such as 09:00-17:30.", hours, 0, 12),
                most=50,
                names=f"^{day}(-{day})?$",
            ),
            "holidays": _text("A country such as DE, or a part of it such as DE-BY."),
            "closed": _list("Further days, such as 2026-12-24.", {"type": "string"}, 0, 400),
        },
        optional=("holidays", "closed"),
    )


def _reason() -> Schema:
    reason = _mapping(
        {
            "label": _text("What people read."),
            "then": {"description": "What follows.", "enum": [then.value for then in Then]},
            "cool_down": _text("How long nothing qualifies.", "^[0-9]{1,5}[mhd]$"),
            "new_evidence": _text("What must change before they may come back."),
            "reopened_by": _condition(ABOUT_ACTIVITY),
        },
        optional=("cool_down", "new_evidence", "reopened_by"),
    )
    returns = {"properties": {"then": {"const": Then.RETURN.value}}}
    return reason | {"if": returns, "then": {"required": ["cool_down"]}}


def _routing() -> Schema:
    most = _whole("How often a breach gives a lead to another person.", 0, REASSIGN_MAX)
    return _mapping({"reassign_at_most": most}, optional=("reassign_at_most",))


def _goals() -> Schema:
    share = "How many of them reach this, in percent of the stage before."
    names = ("accepted", "converted", "won")
    return _mapping(
        {
            "customers": _whole("Customers.", 1, COUNT_MAX),
            "revenue": _text("Such as 240000 EUR.", r"^[0-9]{1,12}(\.[0-9]{2})? [A-Z]{3}$"),
            "conversion": _mapping({name: _percent(share) for name in names}),
        },
        optional=("conversion",),
        says="What both want together, per quarter.",
    )


def _marketing_owes() -> Schema:
    return _mapping(
        {
            "qualified_per_month": _whole("Qualified leads.", 1, COUNT_MAX),
            "accepted": _percent("How many of them sales accepts."),
            "complete": _percent("How many of them have all their data."),
        },
        says="What marketing owes sales, per month.",
    )


def _content() -> Schema:
    url = _text("Where it is.", pattern=r"^https?://[^\s/]\S{0,490}$")
    return _mapping({"name": _name(), "url": url, "when": _condition(ABOUT_CONTENT)})


def _mapping(properties: Schema, optional: tuple[str, ...] = (), says: str = "") -> Schema:
    required = [name for name in properties if name not in optional]
    found: Schema = {
        "type": "object",
        "additionalProperties": False,
        "required": required,
        "properties": properties,
    }
    return found | ({"description": says} if says else {})


def _by_name(says: str, entry: Schema, most: int, names: str = "") -> Schema:
    found: Schema = {"description": says, "type": "object", "maxProperties": most}
    if names:
        return found | {"patternProperties": {names: entry}, "additionalProperties": False}
    return found | {"additionalProperties": entry}


def _list(says: str, item: Schema, least: int, most: int) -> Schema:
    return {
        "description": says,
        "type": "array",
        "items": item,
        "minItems": least,
        "maxItems": most,
    }


def _text(says: str, pattern: str = "") -> Schema:
    found: Schema = {
        "description": says,
        "type": "string",
        "minLength": 1,
        "maxLength": TEXT_LENGTH_MAX,
    }
    return found | ({"pattern": pattern} if pattern else {})


def _name() -> Schema:
    return _text("A name that no other of its kind has.") | {"maxLength": NAME_LENGTH_MAX}


def _condition(about: tuple[str, ...]) -> Schema:
    return {
        "description": f"A condition in CEL over {', '.join(about)}.",
        "type": ["string", "boolean"],
        "minLength": 1,
        "maxLength": LENGTH_MAX,
    }


def _whole(says: str, least: int, most: int) -> Schema:
    return {"description": says, "type": "integer", "minimum": least, "maximum": most}


def _percent(says: str) -> Schema:
    return _text(says, pattern="^[0-9]{1,3} ?%$")


if __name__ == "__main__":
    sys.stdout.write(as_text())
