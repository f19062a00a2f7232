"""The SQL of attempts: what each came to, and the history of a delivery that needed several."""

from collections.abc import Sequence

import orjson
from sqlalchemy import text

from leadloop.attempts import Delivery, Result
from leadloop.backoff import WEBHOOK_SCHEDULE
from leadloop.connection import Connection
from leadloop.holding import Hold

# As many as a delivery has before it is given up; after a replay the oldest make room.
ATTEMPTS_KEPT = len(WEBHOOK_SCHEDULE) + 1


def appended(entry: str) -> str:
    """Return the SQL of the history of `deliveries` with one more entry, a jsonb object."""
    return f"""(CASE WHEN jsonb_array_length(attempts) >= {ATTEMPTS_KEPT} THEN attempts - 0
            ELSE coalesce(attempts, '[]') END || {entry})"""


# Nearly all deliveries are taken at once. They get no history: the row says it all.
_TAKEN = text("""
UPDATE deliveries SET state = 'delivered', last_status = result.status, last_error = NULL,
    delivered_at = result.finished_at
FROM unnest(CAST(:ids AS uuid[]), CAST(:statuses AS smallint[]),
            CAST(:finished AS timestamptz[]))
     AS result (id, status, finished_at)
WHERE deliveries.id = result.id AND deliveries.state <> 'delivered'
""")

# A result of a lease that ended is out of date, unless it is a success: that stays true. Who
# did not hear that a result was written writes it again; the history tells it once.
_OTHERS = text(f"""
UPDATE deliveries SET state = result.state, due_at = result.due_at,
    last_status = result.status, last_error = result.error, delivered_at =
        CASE WHEN result.state = 'delivered' THEN result.finished_at END,
    attempts = CASE WHEN attempts -> -1 = entry THEN attempts ELSE {appended("entry")} END
FROM unnest(CAST(:ids AS uuid[]), CAST(:attempts AS int[]), CAST(:states AS text[]),
            CAST(:dues AS timestamptz[]), CAST(:statuses AS smallint[]),
            CAST(:errors AS text[]), CAST(:finished AS timestamptz[]),
            CAST(:entries AS jsonb[]))
     AS result (id, attempt, state, due_at, status, error, finished_at, entry)
WHERE deliveries.id = result.id AND deliveries.state <> 'delivered'
    AND (deliveries.attempt = result.attempt OR result.state = 'delivered')
""")  # noqa: S608 (what is put in is a constant)


# Only grows: of answers that come together the longest counts.
_HOLD = text("""
UPDATE endpoints SET held_until = hold.until
FROM unnest(CAST(:ids AS uuid[]), CAST(:urls AS text[]), CAST(:untils AS timestamptz[]))
     AS hold (id, url, until)
WHERE endpoints.id = hold.id AND endpoints.url = hold.url
    AND (endpoints.held_until IS NULL OR endpoints.held_until < hold.until)
""")

# Only while the lease is the one it was claimed with; after that it is somebody else's.
_PUT_BACK = text("""
UPDATE deliveries SET attempt = deliveries.attempt - 1, due_at = back.due_at
FROM unnest(CAST(:ids AS uuid[]), CAST(:dues AS timestamptz[]), CAST(:leases AS timestamptz[]))
     AS back (id, due_at, lease_until)
WHERE deliveries.id = back.id AND deliveries.state = 'pending'
    AND deliveries.due_at = back.lease_until
""")


async def record(connection: Connection, results: Sequence[Result]) -> None:
    """Write what attempts came to."""
    taken = [result for result in results if result.is_taken_at_once]
    if taken:
        values = {
            "ids": [result.delivery.id for result in taken],
            "statuses": [result.status for result in taken],
            "finished": [result.finished_at for result in taken],
        }
        await connection.execute(_TAKEN, values)
    if len(taken) < len(results):
        await _record_others([one for one in results if not one.is_taken_at_once], connection)


async def _record_others(results: Sequence[Result], connection: Connection) -> None:
    """Write failures, and successes that were not the first attempt."""
    values = {
        "ids": [result.delivery.id for result in results],
        "attempts": [result.delivery.attempt for result in results],
        "states": [result.state.value for result in results],
        "dues": [result.due_at for result in results],
        "statuses": [result.status for result in results],
        "errors": [result.error for result in results],
        "finished": [result.finished_at for result in results],
        "entries": [_entry(result) for result in results],
    }
    await connection.execute(_OTHERS, values)


async def hold(connection: Connection, holds: Sequence[Hold]) -> None:
    """Hold endpoints back, unless they have another URL by now."""
    values = {
        "ids": [one.endpoint_id for one in holds],
        "urls": [one.url for one in holds],
        "untils": [one.until for one in holds],
    }
    await connection.execute(_HOLD, values)


async def put_back(connection: Connection, deliveries: Sequence[Delivery]) -> None:
    """Let deliveries wait as if they had not been claimed."""
    values = {
        "ids": [delivery.id for delivery in deliveries],
        "dues": [delivery.due_at for delivery in deliveries],
        "leases": [delivery.lease_until for delivery in deliveries],
    }
    await connection.execute(_PUT_BACK, values)


def _entry(result: Result) -> str:
    """Return what the history tells of an attempt: nothing about a person, or by one."""
    entry = {
        "attempt": result.delivery.attempt,
        "at": result.finished_at,
        "status": result.status,
        "error": result.error,
        "duration_ms": result.duration_ms,
    }
    return orjson.dumps(entry).decode()
