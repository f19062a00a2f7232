"""What people read of intake: pages of leads and captures, newest first."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, func, select
from sqlalchemy.engine import RowMapping
from sqlalchemy.ext.asyncio import AsyncConnection

from services.intake.message import Consent
from services.intake.tables import CAPTURES, LEADS, PAYLOADS

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


_LEAD_COLUMNS = [column for column in LEADS.c if column.name != "told"]
_CAPTURE_COLUMNS = [CAPTURES.c[name] for name in CaptureView.__dataclass_fields__]


async def leads(
    connection: AsyncConnection, *, email: str | None, before: str | None, limit: int
) -> list[LeadView]:
    """Return a page of leads: those made before the lead `before`, when one is given."""
    wanted = select(*_LEAD_COLUMNS).order_by(LEADS.c.id.desc()).limit(limit)
    if email is not None:
        wanted = wanted.where(LEADS.c.email == email)
    wanted = _before(wanted, LEADS.c.id, before)
    return [_lead(row) for row in (await connection.execute(wanted)).mappings()]


async def lead(connection: AsyncConnection, lead_id: str) -> LeadView | None:
    """Return one lead; None when there is none of this id."""
    wanted = select(*_LEAD_COLUMNS).where(LEADS.c.id == lead_id)
    row = (await connection.execute(wanted)).mappings().one_or_none()
    return _lead(row) if row else None


async def captures_of(connection: AsyncConnection, lead_id: str) -> list[CaptureView]:
    """Return the newest captures of a lead, by the time at their source."""
    wanted = (
        select(*_CAPTURE_COLUMNS)
        .where(CAPTURES.c.lead_id == lead_id)
        .order_by(CAPTURES.c.occurred_at.desc(), CAPTURES.c.id.desc())
        .limit(CAPTURES_OF_A_LEAD_MAX)
    )
    return [_capture(row) for row in (await connection.execute(wanted)).mappings()]


async def captures(
    connection: AsyncConnection,
    *,
    state: str | None,
    source: str | None,
    before: str | None,
    limit: int,
) -> list[CaptureView]:
    """Return a page of captures: those before the capture `before`, when one is given."""
    wanted = select(*_CAPTURE_COLUMNS).order_by(CAPTURES.c.id.desc()).limit(limit)
    if state is not None:
        wanted = wanted.where(CAPTURES.c.state == state)
    if source is not None:
        wanted = wanted.where(CAPTURES.c.source == source)
    wanted = _before(wanted, CAPTURES.c.id, before)
    return [_capture(row) for row in (await connection.execute(wanted)).mappings()]


async def capture(
    connection: AsyncConnection, capture_id: str
) -> tuple[CaptureView, bytes] | None:
    """Return one capture with the whole payload it came in; None when there is none."""
    raw = func.coalesce(CAPTURES.c.raw, PAYLOADS.c.raw).label("raw")
    wanted = (
        select(*_CAPTURE_COLUMNS, raw)
        .outerjoin_from(CAPTURES, PAYLOADS, CAPTURES.c.payload_id == PAYLOADS.c.id)
        .where(CAPTURES.c.id == capture_id)
    )
    found = (await connection.execute(wanted)).mappings().one_or_none()
    return (_capture(found), found["raw"]) if found else None


# (Any: the row types of SQLAlchemy's selects do not outlive a list of columns.)
def _before(wanted: Select[Any], column: ColumnElement[str], before: str | None) -> Select[Any]:
    return wanted if before is None else wanted.where(column < before)


def _lead(row: RowMapping) -> LeadView:
    values = {column.name: row[column.name] for column in _LEAD_COLUMNS}
    values["consent"] = Consent(values["consent"]).name.lower()
    return LeadView(**values)


def _capture(row: RowMapping) -> CaptureView:
    return CaptureView(**{column.name: row[column.name] for column in _CAPTURE_COLUMNS})
