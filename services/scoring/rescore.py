"""Judge every lead again under a new version of the agreement, or once its model has come."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from leadloop.database import Database, Work
from services.scoring import handlers, metrics, store
from services.scoring.contract import agreement_of
from services.scoring.models import store as model_store

LEADS_MAX = 300
# Leads with long ledgers make a smaller batch: this many activities are in memory at most,
# unless a single lead has more.
ACTIVITIES_MAX = 20_000


class RescoreLoop:
    """Works through the leads that stand under an earlier version, some hundreds a pass.

    A batch of events that read the earlier version may commit after the last pass; those few
    leads are found when the loop next looks by itself.
    """

    name = handlers.RESCORE
    idle = timedelta(seconds=30)
    gathers = 0

    def __init__(self, database: Database) -> None:
        """Work on `database`."""
        self._database = database

    async def run_once(self, now: datetime) -> int:
        """Judge one batch again; return how many leads it held."""
        async with self._database.transaction() as work:
            lead_ids = await _stale(work)
            if lead_ids:
                await handlers.revisit(work, lead_ids)
        metrics.RESCORED.inc(len(lead_ids))
        return len(lead_ids)

    async def next_due(self, now: datetime) -> datetime | None:
        """Return None: a signed agreement wakes the loop."""
        return None


async def _stale(work: Work) -> list[str]:
    """Return the next leads to judge again."""
    body = await store.agreement_in_force(work.connection)
    if body is None:
        return []
    agreement = agreement_of(body)
    stale = await store.find_stale(work.connection, agreement.version, LEADS_MAX)
    if stale:
        return _bounded(stale)
    late = _bounded(await model_store.late_for(work.connection, agreement, LEADS_MAX))
    if late:
        await model_store.reached(work.connection, agreement, late[-1])
    return late


def _bounded(leads: Sequence[tuple[str, int]]) -> list[str]:
    """Return as many of the leads, with their numbers of activities, as fit into memory."""
    chosen: list[str] = []
    activities = 0
    for lead_id, count in leads:
        activities += count
        if chosen and activities > ACTIVITIES_MAX:
            break
        chosen.append(lead_id)
    return chosen
