"""The SQL of captures that wait for a person: found, locked, known anew, dismissed."""

from collections.abc import Mapping
from typing import Literal, NamedTuple

from sqlalchemy import text

from leadloop.connection import Connection
from services.intake.store import Kept, State, kept_of

OpenState = Literal["parked", "unmatched"]
_FIRST = "00000000-0000-0000-0000-000000000000"


class Found(NamedTuple):
    """Where a message is kept, and what became of it."""

    capture_id: str
    state: State


_FIND = text("""
SELECT CAST(id AS text) AS id, state FROM captures
WHERE recurrence = CAST(:recurrence AS uuid)
""")

_KEPT = """
SELECT CAST(captures.id AS text) AS id, CAST(recurrence AS text) AS recurrence, source,
       received_at, position, CAST(payload_id AS text) AS payload_id,
       coalesce(captures.raw, payloads.raw) AS raw, CAST(headers AS text) AS headers
FROM captures LEFT JOIN payloads ON payloads.id = captures.payload_id
"""

_LOCK_ONE = text(f"""
{_KEPT} WHERE captures.id = CAST(:id AS uuid) AND state IN ('parked', 'unmatched')
FOR UPDATE OF captures
""")

# One that somebody else retries this moment is theirs.
_LOCK_SOME = text(f"""
{_KEPT} WHERE state = CAST(:state AS text) AND captures.id > CAST(:after AS uuid)
    AND (CAST(:source AS text) IS NULL OR source = CAST(:source AS text))
ORDER BY captures.id LIMIT :limit
FOR UPDATE OF captures SKIP LOCKED
""")

_RENAME = text("""
UPDATE captures SET recurrence = said.recurrence
FROM unnest(CAST(:ids AS uuid[]), CAST(:recurrences AS uuid[])) AS said (id, recurrence)
WHERE captures.id = said.id
""")

_DISMISS = text("""
UPDATE captures SET state = 'ignored' WHERE id = CAST(:id AS uuid) AND state = 'parked'
""")


async def find(connection: Connection, recurrence: str) -> Found | None:
    """Return where a message is kept; None when it is not."""
    row = (await connection.execute(_FIND, {"recurrence": recurrence})).one_or_none()
    return Found(row.id, row.state) if row else None


async def lock_open(connection: Connection, capture_id: str) -> Kept | None:
    """Lock a parked or unmatched capture; None when there is no such one."""
    row = (await connection.execute(_LOCK_ONE, {"id": capture_id})).one_or_none()
    return kept_of(row) if row else None


async def lock_some(
    connection: Connection,
    state: OpenState,
    *,
    source: str | None,
    after: str | None,
    limit: int,
) -> list[Kept]:
    """Lock the oldest captures of a state; of one source, after one of them, when given."""
    wanted = {"state": state, "source": source, "after": after or _FIRST, "limit": limit}
    return [kept_of(row) for row in await connection.execute(_LOCK_SOME, wanted)]


async def rename(connection: Connection, recurrences: Mapping[str, str]) -> None:
    """Save under which recurrences these captures are known from now on."""
    if recurrences:
        values = {"ids": list(recurrences), "recurrences": list(recurrences.values())}
        await connection.change(_RENAME, values)


async def dismiss(connection: Connection, capture_id: str) -> bool:
    """Lay a parked capture to rest, with its error; return whether it was parked."""
    return bool(await connection.change(_DISMISS, {"id": capture_id}))
