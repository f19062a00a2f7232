"""All SQL of intake: captures, leads, identities; one statement a table and batch."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Literal, NamedTuple

import orjson
from sqlalchemy import text

from leadloop.connection import Connection, Row
from leadloop.errors import FieldError
from services.intake import tables
from services.intake.message import Consent, Lead, Touch
from services.intake.rules import Person

METADATA = tables.METADATA
State = Literal["recorded", "unmatched", "parked", "ignored"]
# Of one person's waiting captures, so many are taken up with the message that names the person.
WAITING_MAX = 1_000


class Identity(NamedTuple):
    """A person as one source numbers them."""

    source: str
    external_id: str


class Kept(NamedTuple):
    """What is kept of one message of one request.

    Attributes:
        capture_id: Its identifier.
        recurrence: The same UUID in every delivery of the message.
        source: Who sent it.
        received_at: When it came.
        position: Its place in the payload, from 0.
        payload_id: Of a payload of several messages; None when it holds this one alone.
        raw: The whole payload's bytes.
        headers: Those that reading the payload again needs.
    """

    capture_id: str
    recurrence: str
    source: str
    received_at: datetime
    position: int
    payload_id: str | None
    raw: bytes
    headers: Mapping[str, str]


class Outcome(NamedTuple):
    """What became of a capture.

    Attributes:
        state: Recorded with a lead, or why not.
        lead_id: The person it is about; None unless recorded.
        external_id: The person's id at the source; empty when it has none.
        occurred_at: When it happened at the source; None when that is not known.
        activity_kind: What the person did; None when nothing.
        touch: Where the person came from; None when not told.
        error: Why it is parked, or what was left out of it; None otherwise.
    """

    state: State
    lead_id: str | None = None
    external_id: str = ""
    occurred_at: datetime | None = None
    activity_kind: str | None = None
    touch: Touch | None = None
    error: FieldError | None = None


_LOCK_LEADS = text("""
SELECT CAST(id AS text) AS id, email, first_name, last_name, phone, company, job_title, country,
       consent, CAST(attributes AS text) AS attributes, CAST(told AS text) AS told
FROM leads WHERE email = ANY(CAST(:emails AS text[])) OR id = ANY(CAST(:ids AS uuid[]))
ORDER BY id
FOR NO KEY UPDATE
""")

# A replica that makes the same lead at the same time is waited for, here and only here; the
# order by e-mail keeps two batches from waiting for each other.
_INSERT_LEADS = text("""
INSERT INTO leads (id, email, first_name, last_name, phone, company, job_title, country,
                   consent, attributes, told, created_at, updated_at)
SELECT said.*, CAST(:now AS timestamptz), CAST(:now AS timestamptz)
FROM unnest(CAST(:ids AS uuid[]), CAST(:emails AS text[]), CAST(:first_names AS text[]),
            CAST(:last_names AS text[]), CAST(:phones AS text[]), CAST(:companies AS text[]),
            CAST(:job_titles AS text[]), CAST(:countries AS text[]),
            CAST(:consents AS smallint[]), CAST(:attributes AS jsonb[]),
            CAST(:told AS jsonb[])) AS said (id, email)
ORDER BY email
ON CONFLICT (email) DO NOTHING
""")

_UPDATE_LEADS = text("""
UPDATE leads SET first_name = said.first_name, last_name = said.last_name, phone = said.phone,
    company = said.company, job_title = said.job_title, country = said.country,
    consent = said.consent, attributes = said.attributes, told = said.told, updated_at = :now
FROM unnest(CAST(:ids AS uuid[]), CAST(:first_names AS text[]), CAST(:last_names AS text[]),
            CAST(:phones AS text[]), CAST(:companies AS text[]), CAST(:job_titles AS text[]),
            CAST(:countries AS text[]), CAST(:consents AS smallint[]),
            CAST(:attributes AS jsonb[]), CAST(:told AS jsonb[]))
     AS said (id, first_name, last_name, phone, company, job_title, country, consent,
              attributes, told)
WHERE leads.id = said.id
""")

_FIND_RECURRENCES = text("""
SELECT CAST(recurrence AS text) FROM captures
WHERE recurrence = ANY(CAST(:recurrences AS uuid[]))
""")

# Sorted by the unique column, so that two batches with the same deliveries wait in one order.
_INSERT_CAPTURES = text("""
INSERT INTO captures (id, recurrence, source, received_at, state, position, payload_id, raw,
    headers, external_id, lead_id, occurred_at, activity_kind, touch, error)
SELECT * FROM unnest(
    CAST(:ids AS uuid[]), CAST(:recurrences AS uuid[]), CAST(:sources AS text[]),
    CAST(:received_at AS timestamptz[]), CAST(:states AS text[]), CAST(:positions AS int[]),
    CAST(:payload_ids AS uuid[]), CAST(:raws AS bytea[]), CAST(:headers AS jsonb[]),
    CAST(:external_ids AS text[]), CAST(:lead_ids AS uuid[]),
    CAST(:occurred_at AS timestamptz[]), CAST(:activity_kinds AS text[]),
    CAST(:touches AS jsonb[]), CAST(:errors AS jsonb[])) AS kept (id, recurrence)
