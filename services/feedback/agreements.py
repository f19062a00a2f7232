"""The life of an agreement: proposed, signed by both sides, in force from that moment on."""

import asyncio
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path

from leadloop.agreement.checks import Examined, Finding, Known, Level, examine
from leadloop.agreement.contract import SIDES, to_contract
from leadloop.agreement.reader import check, read_agreement, refused
from leadloop.agreement.sources import known_by_sources
from leadloop.agreement.terms import Agreement
from leadloop.database import Work
from leadloop.errors import Conflict, FieldError, Forbidden, NotFound, Rejected
from leadloop.events import timestamp
from leadloop.outbox import Promise, promise
from leadloop.v1 import agreement_pb2 as pb
from services.feedback import agreement_store as store
from services.feedback import metrics, rules
from services.feedback.agreement_store import Proposal, Signature
from services.feedback.rules import Signing


@dataclass(frozen=True)
class Signed:
    """What someone signs: a side of a named agreement, the hash of the very text."""

    name: str
    side: str
    signer: str
    text_sha256: str
    comment: str


async def examined(text: str, today: date, sources: Path | None = None) -> Examined:
    """Return what a check of a text finds, beside the event loop as it takes a while.

    Args:
        text: YAML.
        today: The calendar is looked at from this day on.
        sources: The file of senders, for what they fill; nothing is claimed without it.
    """
    return await asyncio.to_thread(_examined, text, today, sources)


def _examined(text: str, today: date, sources: Path | None) -> Examined:
    return examine(text, today, _known(sources) if sources else None)


def _known(sources: Path) -> Known | None:
    """Return what the sources fill; None when their file is not here or can't be read."""
    try:
        return known_by_sources(sources.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None


async def read(text: str, today: date) -> Agreement:
    """Return the agreement of a text in which everything can work.

    Raises:
        Rejected: With every fault, or with all that can't work, by line.
    """
    found = await examined(text, today)
    if found.agreement is None:
        raise refused(found.faults)
    errors = [one for one in found.findings if one.level is Level.ERROR]
    if errors:
        raise Rejected(
            f"The agreement holds {len(errors)} terms that can't work.", *map(_error, errors)
        )
    return found.agreement


async def reread(proposal: Proposal, today: date) -> Agreement:
    """Return the agreement of a text that was sound when it was proposed.

    Raises:
        Rejected: It no longer is: the reader has changed since.
    """
    return await asyncio.to_thread(read_agreement, proposal.text, today)


def _error(finding: Finding) -> FieldError:
    """Return a finding as problems carry it."""
    place = f"line {finding.line} {finding.path}"
    return FieldError(place, "what can work", f"{finding.problem} {finding.advice}")


async def propose(work: Work, agreement: Agreement, text: str) -> Proposal:
    """Keep a text for both sides to sign, in the place of the one that was open.

    The text that is open or in force already is answered as it stands.
    """
    connection = work.connection
    await store.add_name(connection, agreement.name)
    await store.lock(connection, agreement.name)
    known = await store.newest_of_text(connection, agreement.name, agreement.text_sha256)
    if known and (known.state == "open" or await _is_in_force(work, known)):
        return known
    proposal = Proposal(
        id=work.ids.new(work.now),
        name=agreement.name,
        version=None,
        text=text,
        text_sha256=agreement.text_sha256,
        signers={"marketing": agreement.signers.marketing, "sales": agreement.signers.sales},
        proposed_at=work.now,
        replaced_at=None,
        signed_at=None,
        signatures=(),
    )
    await store.replace_open(connection, proposal)
    return proposal


async def sign(work: Work, signed: Signed) -> Proposal:
    """Keep one side's signature; with the second one the text is in force.

    Raises:
        NotFound: No agreement has this name.
        Conflict: The hash is not that of the text that is open for signing.
        Forbidden: The agreement names someone else for this side.
    """
    if await store.lock(work.connection, signed.name) is None:
        raise NotFound("No agreement of this name was proposed.")
    proposal = await store.newest_of_text(work.connection, signed.name, signed.text_sha256)
    answer = rules.sign(
        proposal.as_proposed() if proposal else None, side=signed.side, signer=signed.signer
    )
    if answer is Signing.WRONG_SIGNER:
        raise Forbidden(
            "The agreement names someone else as the signer of this side.",
            FieldError("/signer", f"the signer for {signed.side}", "another name"),
        )
    if proposal is None or answer is Signing.WRONG_TEXT:
        raise Conflict(
            "This text is not open for signing; look at what is proposed now.",
            FieldError("/text_sha256", "the hash of the text that is open", "another hash"),
        )
    if answer is Signing.SAME:
        return proposal
    proposal = await _with_signature(work, proposal, signed)
    if answer is Signing.COMPLETE:
        return await _put_in_force(work, proposal)
    return proposal


async def _is_in_force(work: Work, proposal: Proposal) -> bool:
    current = await store.in_force(work.connection, proposal.name)
    return current is not None and current.id == proposal.id


async def _with_signature(work: Work, proposal: Proposal, signed: Signed) -> Proposal:
    """Keep a signature; return the proposal with it."""
    signature = Signature(signed.side, signed.signer, signed.comment, work.now)
    await store.add_signature(work.connection, proposal.id, signature)
    signatures = sorted((*proposal.signatures, signature), key=lambda one: one.side)
    return replace(proposal, signatures=tuple(signatures))


async def _put_in_force(work: Work, proposal: Proposal) -> Proposal:
    """Give a text that both sides signed the next version, and promise that it is signed."""
    version = (await store.lock(work.connection, proposal.name) or 0) + 1
    found = await asyncio.to_thread(check, proposal.text, work.now.date())
    if found.agreement is None:
        raise Conflict(
            "The text was sound when it was proposed and no longer is: propose it again.",
            *(FieldError(f"line {f.line}", f.expected, f.found) for f in found.faults),
        )
    signatures = [_message(signature) for signature in proposal.signatures]
    contract = to_contract(found.agreement, version, signatures)
    await store.put_in_force(work.connection, proposal.id, contract, work.now)
    signed_at = timestamp(work.now)
    event = pb.AgreementSigned(name=proposal.name, agreement=contract, signed_at=signed_at)
    await promise(work, [Promise(event)])
    metrics.AGREEMENTS_SIGNED.inc()
    return replace(proposal, version=version, signed_at=work.now)


def _message(signature: Signature) -> pb.Signature:
    return pb.Signature(
        side=SIDES[signature.side],
        signer=signature.signer,
        signed_at=timestamp(signature.signed_at),
        comment=signature.comment,
    )
