"""How people in sales behave, well and badly: seeded functions from a lead to actions."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from random import Random

from services.demo.company import ABSENCE, END, SELLER_OF, Seller, local, office_hours
from services.demo.people import HEROINE, Person
from services.handoff.calendar import due

# What happens within one slot is done together; each moment of its own costs the demo time.
SLOT = timedelta(minutes=30)
_CONNECTS = 0.6
_WINS = 0.42
# Somebody who forgets a lead finds it about two working days later.
_FORGOTTEN_MINUTES = 960


class Verb(StrEnum):
    """What people in sales tell Leadloop; the first five are commands to a handoff."""

    ACCEPT = "accept"
    REJECT = "reject"
    ATTEMPT = "attempt"
    RECYCLE = "recycle"
    CONVERT = "convert"
    OPEN = "open"
    WIN = "win"
    LOSE = "lose"


class Fate(StrEnum):
    """How a cycle ends; the first ones are the agreement's codes of reasons."""

    BAD_DATA = "bad_data"
    WRONG_TERRITORY = "wrong_territory"
    OUT_OF_PROFILE = "out_of_profile"
    NOT_REACHED = "not_reached"
    NO_NEED = "no_need"
    NO_BUDGET = "no_budget"
    BAD_TIMING = "bad_timing"
    CONVERTS = "converts"


@dataclass(frozen=True, slots=True)
class Assignment:
    """What the CRM learned: a lead has a new owner.

    Attributes:
        turn: 0 for the first owner of the cycle, 1 for the next one.
    """

    handoff_id: str
    lead_id: str
    person: Person
    cycle: int
    tier: str
    owner_id: str
    turn: int
    at: datetime


@dataclass(frozen=True, slots=True)
class Action:
    """Something that someone in sales tells Leadloop at a moment."""

    at: datetime
    verb: Verb
    assignment: Assignment
    reason: str = ""
    note: str = ""
    channel: str = ""
    result: str = ""
    not_before: datetime | None = None
    deal_id: str = ""
    value_cents: int = 0


def plan(assignment: Assignment, seed: int) -> list[Action]:
    """Return all that the owner will do with a lead, in order; nothing for a forgotten one."""
    if assignment.person == HEROINE:
        actions = list(_heroines_story(assignment))
    else:
        key = f"{seed}/sales/{assignment.person.number}/{assignment.cycle}/{assignment.turn}"
        actions = list(_work(assignment, SELLER_OF[assignment.owner_id], Random(key)))  # noqa: S311 (a story)
    return [action for action in actions if action.at < END]


def _work(assignment: Assignment, seller: Seller, random: Random) -> Iterator[Action]:
    """Look at the lead, refuse or call it, and see it through."""
    forgets = random.random() < seller.forgets
    minutes = _FORGOTTEN_MINUTES if forgets else seller.looks_after_minutes
    looks_at = at_work(assignment.at, int(minutes * random.uniform(0.3, 1.9)), seller)
    if is_away(seller, assignment.at) and assignment.turn == 0:
        return
    fate = fate_of(assignment, seller, random)
    if fate in {Fate.BAD_DATA, Fate.WRONG_TERRITORY, Fate.OUT_OF_PROFILE}:
        note = random.choice(_NOTES[fate])
        yield Action(looks_at, Verb.REJECT, assignment, reason=fate, note=note)
        return
    calls_at = looks_at
    if random.random() < 0.3:
        yield Action(looks_at, Verb.ACCEPT, assignment)
        wait = random.randrange(10, 45 if assignment.tier == "hand-raiser" else 300)
        calls_at = at_work(looks_at, wait, seller)
    yield from _call(assignment, seller, fate, calls_at, random)


def fate_of(assignment: Assignment, seller: Seller, random: Random) -> Fate:
    """Decide how the cycle will end, from what is true of the person and who calls them."""
    person, is_first = assignment.person, assignment.cycle == 1
    if is_first and not person.is_reachable and random.random() < 0.85:
        return Fate.BAD_DATA
    if assignment.turn == 0 and random.random() < 0.03:
        return Fate.WRONG_TERRITORY
    if not person.fits:
        return _drawn(
            random, (Fate.OUT_OF_PROFILE, 45), (Fate.NO_NEED, 35), (Fate.NOT_REACHED, 20)
        )
    interest = 0.5 if person.needs or not is_first else 0.12
    if random.random() < interest * seller.convinces:
        return Fate.CONVERTS
    return _drawn(
        random,
        (Fate.NO_NEED, 10 if person.needs else 45),
        (Fate.BAD_TIMING, 30),
        (Fate.NO_BUDGET, 20),
        (Fate.NOT_REACHED, 15),
    )


def _drawn(random: Random, *fates: tuple[Fate, int]) -> Fate:
    return random.choices([fate for fate, _ in fates], [weight for _, weight in fates])[0]


def _call(
    assignment: Assignment, seller: Seller, fate: Fate, at: datetime, random: Random
) -> Iterator[Action]:
    """Try until the person answers, or until the seller gives up."""
    for _ in range(seller.attempts_max):
        connects = fate is not Fate.NOT_REACHED and random.random() < _CONNECTS
        result = "connected" if connects else random.choice(("no_answer", "left_message"))
        channel = random.choice(("call", "call", "call", "email"))
        yield Action(at, Verb.ATTEMPT, assignment, channel=channel, result=result)
        if connects:
            yield from _after_the_talk(assignment, seller, fate, at, random)
            return
        at = at_work(at, random.randrange(240, 720), seller)
    note = f"Tried {seller.attempts_max} times."
    yield Action(at, Verb.RECYCLE, assignment, reason=Fate.NOT_REACHED, note=note)


