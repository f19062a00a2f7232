"""What scoring does with the events of intake and feedback, in batches."""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime

import structlog
from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp

from leadloop.database import Work
from leadloop.errors import FieldError, Rejected
from leadloop.events import Envelope, encode, moment
from leadloop.inbox import Handler
from leadloop.timers import Timer, cancel
from leadloop.v1.agreement_pb2 import (
    CONSEQUENCE_DISQUALIFY,
    CONSEQUENCE_REROUTE,
    AgreementSigned,
)
from leadloop.v1.lead_pb2 import (
    ActivitiesQuarantined,
    Activity,
    ActivityRecorded,
    LeadCaptured,
    LeadErased,
    LeadsMerged,
    LeadsUnmerged,
)
from leadloop.v1.outcome_pb2 import DealLost, DealWon, LeadReturned
from services.scoring import ledger_store, store
from services.scoring.batch import COOL_DOWN, FADES, Batch, open_batch
from services.scoring.contract import agreement_of
from services.scoring.cycles import Cycle
from services.scoring.definition import Agreement
from services.scoring.shadow import store as shadow_store
from services.scoring.tables import CycleRecord, own_cycle
from services.scoring.told import Seen, Stands, Told

log = structlog.get_logger()

RESCORE = "rescore"


async def on_leads_captured(work: Work, captured: Sequence[Envelope[LeadCaptured]]) -> None:
    """Judge leads whose facts came in, mostly with an activity."""
    batch = await open_batch(work, [envelope.event.lead_id for envelope in captured])
    seen = [(envelope, encode(envelope.event.lead)) for envelope in captured]
    events = [envelope.event for envelope in captured]
    activities = [Told(e.lead_id, e.activity) for e in events if e.HasField("activity")]
    changed = (
        envelope.event.lead_id
        for envelope, lead in seen
        if batch.must_replay(envelope.event.lead_id, lead)
    )
    await _read_and_record(batch, [*changed], activities)
    for envelope, lead in seen:
        event = envelope.event
        # What is captured of a merged record late is older than what the merge told.
        told = lead if batch.resolve(event.lead_id) == event.lead_id else None
        activity = event.activity if event.HasField("activity") else None
        batch.observe(event.lead_id, _seen(event, activity, told), envelope)
    await batch.save()


async def on_activities_recorded(
    work: Work, recorded: Sequence[Envelope[ActivityRecorded]]
) -> None:
    """Judge leads that did something; one that is not known yet is kept until it is."""
    events = [envelope.event for envelope in recorded]
    batch = await open_batch(work, [event.lead_id for event in events])
    must = [e.lead_id for e in events if batch.must_replay(e.lead_id)]
    await _read_and_record(batch, must, [Told(e.lead_id, e.activity) for e in events])
    for envelope in recorded:
        event = envelope.event
        batch.observe(event.lead_id, _seen(event, event.activity), envelope)
    await batch.save()


async def on_leads_merged(work: Work, merged: Sequence[Envelope[LeadsMerged]]) -> None:
    """Join the ledgers of two records of one person, and judge the person."""
    lead_ids = [
        lead_id
        for envelope in merged
        for lead_id in (envelope.event.lead_id, envelope.event.merged_lead_id)
    ]
    batch = await open_batch(work, lead_ids)
    await batch.load_ledgers(lead_ids)
    for envelope in merged:
        event = envelope.event
        batch.merge(event.lead_id, event.merged_lead_id, encode(event.lead), envelope)
    await batch.save()


async def on_leads_unmerged(work: Work, parted: Sequence[Envelope[LeadsUnmerged]]) -> None:
    """Part two people who were taken for one, and judge each by what is their own."""
    for envelope in parted:
        event = envelope.event
        pair = (event.lead_id, event.unmerged_lead_id)
        await store.unmerge(work.connection, *pair)
        batch = await open_batch(work, pair)
        await batch.load_ledgers(pair)
        parts = await store.count_parts(work.connection, pair)
        cycles: dict[str, list[CycleRecord]] = {}
        for record in await store.list_cycles(work.connection, pair):
            cycles.setdefault(record.lead_id, []).append(record)
        for lead_id, lead in zip(pair, (event.lead, event.unmerged_lead), strict=True):
            own = own_cycle(cycles.get(lead_id, ()))
            stands = Stands(lead_id, parts.get(lead_id, 0), encode(lead), own)
            batch.stand(stands, envelope)
        await batch.save()


