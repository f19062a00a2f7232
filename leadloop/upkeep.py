"""Forget what is past its time: handled marks, settled deliveries, answers of commands."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

from sqlalchemy import text

from leadloop import idempotency
from leadloop.database import Database, Work

UPKEEP = "upkeep"
EVERY = timedelta(days=1)
BATCH_MAX = 1_000
# A topic keeps an event for 29 days; its mark must outlive every chance to read it again.
MARKS_KEPT = timedelta(days=35)
# Bodies hold personal data; a month is enough to see what happened and to replay it.
DELIVERIES_KEPT = timedelta(days=30)
_EVER = datetime(1970, 1, 1, tzinfo=UTC)

# Ids begin with their time, so the oldest rows are the first of the primary key's index.
_SETTLED = text("""
DELETE FROM deliveries WHERE id = ANY(ARRAY(
    SELECT id FROM deliveries
    WHERE id < CAST(:first AS uuid) AND state <> 'pending' ORDER BY id LIMIT :limit))
""")

_MARKS = text("""
DELETE FROM inbox WHERE event_id = ANY(ARRAY(
    SELECT event_id FROM inbox WHERE handled_at < :before LIMIT :limit))
""")

_PRESENT = text("""
SELECT name FROM unnest(CAST(:names AS text[])) AS name WHERE to_regclass(name) IS NOT NULL
""")


class Upkeep:
    """The loop that tidies one service's schema once a day, in passes of bounded size."""

    name = UPKEEP
    idle = timedelta(minutes=1)
    gathers = 0

    def __init__(self, database: Database) -> None:
        """Tidy the tables that `database` has."""
        self._database = database
        self._due = _EVER
        # A service's tables come and go with its migrations only.
        self._tables: frozenset[str] | None = None

    async def run_once(self, now: datetime) -> int:
        """Delete some rows past their time; return how many, 0 when none are left today."""
        if now < self._due:
            return 0
        async with self._database.transaction() as work:
            if self._tables is None:
                self._tables = await _optional_tables(work)
            done = await _forget_marks(work, now)
            if "deliveries" in self._tables:
                done += await _forget_deliveries(work, now)
            if "idempotency" in self._tables:
                done += await idempotency.prune(work.connection, now)
        if not done:
            self._due = now + EVERY
        return done

    async def next_due(self, now: datetime) -> datetime | None:
        """Return when the next tidying begins."""
        return self._due


async def _forget_marks(work: Work, now: datetime) -> int:
    values = {"before": now - MARKS_KEPT, "limit": BATCH_MAX}
    return await work.connection.change(_MARKS, values)


async def _forget_deliveries(work: Work, now: datetime) -> int:
    values = {"first": _first_id_at(now - DELIVERIES_KEPT), "limit": BATCH_MAX}
    return await work.connection.change(_SETTLED, values)


def _first_id_at(moment: datetime) -> str:
    """Return the id below which all ids are older than `moment`."""
    return str(UUID(int=int(moment.timestamp() * 1000) << 80))


async def _optional_tables(work: Work) -> frozenset[str]:
    """Return which of the tables are there that not every service has."""
    names = ["deliveries", "idempotency"]
    return frozenset(await work.connection.scalars(_PRESENT, {"names": names}))
