"""Who gets a lead: the available person who waited longest, with a reason for everyone else."""

from collections.abc import Iterable
from datetime import datetime
from typing import NamedTuple

# An explanation names this many people at most; the chosen one is always among them.
CANDIDATES_MAX = 50

_NOBODY: frozenset[str] = frozenset()


class Person(NamedTuple):
    """Someone in sales, as a handoff names them."""

    id: str
    name: str


class Seller(NamedTuple):
    """Someone in sales with their place in the rotation.

    `last_assigned_seq` is the queue's number of the assignment they got last, 0 for none yet.
    """

    person: Person
    available: bool = True
    away_until: datetime | None = None
    last_assigned_seq: int = 0

    def is_absent(self, now: datetime) -> bool:
        """Tell whether they said to be away still."""
        return self.away_until is not None and self.away_until > now


class Candidate(NamedTuple):
    """Someone thought of; an empty reason marks the one who was chosen."""

    person: Person
    passed_over_because: str


class Route(NamedTuple):
    """A decision.

    Attributes:
        chosen: Who gets the lead; None when it waits.
        candidates: Who was chosen, and who was passed over for a reason.
        behind: How many more could have had it, but got a lead more recently.
        waits_because: Why nobody gets it.
    """

    chosen: Person | None
    candidates: tuple[Candidate, ...]
    behind: int = 0
    waits_because: str = ""


class Turn(NamedTuple):
    """What a rotation gave one person: how many leads, and their new place in it."""

    person_id: str
    received: int
    last_assigned_seq: int


class Rotation:
    """The people of one queue at one moment, each lead moving its person to the back.

    Whoever returns after an absence gets one lead first and then waits like everyone: the leads
    missed meanwhile are not made up for, so a return floods nobody.
    """

    def __init__(self, sellers: Iterable[Seller], now: datetime) -> None:
        """Line up those who can take a lead now; ties go by id."""
        ranked = sorted(sellers, key=lambda one: (one.last_assigned_seq, one.person.id))
        self._sellers = ranked
        self._now = now
        self._line = [one.person for one in ranked if one.available and not one.is_absent(now)]
        self._place = {one.person.id: place for place, one in enumerate(ranked)}
        # Who is in the line could have it; only the others need looking at for each choice.
        self._out = self._place.keys() - {person.id for person in self._line}
        self._seq = ranked[-1].last_assigned_seq if ranked else 0
        self._turns: dict[str, Turn] = {}
        self._known: dict[tuple[str, frozenset[str], frozenset[str]], Route] = {}

    def route(
        self, *, excluded: frozenset[str] = _NOBODY, avoided: frozenset[str] = _NOBODY
    ) -> Route:
        """Choose who waited longest.

        Args:
            excluded: Person ids that must not get it, such as those who had it before.
            avoided: Person ids that get it only when there is nobody else.
        """
        chosen = self._first_but(excluded | avoided) or self._first_but(excluded)
        route = self._explain(chosen, excluded, avoided)
        if chosen is not None:
            self._move_back(chosen)
        return route

    @property
    def is_anyone_there(self) -> bool:
        """Tell whether anybody can take a lead now."""
        return bool(self._line)

    def turns(self) -> tuple[Turn, ...]:
        """List what each person got so far, for saving once per batch."""
        return tuple(self._turns.values())

    def next_return(self) -> datetime | None:
        """Find when the first person who is away comes back; None when nobody will."""
        return min(
            (
                one.away_until
                for one in self._sellers
                if one.available and one.away_until is not None and one.away_until > self._now
            ),
            default=None,
        )

    def _first_but(self, refused: frozenset[str]) -> Person | None:
        return next((person for person in self._line if person.id not in refused), None)

    def _move_back(self, person: Person) -> None:
        self._line.remove(person)
        self._line.append(person)
        self._seq += 1
        before = self._turns.get(person.id)
        received = before.received + 1 if before else 1
        self._turns[person.id] = Turn(person.id, received, self._seq)

    def _explain(
        self, chosen: Person | None, excluded: frozenset[str], avoided: frozenset[str]
    ) -> Route:
        # The reasons do not depend on the turn, so a batch explains each choice once.
        key = (chosen.id if chosen else "", excluded, avoided)
        known = self._known.get(key)
        if known is None:
            first = [Candidate(chosen, "")] if chosen else []
            refused = (self._out | (excluded | avoided) & self._place.keys()) - {key[0]}
            looked_at = (self._sellers[n] for n in sorted(self._place[one] for one in refused))
            passed_over = [
                Candidate(one.person, self._why_not(one, excluded, avoided))
                for one in looked_at
            ]
            known = self._known[key] = Route(
                chosen,
                tuple((first + passed_over)[:CANDIDATES_MAX]),
                len(self._sellers) - len(first) - len(passed_over),
                "" if chosen else self._why_nobody(),
            )
        return known

    def _why_not(self, one: Seller, excluded: frozenset[str], avoided: frozenset[str]) -> str:
        """Return why someone could not have it; empty for who only got a lead more recently."""
        if not one.available:
            return "is not available"
        if one.away_until is not None and one.is_absent(self._now):
            return f"is away until {one.away_until.isoformat()}"
        if one.person.id in excluded:
            return "had this handoff before"
        if one.person.id in avoided:
            return "refused this lead before"
        return ""

    def _why_nobody(self) -> str:
        if not self._sellers:
            return "there is nobody in this queue"
        if self._line:
            return "everyone available had this handoff before"
        away = sum(one.available for one in self._sellers)
        return f"nobody is available: {away} away, {len(self._sellers) - away} switched off"
