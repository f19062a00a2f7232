"""Which leads come to sales at all, and when they first do: that depends on scoring alone."""

from collections.abc import Iterable, Iterator

from services.lab.simulation import leads
from services.lab.simulation.leads import Judge, Lead, Prospect
from services.lab.simulation.world import Arrival
from services.scoring.definition import Agreement
from services.scoring.rules import Decision


def arrivals_of(
    prospects: Iterable[Prospect], judge: Judge, agreement: Agreement
) -> Iterator[Arrival]:
    """Judge each prospect up to its first qualification; those who never qualify are left out.

    Nothing of that depends on sales, so only leads that matter to sales need be kept.
    """
    for prospect in prospects:
        arrival = _first_cycle(prospect, judge, agreement)
        if arrival is not None:
            yield arrival


def in_order(arrivals: Iterable[Arrival]) -> list[Arrival]:
    """Return them by time, those of one moment by their tie."""
    return sorted(arrivals, key=lambda one: (one.at, one.tie))


def _first_cycle(prospect: Prospect, judge: Judge, agreement: Agreement) -> Arrival | None:
    lead = Lead(prospect.lead_id, list(prospect.seen))
    while (at := lead.next_at) is not None:
        for decision in leads.advance(lead, judge, agreement, at):
            if decision is Decision.QUALIFIED:
                return Arrival(at, lead.seen[max(lead.place - 1, 0)].order, lead)
    return None
