"""The SQL of deliveries: queue them, lease what is due, replay. Results: attempt_store."""

from collections.abc import Sequence, Set
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple

from google.protobuf.message import Message
from sqlalchemy import TextClause, text

from leadloop import signing
from leadloop.attempt_store import appended
from leadloop.attempts import Delivery, Endpoint
from leadloop.connection import Connection, Row
from leadloop.events import Envelope, decode
from leadloop.posting import TIMEOUT_SECONDS

# An attempt takes at most the poster's timeout; a lease that outlives it is never shared.
LEASE = timedelta(seconds=TIMEOUT_SECONDS + 10)
# What is due later than this waits for a retry: it is not under way, even if it was leased by a
# clock that is ahead, or after the transaction that looks had begun.
LEASED_WITHIN = 2 * LEASE
# More at once would be one long transaction; the caller asks again.
REPLAYED_AT_ONCE = 10_000

_SUBSCRIPTIONS = text("""
SELECT CAST(id AS text), event_types, state = 'active' FROM endpoints ORDER BY id
""")

# Conflicts with nothing but `endpoint_store.enable`. Locked apart from the reading, which would
# else see the table as it was before it waited.
_HOLD_DISABLED = text("LOCK TABLE endpoints IN ROW SHARE MODE")

_ENQUEUE = text("""
INSERT INTO deliveries (id, endpoint_id, event_id, event_type, lead_id, traceparent, event,
    state, attempt, due_at, last_error, received_at, created_at)
SELECT id, endpoint_id, event_id, type, lead_id, trace, event,
    CASE WHEN is_disabled THEN 'failed' ELSE 'pending' END,
    CASE WHEN lease_until IS NULL THEN 0 ELSE 1 END, coalesce(lease_until, :now),
    CASE WHEN is_disabled THEN 'the endpoint is disabled' END, received, :now
FROM unnest(CAST(:ids AS uuid[]), CAST(:endpoint_ids AS uuid[]), CAST(:event_ids AS uuid[]),
            CAST(:types AS text[]), CAST(:lead_ids AS text[]), CAST(:traces AS text[]),
            CAST(:events AS bytea[]), CAST(:received AS timestamptz[]),
            CAST(:leases AS timestamptz[]), CAST(:disabled AS boolean[]))
     WITH ORDINALITY
     AS queued (id, endpoint_id, event_id, type, lead_id, trace, event, received,
                lease_until, is_disabled, nth)
ORDER BY nth
""")

_ENDPOINT_COLUMNS = """CAST(id AS text) AS id, url, secret, held_until,
    CASE WHEN previous_expires_at > :now THEN previous_secret END AS previous_secret"""

_ENDPOINTS = text(f"""
SELECT {_ENDPOINT_COLUMNS} FROM endpoints WHERE state = 'active' ORDER BY id
""")  # noqa: S608 (the columns are a constant)

_ENDPOINT = text(f"""
SELECT {_ENDPOINT_COLUMNS} FROM endpoints WHERE id = CAST(:id AS uuid)
""")  # noqa: S608 (as above)

# Each endpoint's oldest due rows, as many as it has room for, so that a slow endpoint does not
# stand before the others. Rows that another replica has locked are passed over.
_DUE = text("""
SELECT CAST(due.id AS text), CAST(room.id AS text), CAST(event_id AS text), event_type, lead_id,
    traceparent, event, created_at, attempt + 1, due_at, CAST(:lease_until AS timestamptz),
    received_at
FROM unnest(CAST(:endpoint_ids AS uuid[]), CAST(:frees AS int[]), CAST(:lows AS timestamptz[]))
     AS room (id, free, low)
CROSS JOIN LATERAL (
    SELECT * FROM deliveries
    WHERE endpoint_id = room.id AND state = 'pending' AND due_at <= :now AND due_at >= room.low
    ORDER BY due_at, position LIMIT room.free FOR UPDATE SKIP LOCKED) AS due
ORDER BY due_at, position LIMIT :limit
""")

_LEASE = text("""
UPDATE deliveries SET attempt = attempt + 1, due_at = :lease_until
WHERE id = ANY(CAST(:ids AS uuid[]))
""")

_DISABLE = text("""
UPDATE endpoints SET state = 'disabled', reason = :reason
WHERE id = ANY(CAST(:ids AS uuid[])) AND state = 'active'
""")

_GIVE_UP = text("""
UPDATE deliveries SET state = 'failed', last_error = :reason
WHERE endpoint_id = ANY(CAST(:ids AS uuid[])) AND state = 'pending'
""")

