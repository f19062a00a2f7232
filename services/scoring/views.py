"""What scoring shows: the SQL of its API."""

from collections.abc import Sequence

from sqlalchemy import text

from leadloop.connection import Connection
from services.scoring.store import COLUMNS, to_state
from services.scoring.tables import LeadState, Stored

_AGREEMENT = text("""
SELECT body FROM agreements WHERE version = :version ORDER BY signed_at DESC LIMIT 1
""")
_FIND_ACTIVITIES = text("""
SELECT CAST(lead_id AS text), activity_id, body FROM leads JOIN activities USING (lead_id)
WHERE (lead_id = CAST(:lead_id AS uuid) OR merged_into = CAST(:lead_id AS uuid))
    AND activity_id = ANY(CAST(:activity_ids AS text[])) AND body <> ''
""")
_FIND_LEAD = text(f"SELECT {COLUMNS} FROM leads WHERE lead_id = CAST(:id AS uuid)")  # noqa: S608 (a constant of this module)
_FIND_LEADS = text(f"SELECT {COLUMNS} FROM leads WHERE lead_id = ANY(CAST(:ids AS uuid[]))")  # noqa: S608 (a constant of this module)
_LIST_LEADS = text(f"""
SELECT {COLUMNS} FROM leads
WHERE lead_id > CAST(:after AS uuid) AND merged_into IS NULL
ORDER BY lead_id LIMIT :limit
""")  # noqa: S608 (a constant of this module)
_LIST_LEADS_OF_TIER = text(f"""
SELECT {COLUMNS} FROM leads
WHERE tier = :tier AND lead_id > CAST(:after AS uuid) AND merged_into IS NULL
ORDER BY lead_id LIMIT :limit
""")  # noqa: S608 (a constant of this module)


async def find_agreement(connection: Connection, version: int) -> bytes | None:
    """Return a version of the agreement, serialised; None when it is not there."""
    body: bytes | None = await connection.scalar(_AGREEMENT, {"version": version})
    return body


async def find_lead(connection: Connection, lead_id: str) -> LeadState | None:
    """Return a lead, or the one that it was merged into; None when it is not known."""
    row = (await connection.execute(_FIND_LEAD, {"id": lead_id})).one_or_none()
    if row is None:
        return None
    state = to_state(tuple(row))
    return await find_lead(connection, state.merged_into) if state.merged_into else state


async def find_leads(connection: Connection, lead_ids: Sequence[str]) -> list[LeadState]:
    """Return the records with these ids, merged ones too, in no order."""
    rows = await connection.execute(_FIND_LEADS, {"ids": list(lead_ids)})
    return [to_state(tuple(row)) for row in rows]


async def list_leads(
    connection: Connection, *, tier: str | None, after: str, limit: int
) -> list[LeadState]:
    """Return up to `limit` leads with an id after `after`, of one tier or (None) of all."""
    parameters: dict[str, object] = {"after": after, "limit": limit}
    if tier is None:
        rows = await connection.execute(_LIST_LEADS, parameters)
    else:
        rows = await connection.execute(_LIST_LEADS_OF_TIER, {**parameters, "tier": tier})
    return [to_state(tuple(row)) for row in rows]


async def find_activities(
    connection: Connection, lead_id: str, activity_ids: Sequence[str]
) -> list[Stored]:
    """Return these activities of a lead, in no order."""
    rows = await connection.execute(
        _FIND_ACTIVITIES, {"lead_id": lead_id, "activity_ids": list(activity_ids)}
    )
    return [Stored(*row) for row in rows]
