"""Give leads to people: one desk at a time, so that turns are fair."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from leadloop import timers
from leadloop.database import Work
from leadloop.timers import Timer
from services.handoff import ledger, people, rules, store
from services.handoff.cycle import Change, State
from services.handoff.ledger import Moved
from services.handoff.people import DEFAULT_QUEUE, Queue
from services.handoff.routing import Rotation, Route
from services.handoff.rows import Held
from services.handoff.terms import Terms

# Those who wait are also looked at when somebody becomes available or an agreement comes; this
# is for whatever nobody thought of.
RETRY_EVERY = timedelta(minutes=15)
QUEUE = "queue"
RELEASED_AT_ONCE = 500
# How many pages of handoffs that nobody here may have are passed over in search of one to give.
PAGES_MAX = 20
FIRST = "00000000-0000-0000-0000-000000000000"


@dataclass
class Desk:
    """The one place that gives out leads, open for the length of a transaction."""

    queue: Queue
    rotation: Rotation
    is_anyone_waiting: bool = False

    def route(
        self,
        terms: Terms | None,
        version: int,
        excluded: frozenset[str] = frozenset(),
        avoided: frozenset[str] = frozenset(),
    ) -> Route:
        """Choose a person; without terms nobody is, and the reason names the version."""
        if terms is None:
            return Route(
                None,
                (),
                waits_because=f"version {version} of the agreement is not known here yet",
            )
        return self.rotation.route(excluded=excluded, avoided=avoided)

    def settle(self, change: Change, terms: Terms, now: datetime) -> Change:
        """Find the next owner where a change asks for one."""
        if change.needs_owner_because:
            handoff = change.handoff
            route = self.route(terms, handoff.agreement_version, handoff.seen_by)
            change = rules.move(change, route, terms, now)
        self.note(change)
        return change

    def note(self, change: Change) -> None:
        """Remember whether somebody must come back for it."""
        if change.handoff.state is State.QUEUED:
            self.is_anyone_waiting = True


async def open_desk(work: Work) -> Desk:
    """Open the desk; whoever else wants it waits until this transaction ends.

    Queues are locked before handoffs, always, so that two transactions can't deadlock.
    """
    queues = await people.lock_queues(work.connection)
    queue = next(one for one in queues if one.name == DEFAULT_QUEUE)
    sellers = await people.sellers(work.connection, queue.name)
    return Desk(queue, Rotation(sellers, work.now))


async def close_desk(work: Work, desk: Desk) -> None:
    """Save who got what; come back for those who wait."""
    await people.save_turns(work.connection, desk.rotation.turns(), work.now)
    if not desk.is_anyone_waiting:
        return
    later = work.now + RETRY_EVERY
    wanted = min(later, desk.rotation.next_return() or later)
    known = desk.queue.retry_at
    if known is None or known <= work.now or wanted < known:
        await _look_at(work, desk.queue, wanted)


async def look_now(work: Work) -> None:
    """Have those who wait looked at as soon as this commits: something has changed for them."""
    for queue in await people.lock_queues(work.connection):
        await _look_at(work, queue, work.now)


async def release(work: Work) -> None:
    """Give waiting handoffs to people, the oldest first, and come back while there are more."""
    desk = await open_desk(work)
    after = FIRST
    for _ in range(PAGES_MAX):
        held = await store.lock_waiting(
            work.connection, desk.queue.name, after, RELEASED_AT_ONCE
        )
        given = await _give(work, desk, held)
        if len(held) < RELEASED_AT_ONCE or not desk.rotation.is_anyone_there:
            break
        if given:
            await _look_at(work, desk.queue, work.now)
            await people.save_turns(work.connection, desk.rotation.turns(), work.now)
            return
        after = held[-1].handoff.id
    await close_desk(work, desk)


async def hand_over(work: Work, person_id: str) -> None:
    """Give everything open that a person has to others, into the queue if need be."""
    desk = await open_desk(work)
    while held := await store.lock_of_owner(work.connection, person_id, RELEASED_AT_ONCE):
        moved = []
        for one in held:
            if one.terms is None:
                raise LookupError(f"handoff {one.handoff.id} runs under no known agreement")
            route = desk.route(one.terms, one.handoff.agreement_version, one.handoff.seen_by)
            change = rules.give(
                one.handoff, route, one.terms, work.now, f"{person_id} left the team"
            )
            desk.note(change)
            moved.append(Moved(one, change))
        await ledger.move(work, moved)
    await close_desk(work, desk)


async def _give(work: Work, desk: Desk, held: Sequence[Held]) -> int:
    moved = []
    for one in held:
        handoff = one.handoff
        route = desk.route(one.terms, handoff.agreement_version, handoff.seen_by)
        if one.terms is None:
            desk.is_anyone_waiting = True
            continue
        change = rules.give(handoff, route, one.terms, work.now, "left the queue")
        desk.note(change)
        moved.append(Moved(one, change))
    await ledger.move(work, moved)
    return sum(bool(one.change.facts) for one in moved)


async def _look_at(work: Work, queue: Queue, at: datetime) -> None:
    await people.set_retry(work.connection, queue.name, at)
    await timers.arm(work, [Timer(queue.id, QUEUE, at)])