# To an endpoint that is held back nothing goes before the end of that, however long it is due.
_NEXT = text("""
SELECT min(greatest(due.due_at, endpoints.held_until)) FROM endpoints CROSS JOIN LATERAL (
    SELECT due_at FROM deliveries
    WHERE endpoint_id = endpoints.id AND state = 'pending'
        AND due_at >= CASE WHEN endpoints.held_until > :now
            THEN CAST('-infinity' AS timestamptz) ELSE CAST(:low AS timestamptz) END
    ORDER BY due_at LIMIT 1) AS due
WHERE endpoints.state = 'active'
""")

# An attempt that was taken enters the history where it is not in it yet: the row forgets it.
_TAKEN_BEFORE = appended(
    "jsonb_build_object('attempt', attempt, 'at', delivered_at, 'status', last_status)"
)
# What is under way is left alone: it has a lease, and is about to have a result.
_REPLAY = text(f"""
UPDATE deliveries SET state = 'pending', attempt = 0, due_at = :now, delivered_at = NULL,
    attempts = CASE
        WHEN state = 'delivered'
            AND (CAST(attempts -> -1 ->> 'at' AS timestamptz) IS DISTINCT FROM delivered_at
                OR attempts -> -1 ->> 'error' IS NOT NULL)
        THEN {_TAKEN_BEFORE}
        ELSE attempts END
WHERE id = ANY(CAST(:ids AS uuid[])) AND (state <> 'pending' OR due_at > :leases_end)
    AND endpoint_id IN (SELECT id FROM endpoints WHERE state = 'active')
""")  # noqa: S608 (what is put in is a constant)


def _replay_some(condition: str) -> TextClause:
    """Return the statement that replays the oldest of those, for which there is an index."""
    return text(f"""
UPDATE deliveries SET state = 'pending', attempt = 0, due_at = :now
WHERE id = ANY(ARRAY(
    SELECT id FROM deliveries
    WHERE {condition} AND created_at >= :since AND created_at < :until
        AND endpoint_id IN (SELECT id FROM endpoints WHERE state = 'active'
            AND (CAST(:endpoint_id AS uuid) IS NULL OR id = CAST(:endpoint_id AS uuid)))
    ORDER BY id LIMIT :limit FOR UPDATE SKIP LOCKED))
""")  # noqa: S608 (the conditions are the two below)


_REPLAY_FAILED = _replay_some("state = 'failed'")
_REPLAY_WAITING = _replay_some("state = 'pending' AND due_at > :leases_end")

_FORGET = text("DELETE FROM deliveries WHERE lead_id = ANY(CAST(:lead_ids AS text[]))")


class Subscription(NamedTuple):
    """What an endpoint wants: events of these types, none meaning all."""

    endpoint_id: str
    types: frozenset[str]
    is_active: bool


class Queued(NamedTuple):
    """A delivery to be: one event for one endpoint.

    Attributes:
        received_at: When the message that led to the event was captured; None when not known.
        lease_until: Until then a loop of this process, which has kept a place for it, tries to
            post it; None when it is to wait in the table.
        is_disabled: Its endpoint is: it has failed before any attempt, and can be replayed.
    """

    id: str
    endpoint_id: str
    envelope: Envelope[Message]
    received_at: datetime | None
    lease_until: datetime | None
    is_disabled: bool = False

    def leased(self) -> Delivery:
        """Return its first attempt, as a claim would.

        Raises:
            ValueError: It has no lease.
        """
        if self.lease_until is None:
            raise ValueError(f"expected delivery {self.id} to have a lease, found none")
        envelope = self.envelope
        return Delivery(
            id=self.id,
            endpoint_id=self.endpoint_id,
            event_id=envelope.id,
            event_type=envelope.type,
            lead_id=envelope.key,
            traceparent=envelope.traceparent,
            event=envelope.event,
            event_time=envelope.time,
            attempt=1,
            due_at=envelope.time,
            lease_until=self.lease_until,
            received_at=self.received_at,
        )


@dataclass(frozen=True, slots=True)
class Room:
    """How many deliveries an endpoint may take now, and from which due time on to look."""

    endpoint_id: str
    free: int
    low: datetime


@dataclass(frozen=True, slots=True)
class Since:
    """Which deliveries to replay: of this time, of one endpoint or (None) of all."""

    created_at: datetime
    until: datetime
    endpoint_id: str | None


async def subscriptions(connection: Connection, types: Set[str]) -> list[Subscription]:
    """Return the endpoints that want events of any of these types.

    Who enables a disabled one of them waits until this transaction has ended: a replay after
    that finds all that was queued as failed.
    """
    wanting = await _wanting(connection, types)
    if all(one.is_active for one in wanting):
        return wanting
    await connection.execute(_HOLD_DISABLED, flushes=False)
    return await _wanting(connection, types)


