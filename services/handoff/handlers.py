"""What handoff does with events: many loaded, each decided, many saved, many promised."""

from collections.abc import Mapping, Sequence

from google.protobuf.message import Message

from leadloop import delivery_store
from leadloop.database import Work
from leadloop.events import Envelope, encode, moment
from leadloop.inbox import Handler
from leadloop.v1.agreement_pb2 import AgreementSigned
from leadloop.v1.lead_pb2 import LeadErased, LeadsMerged
from leadloop.v1.qualification_pb2 import LeadDisqualified, LeadQualified
from services.handoff import agreement, erasure, ledger, rules, store
from services.handoff.cycle import Handoff, State, last_to_keep
from services.handoff.desk import Desk
from services.handoff.dispatch import close_desk, look_now, open_desk
from services.handoff.ledger import Begun, Moved
from services.handoff.rows import Held
from services.handoff.terms import Terms

SAME_PERSON = "the same person is worked in handoff "
FORGOTTEN = "the person asked to be forgotten"


async def on_leads_qualified(work: Work, events: Sequence[Envelope[LeadQualified]]) -> None:
    """Begin a handoff for each new cycle: with an owner and clocks, or waiting."""
    desk = await open_desk(work)
    fresh = await _fresh(work, events)
    terms = await store.terms_for(
        work.connection, [one.event.agreement_version for one in fresh]
    )
    refusers = await store.refusers(
        work.connection, [one.event.lead_id for one in fresh if one.event.cycle > 1]
    )
    begun = [_begin(work, desk, one, terms, refusers) for one in fresh]
    await ledger.begin(work, desk.queue.name, begun)
    await close_desk(work, desk)


async def on_leads_disqualified(
    work: Work, events: Sequence[Envelope[LeadDisqualified]]
) -> None:
    """Withdraw the handoff of a cycle that no longer holds."""
    await open_desk(work)
    reasons = {(one.event.lead_id, one.event.cycle): one for one in events}
    held = await store.lock_of_leads(work.connection, [lead for lead, _ in reasons])
    moved = []
    for one in held:
        cause = reasons.get((one.handoff.lead_id, one.handoff.cycle))
        if cause:
            moved.append(_withdrawn(work, one, cause.event.reason, cause))
    await ledger.move(work, moved)


async def on_agreements_signed(work: Work, events: Sequence[Envelope[AgreementSigned]]) -> None:
    """Keep each version, and look at the handoffs that wait for one.

    Raises:
        Rejected: The agreement can't be used here; it is parked and the one before stays.
    """
    for one in events:
        body = encode(one.event.agreement)
        agreement.check(agreement.terms_of(body), work.now)
        await store.keep_agreement(
            work.connection,
            name=one.event.name,
            version=one.event.agreement.version,
            body=body,
            signed_at=moment(one.event.signed_at),
        )
    await look_now(work)


async def on_leads_merged(work: Work, events: Sequence[Envelope[LeadsMerged]]) -> None:
    """Leave one person to one seller: of two open handoffs the furthest goes on."""
    await open_desk(work)
    for one in events:
        pair = [one.event.lead_id, one.event.merged_lead_id]
        held = await store.lock_of_leads(work.connection, pair)
        open_ones = [each for each in held if each.handoff.is_open]
        if len(open_ones) < 2:
            continue
        kept = last_to_keep(tuple(each.handoff for each in open_ones))
        await ledger.move(
            work,
            [
                _withdrawn(work, each, f"{SAME_PERSON}{kept.id}", one)
                for each in open_ones
                if each.handoff is not kept
            ],
        )


async def on_leads_erased(work: Work, events: Sequence[Envelope[LeadErased]]) -> None:
    """Stop working forgotten people, and forget what was known of them."""
    await open_desk(work)
    causes = {one.event.lead_id: one for one in events}
    held = await store.lock_of_leads(work.connection, list(causes))
    await erasure.forget(
        work.connection, list(causes), [one.handoff.id for one in held], work.now
    )
    # What was on its way goes first: that the handoff ended must still reach the CRM.
    await delivery_store.forget(work.connection, list(causes))
    await ledger.move(
        work,
        [_withdrawn(work, one, FORGOTTEN, causes[one.handoff.lead_id]) for one in held],
    )


async def _fresh(
    work: Work, events: Sequence[Envelope[LeadQualified]]
) -> list[Envelope[LeadQualified]]:
    """Leave out the cycles that are there already, and forgotten people."""
    wanted = {(one.event.lead_id, one.event.cycle): one for one in events}
    known = await store.known_cycles(work.connection, list(wanted))
    forgotten = {lead_id for lead_id, cycle in known if cycle == 0}
    return [one for key, one in wanted.items() if key not in known and key[0] not in forgotten]


def _begin(
    work: Work,
    desk: Desk,
    cause: Envelope[LeadQualified],
    terms: Mapping[int, Terms],
    refusers: Mapping[str, frozenset[str]],
) -> Begun:
    qualified = cause.event
    known = terms.get(qualified.agreement_version)
    new = Handoff(
        id=work.ids.new(work.now),
        lead_id=qualified.lead_id,
        cycle=qualified.cycle,
        tier=qualified.tier,
        agreement_version=qualified.agreement_version,
        state=State.QUEUED,
        since=work.now,
    )
    avoided = refusers.get(qualified.lead_id, frozenset())
    change = desk.begin(new, known, work.now, avoided)
    received = moment(qualified.received_at) if qualified.HasField("received_at") else None
    return Begun(change, cause, received)


def _withdrawn(work: Work, held: Held, reason: str, cause: Envelope[Message]) -> Moved:
    return Moved(held, rules.withdraw(held.handoff, reason, work.now), cause)


HANDLERS: dict[type[Message], Handler] = {
    LeadQualified: on_leads_qualified,
    LeadDisqualified: on_leads_disqualified,
    AgreementSigned: on_agreements_signed,
    LeadsMerged: on_leads_merged,
    LeadErased: on_leads_erased,
}

# They come on the busiest topic, most of which is nothing to handoff.
PATIENT: tuple[type[Message], ...] = (LeadsMerged, LeadErased)
