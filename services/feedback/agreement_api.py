"""The routes of agreements: check a text, propose it, sign it, see what is in force."""

import re
from datetime import datetime
from typing import Annotated, Any, Literal

from fastapi import Depends, Path, Query, Request
from fastapi.responses import PlainTextResponse
from pydantic import BaseModel, ConfigDict, Field

from leadloop.agreement.checks import Level
from leadloop.agreement.diff import NO_CHANGE, How, changes
from leadloop.agreement.reader import NAME_PATTERN
from leadloop.agreement.schema import schema
from leadloop.agreement.show import page
from leadloop.database import Database, Work
from leadloop.errors import NotFound
from leadloop.events import to_json
from leadloop.paging import (
    Cursor,
    Limit,
    Page,
    encode_cursor,
    next_of,
    place_in,
)
from leadloop.v1.agreement_pb2 import Agreement as Contract
from leadloop.web import Router, WorkDep, idempotent
from services.feedback import agreement_store as store
from services.feedback import agreements
from services.feedback.agreement_store import Proposal
from services.feedback.agreements import Signed
from services.feedback.fields import MaybeWord, Text, Word
from services.feedback.plain_text import TEXT_TOO, wants_text

router = Router(prefix="/v1/agreements", tags=["agreements"])

_ONCE = [Depends(idempotent)]
# More than an agreement may have, so that the fault is told by the reader, with its limit.
_TEXT_LENGTH_MAX = 600_000
POSITION_MAX = 2**63 - 1

Version = Annotated[int | None, Query(ge=1, le=2**31 - 1)]
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


class FindingOut(BaseModel):
    """One thing in a text that can't work."""

    line: int
    path: str
    level: Level = Field(description="Only errors keep a text from being proposed.")
    code: str
    problem: str
    advice: str


class CheckedOut(BaseModel):
    """What a check found."""

    sound: bool = Field(description="Whether it may be proposed.")
    name: MaybeWord | None
    text_sha256: str | None
    faults: list[FaultOut] = Field(description="Why it can't be read.")
    findings: list[FindingOut] = Field(description="What can't work in it.")


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


class ChangeOut(BaseModel):
    """One difference between two texts."""

    how: How
    kind: str = Field(description="What it is about, such as rule or tier.")
    name: str
    term: str = Field(description="Which of its terms changed; empty for all of it.")
    before: str
    after: str
    words: str


class DiffOut(BaseModel):
    """What changed from one text to another."""

    before_version: int
    after_version: int | None = Field(description="None for the text open for signing.")
    text_sha256: str = Field(description="Of the later one.")
    changes: list[ChangeOut]


class AgreementOut(ProposalOut):
    """A signed version with its text, and with all that follows from it."""

    text: str
    agreement: dict[str, Any] = Field(description="As its event carries it.")


@router.post("/check", summary="Tell all that is wrong with a text; keeps nothing")
async def check_text(wanted: TextIn, request: Request) -> CheckedOut:
    """Read a text as if it were proposed."""
    database: Database = request.app.state.database
    today = database.clock.now().date()
    found = await agreements.examined(wanted.text, today, request.app.state.sources)
    agreement = found.agreement
    return CheckedOut(
        sound=found.is_sound,
        name=agreement.name if agreement else None,
        text_sha256=agreement.text_sha256 if agreement else None,
        faults=[FaultOut(**vars(fault)) for fault in found.faults],
        findings=[FindingOut(**vars(finding)) for finding in found.findings],
    )


@router.get("/schema", summary="The JSON Schema of an agreement's text")
async def show_schema() -> dict[str, Any]:
    """Return what editors complete and check a text by."""
    return schema()


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
    before = place_in(cursor, 1, _position, POSITION_MAX)
    found = await store.history(work.connection, name, before=before, limit=limit + 1)
    following = next_of(found, limit, lambda one: encode_cursor(str(one.position)))
    return Page(items=[_out(proposal) for proposal in found[:limit]], next=following)


@router.get(
    "/{name}",
    summary="The version in force, or an earlier one",
    response_model=AgreementOut,
    responses=TEXT_TOO,
)
async def in_force(
    name: Name, request: Request, work: WorkDep, version: Version = None
) -> AgreementOut | PlainTextResponse:
    """Return a signed version with its text; as plain text, a page for people."""
    proposal = await _signed(work, name, version)
    if wants_text(request):
        return PlainTextResponse(page(await agreements.reread(proposal, work.now.date())))
    contract = Contract.FromString(proposal.contract)
    return AgreementOut(**vars(_out(proposal)), text=proposal.text, agreement=to_json(contract))


@router.get(
    "/{name}/diff",
    summary="What changes with the open text, or changed between two versions",
    response_model=DiffOut,
    responses=TEXT_TOO,
)
async def diff(
    name: Name,
    request: Request,
    work: WorkDep,
    before: Annotated[Version, Query(alias="from")] = None,
    after: Annotated[Version, Query(alias="to")] = None,
) -> DiffOut | PlainTextResponse:
    """Compare with the version in force, or with the one before, unless `from` names one.

    Without `to` the text open for signing is compared, or the one in force if none is open.
    """
    new = None if after else await store.open_for_signing(work.connection, name)
    new = new or await _signed(work, name, after)
    old = await _signed(work, name, before or _before(new))
    found = changes(*[await agreements.reread(one, work.now.date()) for one in (old, new)])
    if wants_text(request):
        return PlainTextResponse("".join(f"{change}\n" for change in found) or NO_CHANGE)
    return DiffOut(
        before_version=old.version or 0,
        after_version=new.version,
        text_sha256=new.text_sha256,
        changes=[ChangeOut(**vars(change), words=str(change)) for change in found],
    )


def _before(proposal: Proposal) -> int | None:
    """Return the version before a signed one; of an open one, the version in force."""
    return proposal.version - 1 if proposal.version else None


async def _signed(work: Work, name: str, version: int | None) -> Proposal:
    proposal = await store.in_force(work.connection, name, version)
    if proposal is None:
        raise NotFound("No such version of this agreement was signed by both sides.")
    return proposal


def _position(part: str) -> int:
    if not re.fullmatch("[0-9]{1,18}", part):
        raise ValueError(f"expected the position of a proposal, found {part!r}")
    return int(part)


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
