"""The agreements: texts that were proposed, who signed them, which version is in force."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import TextClause, text

from leadloop.connection import Connection, Row
from leadloop.v1.agreement_pb2 import Agreement as Contract
from services.feedback.rules import Proposed

_ADD_NAME = text("""
INSERT INTO agreements (name, version) VALUES (:name, 0) ON CONFLICT (name) DO NOTHING
""")

# Whoever proposes or signs takes this row first: two signatures that race see one another.
_LOCK = text("SELECT version FROM agreements WHERE name = :name FOR UPDATE")

_COLUMNS = """
SELECT position, CAST(id AS text) AS id, name, version, text, text_sha256, marketing_signer,
    sales_signer, proposed_at, replaced_at, signed_at, contract,
    ARRAY(SELECT side FROM signatures WHERE proposal_id = id ORDER BY side) AS sides,
    ARRAY(SELECT comment FROM signatures WHERE proposal_id = id ORDER BY side) AS comments,
    ARRAY(SELECT signed_at FROM signatures WHERE proposal_id = id ORDER BY side) AS signed_ats
FROM proposals
"""

_NEWEST_OF_TEXT = text(
    _COLUMNS
    + """
WHERE name = :name AND text_sha256 = :text_sha256 ORDER BY position DESC LIMIT 1
"""
)

_IN_FORCE = text(
    _COLUMNS  # noqa: S608 (two constants)
    + """
WHERE name = :name AND version = COALESCE(CAST(:version AS int),
    (SELECT NULLIF(version, 0) FROM agreements WHERE name = :name))
"""
)

_OPEN = text(
    _COLUMNS
    + """
WHERE name = :name AND version IS NULL AND replaced_at IS NULL
"""
)

_HISTORY = text(
    _COLUMNS
    + """
WHERE (CAST(:name AS text) IS NULL OR name = CAST(:name AS text)) AND position < :before
ORDER BY position DESC LIMIT :limit
"""
)

_REPLACE_OPEN = text("""
UPDATE proposals SET replaced_at = :now
WHERE name = :name AND version IS NULL AND replaced_at IS NULL
""")

_ADD = text("""
INSERT INTO proposals (id, name, text, text_sha256, marketing_signer, sales_signer, proposed_at)
VALUES (CAST(:id AS uuid), :name, :text, :text_sha256, :marketing, :sales, :now)
""")

_SIGN = text("""
INSERT INTO signatures (proposal_id, side, signer, comment, signed_at)
VALUES (CAST(:id AS uuid), :side, :signer, :comment, :now)
""")

_PUT_IN_FORCE = text("""
UPDATE proposals SET version = :version, signed_at = :now, contract = :contract
WHERE id = CAST(:id AS uuid)
""")

_SET_VERSION = text("UPDATE agreements SET version = :version WHERE name = :name")

# Events name the version that they were made under, not the agreement. A company has one
# agreement at a time, so of two with that version the one signed last is meant.
_CONTRACTS = text("""
SELECT DISTINCT ON (version) version, contract FROM proposals
WHERE version = ANY(CAST(:versions AS int[])) ORDER BY version, signed_at DESC
""")

_NEWEST_CONTRACT = text("""
SELECT contract FROM proposals WHERE version IS NOT NULL
ORDER BY signed_at DESC, version DESC LIMIT 1
""")


@dataclass(frozen=True, slots=True)
class Signature:
    """One side's signature."""

    side: str
    signer: str
    comment: str
    signed_at: datetime


@dataclass(frozen=True, slots=True)
class Proposal:
    """A text that was proposed; in force from `signed_at` on, until a later version is.

    Attributes:
        position: Rises from proposal to proposal; 0 for one that is not kept yet.
        contract: Of a signed one, the agreement as its event carries it; else empty.
    """

    id: str
    name: str
    version: int | None
    text: str
    text_sha256: str
    signers: dict[str, str]
    proposed_at: datetime
    replaced_at: datetime | None
    signed_at: datetime | None
    signatures: tuple[Signature, ...]
    contract: bytes = b""
    position: int = 0

    @property
    def state(self) -> str:
        """Return where it stands: open, signed or replaced."""
        if self.version is not None:
            return "signed"
        return "replaced" if self.replaced_at else "open"

    def as_proposed(self) -> Proposed:
        """Return what the rules need to know of it."""
        signed = {one.side: one.signer for one in self.signatures}
        return Proposed(self.text_sha256, self.signers, signed, self.state == "open")


