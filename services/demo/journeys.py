"""What made-up people do, and when: journeys through a campaign, and ways back after a no."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from random import Random

from services.demo.company import (
    BEGIN,
    END,
    FIRST_DAY,
    LAST_DAY,
    WEBINARS,
    ZONE,
    Sender,
    local,
)
from services.demo.people import HEROINE, Person

# What happens until the next of these hours arrives together then; each moment of its own costs
# the demo some time.
_HOURS = (8, 10, 14, 16, 19)
_WEEKEND_HOURS = (10, 19)
_DAYS = (LAST_DAY - FIRST_DAY).days + 1
_WEEKEND_WEIGHT = 0.25


class What(StrEnum):
    """Something that a sender tells about a person."""

    CREATED = "created"
    CHANGED = "changed"
    OPTED_OUT = "opted out"
    PAGE = "page"
    FORM = "form"
    DEMO = "demo"
    WEBINAR = "webinar"
    DOWNLOAD = "download"
    OPENED = "opened"


@dataclass(frozen=True, slots=True)
class Step:
    """One thing a person does at a moment; `detail` is the page, form, guide or e-mail."""

    at: datetime
    person: Person
    what: What
    detail: str = ""


def journey_of(person: Person, seed: int) -> list[Step]:
    """Return all that someone does by themselves, in order; the first step makes them known."""
    if person == HEROINE:
        return _heroines_first_days()
    random = Random(f"{seed}/journey/{person.number}")  # noqa: S311 (a story)
    return _in_order(_walk(person, random))


def _in_order(steps: Iterable[Step]) -> list[Step]:
    """Sort steps of one person within the quarter; what is done twice in a slot counts once."""
    once = {(step.at, step.what): step for step in steps if BEGIN <= step.at < END}
    return [once[key] for key in sorted(once)]


def _walk(person: Person, random: Random) -> Iterator[Step]:
    arrival = _arrival(person, random)
    if person.sender is Sender.WEBSITE:
        yield Step(arrival, person, What.FORM, "contact")
    else:
        yield Step(arrival, person, What.CREATED)
    yield from {
        "shift-webinar": _to_the_webinar,
        "rota-guide": _with_the_guide,
        "spring-fair": _after_the_fair,
        "newsletter": _reading_news,
    }.get(person.campaign.name, _around)(person, arrival, random)
    if person.needs:
        yield from _towards_a_demo(person, arrival, random)
    if random.random() < 0.02:
        yield Step(_later(arrival, random, 30), person, What.OPTED_OUT)


def _around(person: Person, arrival: datetime, random: Random) -> Iterator[Step]:
    for _ in range(random.randrange(3)):
        url = "/pricing" if random.random() < 0.3 else "/customers"
        yield Step(_later(arrival, random, 6), person, What.PAGE, url)


def _to_the_webinar(person: Person, arrival: datetime, random: Random) -> Iterator[Step]:
    coming = [local(day, 10) for day in WEBINARS if local(day, 10) > arrival]
    if coming and random.random() < (0.7 if person.needs else 0.35):
        yield Step(coming[0], person, What.WEBINAR, "Shifts that people keep")
    if random.random() < 0.3:
        yield Step(_later(arrival, random, 20), person, What.PAGE, "/customers")


def _with_the_guide(person: Person, arrival: datetime, random: Random) -> Iterator[Step]:
    yield Step(_next_slot(arrival), person, What.DOWNLOAD, "Rota guide")
    if random.random() < 0.25:
        yield Step(_later(arrival, random, 14), person, What.PAGE, "/pricing")


def _after_the_fair(person: Person, arrival: datetime, random: Random) -> Iterator[Step]:
    if random.random() < 0.6:
        yield Step(arrival, person, What.FORM, "Talk at the stand")
    yield from _opens(person, arrival, random, random.randrange(4))


def _reading_news(person: Person, arrival: datetime, random: Random) -> Iterator[Step]:
    yield from _opens(person, arrival, random, random.randrange(5))
    if random.random() < 0.25:
        yield Step(_later(arrival, random, 30), person, What.PAGE, "/pricing")


def _opens(person: Person, arrival: datetime, random: Random, count: int) -> Iterator[Step]:
    for week in range(count):
        at = _daytime((arrival + timedelta(days=3 + 7 * week)).date(), random)
        yield Step(at, person, What.OPENED, f"News {week + 1}")


def _towards_a_demo(person: Person, arrival: datetime, random: Random) -> Iterator[Step]:
    """Somebody with the problem looks at prices, and mostly asks for a demo in the end."""
    at = arrival
    for _ in range(random.randrange(1, 4)):
        at = _later(at, random, 5)
        yield Step(at, person, What.PAGE, "/pricing")
    if random.random() < 0.6:
        what = What.FORM if person.sender is Sender.MAUTIC else What.DEMO
        yield Step(_later(at, random, 4), person, what, "Demo")


def way_back(
    person: Person, reason: str, returned_at: datetime, not_before: datetime, seed: int
) -> list[Step]:
    """Return what someone does after sales gave them back: marketing keeps in touch.

    Some come too early, while they cool down; some come after that; most stay away.
    """
    if person == HEROINE:
        return _heroine_comes_back(not_before)
    random = Random(f"{seed}/back/{person.number}/{reason}")  # noqa: S311 (a story)
    steps: list[Step] = []
    if random.random() < 0.1:
        steps.append(Step(_later(returned_at, random, 6), person, What.PAGE, "/pricing"))
    if random.random() < _COMES_BACK.get(reason, 0.1) * (1 if person.fits else 0.3):
        steps += _return_visit(person, reason, not_before, random)
    return _in_order(steps)


_COMES_BACK = {"bad_data": 0.5, "bad_timing": 0.5, "not_reached": 0.3, "no_need": 0.15}


def _return_visit(
    person: Person, reason: str, not_before: datetime, random: Random
) -> Sequence[Step]:
    at = _later(not_before, random, 7)
    visit = Step(_later(at, random, 3), person, What.PAGE, "/pricing")
    if reason == "bad_data":
        return [Step(at, person, What.CHANGED, "phone"), visit]
    if random.random() < 0.5:
        return [visit, Step(_later(visit.at, random, 3), person, What.DEMO, "Demo")]
    return [visit]


def _arrival(person: Person, random: Random) -> datetime:
    days = person.campaign.days or range(_DAYS)
    return _daytime(_day_of([FIRST_DAY + timedelta(days=day) for day in days], random), random)


def _day_of(days: Sequence[date], random: Random) -> date:
    weights = [_WEEKEND_WEIGHT if day.isoweekday() > 5 else 1.0 for day in days]
    return random.choices(days, weights)[0]


def _daytime(day: date, random: Random) -> datetime:
    """Choose a slot of a day."""
    return random.choice(_slots(day))


def _slots(day: date) -> list[datetime]:
    hours = _WEEKEND_HOURS if day.isoweekday() > 5 else _HOURS
    return [local(day, hour) for hour in hours]


def _later(at: datetime, random: Random, days_max: int) -> datetime:
    """Choose a slot of one of the next days, never at `at` or before."""
    today = at.astimezone(ZONE).date()
    days = [today + timedelta(days=day) for day in range(days_max + 1)]
    return max(_daytime(_day_of(days, random), random), _next_slot(at))


def _next_slot(at: datetime) -> datetime:
    """Return the first slot after a moment."""
    day = at.astimezone(ZONE).date()
    slots = _slots(day) + _slots(day + timedelta(days=1))
    return next(slot for slot in slots if slot > at)


def _heroines_first_days() -> list[Step]:
    """She qualifies on the last afternoon before the Easter weekend."""
    april = FIRST_DAY.replace
    return [
        Step(local(april(day=1), 14), HEROINE, What.CREATED),
        Step(local(april(day=2), 8), HEROINE, What.DOWNLOAD, "Rota guide"),
        Step(local(april(day=2), 10), HEROINE, What.PAGE, "/pricing"),
        Step(local(april(day=2), 16), HEROINE, What.PAGE, "/pricing"),
    ]


def _heroine_comes_back(not_before: datetime) -> list[Step]:
    """She asks for a demo the morning after the agreed date; her second cycle begins."""
    day = not_before.astimezone(ZONE).date()
    return [Step(local(day + timedelta(days=1), 10), HEROINE, What.DEMO, "Demo")]
