"""Calendars, people, terms and handoffs for tests, every field defaulted."""

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta

from services.handoff import rules
from services.handoff.calendar import Calendar, Opening
from services.handoff.cycle import Change, Handoff, State
from services.handoff.routing import Candidate, Person, Route, Seller
from services.handoff.terms import Consequence, Level, Terms

WEEKDAYS = range(1, 6)
ANN, BEN, CAT = Person("ann", "Ann"), Person("ben", "Ben"), Person("cat", "Cat")
# A Monday, ten o'clock in Berlin.
MONDAY_TEN = datetime(2026, 3, 2, 9, tzinfo=UTC)
MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)


def hours(*weekdays: int, opens: int = 9, closes: int = 17) -> tuple[Opening, ...]:
    return tuple(Opening(day, opens * 60, closes * 60) for day in weekdays)


def a_calendar(
    opening_hours: tuple[Opening, ...] = hours(*WEEKDAYS),
    zone: str = "Europe/Berlin",
    closed: tuple[date, ...] = (),
) -> Calendar:
    return Calendar("office", zone, opening_hours, frozenset(closed))


def some_terms(
    *,
    version: int = 1,
    calendar: Calendar | None = None,
    levels: Mapping[str, Level] | None = None,
    reassign_max: int = 1,
) -> Terms:
    return Terms(
        version=version,
        calendar=calendar or a_calendar(),
        levels=levels or {"hot": Level(15 * MINUTE, HOUR, 50)},
        reasons={
            "no_budget": Consequence.RETURN,
            "competitor": Consequence.DISQUALIFY,
            "wrong_territory": Consequence.REROUTE,
        },
        reassign_max=reassign_max,
    )


def a_seller(
    person: Person = ANN,
    *,
    available: bool = True,
    away_until: datetime | None = None,
    seq: int = 0,
) -> Seller:
    return Seller(person, available, away_until, seq)


def a_route(chosen: Person | None = ANN) -> Route:
    if chosen is None:
        return Route(None, (), waits_because="nobody is available")
    return Route(chosen, (Candidate(chosen, ""),))


def a_new_handoff(*, tier: str = "hot", at: datetime = MONDAY_TEN) -> Handoff:
    return Handoff(
        id="01890000-0000-7000-8000-000000000001",
        lead_id="01890000-0000-7000-8000-0000000000aa",
        cycle=1,
        tier=tier,
        agreement_version=1,
        state=State.QUEUED,
        since=at,
    )


def begun(
    owner: Person | None = ANN, terms: Terms | None = None, at: datetime = MONDAY_TEN
) -> Handoff:
    new = a_new_handoff(at=at)
    return rules.begin(new, a_route(owner), terms or some_terms(), at).handoff


def accepted(actor: str = "ann", terms: Terms | None = None) -> Handoff:
    answer = rules.accept(begun(terms=terms), actor, terms or some_terms(), MONDAY_TEN + MINUTE)
    assert isinstance(answer, Change)
    return answer.handoff


def in_state(state: State) -> Handoff:
    return accepted()._replace(state=state)
