"""Answer a repeated command with the first one's answer, kept in the command's transaction."""

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256

from sqlalchemy import Column, DateTime, Index, LargeBinary, MetaData, SmallInteger, Table, Text
from sqlalchemy import text as sql

from leadloop.connection import Connection
from leadloop.database import Work
from leadloop.errors import FieldError, Malformed, Rejected

KEY_HEADER = "idempotency-key"
REPLAYED_HEADER = "Idempotency-Replayed"
KEY_LENGTH_MAX = 255
KEPT_FOR = timedelta(hours=24)
_PRUNED_AT_ONCE = 1_000

IDEMPOTENCY = """
CREATE TABLE idempotency (
    route text NOT NULL,
    key text NOT NULL,
    fingerprint bytea NOT NULL,
    created_at timestamptz NOT NULL,
    status smallint,
    media_type text,
    body bytea,
    CONSTRAINT idempotency_pkey PRIMARY KEY (route, key)
);
CREATE INDEX idempotency_created_at ON idempotency (created_at)
"""


def idempotency_table(metadata: MetaData) -> Table:
    """Describe the table of IDEMPOTENCY in `metadata`."""
    return Table(
        "idempotency",
        metadata,
        Column("route", Text, primary_key=True),
        Column("key", Text, primary_key=True),
        Column("fingerprint", LargeBinary, nullable=False),
        Column("created_at", DateTime(timezone=True), nullable=False),
        Column("status", SmallInteger),
        Column("media_type", Text),
        Column("body", LargeBinary),
        Index("idempotency_created_at", "created_at"),
    )


@dataclass(frozen=True, slots=True)
class Command:
    """One command as its sender names it.

    Attributes:
        route: Method and template of the route; a key is unique within it.
        key: The sender's Idempotency-Key.
        fingerprint: Hash of the command: the same key with another command is a mistake.
    """

    route: str
    key: str
    fingerprint: bytes


@dataclass(frozen=True, slots=True)
class Answer:
    """What a command was answered, as the client saw it."""

    status: int
    media_type: str | None
    body: bytes


# A second command with the key waits here until the first commits (then it finds the row) or
# rolls back (then it takes the row). An answer past its time is overwritten.
_CLAIM = sql("""
INSERT INTO idempotency (route, key, fingerprint, created_at)
VALUES (:route, :key, :fingerprint, :now)
ON CONFLICT (route, key) DO UPDATE SET fingerprint = excluded.fingerprint,
    created_at = excluded.created_at, status = NULL, media_type = NULL, body = NULL
WHERE idempotency.created_at < :expired
RETURNING 1
""")

_FIND = sql("""
SELECT fingerprint, status, media_type, body FROM idempotency
WHERE route = :route AND key = :key
""")

_KEEP = sql("""
UPDATE idempotency SET status = :status, media_type = :media_type, body = :body
WHERE route = :route AND key = :key
""")

_PRUNE = sql("""
DELETE FROM idempotency WHERE ctid = ANY(ARRAY(
    SELECT ctid FROM idempotency WHERE created_at < :expired ORDER BY created_at LIMIT :limit))
""")


def parse_key(header: str) -> str:
    """Return the key of the header, which may be quoted (as the draft has it) or bare.

    Raises:
        Malformed: It is empty, too long, or holds other than visible ASCII.
    """
    key = header.strip()
    if len(key) >= 2 and key[0] == key[-1] == '"':
        key = re.sub(r'\\(["\\])', r"\1", key[1:-1])
    if not 1 <= len(key) <= KEY_LENGTH_MAX or not (key.isascii() and key.isprintable()):
        expected = f"1 to {KEY_LENGTH_MAX} visible ASCII characters"
        found = f"{len(key)} characters"
        raise Malformed(
            "The idempotency key can't be used.",
            FieldError(f"header {KEY_HEADER}", expected, found),
        )
    return key


def fingerprint(method: str, target: str, body: bytes) -> bytes:
    """Return a hash of everything that makes the command what it is."""
    return sha256(f"{method} {target}\n".encode() + body).digest()


async def claim(work: Work, command: Command) -> Answer | None:
    """Take the key for this transaction; return the kept answer when it was used before.

    Raises:
        Rejected: The key was used for another command.
    """
    claimed = await work.connection.scalar(
        _CLAIM,
        {
            "route": command.route,
            "key": command.key,
            "fingerprint": command.fingerprint,
            "now": work.now,
            "expired": work.now - KEPT_FOR,
        },
    )
    return None if claimed else await _find(work, command)


async def keep(work: Work, command: Command, answer: Answer) -> None:
    """Keep the answer of the command, to be committed with its effects."""
    await work.connection.execute(
        _KEEP,
        {
            "route": command.route,
            "key": command.key,
            "status": answer.status,
            "media_type": answer.media_type,
            "body": answer.body,
        },
    )


async def prune(connection: Connection, now: datetime) -> int:
    """Forget answers past their time, a bounded number; return how many."""
    values = {"expired": now - KEPT_FOR, "limit": _PRUNED_AT_ONCE}
    return await connection.change(_PRUNE, values)


async def _find(work: Work, command: Command) -> Answer:
    found = (
        await work.connection.execute(_FIND, {"route": command.route, "key": command.key})
    ).one()
    if found.fingerprint != command.fingerprint:
        raise Rejected(
            "The idempotency key was used for another command.",
            FieldError(f"header {KEY_HEADER}", "a new key, or the same command", "a used key"),
        )
    return Answer(found.status, found.media_type, found.body)
