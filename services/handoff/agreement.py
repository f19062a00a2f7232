"""Read the agreement of the contract into the terms that handoff's rules work with."""

from collections.abc import Iterable
from datetime import date, datetime, timedelta
from functools import lru_cache

from google.protobuf.duration_pb2 import Duration

from leadloop.errors import FieldError, Rejected
from leadloop.v1 import agreement_pb2
from services.handoff import clocks
from services.handoff.calendar import Calendar, InvalidCalendar, Opening
from services.handoff.terms import Consequence, Level, Terms

_CONSEQUENCES = {
    agreement_pb2.CONSEQUENCE_RETURN: Consequence.RETURN,
    agreement_pb2.CONSEQUENCE_REROUTE: Consequence.REROUTE,
    agreement_pb2.CONSEQUENCE_DISQUALIFY: Consequence.DISQUALIFY,
}


@lru_cache(maxsize=64)
def terms_of(body: bytes) -> Terms:
    """Read a stored agreement; the same bytes are read once and give the same terms.

    Raises:
        Rejected: Its calendar, a service level or a reason can't be used.
    """
    agreement = agreement_pb2.Agreement.FromString(body)
    return Terms(
        version=agreement.version,
        calendar=_calendar(agreement.calendar),
        levels={
            level.tier: _level(position, level)
            for position, level in enumerate(agreement.service_levels)
        },
        reasons=_reasons(agreement.reasons),
        reassign_max=agreement.routing.reassign_max,
    )


def check(terms: Terms, now: datetime) -> None:
    """Try every clock once, so that no lead finds out that one can't run.

    Raises:
        Rejected: The calendar stays closed too long.
    """
    for level in terms.levels.values():
        try:
            clocks.start(level, now, terms.calendar)
        except InvalidCalendar as error:
            raise Rejected(
                "The agreement's calendar can't be used.",
                FieldError("/agreement/calendar", "hours that open", str(error)),
            ) from error


def _calendar(told: agreement_pb2.Calendar) -> Calendar:
    try:
        return Calendar(
            told.name,
            told.time_zone,
            tuple(
                Opening(one.weekday, one.opens_minute, one.closes_minute)
                for one in told.opening_hours
            ),
            frozenset(_dates(told.closed_days)),
        )
    except InvalidCalendar as error:
        raise Rejected(
            "The agreement's calendar can't be used.",
            FieldError("/agreement/calendar", "zone and hours that open", str(error)),
        ) from error


def _dates(days: Iterable[agreement_pb2.ClosedDay]) -> Iterable[date]:
    for position, day in enumerate(days):
        try:
            yield date.fromisoformat(day.date)
        except ValueError as error:
            pointer = f"/agreement/calendar/closed_days/{position}/date"
            raise Rejected(
                "A closed day of the agreement is no date.",
                FieldError(pointer, "a date such as 2026-12-25", day.date),
            ) from error


def _level(position: int, told: agreement_pb2.ServiceLevel) -> Level:
    if not 1 <= told.warn_percent <= 99:
        raise Rejected(
            "A service level of the agreement can't be used.",
            FieldError(
                f"/agreement/service_levels/{position}/warn_percent",
                "a number from 1 to 99",
                str(told.warn_percent),
            ),
        )
    return Level(_span(told.accept), _span(told.first_attempt), told.warn_percent)


def _span(told: Duration) -> timedelta:
    return timedelta(seconds=told.seconds, microseconds=told.nanos // 1_000)


def _reasons(told: Iterable[agreement_pb2.Reason]) -> dict[str, Consequence]:
    found = {}
    for position, reason in enumerate(told):
        if reason.consequence not in _CONSEQUENCES:
            raise Rejected(
                "A reason of the agreement has no consequence.",
                FieldError(
                    f"/agreement/reasons/{position}/consequence",
                    "return, reroute or disqualify",
                    str(reason.consequence),
                ),
            )
        found[reason.code] = _CONSEQUENCES[reason.consequence]
    return found
