"""The SQL behind the endpoints' API: who subscribed, and how their deliveries stand."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import text

from leadloop.connection import Connection, from_json

_COLUMNS = """CAST(id AS text) AS id, url, description, event_types, state, reason,
    previous_expires_at, created_at, held_until"""

_CREATE = text(f"""
INSERT INTO endpoints (id, url, description, event_types, secret, state, created_at)
VALUES (CAST(:id AS uuid), :url, :description, CAST(:event_types AS text[]), :secret, 'active',
    :now)
RETURNING {_COLUMNS}
""")  # noqa: S608 (the columns are a constant)

_LIST = text(f"""
SELECT {_COLUMNS} FROM endpoints
WHERE CAST(:after AS uuid) IS NULL OR id > CAST(:after AS uuid) ORDER BY id LIMIT :limit
""")  # noqa: S608 (as above)

_GET = text(f"SELECT {_COLUMNS} FROM endpoints WHERE id = CAST(:id AS uuid)")  # noqa: S608

_CHANGE = text(f"""
UPDATE endpoints SET url = coalesce(CAST(:url AS text), url),
    description = coalesce(CAST(:description AS text), description),
    event_types = coalesce(CAST(:event_types AS text[]), event_types),
    held_until = CASE WHEN url = coalesce(CAST(:url AS text), url) THEN held_until END
WHERE id = CAST(:id AS uuid)
RETURNING {_COLUMNS}
""")  # noqa: S608 (as above)

_ROTATE = text(f"""
UPDATE endpoints SET previous_secret = CASE WHEN :keeps THEN secret END,
    previous_expires_at = CASE WHEN :keeps THEN CAST(:expires AS timestamptz) END,
    secret = :secret