async def lock(connection: Connection, name: str) -> int | None:
    """Lock an agreement until the commit; return its version in force, None when unknown."""
    version: int | None = await connection.scalar(_LOCK, {"name": name})
    return version


async def add_name(connection: Connection, name: str) -> None:
    """Know an agreement of this name, without any version."""
    await connection.execute(_ADD_NAME, {"name": name})


async def newest_of_text(
    connection: Connection, name: str, text_sha256: str
) -> Proposal | None:
    """Return the newest proposal of a text; None when it was never proposed."""
    values = {"name": name, "text_sha256": text_sha256}
    return _one(await _read(connection, _NEWEST_OF_TEXT, values))


async def in_force(
    connection: Connection, name: str, version: int | None = None
) -> Proposal | None:
    """Return a signed version, the one in force when None is given; None when there is none."""
    values = {"name": name, "version": version}
    return _one(await _read(connection, _IN_FORCE, values))


async def open_for_signing(connection: Connection, name: str) -> Proposal | None:
    """Return the text that is open for signing; None when there is none."""
    return _one(await _read(connection, _OPEN, {"name": name}))


async def history(
    connection: Connection, name: str | None, *, before: int, limit: int
) -> list[Proposal]:
    """Return proposals with positions below `before`, the newest first."""
    values = {"name": name, "before": before, "limit": limit}
    return await _read(connection, _HISTORY, values)


async def replace_open(connection: Connection, proposal: Proposal) -> None:
    """Put a new proposal in the place of the open one, whose signatures lapse."""
    now = proposal.proposed_at
    await connection.execute(_REPLACE_OPEN, {"name": proposal.name, "now": now})
    await connection.execute(
        _ADD,
        {
            "id": proposal.id,
            "name": proposal.name,
            "text": proposal.text,
            "text_sha256": proposal.text_sha256,
            "now": now,
            **proposal.signers,
        },
    )


async def add_signature(connection: Connection, proposal_id: str, signature: Signature) -> None:
    """Keep one side's signature."""
    await connection.execute(
        _SIGN,
        {
            "id": proposal_id,
            "side": signature.side,
            "signer": signature.signer,
            "comment": signature.comment,
            "now": signature.signed_at,
        },
    )


async def put_in_force(
    connection: Connection, proposal_id: str, contract: Contract, now: datetime
) -> None:
    """Give a proposal its version, with the agreement as its event carries it."""
    await connection.execute(
        _PUT_IN_FORCE,
        {
            "id": proposal_id,
            "version": contract.version,
            "contract": contract.SerializeToString(deterministic=True),
            "now": now,
        },
    )
    values = {"name": contract.name, "version": contract.version}
    await connection.execute(_SET_VERSION, values)


async def contracts(connection: Connection, versions: Sequence[int]) -> dict[int, Contract]:
    """Return the agreements of these versions, by version."""
    rows = await connection.execute(_CONTRACTS, {"versions": sorted(set(versions))})
    return {version: Contract.FromString(contract) for version, contract in rows}


async def newest_contract(connection: Connection) -> Contract | None:
    """Return the agreement that was signed last; None before the first."""
    contract: bytes | None = await connection.scalar(_NEWEST_CONTRACT)
    return Contract.FromString(contract) if contract else None


async def _read(
    connection: Connection, statement: TextClause, values: Mapping[str, object]
) -> list[Proposal]:
    result = await connection.execute(statement, values)
    return [_proposal(row) for row in result]


def _proposal(row: Row) -> Proposal:
    signers = {"marketing": row["marketing_signer"], "sales": row["sales_signer"]}
    signed = zip(row["sides"], row["comments"], row["signed_ats"], strict=True)
    return Proposal(
        id=row["id"],
        name=row["name"],
        version=row["version"],
        text=row["text"],
        text_sha256=row["text_sha256"],
        signers=signers,
        proposed_at=row["proposed_at"],
        replaced_at=row["replaced_at"],
        signed_at=row["signed_at"],
        signatures=tuple(Signature(side, signers[side], *rest) for side, *rest in signed),
        contract=row["contract"] or b"",
        position=row["position"],
    )


def _one(found: list[Proposal]) -> Proposal | None:
    return found[0] if found else None