async def on_activities_quarantined(
    work: Work, told: Sequence[Envelope[ActivitiesQuarantined]]
) -> None:
    """Take what was no person's doing out of the score, or back into it."""
    decided = {
        (envelope.event.lead_id, activity_id): envelope.event.is_quarantined
        for envelope in told
        for activity_id in envelope.event.activity_ids
    }
    if decided:
        await ledger_store.quarantine(work.connection, decided)
    lead_ids = [envelope.event.lead_id for envelope in told]
    batch = await open_batch(work, lead_ids)
    await batch.load_ledgers(lead_ids)
    for envelope in told:
        state = batch.state(envelope.event.lead_id)
        batch.stand(Stands(state.lead_id, state.parts), envelope)
    await batch.save()


async def on_leads_erased(work: Work, erased: Sequence[Envelope[LeadErased]]) -> None:
    """Forget people: everything that is kept of them goes."""
    batch = await open_batch(work, [envelope.event.lead_id for envelope in erased])
    lead_ids = sorted({batch.resolve(envelope.event.lead_id) for envelope in erased})
    await shadow_store.lock(work.connection)
    await store.erase_leads(work.connection, lead_ids)
    kinds = (COOL_DOWN, FADES)
    await cancel(work, [(lead_id, kind) for lead_id in lead_ids for kind in kinds])


async def on_leads_returned(work: Work, returned: Sequence[Envelope[LeadReturned]]) -> None:
    """End cycles that sales gave back; what follows is up to the reason's consequence."""
    batch = await _open_for_outcomes(work, [envelope.event.lead_id for envelope in returned])
    # An activity between the return and this news of it may be the evidence it waits for.
    events = [envelope.event for envelope in returned]
    await batch.load_ledgers(
        e.lead_id for e in events if batch.judge.waits_for_evidence(e.reason)
    )
    for envelope in returned:
        event = envelope.event
        if batch.knows(event.lead_id) and event.consequence != CONSEQUENCE_REROUTE:
            cycle = _given_back(batch.state(event.lead_id).cycle, event)
            batch.end_cycle(event.lead_id, cycle, event.label or event.reason, envelope)
    await batch.save()


async def on_deals_won(work: Work, won: Sequence[Envelope[DealWon]]) -> None:
    """End cycles in a won deal: a customer is not qualified again."""
    batch = await _open_for_outcomes(work, [envelope.event.lead_id for envelope in won])
    for envelope in won:
        event = envelope.event
        if batch.knows(event.lead_id):
            cycle = batch.state(event.lead_id).cycle.win(moment(event.occurred_at))
            batch.end_cycle(event.lead_id, cycle, "", envelope)
    await batch.save()


async def on_deals_lost(work: Work, lost: Sequence[Envelope[DealLost]]) -> None:
    """End cycles in a lost deal: a new activity may begin the next one."""
    batch = await _open_for_outcomes(work, [envelope.event.lead_id for envelope in lost])
    for envelope in lost:
        event = envelope.event
        if batch.knows(event.lead_id):
            cycle = batch.state(event.lead_id).cycle.lose(moment(event.occurred_at))
            batch.end_cycle(event.lead_id, cycle, event.reason, envelope)
    await batch.save()


async def on_agreements_signed(work: Work, signed: Sequence[Envelope[AgreementSigned]]) -> None:
    """Put signed versions into force; the rescore loop then judges every lead again.

    Raises:
        Rejected: The agreement has no version, or names that are not unique.
    """
    for envelope in signed:
        agreement = envelope.event.agreement
        if agreement.version < 1:
            found = FieldError("/agreement/version", "1 or more", str(agreement.version))
            raise Rejected("The agreement can't be scored by.", found)
        body = encode(agreement)
        _tell_broken(agreement_of(body))
        await store.save_agreement(
            work.connection,
            name=agreement.name,
            version=agreement.version,
            text_sha256=agreement.text_sha256,
            body=body,
            signed_at=moment(envelope.event.signed_at),
        )
    work.wakes.add(RESCORE)


