"""Give leads to people: one desk at a time, so that turns are fair."""

from collections.abc import Sequence
from datetime import datetime

from leadloop import timers
from leadloop.database import Work
from leadloop.timers import Timer
from services.handoff import ledger, people, store
from services.handoff.desk import Desk, Queue
from services.handoff.ledger import Moved
from services.handoff.people import DEFAULT_QUEUE
from services.handoff.routing import Rotation
from services.handoff.rows import Held

QUEUE = "queue"
RELEASED_AT_ONCE = 500
# How many pages of handoffs that nobody here may have are passed over in search of one to give.
PAGES_MAX = 20
FIRST = "00000000-0000-0000-0000-000000000000"


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
    again = desk.look_again_at(work.now)
    if again is not None:
        await _look_at(work, desk.queue, again)


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
            because = f"{person_id} left the team"
            change = desk.give(one.handoff, one.terms, work.now, because)
            moved.append(Moved(one, change))
        await ledger.move(work, moved)
    await close_desk(work, desk)


async def _give(work: Work, desk: Desk, held: Sequence[Held]) -> int:
    moved = []
    for one in held:
        if one.terms is None:
            desk.is_anyone_waiting = True
            continue
        change = desk.give(one.handoff, one.terms, work.now, "left the queue")
        moved.append(Moved(one, change))
    await ledger.move(work, moved)
    return sum(bool(one.change.facts) for one in moved)


async def _look_at(work: Work, queue: Queue, at: datetime) -> None:
    await people.set_retry(work.connection, queue.name, at)
    await timers.arm(work, [Timer(queue.id, QUEUE, at)])