def _after_the_talk(
    assignment: Assignment, seller: Seller, fate: Fate, at: datetime, random: Random
) -> Iterator[Action]:
    if fate is not Fate.CONVERTS:
        asked_for = at + timedelta(days=random.randrange(28, 50))
        later = asked_for if fate is Fate.BAD_TIMING and random.random() < 0.5 else None
        yield Action(
            at_work(at, 15, seller),
            Verb.RECYCLE,
            assignment,
            reason=fate,
            note=random.choice(_NOTES[fate]),
            not_before=later,
        )
        return
    meets_at = at_work(at, random.randrange(300, 2_400), seller)
    if random.random() < 0.4:
        yield Action(meets_at, Verb.ATTEMPT, assignment, channel="meeting", result="connected")
    yield from _deal(assignment, seller, at_work(meets_at, 30, seller), random)


def _deal(
    assignment: Assignment, seller: Seller, at: datetime, random: Random
) -> Iterator[Action]:
    """Open a deal, worth more with more people to plan for; most take weeks."""
    deal_id = f"Q2-{assignment.person.number:04}-{assignment.cycle}"
    worth = 4_000 + assignment.person.employees * random.randrange(18, 42)
    cents = round(worth, -2) * 100
    yield Action(at, Verb.CONVERT, assignment, deal_id=deal_id)
    yield Action(at, Verb.OPEN, assignment, deal_id=deal_id, value_cents=cents)
    closes_at = at_work(at + timedelta(days=random.randrange(8, 42)), 30, seller)
    if random.random() < _WINS * seller.convinces:
        yield Action(closes_at, Verb.WIN, assignment, deal_id=deal_id, value_cents=cents)
        return
    note = random.choice(("Went with another product", "Project stopped", "Too expensive"))
    yield Action(
        closes_at, Verb.LOSE, assignment, reason=note, deal_id=deal_id, value_cents=cents
    )


def is_away(seller: Seller, at: datetime) -> bool:
    """Say whether someone is on leave."""
    return seller.id == ABSENCE.seller_id and ABSENCE.begins_at <= at < ABSENCE.ends_at


def at_work(after: datetime, minutes: int, seller: Seller) -> datetime:
    """Return the slot when someone has worked so many minutes since a moment."""
    found = _slot(due(after, timedelta(minutes=max(minutes, 1)), office_hours()).at)
    if is_away(seller, found):
        return _slot(
            due(ABSENCE.ends_at, timedelta(minutes=minutes % 240 + 1), office_hours()).at
        )
    return found


def _slot(moment: datetime) -> datetime:
    """Return the moment, or the next slot when it lies between two."""
    past = timedelta(minutes=moment.minute % 30, seconds=moment.second)
    whole = moment.replace(microsecond=0) - past
    return whole if whole == moment else whole + SLOT


_NOTES = {
    Fate.BAD_DATA: ("The number is not in use.", "Mail bounces, number is wrong."),
    Fate.WRONG_TERRITORY: ("A customer of a colleague.", "Belongs to the other region."),
    Fate.OUT_OF_PROFILE: ("Plans for eight people.", "A student's thesis.", "An agency."),
    Fate.NO_NEED: ("Only wanted the slides.", "Happy with the spreadsheet.", "Just looking."),
    Fate.NO_BUDGET: ("Budget is gone for this year.", "Needs the board first."),
    Fate.BAD_TIMING: ("After the summer season.", "Merger first, then tools.", "Call later."),
}


def _heroines_story(assignment: Assignment) -> Iterator[Action]:
    """Whoever gets her: forgotten over Easter, reassigned, too early; then won in June."""
    if assignment.cycle == 1:
        if assignment.turn > 0:
            yield from _too_early(assignment)
        return
    call, meeting = assignment.at + SLOT, local(date(2026, 5, 8), 10)
    opened, won = meeting + SLOT, local(date(2026, 6, 11), 14)
    yield Action(call, Verb.ATTEMPT, assignment, channel="call", result="connected")
    yield Action(meeting, Verb.ATTEMPT, assignment, channel="meeting", result="connected")
    yield Action(opened, Verb.CONVERT, assignment, deal_id="Q2-0000-2")
    yield Action(opened, Verb.OPEN, assignment, deal_id="Q2-0000-2", value_cents=2_400_000)
    yield Action(won, Verb.WIN, assignment, deal_id="Q2-0000-2", value_cents=2_400_000)


def _too_early(assignment: Assignment) -> Iterator[Action]:
    at = assignment.at
    yield Action(at + SLOT, Verb.ACCEPT, assignment)
    yield Action(at + SLOT * 2, Verb.ATTEMPT, assignment, channel="call", result="connected")
    yield Action(
        at + SLOT * 3,
        Verb.RECYCLE,
        assignment,
        reason=Fate.BAD_TIMING,
        note="The board decides on 4 May. Call after that.",
        not_before=local(date(2026, 5, 5), 0),
    )
