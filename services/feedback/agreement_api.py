"""The routes of agreements: check a text, propose it, sign it, see what is in force."""

import re
from datetime import datetime
from typing import Annotated, Any, Literal

from fastapi import Depends, Path, Query, Request
from pydantic import BaseModel, ConfigDict, Field

from leadloop.agreement.reader import NAME_PATTERN
from leadloop.database import Database
from leadloop.errors import NotFound
from leadloop.events import to_json
from leadloop.paging import Cursor, Limit, Page, decode_cursor, encode_cursor, not_a_cursor
from leadloop.v1.agreement_pb2 import Agreement as Contract
from leadloop.web import Router, WorkDep, idempotent
from services.feedback import agreement_store as store
from services.feedback import agreements
from services.feedback.agreement_store import Proposal
from services.feedback.agreements import Signed
from services.feedback.border import MaybeWord, Text, Word

router = Router(prefix="/v1/agreements", tags=["agreements"])

_ONCE = [Depends(idempotent)]
# More than an agreement may have, so that the fault is told by the reader, with its limit.
_TEXT_LENGTH_MAX = 600_000
POSITION_MAX = 2**63 - 1

Name = Annotated[str, Path(pattern=NAME_PATTERN, description="The agreement's name.")]


class TextIn(BaseModel):
    """A text to check or to propose."""

    model_config = ConfigDict(extra="forbid")

    text: str = Field(max_length=_TEXT_LENGTH_MAX, description="The agreement, YAML.")


class SignatureIn(BaseModel):
    """One side's signature under the text with this hash."""

    model_config = ConfigDict(extra="forbid")

    side: Literal["marketing", "sales"]
    signer: Word = Field(description="As the agreement names them.")
    text_sha256: str = Field(pattern="^[0-9a-f]{64}$", description="Of the text proposed.")
    comment: Text = ""


class FaultOut(BaseModel):
    """One thing that is wrong in a text."""

    line: int
    column: int
    path: str
    expected: str
    found: str


class CheckedOut(BaseModel):
    """What a check found."""

    sound: bool
    name: MaybeWord | None
    text_sha256: str | None
    faults: list[FaultOut]


class SignatureOut(BaseModel):
    """A signature that was given."""

    side: str
    signer: str
    signed_at: datetime
    comment: str


class ProposalOut(BaseModel):
    """A text and how far it is signed."""

    name: str
    state: Literal["open", "signed", "replaced"]
    version: int | None = Field(description="Given with the second signature.")
    text_sha256: str
    signers: dict[str, str] = Field(description="Who must sign, by side.")
    signatures: list[SignatureOut]
    proposed_at: datetime
    signed_at: datetime | None


class AgreementOut(ProposalOut):
    """A signed version with its text, and with all that follows from it."""

    text: str
    agreement: dict[str, Any] = Field(description="As its event carries it.")


@router.post("/check", summary="Tell all that is wrong with a text; keeps nothing")
async def check_text(wanted: TextIn, request: Request) -> CheckedOut:
    """Read a text as if it were proposed."""
    database: Database = request.app.state.database
    found = await agreements.checked(wanted.text, database.clock.now().date())
    agreement = found.agreement
    return CheckedOut(
        sound=agreement is not None,
        name=agreement.name if agreement else None,
        text_sha256=agreement.text_sha256 if agreement else None,
        faults=[FaultOut(**vars(fault)) for fault in found.faults],
    )


@router.post("", summary="Propose a text for both sides to sign", dependencies=_ONCE)
async def propose(wanted: TextIn, work: WorkDep) -> ProposalOut:
    """Keep a sound text; it takes the place of the one that was open under its name."""
    agreement = await agreements.read(wanted.text, work.now.date())
    return _out(await agreements.propose(work, agreement, wanted.text))


@router.post("/{name}/sign", summary="Sign the open text", dependencies=_ONCE)
async def sign(name: Name, wanted: SignatureIn, work: WorkDep) -> ProposalOut:
    """Keep one side's signature; the second one puts the text in force."""
    signed = Signed(name, wanted.side, wanted.signer, wanted.text_sha256, wanted.comment)
    return _out(await agreements.sign(work, signed))


@router.get("", summary="All texts that were proposed, the newest first")
async def history(
    work: WorkDep,
    name: Annotated[str | None, Query(pattern=NAME_PATTERN)] = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Page[ProposalOut]:
    """List what was proposed, signed and replaced."""
    before = _position(cursor) if cursor else POSITION_MAX
    found = await store.history(work.connection, name, before=before, limit=limit + 1)
    following = encode_cursor(str(found[limit - 1].position)) if len(found) > limit else None
    return Page(items=[_out(proposal) for proposal in found[:limit]], next=following)


@router.get("/{name}", summary="The version in force, or an earlier one")
async def in_force(
    name: Name,
    work: WorkDep,
    version: Annotated[int | None, Query(ge=1, le=2**31 - 1)] = None,
) -> AgreementOut:
    """Return a signed version with its text."""
    proposal = await store.in_force(work.connection, name, version)
    if proposal is None:
        raise NotFound("No such version of this agreement was signed by both sides.")
    contract = Contract.FromString(proposal.contract)
    return AgreementOut(**vars(_out(proposal)), text=proposal.text, agreement=to_json(contract))


def _position(cursor: str) -> int:
    (position,) = decode_cursor(cursor, 1)
    if not re.fullmatch("[0-9]{1,18}", position):
        raise not_a_cursor()
    return int(position)


def _out(proposal: Proposal) -> ProposalOut:
    return ProposalOut(
        name=proposal.name,
        state=proposal.state,
        version=proposal.version,
        text_sha256=proposal.text_sha256,
        signers=proposal.signers,
        signatures=[
            SignatureOut(
                side=one.side, signer=one.signer, signed_at=one.signed_at, comment=one.comment
            )
            for one in proposal.signatures
        ],
        proposed_at=proposal.proposed_at,
        signed_at=proposal.signed_at,
    )
