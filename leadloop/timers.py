"""Durable timers: rows that fire at their time, once, whatever restarts in between."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import structlog
from sqlalchemy import text

from leadloop import metrics
from leadloop.connection import Rows
from leadloop.database import Database, Work, is_unreachable
from leadloop.errors import Retry

log = structlog.get_logger()

TIMERS = "timers"
# Larger claims make the planner leave the index: 5,000 were measured 2 to 37 times slower.
BATCH_MAX = 1_000
POSTPONED_AFTER_FAILURE = timedelta(minutes=5)
# Fired rows stay in the index until vacuum; a pass starts reading a little before its time,
# and reads everything now and then for timers armed in the past.
LOW_WATER_BEHIND = timedelta(minutes=1)
READ_ALL_EVERY = timedelta(seconds=30)
_EVER = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Timer:
    """Something that happens to `subject` at a time; a subject has one timer of a kind."""

    subject: str
    kind: str
    due_at: datetime


_ARM = text("""
INSERT INTO timers (subject, kind, due_at)
SELECT s, k, d
FROM unnest(CAST(:subjects AS uuid[]), CAST(:kinds AS text[]), CAST(:dues AS timestamptz[]))
     AS armed (s, k, d)
ORDER BY s, k
ON CONFLICT (subject, kind) DO UPDATE SET due_at = excluded.due_at
""")

_CANCEL = text("""
DELETE FROM timers USING
    unnest(CAST(:subjects AS uuid[]), CAST(:kinds AS text[])) AS cancelled (s, k)
WHERE subject = s AND kind = k
""")

_DUE = text("""
SELECT id, CAST(subject AS text) AS subject FROM timers
WHERE due_at <= :now AND due_at >= :low ORDER BY due_at, id LIMIT :limit
""")

# By now the subjects are locked: a command that came first has cancelled or moved its timers,
# so they are gone here or no longer due.
_CLAIM = text("""
DELETE FROM timers WHERE id = ANY(CAST(:ids AS bigint[])) AND due_at <= :now
RETURNING CAST(subject AS text), kind, due_at
""")

_POSTPONE = text("""
UPDATE timers SET due_at = CAST(:later AS timestamptz)
WHERE subject = CAST(:subject AS uuid) AND due_at <= :now
""")

_NEXT = text("SELECT min(due_at) FROM timers WHERE due_at >= :low")


async def arm(work: Work, timers: Sequence[Timer]) -> None:
    """Set timers; one of the same subject and kind moves to the new time."""
    if not timers:
        return
    newest = {(timer.subject, timer.kind): timer for timer in timers}.values()
    await work.connection.write(
        _ARM,
        {
            "subjects": [timer.subject for timer in newest],
            "kinds": [timer.kind for timer in newest],
            "dues": [timer.due_at for timer in newest],
        },
    )
    work.wakes.add(TIMERS)


async def cancel(work: Work, timers: Sequence[tuple[str, str]]) -> None:
    """Remove timers named by subject and kind; those that are not set are passed over."""
    if timers:
        subjects, kinds = zip(*timers, strict=True)
        await work.connection.execute(
            _CANCEL, {"subjects": list(subjects), "kinds": list(kinds)}
        )


Lock = Callable[[Work, Sequence[str]], Awaitable[None]]
Fire = Callable[[Work, Sequence[Timer]], Awaitable[None]]


class TimerLoop:
    """Fires one service's timers.

    A pass locks the subjects' state rows first and takes the timer rows second, the order that
    every command keeps; so a timer and a command can't deadlock, and only one of them acts.
    """

    name = TIMERS
    idle = timedelta(seconds=1)
    gathers = 0

    def __init__(self, database: Database, *, lock: Lock, fire: Fire, service: str) -> None:
        """Fire with `fire(work, timers)` after `lock(work, subjects)`, in one transaction."""
        self._database = database
        self._lock = lock
        self._fire = fire
        self._service = service
        self._low = _EVER
        self._read_all_at = _EVER

    async def run_once(self, now: datetime) -> int:
        """Fire the timers due at `now`, oldest first; return how many were found due."""
        self._set_low(now)
        try:
            return await self._pass(now, BATCH_MAX)
        except Exception as error:
            if isinstance(error, Retry) or is_unreachable(error):
                raise
            return await self._fire_alone(now)

    async def next_due(self, now: datetime) -> datetime | None:
        """Return when the next timer is due."""
        async with self._database.single() as connection:
            due: datetime | None = await connection.scalar(_NEXT, {"low": self._low})
        return due

    def _set_low(self, now: datetime) -> None:
        """Choose where to begin reading."""
        if now - self._read_all_at >= READ_ALL_EVERY:
            self._low, self._read_all_at = _EVER, now
        else:
            self._low = now - LOW_WATER_BEHIND

    async def _pass(self, now: datetime, limit: int) -> int:
        """Find up to `limit` timers; fire them in one transaction."""
        async with self._database.single() as connection:
            values = {"now": now, "low": self._low, "limit": limit}
            rows = await connection.execute(_DUE, values)
        if rows:
            async with self._database.transaction() as work:
                await self._fire_due(work, rows, now)
        return len(rows)

    async def _fire_due(self, work: Work, rows: Rows, now: datetime) -> None:
        """Lock, claim and fire."""
        await self._lock(work, sorted({subject for _, subject in rows}))
        claimed = await work.connection.execute(
            _CLAIM, {"ids": [row.id for row in rows], "now": now}
        )
        timers = sorted((Timer(*row) for row in claimed), key=_order)
        if timers:
            await self._fire(work, timers)

    async def _fire_alone(self, now: datetime) -> int:
        """Fire the oldest timer by itself; one that fails is put off, so that others go on."""
        try:
            return await self._pass(now, 1)
        except Exception as error:
            if isinstance(error, Retry) or is_unreachable(error):
                raise
            await self._postpone_oldest(now, error)
            return 1

    async def _postpone_oldest(self, now: datetime, error: Exception) -> None:
        """Move the timers of the subject that can't be handled to a later time."""
        async with self._database.transaction() as work:
            found = await work.connection.execute(
                _DUE, {"now": now, "low": self._low, "limit": 1}
            )
            row = found.one()
            later = now + POSTPONED_AFTER_FAILURE
            await work.connection.execute(
                _POSTPONE, {"subject": row.subject, "now": now, "later": later}
            )
        metrics.LOOP_FAILURES.labels(self._service, self.name).inc()
        log.error("timer.postponed", subject=row.subject, until=later, exc_info=error)


def _order(timer: Timer) -> tuple[datetime, str, str]:
    """Sort by time, then in a way that is the same in every run."""
    return timer.due_at, timer.subject, timer.kind