async def lock_subjects(work: Work, lead_ids: Sequence[str]) -> None:
    """Lock the leads whose timers are due."""
    await store.lock_leads(work.connection, lead_ids)


async def on_time_passed(work: Work, timers: Sequence[Timer]) -> None:
    """Judge leads again whose cool-down is over, or whose points have faded."""
    await revisit(work, [timer.subject for timer in timers])


async def revisit(work: Work, lead_ids: Sequence[str]) -> None:
    """Judge leads again of which nothing is new but the time or the agreement."""
    batch = await _open_for_outcomes(work, lead_ids)
    for lead_id in sorted({batch.resolve(lead_id) for lead_id in lead_ids}):
        if batch.knows(lead_id):
            batch.revisit(lead_id)
    await batch.save()


async def _open_for_outcomes(work: Work, lead_ids: Sequence[str]) -> Batch:
    """Open a batch of leads about which nothing new is said but their cycle."""
    batch = await open_batch(work, lead_ids)
    await batch.load_ledgers(lead_id for lead_id in lead_ids if batch.must_replay(lead_id))
    await batch.remember(lead_ids)
    return batch


async def _read_and_record(
    batch: Batch, must_replay: Sequence[str], told: Sequence[Told]
) -> None:
    """Read what judging these activities needs, then add them."""
    behind = [one.record_id for one in told if batch.is_behind(*one)]
    await batch.load_ledgers([*must_replay, *behind, *_twice(batch, told)])
    await batch.remember([one.record_id for one in told])
    await batch.record(told)


def _twice(batch: Batch, told: Sequence[Told]) -> list[str]:
    """Return the leads whose own newer activity in this batch may close the day of another."""
    if batch.judge.agreement is None or not batch.judge.agreement.closes_days:
        return []
    times = Counter(one.record_id for one in told)
    return [lead_id for lead_id, count in times.items() if count > 1]


def _seen(
    event: LeadCaptured | ActivityRecorded, activity: Activity | None, lead: bytes | None = None
) -> Seen:
    """Return what the event told."""
    touch = encode(event.touch) if event.HasField("touch") else None
    return Seen(lead, touch, activity, _moment_or_none(event.received_at))


def _given_back(cycle: Cycle, event: LeadReturned) -> Cycle:
    """Return the cycle as the return leaves it."""
    at = moment(event.occurred_at)
    if event.consequence == CONSEQUENCE_DISQUALIFY:
        return cycle.disqualify(at)
    return cycle.give_back(event.cycle, at, _moment_or_none(event.not_before), event.reason)


def _moment_or_none(stamp: Timestamp) -> datetime | None:
    return moment(stamp) if stamp.ByteSize() else None


def _tell_broken(agreement: Agreement) -> None:
    """Report conditions that can't run at all: they never hold, and scoring goes on."""
    conditions = [(rule.name, rule.condition) for rule in agreement.rules]
    conditions += [(gate.name, gate.condition) for gate in agreement.gates]
    conditions += [(tier.name, tier.condition) for tier in agreement.tiers]
    for name, condition in conditions:
        if condition.fault:
            log.error("condition.broken", version=agreement.version, condition=name)


HANDLERS: dict[type[Message], Handler] = {
    LeadCaptured: on_leads_captured,
    ActivityRecorded: on_activities_recorded,
    LeadsMerged: on_leads_merged,
    LeadsUnmerged: on_leads_unmerged,
    ActivitiesQuarantined: on_activities_quarantined,
    LeadErased: on_leads_erased,
    LeadReturned: on_leads_returned,
    DealWon: on_deals_won,
    DealLost: on_deals_lost,
    AgreementSigned: on_agreements_signed,
}

# What came of a lead; what it does, and by which agreement, is to be judged at once.
PATIENT: tuple[type[Message], ...] = (LeadReturned, DealWon, DealLost)
