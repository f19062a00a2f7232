"""What handoff does by itself when time passes."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from leadloop.database import Database, Work
from leadloop.timers import Timer
from services.handoff import ledger, metrics, people, rules, store
from services.handoff.dispatch import close_desk, open_desk, release
from services.handoff.ledger import CLOCK, Moved


async def lock(work: Work, subjects: Sequence[str]) -> None:
    """Lock what timers may change: the queues, then these handoffs."""
    await people.lock_queues(work.connection)
    await store.lock(work.connection, subjects)


async def fire(work: Work, fired: Sequence[Timer]) -> None:
    """Let the clocks of handoffs act, then look at queues whose time has come."""
    handoffs = [one.subject for one in fired if one.kind == CLOCK]
    if handoffs:
        await _tick(work, handoffs)
    if len(handoffs) < len(fired):
        await release(work)


async def _tick(work: Work, handoff_ids: Sequence[str]) -> None:
    desk = await open_desk(work)
    moved = []
    for held in await store.lock(work.connection, handoff_ids):
        if held.terms is None:
            continue
        change = rules.tick(held.handoff, held.terms, work.now)
        change = desk.settle(change, held.terms, work.now)
        moved.append(Moved(held, change, has_fired=True))
    await ledger.move(work, moved)
    await close_desk(work, desk)


class QueueWatch:
    """Keeps the gauges of those who wait up to date."""

    name = "queue-watch"
    idle = timedelta(seconds=15)
    gathers = 0

    def __init__(self, database: Database) -> None:
        """Watch the queues in `database`."""
        self._database = database

    async def run_once(self, now: datetime) -> int:
        """Read every queue once; there is never more to do."""
        try:
            async with self._database.transaction() as work:
                queues = await people.waiting(work.connection, now)
        finally:
            # Without an answer an old value would say that all is well.
            metrics.WAITING.clear()
            metrics.WAITING_OLDEST.clear()
        for queue in queues:
            metrics.WAITING.labels(queue.name).set(queue.waiting)
            age = (now - queue.oldest_since).total_seconds() if queue.oldest_since else 0
            metrics.WAITING_OLDEST.labels(queue.name).set(age)
        return 0

    async def next_due(self, now: datetime) -> datetime | None:
        """Plan nothing: its idle time is its pace."""
        return None
