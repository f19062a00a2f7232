"""What scoring shows: the SQL of its API."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import text

from leadloop.connection import Connection
from services.scoring.store import COLUMNS, to_state
from services.scoring.tables import LeadState, Stored

_AGREEMENT = text("""
SELECT body FROM agreements WHERE version = :version ORDER BY signed_at DESC LIMIT 1
""")
_AGREEMENT_AT = text("""
SELECT body FROM agreements WHERE signed_at <= :at ORDER BY version DESC, signed_at DESC LIMIT 1
""")
# Of a person with several records its own comes first: what it is told with a merge counts from
# then on. What was known last holds until now, in whatever order it was told.
_KNOWN_AT = text("""
WITH known AS (
    SELECT facts.lead_id = CAST(:id AS uuid) AS is_own, facts.known_at, facts.lead
    FROM known_facts AS facts JOIN leads ON leads.lead_id = facts.lead_id
    WHERE leads.lead_id = CAST(:id AS uuid) OR leads.merged_into = CAST(:id AS uuid))
SELECT EXISTS (SELECT FROM known WHERE is_own AND known_at > :at),
    (SELECT lead FROM known WHERE known_at <= :at ORDER BY is_own DESC, known_at DESC LIMIT 1)
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


async def agreement_at(connection: Connection, at: datetime) -> bytes | None:
    """Return the agreement that was in force at a moment; None before the first."""
    body: bytes | None = await connection.scalar(_AGREEMENT_AT, {"at": at})
    return body


async def known_at(connection: Connection, state: LeadState, at: datetime) -> bytes | None:
    """Return what was known of a lead at a moment, serialised; None when nothing was."""
    row = (await connection.execute(_KNOWN_AT, {"id": state.lead_id, "at": at})).one()
    more_came, lead = row
    return lead if more_came else state.lead


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
