"""The SQL of predictive models, and agreements with the model that they name."""

from datetime import datetime
from typing import NamedTuple

import structlog
from sqlalchemy import text

from leadloop.connection import Connection, Row
from services.scoring import metrics
from services.scoring.contract import agreement_of
from services.scoring.definition import Agreement
from services.scoring.models.model import Model, Unsound, read_model

log = structlog.get_logger()

_COLUMNS = "version, sha256, learned_from, won, until, note, created_at"
# A model that is there already stays: what a version says must never change.
_ADD = text("""
INSERT INTO models (version, sha256, body, learned_from, won, until, note, created_at,
    rescored_to)
VALUES (:version, :sha256, :body, :learned_from, :won, :until, :note, :created_at,
    CAST('00000000-0000-0000-0000-000000000000' AS uuid))
ON CONFLICT (version) DO NOTHING
""")
_FIND = text(f"SELECT {_COLUMNS} FROM models WHERE version = :version")  # noqa: S608 (a constant)
_LIST = text(f"""
SELECT {_COLUMNS} FROM models
WHERE (created_at, version) < (:before_at, :before)
ORDER BY created_at DESC, version DESC LIMIT :limit
""")  # noqa: S608 (a constant of this module)
_HASH = text("SELECT sha256 FROM models WHERE version = :version")
_BODY = text("SELECT body FROM models WHERE version = :version")
_DELETE = text("DELETE FROM models WHERE version = :version")
_BODIES = text("""
SELECT name, version, body FROM agreements
UNION ALL SELECT name, 0, body FROM shadows WHERE ended_at IS NULL
""")

# A model that came before the agreement was signed, by more than messages take, was there when
# leads were judged by it. Otherwise they are judged once more, in the order of their ids.
_RESCORED_TO = text("""
SELECT CAST(rescored_to AS text) FROM models
WHERE version = :model AND rescored_to IS NOT NULL AND created_at > (
    SELECT signed_at - interval '1 hour' FROM agreements
    ORDER BY version DESC, signed_at DESC LIMIT 1)
FOR UPDATE
""")
_JUDGED = text("""
SELECT CAST(lead_id AS text), activity_count FROM leads
WHERE lead_id > CAST(:after AS uuid) AND merged_into IS NULL
ORDER BY lead_id LIMIT :limit
""")
_RESCORE_TO = text(
    "UPDATE models SET rescored_to = CAST(:reached AS uuid) WHERE version = :model"
)

# Compiled agreements with their models: the one in force, shadows, some of the past.
_ATTACHED_MAX = 16
_attached: dict[tuple[bytes, str], Agreement] = {}


class Kept(NamedTuple):
    """A model that is kept, without its trees.

    Attributes:
        until: When the newest lead that it was learned from stood as it was learned.
    """

    version: str
    sha256: str
    learned_from: int
    won: int
    until: str
    note: str
    created_at: datetime


class User(NamedTuple):
    """An agreement that names a model; version 0 for one that runs as a shadow."""

    name: str
    version: int


async def judge_of(connection: Connection, body: bytes) -> Agreement:
    """Return a stored agreement, compiled, with the model that it names if that is kept."""
    agreement = agreement_of(body)
    version = agreement.predictive_model
    if not version:
        return agreement
    rows = await connection.execute(_HASH, {"version": version}, flushes=False)
    if not rows:
        return agreement
    key = (body, rows[0][0])
    found = _attached.get(key)
    if found is None:
        model = await find_model(connection, version)
        found = agreement.with_model(model) if model else agreement
        if len(_attached) >= _ATTACHED_MAX:
            _attached.clear()
        _attached[key] = found
    return found


def tell_missing(agreement: Agreement | None, leads: int) -> None:
    """Report leads judged without the model that their agreement names: it must be added."""
    if agreement is None or not agreement.predictive_model or agreement.model is not None:
        return
    metrics.UNPREDICTED.inc(leads)
    log.warning("model.missing", version=agreement.predictive_model, leads=leads)


async def find_model(connection: Connection, version: str) -> Model | None:
    """Return a model; None when it is not kept, or not readable any more."""
    found = await _read(connection, version)
    return found[1] if found else None


async def find_text(connection: Connection, version: str) -> str | None:
    """Return a model as it was added; None when it is not kept, or not readable any more."""
    found = await _read(connection, version)
    return found[0] if found else None


async def _read(connection: Connection, version: str) -> tuple[str, Model] | None:
    rows = await connection.execute(_BODY, {"version": version}, flushes=False)
    if not rows:
        return None
    try:
        body = bytes(rows[0][0]).decode()
        return body, read_model(body)
    except (Unsound, UnicodeDecodeError):
        log.exception("model.unreadable", version=version)
        return None


async def add(connection: Connection, kept: Kept, body: bytes) -> bool:
    """Keep a model; say whether it was not there before."""
    values = {**kept._asdict(), "body": body}
    return await connection.change(_ADD, values) == 1


async def find(connection: Connection, version: str) -> Kept | None:
    """Return what is kept of a model besides its trees; None when there is none."""
    rows = await connection.execute(_FIND, {"version": version})
    return _kept(rows[0]) if rows else None


async def newest(
    connection: Connection, before: tuple[datetime, str], limit: int
) -> list[Kept]:
    """Return models, the newest first, that come behind `before` in that order."""
    at, version = before
    rows = await connection.execute(_LIST, {"before_at": at, "before": version, "limit": limit})
    return [_kept(row) for row in rows]


async def users(connection: Connection, version: str) -> list[User]:
    """Return the agreements that name a model: those ever signed, and shadows that run."""
    return [
        User(row[0], row[1])
        for row in await connection.execute(_BODIES)
        if agreement_of(bytes(row[2])).predictive_model == version
    ]


async def delete(connection: Connection, version: str) -> None:
    """Forget a model."""
    await connection.execute(_DELETE, {"version": version})


async def late_for(
    connection: Connection, agreement: Agreement, limit: int
) -> list[tuple[str, int]]:
    """Return the next leads that may have been judged before their model came.

    With their number of activities. Say with `reached` how far they were judged again.
    """
    model = agreement.predictive_model
    after = await connection.scalar(_RESCORED_TO, {"model": model}) if model else None
    if after is None:
        return []
    rows = await connection.execute(_JUDGED, {"after": after, "limit": limit})
    if not rows:
        await reached(connection, agreement, None)
    return [(row[0], row[1]) for row in rows]


async def reached(connection: Connection, agreement: Agreement, lead_id: str | None) -> None:
    """Keep how far leads were judged again; None: all of them."""
    model = agreement.predictive_model
    await connection.execute(_RESCORE_TO, {"model": model, "reached": lead_id})


def _kept(row: Row) -> Kept:
    return Kept(*row)
