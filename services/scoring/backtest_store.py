"""The SQL of backtests on our own ledger: asked for, claimed, finished."""

from datetime import datetime
from typing import NamedTuple

from sqlalchemy import text

from leadloop.connection import Connection

# Older ones are removed when a new one is asked for.
KEPT_MAX = 50

_ASK = text("""
INSERT INTO backtests (backtest_id, text_sha256, people, body, against, state, asked_at,
    leads_done, leads_total, worker, seen_at, found, page)
VALUES (CAST(:id AS uuid), :text_sha256, :people, :body, :against, 'waiting', :now,
    0, 0, '', :now, '', '')
ON CONFLICT (text_sha256, people) WHERE state IN ('waiting', 'running') DO NOTHING
""")
_PRUNE = text("""
DELETE FROM backtests WHERE state IN ('done', 'failed') AND backtest_id IN (
    SELECT backtest_id FROM backtests ORDER BY asked_at DESC, backtest_id OFFSET :kept)
""")
_SAME = text("""
SELECT CAST(backtest_id AS text) FROM backtests
WHERE text_sha256 = :text_sha256 AND people = :people AND state IN ('waiting', 'running')
""")
_COLUMNS = """
    CAST(backtest_id AS text), people, body, against, state, asked_at, finished_at,
    leads_done, leads_total, found
"""
_FIND = text(f"SELECT {_COLUMNS} FROM backtests WHERE backtest_id = CAST(:id AS uuid)")  # noqa: S608 (a constant of this module)
_PAGE = text("SELECT page FROM backtests WHERE backtest_id = CAST(:id AS uuid)")

# One worker has a backtest until it is not seen for a while; another one begins it anew, since
# what was counted so far went with the first. Two that look at once never claim the same one.
_CLAIM = text(f"""
UPDATE backtests SET state = 'running', worker = :worker, seen_at = :now
WHERE backtest_id = (
    SELECT backtest_id FROM backtests
    WHERE state = 'waiting'
        OR (state = 'running' AND (worker = :worker OR seen_at < :unseen_since))
    ORDER BY asked_at, backtest_id LIMIT 1 FOR UPDATE SKIP LOCKED)
RETURNING {_COLUMNS}
""")  # noqa: S608 (a constant of this module)
_NOTE = text("""
UPDATE backtests SET leads_done = :done, leads_total = :total, seen_at = :now
WHERE backtest_id = CAST(:id AS uuid) AND worker = :worker AND state = 'running'
""")
_FINISH = text("""
UPDATE backtests SET state = :state, found = :found, page = :page, finished_at = :now,
    leads_done = :done
WHERE backtest_id = CAST(:id AS uuid) AND worker = :worker AND state = 'running'
""")


class Asked(NamedTuple):
    """A backtest that was asked for.

    Attributes:
        body: The proposed agreement, as the contract serialises it.
        against: The one in force when it was asked for, likewise; None before the first.
        state: waiting, running, done or failed.
        found: The report as JSON; why it failed; empty before.
    """

    backtest_id: str
    people: int
    body: bytes
    against: bytes | None
    state: str
    asked_at: datetime
    finished_at: datetime | None
    leads_done: int
    leads_total: int
    found: str


class Text(NamedTuple):
    """What is to be tried: the hash of its text, and what the contract makes of it."""

    sha256: str
    body: bytes
    against: bytes | None


async def ask(
    connection: Connection, backtest_id: str, tried: Text, people: int, now: datetime
) -> str:
    """Put a backtest in line; return its id, or that of the same one if it is in line."""
    same = {"text_sha256": tried.sha256, "people": people}
    row = {"id": backtest_id, "body": tried.body, "against": tried.against, "now": now}
    await connection.execute(_PRUNE, {"kept": KEPT_MAX})
    await connection.execute(_ASK, {**row, **same})
    found: str | None = await connection.scalar(_SAME, same)
    return found or backtest_id


async def find(connection: Connection, backtest_id: str) -> Asked | None:
    """Return a backtest; None when there is none."""
    rows = await connection.execute(_FIND, {"id": backtest_id})
    row = rows.one_or_none()
    return None if row is None else Asked(*row)


async def find_page(connection: Connection, backtest_id: str) -> str:
    """Return the page of a backtest; empty when it is not done or not there."""
    page: str | None = await connection.scalar(_PAGE, {"id": backtest_id})
    return page or ""


async def claim(
    connection: Connection, worker: str, now: datetime, unseen_since: datetime
) -> Asked | None:
    """Take the oldest backtest that nobody works on; None when there is none."""
    moments = {"now": now, "unseen_since": unseen_since}
    rows = await connection.execute(_CLAIM, {"worker": worker, **moments})
    row = rows.one_or_none()
    return None if row is None else Asked(*row)


class Standing(NamedTuple):
    """How far a worker has come with a backtest."""

    backtest_id: str
    worker: str
    done: int
    total: int


async def note(connection: Connection, standing: Standing, now: datetime) -> None:
    """Keep how far a backtest has come."""
    row = {"id": standing.backtest_id, "worker": standing.worker, "now": now}
    await connection.execute(_NOTE, {**row, "done": standing.done, "total": standing.total})


async def finish(
    connection: Connection, standing: Standing, state: str, told: tuple[str, str], now: datetime
) -> None:
    """Keep what a backtest found, as JSON and as a page; or why it failed."""
    row = {"id": standing.backtest_id, "worker": standing.worker, "now": now}
    found, page = told
    await connection.execute(
        _FINISH, {**row, "state": state, "found": found, "page": page, "done": standing.done}
    )
