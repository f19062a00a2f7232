"""What people read of intake: pages of leads and captures, newest first."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import text

from leadloop.connection import Connection, Row, Rows, from_json
from services.intake.message import Consent

CAPTURES_OF_A_LEAD_MAX = 200


@dataclass(frozen=True, slots=True)
class LeadView:
    """A lead as people see it."""

    id: str
    email: str
    first_name: str
    last_name: str
    phone: str
    company: str
    job_title: str
    country: str
    consent: str
    attributes: dict[str, str]
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class CaptureView:
    """A capture as people see it; its raw bytes are asked for one by one."""

    id: str
    source: str
    state: str
    received_at: datetime
    occurred_at: datetime | None
    position: int
    external_id: str
    lead_id: str | None
    activity_kind: str | None
    touch: dict[str, str] | None
    error: dict[str, str] | None
    headers: dict[str, str]


_LEAD = """
SELECT CAST(id AS text) AS id, email, first_name, last_name, phone, company, job_title, country,
    consent, CAST(attributes AS text) AS attributes, created_at, updated_at
FROM leads
"""
_CAPTURE = """
SELECT CAST(captures.id AS text) AS id, source, state, received_at, occurred_at, position,
    external_id, CAST(lead_id AS text) AS lead_id, activity_kind, CAST(touch AS text) AS touch,
    CAST(error AS text) AS error, CAST(headers AS text) AS headers
FROM captures
"""
_LEAD_FILTERS = {"email": "email = :email", "before": "leads.id < CAST(:before AS uuid)"}
_CAPTURE_FILTERS = {
    "state": "state = :state",
    "source": "source = :source",
    "before": "captures.id < CAST(:before AS uuid)",
}
_ONE_LEAD = text(f"{_LEAD} WHERE id = CAST(:id AS uuid)")
_CAPTURES_OF = text(f"""
{_CAPTURE} WHERE lead_id = CAST(:lead_id AS uuid)
ORDER BY occurred_at DESC, captures.id DESC LIMIT :limit
""")
_ONE_CAPTURE = text(f"{_CAPTURE} WHERE captures.id = CAST(:id AS uuid)")
_BODY = text("""
SELECT coalesce(captures.raw, payloads.raw) FROM captures
LEFT JOIN payloads ON payloads.id = captures.payload_id WHERE captures.id = CAST(:id AS uuid)
""")


async def leads(
    connection: Connection, *, email: str | None, before: str | None, limit: int
) -> list[LeadView]:
    """Return a page of leads: those made before the lead `before`, when one is given."""
    wanted = {"email": email, "before": before}
    rows = await _page(connection, _LEAD, _LEAD_FILTERS, wanted, "leads.id", limit)
    return [_lead(row) for row in rows]


async def lead(connection: Connection, lead_id: str) -> LeadView | None:
    """Return one lead; None when there is none of this id."""
    row = (await connection.execute(_ONE_LEAD, {"id": lead_id})).one_or_none()
    return _lead(row) if row else None


async def captures_of(connection: Connection, lead_id: str) -> list[CaptureView]:
    """Return the newest captures of a lead, by the time at their source."""
    wanted = {"lead_id": lead_id, "limit": CAPTURES_OF_A_LEAD_MAX}
    return [_capture(row) for row in await connection.execute(_CAPTURES_OF, wanted)]


async def captures(
    connection: Connection,
    *,
    state: str | None,
    source: str | None,
    before: str | None,
    limit: int,
) -> list[CaptureView]:
    """Return a page of captures: those before the capture `before`, when one is given."""
    wanted = {"state": state, "source": source, "before": before}
    rows = await _page(connection, _CAPTURE, _CAPTURE_FILTERS, wanted, "captures.id", limit)
    return [_capture(row) for row in rows]


async def capture(connection: Connection, capture_id: str) -> CaptureView | None:
    """Return one capture; None when there is none of this id."""
    row = (await connection.execute(_ONE_CAPTURE, {"id": capture_id})).one_or_none()
    return _capture(row) if row else None


async def body_of(connection: Connection, capture_id: str) -> bytes:
    """Return the whole payload that a capture came in."""
    return bytes(await connection.scalar(_BODY, {"id": capture_id}) or b"")


async def _page(
    connection: Connection,
    columns: str,
    filters: Mapping[str, str],
    wanted: Mapping[str, str | None],
    newest_by: str,
    limit: int,
) -> Rows:
    """Return the newest rows that all given filters let through."""
    values = {name: value for name, value in wanted.items() if value is not None}
    narrowed = " AND ".join(filters[name] for name in values) or "true"
    statement = f"{columns} WHERE {narrowed} ORDER BY {newest_by} DESC LIMIT :limit"
    return await connection.execute(text(statement), {**values, "limit": limit})


def _lead(row: Row) -> LeadView:
    values = {name: row[name] for name in LeadView.__dataclass_fields__}
    values["consent"] = Consent(row.consent).name.lower()
    values["attributes"] = from_json(row.attributes)
    return LeadView(**values)


def _capture(row: Row) -> CaptureView:
    values = {name: row[name] for name in CaptureView.__dataclass_fields__}
    values["touch"] = from_json(row.touch)
    values["error"] = from_json(row.error)
    values["headers"] = from_json(row.headers)
    return CaptureView(**values)
