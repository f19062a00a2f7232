"""The SQL of the ledger: activities and facts, as they came in, by record."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from sqlalchemy import text

from leadloop.connection import Connection
from services.scoring.tables import Known, Stored

# An activity that was quarantined before it came has a row without a body: that is filled, and
# does not count.
_ADD_ACTIVITIES = text("""
INSERT INTO activities (lead_id, activity_id, body)
SELECT * FROM unnest(
    CAST(:lead_ids AS uuid[]), CAST(:activity_ids AS text[]), CAST(:bodies AS bytea[]))
ON CONFLICT (lead_id, activity_id) DO UPDATE SET body = excluded.body
WHERE activities.quarantined AND activities.body = ''
RETURNING CAST(lead_id AS text), activity_id, quarantined
""")
# The ledger of a person is that of all its records; what two of them know counts once.
_LOAD_ACTIVITIES = text("""
SELECT CAST(coalesce(merged_into, leads.lead_id) AS text), activity_id, body
FROM leads JOIN activities USING (lead_id)
WHERE (leads.lead_id = ANY(CAST(:ids AS uuid[])) OR merged_into = ANY(CAST(:ids AS uuid[])))
    AND NOT quarantined AND body <> ''
""")
_QUARANTINE = text("""
INSERT INTO activities (lead_id, activity_id, body, quarantined)
SELECT lead_id, activity_id, '', quarantined FROM unnest(
    CAST(:lead_ids AS uuid[]), CAST(:activity_ids AS text[]), CAST(:quarantined AS boolean[]))
    AS told (lead_id, activity_id, quarantined)
ON CONFLICT (lead_id, activity_id) DO UPDATE SET quarantined = excluded.quarantined
""")
_ADD_FACTS = text("""
INSERT INTO facts (lead_id, known_at, lead)
SELECT * FROM unnest(
    CAST(:lead_ids AS uuid[]), CAST(:known_at AS timestamptz[]), CAST(:leads AS bytea[]))
ON CONFLICT (lead_id, known_at) DO UPDATE SET lead = excluded.lead
""")

# The newest of each that was known by then.
_FACTS_AT = text("""
SELECT CAST(asked.lead_id AS text), known.lead
FROM unnest(CAST(:lead_ids AS uuid[]), CAST(:moments AS timestamptz[])) AS asked (lead_id, at)
CROSS JOIN LATERAL (
    SELECT lead FROM known_facts WHERE lead_id = asked.lead_id AND known_at <= asked.at
    ORDER BY known_at DESC LIMIT 1
) AS known
""")


async def add_activities(
    connection: Connection, activities: Sequence[Stored]
) -> set[tuple[str, str]]:
    """Add to the ledger; return the record's and the activity's id of those that are to count.

    Those are new, and not in quarantine.
    """
    lead_ids, activity_ids, bodies = zip(*sorted(activities), strict=True)
    rows = await connection.execute(
        _ADD_ACTIVITIES,
        {
            "lead_ids": list(lead_ids),
            "activity_ids": list(activity_ids),
            "bodies": list(bodies),
        },
    )
    return {(row[0], row[1]) for row in rows if not row[2]}


async def load_activities(connection: Connection, lead_ids: Sequence[str]) -> list[Stored]:
    """Return all activities that count for these leads, in no order."""
    rows = await connection.execute(_LOAD_ACTIVITIES, {"ids": list(lead_ids)})
    return [Stored(*row) for row in rows]


async def quarantine(connection: Connection, told: Mapping[tuple[str, str], bool]) -> None:
    """Take activities out of the count or back into it, by the record's and their own id."""
    ordered = sorted(told)
    await connection.execute(
        _QUARANTINE,
        {
            "lead_ids": [lead_id for lead_id, _ in ordered],
            "activity_ids": [activity_id for _, activity_id in ordered],
            "quarantined": [told[key] for key in ordered],
        },
    )


async def add_facts(connection: Connection, known: Sequence[Known]) -> None:
    """Keep what was known of leads; what is known now stands in their own rows."""
    rows = {(one.lead_id, one.known_at): one.lead for one in known}
    ordered = sorted(rows)
    await connection.write(
        _ADD_FACTS,
        {
            "lead_ids": [lead_id for lead_id, _ in ordered],
            "known_at": [known_at for _, known_at in ordered],
            "leads": [rows[key] for key in ordered],
        },
    )


async def facts_at(
    connection: Connection, asked: Sequence[tuple[str, datetime]]
) -> dict[str, bytes]:
    """Return what was known of leads at a moment each; those without are left out."""
    rows = await connection.execute(
        _FACTS_AT,
        {
            "lead_ids": [lead_id for lead_id, _ in asked],
            "moments": [at for _, at in asked],
        },
    )
    return {row[0]: row[1] for row in rows}