ORDER BY recurrence
ON CONFLICT (recurrence) DO NOTHING
""")

_INSERT_PAYLOADS = text("""
INSERT INTO payloads (id, raw)
SELECT * FROM unnest(CAST(:ids AS uuid[]), CAST(:raws AS bytea[]))
""")

_UPDATE_CAPTURES = text("""
UPDATE captures SET state = said.state, lead_id = said.lead_id, occurred_at = said.occurred_at,
    external_id = said.external_id, activity_kind = said.activity_kind, touch = said.touch,
    error = said.error
FROM unnest(CAST(:ids AS uuid[]), CAST(:states AS text[]), CAST(:external_ids AS text[]),
            CAST(:lead_ids AS uuid[]), CAST(:occurred_at AS timestamptz[]),
            CAST(:activity_kinds AS text[]), CAST(:touches AS jsonb[]),
            CAST(:errors AS jsonb[]))
     AS said (id, state, external_id, lead_id, occurred_at, activity_kind, touch, error)
WHERE captures.id = said.id
""")

_FIND_IDENTITIES = text("""
SELECT source, external_id, CAST(lead_id AS text) AS lead_id FROM identities
WHERE (source, external_id) IN (
    SELECT * FROM unnest(CAST(:sources AS text[]), CAST(:external_ids AS text[])))
""")

# The row is what a message with the person's address and one without it meet at: the second
# of two transactions waits here and then sees what the first one did. A known lead stays when
# somebody without an address comes.
_SAVE_IDENTITIES = text("""
INSERT INTO identities (source, external_id, lead_id)
SELECT * FROM unnest(CAST(:sources AS text[]), CAST(:external_ids AS text[]),
                     CAST(:lead_ids AS uuid[])) AS said (source, external_id, lead_id)
ORDER BY source, external_id
ON CONFLICT (source, external_id)
DO UPDATE SET lead_id = coalesce(excluded.lead_id, identities.lead_id)
RETURNING source, external_id, CAST(lead_id AS text) AS lead_id
""")

# Each person is looked up by name: a join would have the planner read all that waits, once it
# takes them for few. One that somebody is retrying by hand this moment is theirs.
_LOCK_WAITING = text("""
SELECT CAST(waiting.id AS text) AS id, CAST(waiting.recurrence AS text) AS recurrence,
       waiting.source, waiting.received_at, waiting.position,
       CAST(waiting.payload_id AS text) AS payload_id,
       coalesce(waiting.raw, payloads.raw) AS raw, CAST(waiting.headers AS text) AS headers
FROM unnest(CAST(:sources AS text[]), CAST(:external_ids AS text[]))
     AS named (source, external_id)
CROSS JOIN LATERAL (
    SELECT * FROM captures WHERE state = 'unmatched'
        AND captures.source = named.source AND captures.external_id = named.external_id
    ORDER BY captures.id LIMIT :limit
    FOR UPDATE SKIP LOCKED) AS waiting
