"""The desk that gives out leads: who gets each, and when to look again at those who wait.

Pure: `dispatch` opens it on what is stored, the simulation on what it made up.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from services.handoff import rules
from services.handoff.cycle import Change, Handoff, State
from services.handoff.routing import Rotation, Route
from services.handoff.terms import Terms

# Those who wait are also looked at when somebody becomes available or an agreement comes; this
# is for whatever nobody thought of.
RETRY_EVERY = timedelta(minutes=15)

_NOBODY: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Queue:
    """A queue, with when those who wait in it are looked at next (None: nobody waits)."""

    name: str
    id: str
    retry_at: datetime | None


@dataclass
class Desk:
    """The one place that gives out leads, open while a batch is decided."""

    queue: Queue
    rotation: Rotation
    is_anyone_waiting: bool = False

    def begin(
        self, new: Handoff, terms: Terms | None, now: datetime, avoided: frozenset[str]
    ) -> Change:
        """Open a handoff with whoever's turn it is.

        Args:
            new: In the queue.
            terms: None while its version is not known here.
            now: When it is decided.
            avoided: Who refused this lead or gave it back in earlier cycles.
        """
        route = self._route(terms, new.agreement_version, avoided=avoided)
        change = rules.begin(new, route, terms, now)
        self.note(change)
        return change

    def settle(self, change: Change, terms: Terms, now: datetime) -> Change:
        """Find the next owner where a change asks for one."""
        if change.needs_owner_because:
            handoff = change.handoff
            route = self._route(terms, handoff.agreement_version, excluded=handoff.seen_by)
            change = rules.move(change, route, terms, now)
        self.note(change)
        return change

    def give(self, handoff: Handoff, terms: Terms, now: datetime, because: str) -> Change:
        """Give a handoff to somebody who did not have it, into the queue if need be."""
        route = self._route(terms, handoff.agreement_version, excluded=handoff.seen_by)
        change = rules.give(handoff, route, terms, now, because)
        self.note(change)
        return change

    def note(self, change: Change) -> None:
        """Remember whether somebody must come back for it."""
        if change.handoff.state is State.QUEUED:
            self.is_anyone_waiting = True

    def look_again_at(self, now: datetime) -> datetime | None:
        """Return when to look at those who wait; None when nothing new is to be planned."""
        if not self.is_anyone_waiting:
            return None
        later = now + RETRY_EVERY
        wanted = min(later, self.rotation.next_return() or later)
        known = self.queue.retry_at
        return wanted if known is None or known <= now or wanted < known else None

    def _route(
        self,
        terms: Terms | None,
        version: int,
        *,
        excluded: frozenset[str] = _NOBODY,
        avoided: frozenset[str] = _NOBODY,
    ) -> Route:
        """Choose a person; without terms nobody is, and the reason names the version."""
        if terms is None:
            return Route(
                None,
                (),
                waits_because=f"version {version} of the agreement is not known here yet",
            )
        return self.rotation.route(excluded=excluded, avoided=avoided)
