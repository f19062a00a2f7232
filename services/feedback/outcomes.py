"""Outcomes: deals, returns and words between the teams, each told to marketing once."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from google.protobuf.message import Message

from leadloop.agreement.contract import CONSEQUENCES, SIDES, reason_of
from leadloop.agreement.terms import Reason
from leadloop.database import Work
from leadloop.delivery import enqueue
from leadloop.errors import Conflict, FieldError, Rejected
from leadloop.events import Envelope, moment, timestamp
from leadloop.outbox import Promise, promise
from leadloop.v1 import agreement_pb2, lead_pb2
from leadloop.v1 import handoff_pb2 as handoff
from leadloop.v1 import outcome_pb2 as pb
from services.feedback import agreement_store, metrics, observed, rules, store
from services.feedback.facts import CycleFact
from services.feedback.rules import Deal, Move, Return, Stage, Told

GivenBack = handoff.HandoffRejected | handoff.HandoffRecycled


@dataclass(frozen=True, slots=True)
class Words:
    """What one side tells the other about a lead."""

    lead_id: str
    handoff_id: str
    side: str
    author: str
    subject: str
    text: str
    occurred_at: datetime


async def publish(work: Work, promises: Sequence[Promise]) -> list[Envelope[Message]]:
    """Promise outcomes, keep them on the timelines, queue them for marketing's endpoints."""
    envelopes = await promise(work, promises)
    await store.add_entries(work.connection, [observed.entry(one) for one in envelopes])
    await enqueue(work, envelopes)
    for kind, count in Counter(type(one.event).__name__ for one in envelopes).items():
        metrics.OUTCOMES.labels(kind).inc(count)
    return envelopes


async def take_back(work: Work, envelopes: Sequence[Envelope[GivenBack]]) -> list[CycleFact]:
    """Return leads to marketing; answer what is now known of why."""
    reasons = await _reasons(work, [envelope.event for envelope in envelopes])
    kept = await store.newest_touches(
        work.connection, [envelope.event.lead_id for envelope in envelopes]
    )
    promises = []
    for envelope, reason in zip(envelopes, reasons, strict=True):
        event = envelope.event
        decided = decide(event, reason)
        if decided is None:
            continue
        touch = observed.touch_of(kept.get(event.lead_id))
        promises.append(Promise(_returned(event, reason, decided, touch), envelope))
        metrics.RETURNS.labels(decided.then.value).inc()
    await publish(work, promises)
    return [
        _reason_fact(envelope.event, reason)
        for envelope, reason in zip(envelopes, reasons, strict=True)
    ]


def decide(event: GivenBack, reason: Reason) -> Return | None:
    """Decide what follows from a refusal or a recycling; None when sales keeps the lead."""
    occurred_at = moment(event.occurred_at)
    if isinstance(event, handoff.HandoffRejected):
        return rules.on_rejected(reason, occurred_at)
    requested = moment(event.not_before) if event.HasField("not_before") else None
    return rules.on_recycled(reason, occurred_at, requested)


async def tell_deal(work: Work, told: Told) -> Deal:
    """Move or correct a deal; a move that is news becomes an outcome.

    Raises:
        Conflict: It contradicts what was told before.
        Rejected: It would end before it was opened.
    """
    known = await store.lock_deal(work.connection, told.deal_id)
    moved = rules.move(known, told)
    if moved.refused_because:
        raise _refusal(told, moved)
    if moved.deal != known:
        await store.save_deal(work.connection, moved.deal)
    if moved.is_news:
        kept = await store.newest_touches(work.connection, [told.lead_id])
        touch = observed.touch_of(kept.get(told.lead_id))
        await publish(work, [Promise(_deal_event(moved.deal, told, touch))])
    return moved.deal


def _refusal(told: Told, moved: Move) -> Conflict | Rejected:
    detail = f"The deal can't be {told.stage}: {moved.refused_because}."
    if not moved.is_too_early:
        return Conflict(detail)
    expected = "a moment that is not before the opening"
    return Rejected(detail, FieldError("/occurred_at", expected, "an earlier one"))


async def pass_on(work: Work, words: Words) -> None:
    """Tell one side's words to the other."""
    event = pb.FeedbackGiven(
        lead_id=words.lead_id,
        handoff_id=words.handoff_id,
        author=words.author,
        subject=words.subject,
        text=words.text,
        occurred_at=timestamp(words.occurred_at),
    )
    # `from` is a word of Python.
    setattr(event, "from", SIDES[words.side])
    await publish(work, [Promise(event)])


async def _reasons(work: Work, events: Iterable[GivenBack]) -> list[Reason]:
    """Return the reason of each event, as the version worded it that sales worked under."""
    events = list(events)
    contracts = await agreement_store.contracts(
        work.connection, [event.agreement_version for event in events]
    )
    return [_reason(event, contracts) for event in events]


def _reason(event: GivenBack, contracts: Mapping[int, agreement_pb2.Agreement]) -> Reason:
    contract = contracts.get(event.agreement_version)
    reason = reason_of(contract, event.reason) if contract else None
    if reason is None:
        raise Rejected(
            f"expected a reason of agreement version {event.agreement_version}, "
            f"found {event.reason!r} in handoff {event.handoff_id}"
        )
    return reason


def _returned(
    event: GivenBack, reason: Reason, decided: Return, touch: lead_pb2.Touch | None
) -> pb.LeadReturned:
    returned = pb.LeadReturned(
        lead_id=event.lead_id,
        handoff_id=event.handoff_id,
        cycle=event.cycle,
        reason=reason.code,
        label=reason.label,
        note=event.note,
        consequence=CONSEQUENCES[decided.then],
        new_evidence=reason.new_evidence,
        agreement_version=event.agreement_version,
        occurred_at=event.occurred_at,
        touch=touch,
    )
    if decided.not_before:
        returned.not_before.FromDatetime(decided.not_before)
    return returned


def _reason_fact(event: GivenBack, reason: Reason) -> CycleFact:
    return CycleFact(
        event.lead_id,
        event.cycle,
        handoff_id=event.handoff_id,
        reason_sequence=event.sequence,
        reason=reason.code,
        reason_label=reason.label,
        consequence=CONSEQUENCES[reason.then],
    )


def _deal_event(deal: Deal, told: Told, touch: lead_pb2.Touch | None) -> Message:
    """Return the event of a stage: what is told of it, and else what is known of the deal."""
    deal = rules.corrected(deal, told)
    kinds = {Stage.OPENED: pb.DealOpened, Stage.WON: pb.DealWon, Stage.LOST: pb.DealLost}
    event: pb.DealOpened | pb.DealWon | pb.DealLost = kinds[told.stage](
        lead_id=deal.lead_id,
        handoff_id=deal.handoff_id or "",
        deal_id=deal.deal_id,
        value_cents=deal.value_cents,
        currency=deal.currency,
        occurred_at=timestamp(told.occurred_at),
    )
    if isinstance(event, pb.DealLost):
        event.reason = deal.reason
    if touch is not None and not isinstance(event, pb.DealOpened):
        event.touch.CopyFrom(touch)
    return event