LEFT JOIN payloads ON payloads.id = waiting.payload_id
ORDER BY waiting.id
""")


async def lock_people(
    connection: Connection, emails: Iterable[str], lead_ids: Iterable[str]
) -> list[Person]:
    """Lock the known ones among these people until the transaction ends; return them."""
    wanted = {"emails": sorted(set(emails)), "ids": sorted(set(lead_ids))}
    if not (wanted["emails"] or wanted["ids"]):
        return []
    return [_person(row) for row in await connection.execute(_LOCK_LEADS, wanted)]


async def insert_people(
    connection: Connection, people: Sequence[Person], now: datetime
) -> None:
    """Make these leads.

    Raises:
        Raced: When they are written: another made one of them first.
    """
    if people:
        values = _lead_columns(people) | {"emails": [p.lead.email for p in people], "now": now}
        await connection.write(_INSERT_LEADS, values, expected=len(people))


async def update_people(
    connection: Connection, people: Sequence[Person], now: datetime
) -> None:
    """Save what is known of these locked leads."""
    if people:
        await connection.write(_UPDATE_LEADS, _lead_columns(people) | {"now": now})


async def find_recurrences(connection: Connection, recurrences: Sequence[str]) -> set[str]:
    """Return which of these deliveries were kept before."""
    wanted = {"recurrences": list(recurrences)}
    return set(await connection.scalars(_FIND_RECURRENCES, wanted))


async def insert_captures(
    connection: Connection, captures: Sequence[tuple[Kept, Outcome]]
) -> None:
    """Keep these captures.

    Raises:
        Raced: When they are written: another kept one of them first.
    """
    if not captures:
        return
    kept = [kept for kept, _ in captures]
    values = _outcome_columns([outcome for _, outcome in captures]) | {
        "ids": [k.capture_id for k in kept],
        "recurrences": [k.recurrence for k in kept],
        "sources": [k.source for k in kept],
        "received_at": [k.received_at for k in kept],
        "positions": [k.position for k in kept],
        "payload_ids": [k.payload_id for k in kept],
        "raws": [None if k.payload_id else k.raw for k in kept],
        "headers": [_json(k.headers) for k in kept],
    }
    await connection.write(_INSERT_CAPTURES, values, expected=len(captures))


async def insert_payloads(connection: Connection, kept: Iterable[Kept]) -> None:
    """Keep the payloads that several of these captures share, each once."""
    shared = {k.payload_id: k.raw for k in kept if k.payload_id}
    if shared:
        values = {"ids": list(shared), "raws": list(shared.values())}
        await connection.write(_INSERT_PAYLOADS, values)


async def update_captures(connection: Connection, outcomes: Mapping[str, Outcome]) -> None:
    """Save what became of these locked captures, by their identifiers."""
    if outcomes:
        values = _outcome_columns(list(outcomes.values())) | {"ids": list(outcomes)}
        await connection.write(_UPDATE_CAPTURES, values)


async def find_identities(
    connection: Connection, identities: Iterable[Identity]
) -> dict[Identity, str | None]:
    """Return the lead of each known identity, None for one that waits for an address."""
    wanted = list(identities)
    if not wanted:
        return {}
    rows = await connection.execute(_FIND_IDENTITIES, _identity_columns(wanted))
    return {Identity(row.source, row.external_id): row.lead_id for row in rows}


async def save_identities(
    connection: Connection, leads: Mapping[Identity, str | None]
) -> dict[Identity, str | None]:
    """Save whose identities these are; return what holds now, locked."""
    if not leads:
        return {}
    values = _identity_columns(list(leads)) | {"lead_ids": list(leads.values())}
    rows = await connection.execute(_SAVE_IDENTITIES, values)
    return {Identity(row.source, row.external_id): row.lead_id for row in rows}


async def lock_waiting(connection: Connection, identities: Iterable[Identity]) -> list[Kept]:
    """Lock the captures that waited for these people, oldest first."""
    wanted = list(identities)
    if not wanted:
        return []
    values = _identity_columns(wanted) | {"limit": WAITING_MAX}
    return [kept_of(row) for row in await connection.execute(_LOCK_WAITING, values)]


def _lead_columns(people: Sequence[Person]) -> dict[str, object]:
    leads = [person.lead for person in people]
    return {
        "ids": [person.lead_id for person in people],
        "first_names": [lead.first_name for lead in leads],
        "last_names": [lead.last_name for lead in leads],
        "phones": [lead.phone for lead in leads],
        "companies": [lead.company for lead in leads],
        "job_titles": [lead.job_title for lead in leads],
        "countries": [lead.country for lead in leads],
        "consents": [int(lead.consent) for lead in leads],
        "attributes": [_json(lead.attributes) for lead in leads],
        "told": [_json(person.told) for person in people],
    }


def _outcome_columns(outcomes: Sequence[Outcome]) -> dict[str, object]:
    return {
        "states": [o.state for o in outcomes],
        "external_ids": [o.external_id for o in outcomes],
        "lead_ids": [o.lead_id for o in outcomes],
        "occurred_at": [o.occurred_at for o in outcomes],
        "activity_kinds": [o.activity_kind for o in outcomes],
        "touches": [_touch(o.touch) if o.touch else None for o in outcomes],
        "errors": [_json(o.error._asdict()) if o.error else None for o in outcomes],
    }


def _touch(touch: Touch) -> str:
    # Written out: dataclasses.asdict takes some fifteen times as long.
    return _json(
        {
            "source": touch.source,
            "medium": touch.medium,
            "campaign": touch.campaign,
            "content": touch.content,
            "term": touch.term,
            "referrer": touch.referrer,
        }
    )


def _identity_columns(identities: Sequence[Identity]) -> dict[str, object]:
    return {
        "sources": [identity.source for identity in identities],
        "external_ids": [identity.external_id for identity in identities],
    }


def _json(value: Mapping[str, object] | Mapping[str, str] | Mapping[str, int]) -> str:
    # `default` turns a mapping that is no dict into one.
    return orjson.dumps(value, default=dict).decode()


def _person(row: Row) -> Person:
    lead = Lead(
        email=row.email,
        first_name=row.first_name,
        last_name=row.last_name,
        phone=row.phone,
        company=row.company,
        job_title=row.job_title,
        country=row.country,
        consent=Consent(row.consent),
        attributes=orjson.loads(row.attributes),
    )
    return Person(row.id, lead, orjson.loads(row.told))


def kept_of(row: Row) -> Kept:
    """Return what a row keeps of a message."""
    return Kept(
        capture_id=row.id,
        recurrence=row.recurrence,
        source=row.source,
        received_at=row.received_at,
        position=row.position,
        payload_id=row.payload_id,
        raw=row.raw,
        headers=orjson.loads(row.headers),
    )
