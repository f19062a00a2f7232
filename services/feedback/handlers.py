"""What feedback does with each event: remember it, and return a refused lead to marketing."""

from collections.abc import Mapping, Sequence

from google.protobuf.message import Message

from leadloop import delivery_store
from leadloop.database import Work
from leadloop.events import Envelope
from leadloop.inbox import Handler
from leadloop.v1 import handoff_pb2 as handoff
from leadloop.v1 import lead_pb2 as lead
from leadloop.v1 import qualification_pb2 as qualification
from services.feedback import observed, outcomes, store
from services.feedback.facts import CycleFact, summed
from services.feedback.outcomes import GivenBack


async def on_given_back(work: Work, envelopes: Sequence[Envelope[GivenBack]]) -> None:
    """Remember refused and recycled leads, and return them to marketing."""
    reasons = await outcomes.take_back(work, envelopes)
    await remember(work, envelopes, reasons)


async def on_leads_merged(work: Work, envelopes: Sequence[Envelope[lead.LeadsMerged]]) -> None:
    """Remember which leads are one person; reports and timelines follow the merges."""
    await _keep(work, envelopes)
    facts = summed(observed.merge_fact(envelope.event) for envelope in envelopes)
    await store.add_leads(work.connection, facts)


async def on_leads_unmerged(
    work: Work, envelopes: Sequence[Envelope[lead.LeadsUnmerged]]
) -> None:
    """Remember that two leads are two people after all."""
    await _keep(work, envelopes)
    facts = summed(observed.parting_fact(envelope.event) for envelope in envelopes)
    await store.add_leads(work.connection, facts)


async def on_leads_erased(work: Work, envelopes: Sequence[Envelope[lead.LeadErased]]) -> None:
    """Forget what was said and done; the counts stay."""
    lead_ids = [envelope.event.lead_id for envelope in envelopes]
    await store.erase(work.connection, lead_ids, work.now)
    await delivery_store.forget(work.connection, lead_ids)


async def remember(
    work: Work,
    envelopes: Sequence[Envelope[Message]],
    reasons: Sequence[CycleFact] = (),
) -> None:
    """Put events on the timelines and add what they tell to what is known."""
    await _keep(work, envelopes)
    leads, cycles, clocks = observed.facts_of(envelope.event for envelope in envelopes)
    await store.add_leads(work.connection, summed(leads))
    await store.add_cycles(work.connection, summed([*cycles, *reasons]))
    await store.add_clocks(work.connection, summed(clocks))


async def _keep(work: Work, envelopes: Sequence[Envelope[Message]]) -> None:
    entries = [observed.entry(envelope) for envelope in envelopes]
    await store.add_entries(work.connection, entries)


HANDLERS: Mapping[type[Message], Handler] = {
    lead.LeadCaptured: remember,
    lead.ActivityRecorded: remember,
    lead.LeadsMerged: on_leads_merged,
    lead.LeadsUnmerged: on_leads_unmerged,
    lead.ActivitiesQuarantined: remember,
    lead.LeadErased: on_leads_erased,
    qualification.LeadScored: remember,
    qualification.LeadQualified: remember,
    qualification.LeadDisqualified: remember,
    handoff.HandoffRouted: remember,
    handoff.HandoffAccepted: remember,
    handoff.HandoffRejected: on_given_back,
    handoff.ContactAttempted: remember,
    handoff.ClockWarned: remember,
    handoff.ClockBreached: remember,
    handoff.ClockMet: remember,
    handoff.HandoffReassigned: remember,
    handoff.HandoffEscalated: remember,
    handoff.HandoffRecycled: on_given_back,
    handoff.HandoffConverted: remember,
    handoff.HandoffWithdrawn: remember,
}

# Told again, an event finds its entry on the timeline, and facts that add nothing.
REPEATABLE = frozenset(kind for kind, handle in HANDLERS.items() if handle is remember)
