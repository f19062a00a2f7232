"""In which zone people are told times: one rule for all that is written for them."""

from datetime import tzinfo
from typing import Annotated
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from fastapi import Query
from pydantic import AfterValidator
from pydantic_core import PydanticCustomError

from leadloop.v1.agreement_pb2 import Agreement

UTC = ZoneInfo("UTC")
NAME_MAX = 100


def found(name: str) -> ZoneInfo | None:
    """Return the zone of this IANA name; None when there is none."""
    try:
        return ZoneInfo(name)
    # A name may be that of a folder, or lead out of the database of zones.
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return None


def zone_of(agreement: Agreement | None, asked: str | None = None) -> tzinfo:
    """Return the zone that is asked for, else that of the agreement's calendar, else UTC."""
    calendar = agreement.calendar.time_zone if agreement else ""
    return found(asked or calendar) or UTC


def _known(name: str) -> str:
    if found(name) is None:
        raise PydanticCustomError("unknown_zone", "an IANA time zone such as Europe/Berlin")
    return name


# Of a route that tells times to people.
AskedZone = Annotated[
    Annotated[str, AfterValidator(_known)] | None,
    Query(
        max_length=NAME_MAX,
        description="Times are told in this zone, such as Europe/Berlin; by default in that of "
        "the agreement's calendar, and in UTC before one is signed.",
    ),
]
