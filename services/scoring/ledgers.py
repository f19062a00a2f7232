"""The ledgers of a batch of leads: what they did, as far as it was read, and what is new."""

from collections.abc import Iterable, Sequence

from leadloop.connection import Connection
from leadloop.events import encode
from leadloop.v1 import lead_pb2
from services.scoring import ledger_store as store
from services.scoring import metrics
from services.scoring.contract import activity_of
from services.scoring.definition import Activity
from services.scoring.tables import LeadState, Stored
from services.scoring.told import Told


class Ledgers:
    """Complete ledgers of the leads that may have to be judged from scratch, and no others."""

    def __init__(self, connection: Connection) -> None:
        """Read and write through `connection`."""
        self._connection = connection
        self._complete: dict[str, list[Activity]] = {}
        self._new: set[tuple[str, str]] = set()

    async def load(self, lead_ids: Iterable[str]) -> None:
        """Read all activities of these leads, and of the records they stand for."""
        wanted = set(lead_ids) - self._complete.keys()
        if wanted:
            self._complete.update((lead_id, []) for lead_id in wanted)
            for stored in await store.load_activities(self._connection, sorted(wanted)):
                activity = activity_of(lead_pb2.Activity.FromString(stored.body))
                self._complete[stored.lead_id].append(activity)

    async def record(self, told: Sequence[Told]) -> None:
        """Add activities; `take_new` gives those that count from now on."""
        rows = {(one.record_id, one.activity.activity_id): one.activity for one in told}
        if rows:
            stored = [Stored(*key, encode(activity)) for key, activity in rows.items()]
            new = await store.add_activities(self._connection, stored)
            self._new |= new
            metrics.ACTIVITIES.labels("new").inc(len(new))
            metrics.ACTIVITIES.labels("repeated").inc(len(told) - len(new))

    def take_new(self, told: Told) -> Activity | None:
        """Return an activity that was recorded as new, the first time it is asked for."""
        key = (told.record_id, told.activity.activity_id)
        if key not in self._new:
            return None
        self._new.remove(key)
        return activity_of(told.activity)

    def add(self, state: LeadState, activity: Activity) -> None:
        """Add to the complete ledger of a lead, if there is one."""
        ledger = self.of(state)
        if ledger is not None:
            ledger.append(activity)

    def of(self, state: LeadState) -> list[Activity] | None:
        """Return a lead's complete ledger; None when it was not read."""
        if not state.activity_count and not state.parts:
            return self._complete.setdefault(state.lead_id, [])
        return self._complete.get(state.lead_id)

    def count(self, state: LeadState, activity: Activity | None) -> int:
        """Return how many activities a lead has, with a new one."""
        if activity is None:
            return state.activity_count
        if not state.parts:
            return state.activity_count + 1
        known = {one.activity_id for one in self._complete.get(state.lead_id, ())}
        return len(known | {activity.activity_id})

    def join(self, survivor: LeadState, merged: LeadState) -> list[Activity]:
        """Return the survivor's ledger, now with the merged lead's activities."""
        joint = {a.activity_id: a for a in (self.of(merged) or [])}
        joint.update((a.activity_id, a) for a in (self.of(survivor) or []))
        ledger = self._complete[survivor.lead_id] = list(joint.values())
        return ledger
