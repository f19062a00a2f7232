"""The SQL of people and queues: who takes leads, whose turn it is, who waits."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID, uuid5

from sqlalchemy import text

from leadloop.connection import Connection
from services.handoff.desk import Queue
from services.handoff.routing import Person, Seller, Turn

# Every lead goes through this queue until an agreement can name others.
DEFAULT_QUEUE: Final = "sales"
# A queue's timer needs an identifier; this makes the same one of a name everywhere.
_QUEUES = UUID("5c1b6a0e-6f0e-4d5b-9d55-4a1f2d7c9e10")


@dataclass(frozen=True, slots=True)
class PersonRow:
    """Someone in sales as they are kept."""

    id: str
    name: str
    email: str | None
    queue: str
    available: bool
    away_until: datetime | None
    received: int
    last_assigned_seq: int
    last_assigned_at: datetime | None
    open_handoffs: int
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class Profile:
    """What somebody may change about a person."""

    id: str
    name: str
    email: str | None
    queue: str
    available: bool
    away_until: datetime | None


@dataclass(frozen=True, slots=True)
class Waiting:
    """A queue as people see it."""

    name: str
    waiting: int
    oldest_since: datetime | None
    reason: str
    retry_at: datetime | None
    people: int
    available: int


# All queues in one order: giving out leads happens one transaction at a time, so that turns
# stay fair and the order of locks is always queues, handoffs, timers.
_LOCK_QUEUES = text("""
SELECT name, CAST(id AS text), retry_at FROM queues ORDER BY name FOR UPDATE
""")
_ADD_QUEUE = text("""
INSERT INTO queues (name, id) VALUES (:name, CAST(:id AS uuid)) ON CONFLICT (name) DO NOTHING
""")
_SET_RETRY = text("UPDATE queues SET retry_at = :at WHERE name = :name")
_SELLERS = text("""
SELECT id, name, available, away_until, last_assigned_seq FROM people
WHERE queue = :queue ORDER BY id
""")
_TURNS = text("""
UPDATE people SET received = people.received + turn.received, last_assigned_seq = turn.seq,
    last_assigned_at = :now
FROM unnest(CAST(:ids AS text[]), CAST(:received AS bigint[]), CAST(:seqs AS bigint[]))
     AS turn (id, received, seq)
WHERE people.id = turn.id
""")
_PEOPLE = """
SELECT people.id, name, email, queue, available, away_until, received, last_assigned_seq,
    last_assigned_at, (SELECT count(*) FROM handoffs
        WHERE owner_id = people.id AND state IN ('assigned', 'accepted')),
    created_at, updated_at
FROM people
"""
_PAGE = text(f"{_PEOPLE} WHERE people.id > :after ORDER BY people.id LIMIT :limit")
_ONE = text(f"{_PEOPLE} WHERE people.id = :id")
_PUT = text("""
INSERT INTO people (id, name, email, queue, available, away_until, received, last_assigned_seq,
    created_at, updated_at)
VALUES (:id, :name, :email, :queue, :available, :away_until, 0, 0, :now, :now)
ON CONFLICT (id) DO UPDATE SET name = excluded.name, email = excluded.email,
    queue = excluded.queue, available = excluded.available, away_until = excluded.away_until,
    updated_at = excluded.updated_at
""")
_IS_KNOWN = text("SELECT 1 FROM people WHERE id = :id")
_DELETE = text("DELETE FROM people WHERE id = :id")
_WAITING = text("""
SELECT name, count(handoffs.id), min(since),
    COALESCE((array_agg(reason ORDER BY handoffs.id))[1], ''), retry_at,
    (SELECT count(*) FROM people WHERE people.queue = queues.name),
    (SELECT count(*) FROM people WHERE people.queue = queues.name AND people.available
        AND (away_until IS NULL OR away_until <= :now))
FROM queues LEFT JOIN handoffs ON handoffs.queue = name AND state = 'queued'
GROUP BY name, retry_at ORDER BY name
""")


async def lock_queues(connection: Connection) -> list[Queue]:
    """Lock every queue: from here on nobody else gives out leads."""
    found = [Queue(*row) for row in await connection.execute(_LOCK_QUEUES)]
    if any(queue.name == DEFAULT_QUEUE for queue in found):
        return found
    await add_queue(connection, DEFAULT_QUEUE)
    return [Queue(*row) for row in await connection.execute(_LOCK_QUEUES)]


async def add_queue(connection: Connection, name: str) -> None:
    """Make a queue unless it is there."""
    await connection.execute(_ADD_QUEUE, {"name": name, "id": str(uuid5(_QUEUES, name))})


async def set_retry(connection: Connection, queue: str, at: datetime) -> None:
    """Note when the timer of a locked queue is due."""
    await connection.execute(_SET_RETRY, {"name": queue, "at": at})


async def sellers(connection: Connection, queue: str) -> list[Seller]:
    """Load the people of a locked queue, with their places in the rotation."""
    rows = await connection.execute(_SELLERS, {"queue": queue})
    return [
        Seller(Person(person_id, name), available, away_until, seq)
        for person_id, name, available, away_until, seq in rows
    ]


async def save_turns(connection: Connection, turns: Sequence[Turn], now: datetime) -> None:
    """Write what a rotation gave to whom, each person once."""
    if turns:
        await connection.write(
            _TURNS,
            {
                "now": now,
                "ids": [one.person_id for one in turns],
                "received": [one.received for one in turns],
                "seqs": [one.last_assigned_seq for one in turns],
            },
        )


async def put(connection: Connection, profile: Profile, now: datetime) -> None:
    """Add a person or change them; their place in the rotation stays."""
    await connection.execute(
        _PUT,
        {
            "id": profile.id,
            "name": profile.name,
            "email": profile.email,
            "queue": profile.queue,
            "available": profile.available,
            "away_until": profile.away_until,
            "now": now,
        },
    )


async def delete(connection: Connection, person_id: str) -> None:
    """Remove a person."""
    await connection.execute(_DELETE, {"id": person_id})


async def find(connection: Connection, person_id: str) -> PersonRow | None:
    """Load a person; None when there is none."""
    row = (await connection.execute(_ONE, {"id": person_id})).one_or_none()
    return None if row is None else PersonRow(*row)


async def is_known(connection: Connection, person_id: str) -> bool:
    """Tell whether somebody has this id."""
    found = await connection.execute(_IS_KNOWN, {"id": person_id})
    return found.one_or_none() is not None


async def page(connection: Connection, after: str, limit: int) -> list[PersonRow]:
    """Load people in the order of their ids, behind `after`."""
    rows = await connection.execute(_PAGE, {"after": after, "limit": limit})
    return [PersonRow(*row) for row in rows]


async def waiting(connection: Connection, now: datetime) -> list[Waiting]:
    """Load every queue with who waits in it."""
    return [Waiting(*row) for row in await connection.execute(_WAITING, {"now": now})]
