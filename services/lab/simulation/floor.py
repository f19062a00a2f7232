"""Handoff's rules over handoffs in memory: the same desk, commands, clocks and queue.

Whatever is decided here is decided by `services.handoff`; this only keeps what it decides on,
as the tables do for the service.
"""

from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import datetime

from services.handoff import rules
from services.handoff.cycle import Change, Handoff, State
from services.handoff.desk import Desk, Queue
from services.handoff.people import DEFAULT_QUEUE
from services.handoff.routing import Person, Rotation, Seller
from services.handoff.rules import Answer, Misfit, Refusal
from services.handoff.terms import Terms

Decide = Callable[[Handoff, Terms], Answer]

# A rotation remembers its explanations; after so many a fresh one forgets them.
_ROUTES_MAX = 5_000


class Misfits(Exception):
    """Somebody said what the agreement has no word for."""


class Floor:
    """All handoffs under one agreement."""

    def __init__(self, terms: Terms, people: Iterable[Person]) -> None:
        """Begin with everybody at hand, and nothing to do."""
        self.terms = terms
        # Those that have ended are forgotten: nothing happens to them any more.
        self.handoffs: dict[int, Handoff] = {}
        self.waiting: set[int] = set()
        self.look_at: datetime | None = None
        self._sellers = {one.id: Seller(one) for one in people}
        self._refusers: dict[str, frozenset[str]] = {}
        self._desk: Desk | None = None
        self._open_until: datetime | None = None
        self._routes = 0
        self._begun = 0

    def begin(self, lead_id: str, cycle: int, tier: str, now: datetime) -> tuple[int, Change]:
        """Begin a cycle of a lead with sales."""
        self._begun = number = self._begun + 1
        new = Handoff(
            id=str(number),
            lead_id=lead_id,
            cycle=cycle,
            tier=tier,
            agreement_version=self.terms.version,
            state=State.QUEUED,
            since=now,
        )
        desk = self._open(now)
        avoided = self._refusers.get(lead_id, frozenset())
        change = desk.begin(new, self.terms, now, avoided)
        return number, self._keep(number, change, now)

    def tell(self, number: int, decide: Decide, now: datetime) -> Change | None:
        """Do what somebody in sales says; None when it is refused: they come too late.

        Raises:
            Misfits: They named something that the agreement does not know: a bug.
        """
        handoff = self.handoffs.get(number)
        if handoff is None:
            return None
        answer = decide(handoff, self.terms)
        if isinstance(answer, Refusal):
            return None
        if isinstance(answer, Misfit):
            raise Misfits(f"{answer.field}: expected {answer.expected}")
        return self._settled(number, answer, now)

    def tick(self, number: int, now: datetime) -> Change:
        """Let the clocks of a handoff act."""
        change = rules.tick(self.handoffs[number], self.terms, now)
        return self._settled(number, change, now)

    def withdraw(self, number: int, reason: str, now: datetime) -> Change:
        """Close a handoff whose lead may no longer be worked."""
        return self._keep(number, rules.withdraw(self.handoffs[number], reason, now), now)

    def release(self, now: datetime) -> list[tuple[int, Change]]:
        """Give those who wait to people, the oldest first."""
        self.look_at = None
        desk = self._open(now)
        desk.queue = replace(desk.queue, retry_at=None)
        if not desk.rotation.is_anyone_there:
            desk.is_anyone_waiting = bool(self.waiting)
            self._plan(desk, now)
            return []
        given: list[tuple[int, Change]] = []
        for number in sorted(self.waiting):
            change = desk.give(self.handoffs[number], self.terms, now, "left the queue")
            given.append((number, self._keep(number, change, now)))
        return given

    def put(self, person_id: str, away_until: datetime | None, now: datetime) -> None:
        """Note until when somebody is away; those who wait are looked at again then and now."""
        self._close()
        known = self._sellers[person_id]
        self._sellers[person_id] = known._replace(away_until=away_until)
        self.look_at = now

    def _settled(self, number: int, change: Change, now: datetime) -> Change:
        return self._keep(number, self._open(now).settle(change, self.terms, now), now)

    def _keep(self, number: int, change: Change, now: datetime) -> Change:
        handoff = change.handoff
        if handoff.is_open:
            self.handoffs[number] = handoff
        else:
            self.handoffs.pop(number, None)
        if handoff.state is State.QUEUED:
            self.waiting.add(number)
        else:
            self.waiting.discard(number)
        if handoff.state in (State.REJECTED, State.RECYCLED) and handoff.owner is not None:
            known = self._refusers.get(handoff.lead_id, frozenset())
            self._refusers[handoff.lead_id] = known | {handoff.owner.id}
        self._plan(self._open(now), now)
        return change

    def _plan(self, desk: Desk, now: datetime) -> None:
        """Plan when to look at those who wait."""
        at = desk.look_again_at(now)
        desk.is_anyone_waiting = False
        if at is not None:
            desk.queue = replace(desk.queue, retry_at=at)
            self.look_at = at

    def _open(self, now: datetime) -> Desk:
        """Return the desk; it stays open until somebody leaves or comes back."""
        self._routes += 1
        if self._open_until is not None and now >= self._open_until:
            self._close()
        if self._routes > _ROUTES_MAX:
            self._close()
        if self._desk is None:
            rotation = Rotation(self._sellers.values(), now)
            self._desk = Desk(Queue(DEFAULT_QUEUE, "", self.look_at), rotation)
            self._open_until = rotation.next_return()
            self._routes = 0
        return self._desk

    def _close(self) -> None:
        """Save the turns, as a transaction does at its end."""
        if self._desk is None:
            return
        for turn in self._desk.rotation.turns():
            known = self._sellers[turn.person_id]
            self._sellers[turn.person_id] = known._replace(
                last_assigned_seq=turn.last_assigned_seq
            )
        self._desk = None
