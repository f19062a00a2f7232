"""Commit the messages of many requests in one transaction, and answer each when it is durable.

One commit costs the same for one message as for five hundred. While a transaction runs, the
next requests gather; so batches are as large as the load asks, and there is no timer.
"""

import asyncio
from collections import Counter, deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from time import perf_counter

import structlog

from leadloop.connection import Raced
from leadloop.database import Database, is_unreachable
from leadloop.errors import Overloaded, Problem, Unavailable
from leadloop.logs import traces
from leadloop.loop import let_gather
from services.intake import aside, metrics
from services.intake.handlers import Arrival, ReadAgain, record
from services.intake.store import Outcome

log = structlog.get_logger()

BATCH_ARRIVALS_MAX = 500
WAITING_REQUESTS_MAX = 4_000
RACES_MAX = 5
RETRY_AFTER_SECONDS = 1
# Under load the senders wait a little longer: they are machines, and every batch that is spared
# here is spared in all that follows.
GATHER_FACTOR = 3
REPEATED = "repeated"


@dataclass(slots=True, eq=False)
class _Waiting:
    """One request whose sender waits for the commit."""

    arrivals: Sequence[Arrival]
    done: "asyncio.Future[Mapping[str, Outcome]]" = field(
        default_factory=lambda: asyncio.get_running_loop().create_future()
    )


class Writer:
    """Takes requests in; has a task of its own only while there are some."""

    def __init__(
        self,
        database: Database,
        read_again: ReadAgain,
        *,
        waiting_max: int = WAITING_REQUESTS_MAX,
    ) -> None:
        """Write to `database`; turn requests away when `waiting_max` are waiting."""
        self._database = database
        self._read_again = read_again
        self._waiting_max = waiting_max
        self._queue: deque[_Waiting] = deque()
        self._task: asyncio.Task[None] | None = None

    async def write(self, arrivals: Sequence[Arrival]) -> Mapping[str, Outcome]:
        """Return once the arrivals are durable; outcomes by capture, repetitions left out.

        Raises:
            Overloaded: Too many requests wait; come back later.
            Unavailable: The database is away; come back later.
        """
        if len(self._queue) >= self._waiting_max:
            raise Overloaded("Too many requests wait.", retry_after_seconds=RETRY_AFTER_SECONDS)
        waiting = _Waiting(arrivals)
        self._queue.append(waiting)
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._write_all(), name="intake-writer")
        return await waiting.done

    async def find(self, recurrence: str) -> aside.Found:
        """Return where a message is kept that was written before.

        Raises:
            Unavailable: The database is away; come back later.
        """
        try:
            async with self._database.transaction() as work:
                found = await aside.find(work.connection, recurrence)
        except Exception as error:
            if not is_unreachable(error):
                raise
            raise _come_back(error) from error
        if found is None:
            raise LookupError(f"expected a capture of recurrence {recurrence}, found none")
        return found

    async def close(self) -> None:
        """Wait for the transaction under way and for all requests that came before."""
        if self._task is not None:
            await self._task

    async def _write_all(self) -> None:
        while self._queue:
            started = perf_counter()
            await self._write(self._next_batch())
            if self._queue:
                is_full = len(self._queue) >= BATCH_ARRIVALS_MAX
                took = perf_counter() - started
                await let_gather(GATHER_FACTOR * took, is_full=is_full)

    def _next_batch(self) -> list[_Waiting]:
        """Take whole requests, up to the bound; one larger than the bound goes alone."""
        batch = [self._queue.popleft()]
        size = len(batch[0].arrivals)
        while self._queue and size + len(self._queue[0].arrivals) <= BATCH_ARRIVALS_MAX:
            batch.append(self._queue.popleft())
            size += len(batch[-1].arrivals)
        return batch

    async def _write(self, batch: Sequence[_Waiting]) -> None:
        """Commit a batch; when it fails, split it until the request at fault is alone."""
        try:
            outcomes = await self._commit([a for waiting in batch for a in waiting.arrivals])
        except Exception as error:
            if is_unreachable(error) or isinstance(error, Raced):
                self._turn_away(batch, error)
            elif len(batch) == 1:
                _fail(batch[0], error)
            else:
                middle = len(batch) // 2
                await self._write(batch[:middle])
                await self._write(batch[middle:])
            return
        for waiting in batch:
            if not waiting.done.done():
                waiting.done.set_result(outcomes)

    async def _commit(self, arrivals: Sequence[Arrival]) -> Mapping[str, Outcome]:
        """Record arrivals in one transaction, again when another replica was faster."""
        for _ in range(RACES_MAX):
            started = perf_counter()
            try:
                async with self._database.transaction() as work:
                    outcomes = await record(work, arrivals, self._read_again)
            except Raced:
                continue
            _observe(arrivals, outcomes, perf_counter() - started)
            return outcomes
        raise Raced(f"other transactions were faster {RACES_MAX} times")

    def _turn_away(self, batch: Sequence[_Waiting], error: Exception) -> None:
        """Ask the senders to come back: nothing is wrong with what they sent."""
        log.warning("captures.turned_away", requests=len(batch), reason=type(error).__name__)
        for waiting in batch:
            _fail(waiting, _come_back(error))


def _come_back(error: Exception) -> Problem:
    """Return the refusal for an error that is nobody's fault."""
    if isinstance(error, Raced):
        return Overloaded("Others were faster.", retry_after_seconds=RETRY_AFTER_SECONDS)
    return Unavailable(
        "The database does not answer now.", retry_after_seconds=RETRY_AFTER_SECONDS
    )


def _fail(waiting: _Waiting, error: Exception) -> None:
    if not waiting.done.done():
        waiting.done.set_exception(error)


def _observe(
    arrivals: Sequence[Arrival], outcomes: Mapping[str, Outcome], seconds: float
) -> None:
    """Count what became of the messages; say one line for the transaction."""
    found: Counter[tuple[str, str]] = Counter()
    for arrival in arrivals:
        outcome = outcomes.get(arrival.kept.capture_id)
        found[arrival.kept.source, outcome.state if outcome else REPEATED] += 1
    for (source, state), count in found.items():
        metrics.CAPTURES.labels(source, state).inc(count)
    metrics.COMMIT_SECONDS.observe(seconds)
    metrics.BATCH_MESSAGES.observe(len(arrivals))
    log.info(
        "captures.committed",
        messages=len(arrivals),
        duration_ms=round(seconds * 1000, 1),
        **traces(arrival.traceparent for arrival in arrivals),
    )