WHERE id = CAST(:id AS uuid)
RETURNING {_COLUMNS}
""")  # noqa: S608 (as above)

# Waits for those who queue events as failed for a disabled endpoint (delivery_store), and lets
# those who come now see that it is active.
_HOLD_QUEUEING = text("LOCK TABLE endpoints IN EXCLUSIVE MODE")

_ENABLE = text("""
UPDATE endpoints SET state = 'active', reason = NULL, held_until = NULL
WHERE id = CAST(:id AS uuid)
""")

_DELETE = text("DELETE FROM endpoints WHERE id = CAST(:id AS uuid)")

_DELIVERY_COLUMNS = """CAST(id AS text) AS id, CAST(endpoint_id AS text) AS endpoint_id,
    CAST(event_id AS text) AS event_id, event_type, lead_id, state, attempt,
    CASE WHEN state = 'pending' THEN due_at END AS due_at, last_status, last_error,
    created_at, delivered_at"""

_DELIVERY = text(f"""
SELECT {_DELIVERY_COLUMNS}, event, attempts FROM deliveries WHERE id = CAST(:id AS uuid)
""")  # noqa: S608 (as above)

# What a list may be narrowed by; each condition is written out only when it is asked for, so
# that the planner sees the index that serves it.
_CONDITIONS = {
    "state": "state = :state",
    "endpoint_id": "endpoint_id = CAST(:endpoint_id AS uuid)",
    "lead_id": "lead_id = :lead_id",
    "before": "id < CAST(:before AS uuid)",
}


@dataclass(frozen=True, slots=True)
class NewEndpoint:
    """What an endpoint is made of."""

    id: str
    url: str
    description: str
    event_types: list[str]
    secret: str


@dataclass(frozen=True, slots=True)
class EndpointRow:
    """An endpoint as its API shows it, without its secrets.

    Attributes:
        held_until: Until then its receiver asked to be left alone; may be over.
    """

    id: str
    url: str
    description: str
    event_types: list[str]
    state: str
    reason: str | None
    previous_expires_at: datetime | None
    created_at: datetime
    held_until: datetime | None


@dataclass(frozen=True, slots=True)
class DeliveryRow:
    """A delivery as its API shows it.

    Attributes:
        due_at: When it is tried next, or when its lease ends; None when it is settled.
    """

    id: str
    endpoint_id: str
    event_id: str
    event_type: str
    lead_id: str
    state: str
    attempt: int
    due_at: datetime | None
    last_status: int | None
    last_error: str | None
    created_at: datetime
    delivered_at: datetime | None


@dataclass(frozen=True, slots=True)
class AttemptRow:
    """An attempt as the history tells it.

    Attributes:
        at: When its answer came, or was given up on.
        duration_ms: How long that took; None where it was not kept.
    """

    attempt: int
    at: datetime
    status: int | None
    error: str | None
    duration_ms: int | None


@dataclass(frozen=True, slots=True)
class WholeDelivery:
    """A delivery with its event as it travels and the attempts that were kept."""

    row: DeliveryRow
    event: bytes
    attempts: list[AttemptRow]


async def create(connection: Connection, new: NewEndpoint, now: datetime) -> EndpointRow:
    """Write an endpoint, active from now on."""
    values = {
        "id": new.id,
        "url": new.url,
        "description": new.description,
        "event_types": new.event_types,
        "secret": new.secret,
        "now": now,
    }
    return EndpointRow(*(await connection.execute(_CREATE, values)).one())


async def find(connection: Connection, endpoint_id: str) -> EndpointRow | None:
    """Return an endpoint, None when there is none."""
    row = (await connection.execute(_GET, {"id": endpoint_id})).one_or_none()
    return None if row is None else EndpointRow(*row)


async def page(connection: Connection, after: str | None, limit: int) -> list[EndpointRow]:
    """Return endpoints in the order they were made, those behind `after`."""
    found = await connection.execute(_LIST, {"after": after, "limit": limit})
    return [EndpointRow(*row) for row in found]


async def change(
    connection: Connection,
    endpoint_id: str,
    *,
    url: str | None,
    description: str | None,
    event_types: Sequence[str] | None,
) -> EndpointRow | None:
    """Set what is given of an endpoint, from the next attempt on; None when not found."""
    values = {
        "id": endpoint_id,
        "url": url,
        "description": description,
        "event_types": event_types,
    }
    row = (await connection.execute(_CHANGE, values)).one_or_none()
    return None if row is None else EndpointRow(*row)


async def rotate(
    connection: Connection,
    endpoint_id: str,
    secret: str,
    overlap: timedelta,
    now: datetime,
) -> EndpointRow | None:
    """Set a new secret, the old one in force for the overlap; None when not found."""
    values = {
        "id": endpoint_id,
        "secret": secret,
        "keeps": bool(overlap),
        "expires": now + overlap,
    }
    row = (await connection.execute(_ROTATE, values)).one_or_none()
    return None if row is None else EndpointRow(*row)


async def enable(connection: Connection, endpoint_id: str) -> None:
    """Let events go to an endpoint again, from now on, whatever it asked before."""
    await connection.execute(_HOLD_QUEUEING)
    await connection.execute(_ENABLE, {"id": endpoint_id})


async def delete(connection: Connection, endpoint_id: str) -> None:
    """Remove an endpoint; the history of its deliveries stays."""
    await connection.execute(_DELETE, {"id": endpoint_id})


async def deliveries(
    connection: Connection, wanted: Mapping[str, str | None], limit: int
) -> list[DeliveryRow]:
    """Return deliveries, newest first, narrowed by those of `_CONDITIONS` that have a value."""
    given = {name: value for name, value in wanted.items() if value is not None}
    where = " AND ".join(_CONDITIONS[name] for name in given) or "true"
    statement = text(
        f"SELECT {_DELIVERY_COLUMNS} FROM deliveries WHERE {where} "  # noqa: S608 (constants)
        "ORDER BY id DESC LIMIT :limit"
    )
    found = await connection.execute(statement, {**given, "limit": limit})
    return [DeliveryRow(*row) for row in found]


async def delivery(connection: Connection, delivery_id: str) -> WholeDelivery | None:
    """Return all about a delivery; None when there is none."""
    row = (await connection.execute(_DELIVERY, {"id": delivery_id})).one_or_none()
    if row is None:
        return None
    entries = from_json(row.attempts) or []
    told = [
        AttemptRow(
            entry["attempt"],
            datetime.fromisoformat(entry["at"]),
            entry["status"],
            entry.get("error"),
            entry.get("duration_ms"),
        )
        for entry in entries
    ]
    return WholeDelivery(DeliveryRow(*list(row)[:-2]), row.event, told)
