"""Background loops: passes of bounded work, and the only place that sleeps."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from time import perf_counter
from typing import Protocol

import structlog

from leadloop import metrics
from leadloop.database import Database, is_unreachable
from leadloop.errors import Retry

log = structlog.get_logger()

PAUSE_AFTER_FAILURE = timedelta(seconds=1)
GATHER_SECONDS_MAX = 0.1


class Loop(Protocol):
    """Work that comes up by itself, done in bounded passes.

    Attributes:
        name: Unique in the service; a commit wakes the loop by this name.
        idle: How long it may sleep when nothing is planned and nobody wakes it.
        gathers: How long to let work gather after a pass, as a multiple of what the pass took;
            see `let_gather`.
    """

    name: str
    idle: timedelta
    gathers: int

    async def run_once(self, now: datetime) -> int:
        """Do one bounded pass; return how many things were done, 0 when there is nothing."""
        ...

    async def next_due(self, now: datetime) -> datetime | None:
        """Return when there will be something to do; None when nothing is planned."""
        ...


async def forever(loop: Loop, *, service: str, database: Database) -> None:
    """Run passes until cancelled: at once while there is work, else when due or woken.

    A database or broker that is away is waited for. Any other error is a bug: it is raised,
    so that the service stops loudly instead of spinning.
    """
    clock, wake = database.clock, database.wake_of(loop.name)
    # A first pass that never ends is one that does not move, too.
    database.note_moved(loop.name, idle=loop.idle)
    while True:
        wake.clear()
        started = perf_counter()
        try:
            done = await loop.run_once(clock.now())
            wait = None if done else await _pause(loop, clock.now())
        except Exception as error:
            if not (isinstance(error, Retry) or is_unreachable(error)):
                raise
            metrics.LOOP_FAILURES.labels(service, loop.name).inc()
            away = {"database": database.where} if is_unreachable(error) else {}
            log.warning("loop.waits", loop=loop.name, reason=type(error).__name__, **away)
            await asyncio.sleep(PAUSE_AFTER_FAILURE.total_seconds())
            continue
        database.note_moved(loop.name, idle=loop.idle)
        metrics.LOOP_MOVED.labels(service, loop.name).set(clock.now().timestamp())
        if wait is not None:
            await sleep_until_woken(wake, wait)
        else:
            await let_gather(loop.gathers * (perf_counter() - started))


async def let_gather(seconds: float, *, is_full: bool = False) -> None:
    """Wait so long after a batch, within bounds, unless it was full.

    A batch costs the same statements and requests for one event as for a hundred. Who waits as
    long as the batch took gives half of the time at most to small batches; the busier the
    machine, the larger they become.
    """
    await asyncio.sleep(0 if is_full else min(seconds, GATHER_SECONDS_MAX))


async def sleep_until_woken(wake: asyncio.Event, longest: timedelta) -> None:
    """Return when `wake` is set, at the latest after `longest`."""
    try:
        async with asyncio.timeout(longest.total_seconds()):
            await wake.wait()
    except TimeoutError:
        pass


@contextmanager
def telling_when_slow(tell: Callable[[float], None], *, every: timedelta) -> Iterator[None]:
    """Tell the seconds that what is done inside has taken, after each such time; it goes on."""
    running = asyncio.get_running_loop()
    started = perf_counter()
    next_time: asyncio.TimerHandle

    def again() -> None:
        nonlocal next_time
        next_time = running.call_later(every.total_seconds(), again)
        tell(perf_counter() - started)

    next_time = running.call_later(every.total_seconds(), again)
    try:
        yield
    finally:
        next_time.cancel()


async def _pause(loop: Loop, now: datetime) -> timedelta:
    """Return how long an idle loop may sleep."""
    due = await loop.next_due(now)
    if due is None:
        return loop.idle
    return min(max(due - now, timedelta(milliseconds=1)), loop.idle)