async def _wanting(connection: Connection, types: Set[str]) -> list[Subscription]:
    found = await connection.execute(_SUBSCRIPTIONS, flushes=False)
    known = [
        Subscription(one, frozenset(wanted), is_active) for one, wanted, is_active in found
    ]
    return [one for one in known if not one.types or one.types & types]


async def insert(connection: Connection, queued: Sequence[Queued], now: datetime) -> None:
    """Queue deliveries, due at once or when their leases end, or failed from the start."""
    values = {
        "now": now,
        "ids": [one.id for one in queued],
        "endpoint_ids": [one.endpoint_id for one in queued],
        "event_ids": [one.envelope.id for one in queued],
        "types": [one.envelope.type for one in queued],
        "lead_ids": [one.envelope.key for one in queued],
        "traces": [one.envelope.traceparent for one in queued],
        "events": [one.envelope.value for one in queued],
        "received": [one.received_at for one in queued],
        "leases": [one.lease_until for one in queued],
        "disabled": [one.is_disabled for one in queued],
    }
    await connection.write(_ENQUEUE, values)


async def active_endpoints(connection: Connection, now: datetime) -> dict[str, Endpoint]:
    """Return the active endpoints by id, with the keys that are in force."""
    found = await connection.execute(_ENDPOINTS, {"now": now})
    return {row.id: _endpoint(row) for row in found}


async def endpoint(connection: Connection, endpoint_id: str, now: datetime) -> Endpoint | None:
    """Return an endpoint, active or not, with the keys in force; None when there is none."""
    row = (await connection.execute(_ENDPOINT, {"id": endpoint_id, "now": now})).one_or_none()
    return None if row is None else _endpoint(row)


async def lease(
    connection: Connection,
    rooms: Sequence[Room],
    *,
    limit: int,
    now: datetime,
    until: datetime,
) -> list[Delivery]:
    """Take the oldest due deliveries that there is room for, until the lease ends."""
    values = {
        "endpoint_ids": [room.endpoint_id for room in rooms],
        "frees": [room.free for room in rooms],
        "lows": [room.low for room in rooms],
        "limit": limit,
        "now": now,
        "lease_until": until,
    }
    due = [_delivery(row) for row in await connection.execute(_DUE, values)]
    if due:
        ids = [delivery.id for delivery in due]
        await connection.execute(_LEASE, {"ids": ids, "lease_until": until})
    return due


async def disable(connection: Connection, endpoint_ids: Sequence[str], reason: str) -> None:
    """Send nothing more to these endpoints; what was pending has failed and can be replayed."""
    values = {"ids": list(endpoint_ids), "reason": reason}
    await connection.execute(_DISABLE, values)
    await connection.execute(_GIVE_UP, {**values, "reason": f"endpoint disabled: {reason}"})


async def next_due(connection: Connection, low: datetime, now: datetime) -> datetime | None:
    """Return when the next delivery is due that was not due before `low`, or is held back."""
    due: datetime | None = await connection.scalar(_NEXT, {"low": low, "now": now})
    return due


async def replay(connection: Connection, delivery_ids: Sequence[str], now: datetime) -> int:
    """Make deliveries due now under the same webhook-id; return how many could be."""
    values = {"ids": list(delivery_ids), "now": now, "leases_end": now + LEASED_WITHIN}
    return await connection.change(_REPLAY, values)


async def replay_since(connection: Connection, since: Since, now: datetime) -> int:
    """Make due now what failed, then what waits for a retry; return how many.

    The oldest of each go first, a bounded number in all.
    """
    values = {
        "endpoint_id": since.endpoint_id,
        "since": since.created_at,
        "until": since.until,
        "limit": REPLAYED_AT_ONCE,
        "now": now,
        "leases_end": now + LEASED_WITHIN,
    }
    failed = await connection.change(_REPLAY_FAILED, values)
    left = {**values, "limit": REPLAYED_AT_ONCE - failed}
    return failed + await connection.change(_REPLAY_WAITING, left)


async def forget(connection: Connection, lead_ids: Sequence[str]) -> int:
    """Delete every delivery about these leads; return how many there were."""
    return await connection.change(_FORGET, {"lead_ids": list(lead_ids)})


def _delivery(row: Row) -> Delivery:
    columns = list(row)
    columns[6] = decode(row.event_type, row.event)
    return Delivery(*columns)


def _endpoint(row: Row) -> Endpoint:
    texts = [row.secret, *([] if row.previous_secret is None else [row.previous_secret])]
    secrets = tuple(signing.decode_secret(each) for each in texts)
    return Endpoint(row.id, row.url, secrets, row.held_until)
