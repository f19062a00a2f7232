"""The file of people, YAML: who takes leads, in which hours, how fast, when they are away."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, timedelta

from leadloop.agreement import calendars
from leadloop.agreement.document import Fault, Faults, Fields, Value, compose
from leadloop.errors import FieldError, Rejected
from services.handoff.calendar import Calendar, Opening
from services.handoff.routing import Person
from services.lab.simulation.team import PEOPLE_MAX, Absence, Market, Pace, Team, Worker

CALENDARS_MAX = 100
ABSENCES_MAX = 100
ABSENCE_DAYS_MAX = 400
REASONS_MAX = 50
_LONGEST = timedelta(days=10)
_MINUTES_MAX, _ATTEMPTS_MAX, _AT_ONCE_MAX = 2_400, 20, 10_000
_WEIGHT_MAX = 1_000_000
_PACE = (
    *("accepts_after", "minutes_per_lead", "minutes_per_attempt", "leads_at_once"),
    *("forgets", "attempts"),
)
_SHARES = ("accepted", "reached", "converted", "won", "comes_back")


@dataclass(frozen=True)
class _Known:
    """What entries may name, or fall back to."""

    calendars: Mapping[str, Calendar]
    usual: Calendar
    pace: Pace


def read_team(text: str, usual: Calendar, market: Market, today: date) -> Team:
    """Read who works, and how.

    Args:
        text: YAML.
        usual: The calendar of those who have no other.
        market: What is assumed of leads where the file says nothing.
        today: Holidays are resolved for the years around it.

    Raises:
        Rejected: With one error for each fault, which names its line.
    """
    faults = Faults()
    if text.strip():
        root = compose(text, faults)
    else:
        root = None
        faults.found.append(Fault(1, 1, "", "a list of people", "an empty text"))
    team = _team(root, usual, market, today) if root is not None else None
    if faults.found or team is None:
        many = len(faults.found)
        raise Rejected(
            f"The file of people has {many} fault{'s' * (many != 1)}.",
            *(FieldError(f"line {one.line}", one.expected, one.found) for one in faults.found),
        )
    return team


def _team(root: Value, usual: Calendar, market: Market, today: date) -> Team:
    fields = root.fields(("people",), ("calendars", "everyone", "leads"))
    known = _Known(_calendars(fields["calendars"], today), usual, _pace(fields, "everyone"))
    names: set[str] = set()
    workers = tuple(
        _worker(number, item, known, names)
        for number, item in enumerate(fields["people"].items(PEOPLE_MAX), 1)
    )
    if not workers:
        fields["people"].fault("at least one person", "none")
    return Team(workers, _market(fields["leads"], market))


def _calendars(value: Value, today: date) -> dict[str, Calendar]:
    found: dict[str, Calendar] = {}
    if value.is_missing:
        return found
    for key, entry in value.entries(CALENDARS_MAX):
        name, before = key.text("a calendar's name"), len(value.faults.found)
        told = calendars.calendar(name, entry, today)
        if len(value.faults.found) == before:
            found[name] = Calendar(
                name,
                told.time_zone,
                tuple(
                    Opening(one.weekday, one.opens_minute, one.closes_minute)
                    for one in told.openings
                ),
                frozenset(one.day for one in told.closed_days),
            )
    return found


def _pace(fields: Fields, name: str) -> Pace:
    value = fields[name]
    return Pace() if value.is_missing else _pace_of(value.fields((), _PACE), Pace())


def _pace_of(fields: Fields, usual: Pace) -> Pace:
    half, nine = _accepts_after(fields["accepts_after"], usual)
    return Pace(
        half_within=half,
        nine_within=nine,
        minutes_per_lead=_whole(
            fields["minutes_per_lead"], 1, _MINUTES_MAX, usual.minutes_per_lead
        ),
        minutes_per_attempt=_whole(
            fields["minutes_per_attempt"], 1, _MINUTES_MAX, usual.minutes_per_attempt
        ),
        leads_at_once=_whole(fields["leads_at_once"], 1, _AT_ONCE_MAX, usual.leads_at_once),
        forgets=_share(fields["forgets"], usual.forgets),
        attempts=_whole(fields["attempts"], 1, _ATTEMPTS_MAX, usual.attempts),
    )


def _accepts_after(value: Value, usual: Pace) -> tuple[timedelta, timedelta]:
    if value.is_missing:
        return usual.half_within, usual.nine_within
    fields = value.fields(("half_within", "nine_of_ten_within"))
    half = fields["half_within"].duration("mh", _LONGEST)
    nine = fields["nine_of_ten_within"].duration("mh", _LONGEST)
    if nine <= half and not fields["nine_of_ten_within"].is_missing:
        fields["nine_of_ten_within"].fault("a longer time than half_within")
    return half, max(nine, half)


def _worker(number: int, item: Value, known: _Known, names: set[str]) -> Worker:
    fields = item.fields(("name",), ("calendar", "away", *_PACE))
    name = fields["name"].text("a person's name", 200)
    if name in names:
        fields["name"].fault("a name that no other has", f"{name} again")
    names.add(name)
    calendar = known.usual
    if not fields["calendar"].is_missing:
        chosen = fields["calendar"].choice(known.calendars)
        calendar = known.calendars.get(chosen, known.usual)
    away = fields["away"]
    absences = () if away.is_missing else tuple(map(_absence, away.items(ABSENCES_MAX)))
    return Worker(
        Person(f"person-{number:04}", name),
        _without(calendar, absences),
        _pace_of(fields, known.pace),
        absences,
    )


def _absence(item: Value) -> Absence:
    fields = item.fields(("from", "to"), ("told",))
    first, last = fields["from"].day() or date.min, fields["to"].day() or date.min
    days = (last - first).days
    if date.min not in {first, last} and not 0 <= days < ABSENCE_DAYS_MAX:
        fields["to"].fault(f"a day from {first} on, at most {ABSENCE_DAYS_MAX} days later")
        last = first
    told = fields["told"]
    if told.is_missing:
        return Absence(first, last, first)
    return Absence(first, last, None if told.seen == "never" else told.day())


def _without(calendar: Calendar, absences: tuple[Absence, ...]) -> Calendar:
    """Return the calendar closed on the days of absences."""
    if not absences:
        return calendar
    days = {
        one.first + timedelta(days=day)
        for one in absences
        if one.first != date.min
        for day in range((one.last - one.first).days + 1)
    }
    return replace(calendar, closed_days=calendar.closed_days | days)


def _market(value: Value, usual: Market) -> Market:
    if value.is_missing:
        return usual
    fields = value.fields((), (*_SHARES, "reasons"))
    weights: dict[str, int] = {}
    if not fields["reasons"].is_missing:
        for key, entry in fields["reasons"].entries(REASONS_MAX):
            weights[key.scalar("a reason's code")] = entry.whole(0, _WEIGHT_MAX)
    return Market(
        accepted=_share(fields["accepted"], usual.accepted),
        reached=_share(fields["reached"], usual.reached),
        converted=_share(fields["converted"], usual.converted),
        won=_share(fields["won"], usual.won),
        comes_back=_share(fields["comes_back"], usual.comes_back),
        weights=weights or usual.weights,
    )


def _whole(value: Value, least: int, most: int, usual: int) -> int:
    return usual if value.is_missing else value.whole(least, most)


def _share(value: Value, usual: float) -> float:
    return usual if value.is_missing else value.percent(0, 100) / 100
