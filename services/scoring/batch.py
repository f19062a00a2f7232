"""One batch of leads: locked and read at once, judged event by event, written at once."""

from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from typing import NamedTuple

import structlog
from google.protobuf.message import Message

from leadloop.conditions import Values
from leadloop.database import Work
from leadloop.events import Envelope, encode
from leadloop.outbox import Promise, promise
from leadloop.timers import Timer, arm
from leadloop.v1 import lead_pb2
from services.scoring import metrics, rules, store
from services.scoring.contract import activity_of, agreement_of, facts_of, newest_touch
from services.scoring.cycles import Cycle, Stage, joined
from services.scoring.definition import Activity, Agreement
from services.scoring.rules import Decision, Fault, Standing
from services.scoring.tables import Closing, CycleRecord, LeadState, Stored
from services.scoring.tallies import day_of
from services.scoring.verdicts import Verdict

log = structlog.get_logger()

COOL_DOWN = "cool_down"
Cause = Envelope[Message] | None


class Seen(NamedTuple):
    """What an event told about a lead; None where it told nothing.

    Attributes:
        lead: The lead, as the contract serialises it.
        touch: A touch, likewise.
        received_at: When intake received it.
    """

    lead: bytes | None = None
    touch: bytes | None = None
    activity: lead_pb2.Activity | None = None
    received_at: datetime | None = None


class Batch:
    """The leads of some events, changed in memory between `open_batch` and `save`.

    A lead that was merged stands for its survivor: what names it reaches the survivor.
    """

    def __init__(
        self, work: Work, agreement: Agreement | None, states: Iterable[LeadState]
    ) -> None:
        """Take over locked states; `open_batch` reads them."""
        self.agreement = agreement
        self._work = work
        self._states: dict[str, LeadState] = {}
        self._survivors: dict[str, str] = {}
        for state in states:
            if state.merged_into:
                self._survivors[state.lead_id] = state.merged_into
            else:
                self._states[state.lead_id] = state
        # Complete ledgers, of the leads that may have to be judged from scratch.
        self._ledgers: dict[str, list[Activity]] = {}
        self._new: set[tuple[str, str]] = set()
        self._facts: dict[bytes | None, Values] = {}
        self._changed: dict[str, LeadState] = {}
        self._merged: set[str] = set()
        self._promises: list[Promise] = []
        self._opened: dict[str, CycleRecord] = {}
        self._closings: dict[str, Closing] = {}
        self._timers: list[Timer] = []
        self._faults: Counter[Fault] = Counter()

    def resolve(self, lead_id: str) -> str:
        """Return the id of the lead that this one is a part of now."""
        return self._survivors.get(lead_id, lead_id)

    def knows(self, lead_id: str) -> bool:
        """Say whether anything is kept of the lead."""
        return self.resolve(lead_id) in self._states

    def state(self, lead_id: str) -> LeadState:
        """Return the lead as it stands now; a new one when it is not known."""
        own = self.resolve(lead_id)
        return self._states.get(own) or LeadState(own)

    def must_replay(self, lead_id: str, lead: bytes | None = None) -> bool:
        """Say whether judging the lead, perhaps with new facts, needs its whole ledger."""
        state = self.state(lead_id)
        if self.agreement is None or not state.activity_count:
            return False
        if state.scored_version != self.agreement.version:
            return True
        if lead is None or lead == state.lead:
            return False
        return self.agreement.engagement_depends_on(
            self._facts_of(state.lead), self._facts_of(lead)
        )

    async def load_ledgers(self, lead_ids: Iterable[str]) -> None:
        """Read all activities of these leads; do it before `record`."""
        wanted = {self.resolve(lead_id) for lead_id in lead_ids} - self._ledgers.keys()
        if wanted:
            self._ledgers.update((own, []) for own in wanted)
            for stored in await store.load_activities(self._work.connection, sorted(wanted)):
                activity = activity_of(lead_pb2.Activity.FromString(stored.body))
                self._ledgers[stored.lead_id].append(activity)

    async def record(self, activities: Sequence[tuple[str, lead_pb2.Activity]]) -> None:
        """Add activities to the ledger of their leads; `observe` counts those that are new."""
        rows = {
            (self.resolve(lead_id), activity.activity_id): activity
            for lead_id, activity in activities
        }
        if rows:
            stored = [Stored(*key, encode(activity)) for key, activity in rows.items()]
            self._new |= await store.add_activities(self._work.connection, stored)
            metrics.ACTIVITIES.labels("new").inc(len(self._new))
            metrics.ACTIVITIES.labels("repeated").inc(len(activities) - len(self._new))

    def observe(self, lead_id: str, seen: Seen, cause: Cause) -> None:
        """Judge a lead with what an event told about it."""
        before = self.state(lead_id)
        activity = self._new_activity(before.lead_id, seen.activity)
        lead, touch = seen.lead or before.lead, newest_touch(before.touch, seen.touch)
        if activity is None and (lead, touch) == (before.lead, before.touch):
            # Told before: it is not even the newest message about the lead.
            self._settle(before, before, None, cause)
            return
        after = before._replace(
            lead=lead,
            touch=touch,
            received_at=seen.received_at or before.received_at,
            activity_count=before.activity_count + (activity is not None),
        )
        self._settle(before, after, activity, cause)

    def revisit(self, lead_id: str, cause: Cause = None) -> None:
        """Judge a lead of which nothing changed but the time, the agreement or its cycle."""
        state = self.state(lead_id)
        self._settle(state, state, None, cause)

    def end_cycle(self, lead_id: str, cycle: Cycle, reason: str, cause: Cause) -> None:
        """Let the lead's cycle be as `cycle`; a cool-down sets a timer for its end."""
        before = self.state(lead_id)
        if cycle == before.cycle:
            return
        self._close(cycle, reason)
        self._cool_down(before.lead_id, cycle)
        self._settle(before, before._replace(cycle=cycle), None, cause)

    def merge(self, survivor_id: str, merged_id: str, lead: bytes, cause: Cause) -> None:
        """Make `merged_id` a part of `survivor_id`, whose facts are now `lead`."""
        survivor, merged = self.state(survivor_id), self.state(merged_id)
        if survivor.lead_id == merged.lead_id:
            self.observe(survivor_id, Seen(lead=lead), cause)
            return
        cycle = joined(survivor.cycle, merged.cycle)
        for one in (survivor.cycle, merged.cycle):
            if one.is_open and one.qualification_id != cycle.qualification_id:
                self._close(one._replace(stage=Stage.MERGED, closed_at=self._work.now), "")
        self._cool_down(survivor.lead_id, cycle)
        ledger = self._join_ledgers(survivor, merged)
        joint = survivor._replace(
            lead=lead,
            touch=newest_touch(survivor.touch, merged.touch),
            activity_count=len({activity.activity_id for activity in ledger}),
            received_at=max(
                filter(None, (survivor.received_at, merged.received_at)), default=None
            ),
            cycle=cycle,
        )
        # No version: the joint ledger is judged from scratch.
        self._settle(survivor._replace(scored_version=0), joint, None, cause)
        self._point(merged, survivor.lead_id)

    async def save(self) -> None:
        """Write what changed, and promise what follows from it."""
        connection = self._work.connection
        if self._changed:
            await store.save_leads(connection, list(self._changed.values()))
        if self._closings:
            await store.close_cycles(connection, list(self._closings.values()))
        if self._merged:
            survivor_of = {merged: self.resolve(merged) for merged in sorted(self._merged)}
            await store.move_to_survivors(connection, survivor_of)
        if self._opened:
            await store.open_cycles(connection, list(self._opened.values()))
        await arm(self._work, self._timers)
        await promise(self._work, self._promises)
        self._tell_faults()

    def _new_activity(
        self, lead_id: str, activity: lead_pb2.Activity | None
    ) -> Activity | None:
        """Return the activity if it is new in the ledger, the first time it is asked for."""
        if activity is None or (lead_id, activity.activity_id) not in self._new:
            return None
        self._new.remove((lead_id, activity.activity_id))
        return activity_of(activity)

    def _settle(
        self, before: LeadState, after: LeadState, activity: Activity | None, cause: Cause
    ) -> None:
        """Take over the state `after`, judged by the agreement and with what that decides."""
        ledger = self._ledger_of(before)
        if activity is not None and ledger is not None:
            ledger.append(activity)
        if self.agreement is not None:
            standing = self._standing(before, after, activity, self.agreement)
            after = self._decided(before.tier, after, standing, self.agreement, cause)
        self._states[after.lead_id] = after
        if after != before:
            self._changed[after.lead_id] = after

    def _standing(
        self,
        before: LeadState,
        after: LeadState,
        activity: Activity | None,
        agreement: Agreement,
    ) -> Standing:
        """Judge what is new alone where that will do, else the whole ledger."""
        facts, found = self._facts_of(after.lead), None
        if before.scored_version == agreement.version:
            known = self._facts_of(before.lead)
            found = rules.advance(before.standing, known, facts, activity, agreement)
        if found is None:
            found = rules.replay(facts, self._ledgers[before.lead_id], agreement)
        self._faults.update(found.faults)
        return found.standing

    def _decided(
        self,
        tier_before: str,
        after: LeadState,
        standing: Standing,
        agreement: Agreement,
        cause: Cause,
    ) -> LeadState:
        """Decide on a standing; return the state with it, its points, tier and cycle."""
        now, cycle = self._work.now, after.cycle
        points = rules.points_on(standing, agreement, day_of(now))
        sums = rules.sums_of(points, agreement)
        tier, faults = rules.tier_of(standing, sums, self._facts_of(after.lead), agreement)
        self._faults.update(faults)
        decision = rules.decide(tier_before, tier, standing, cycle, agreement, now)
        if decision is Decision.QUALIFIED:
            cycle = cycle.next(self._work.ids.new(now), now)
        elif decision is Decision.DISQUALIFIED:
            cycle = cycle.close_by_gate(now)
        decided = after._replace(
            standing=standing,
            scored_version=agreement.version,
            tier=tier,
            fit=sums.fit,
            engagement=sums.engagement,
            cycle=cycle,
        )
        if decision is not Decision.NOTHING:
            score = rules.score_of(standing, points, sums, tier, agreement)
            verdict = Verdict(decision, tier_before, decided, score, agreement.version, now)
            self._publish(verdict, cause)
        return decided

    def _publish(self, verdict: Verdict, cause: Cause) -> None:
        """Promise the event of a decision, and keep the cycle that it opened or closed."""
        message = verdict.to_message()
        self._promises.append(Promise(message, cause))
        metrics.DECISIONS.labels(verdict.decision.value).inc()
        cycle = verdict.state.cycle
        if verdict.decision is Decision.QUALIFIED:
            self._opened[cycle.qualification_id] = verdict.to_record(encode(message.score))
        elif verdict.decision is Decision.DISQUALIFIED:
            self._close(cycle, verdict.reason())

    def _close(self, cycle: Cycle, reason: str) -> None:
        """Keep how a cycle ended; one that began outside of scoring has no record."""
        if cycle.closed_at is None or not cycle.qualification_id:
            return
        closing = Closing(
            cycle.qualification_id, cycle.stage, cycle.closed_at, cycle.not_before, reason
        )
        record = self._opened.get(cycle.qualification_id)
        if record is None:
            self._closings[cycle.qualification_id] = closing
        else:
            self._opened[cycle.qualification_id] = record._replace(**closing._asdict())

    def _cool_down(self, lead_id: str, cycle: Cycle) -> None:
        """Have the lead judged again when its cool-down ends."""
        if cycle.not_before is not None and cycle.not_before > self._work.now:
            self._timers.append(Timer(lead_id, COOL_DOWN, cycle.not_before))

    def _join_ledgers(self, survivor: LeadState, merged: LeadState) -> list[Activity]:
        """Return the survivor's ledger, now with the merged lead's activities."""
        ledger = self._ledger_of(survivor) or []
        ledger += self._ledger_of(merged) or []
        self._ledgers[survivor.lead_id] = ledger
        return ledger

    def _point(self, merged: LeadState, survivor_id: str) -> None:
        """Leave of a merged lead only where it went."""
        for lead_id, survivor in self._survivors.items():
            if survivor == merged.lead_id:
                self._survivors[lead_id] = survivor_id
        self._survivors[merged.lead_id] = survivor_id
        self._states.pop(merged.lead_id, None)
        self._merged.add(merged.lead_id)
        self._changed[merged.lead_id] = LeadState(
            merged.lead_id, merged.revision, merged_into=survivor_id
        )

    def _ledger_of(self, state: LeadState) -> list[Activity] | None:
        """Return the lead's complete ledger; None when it was not read."""
        if not state.activity_count:
            return self._ledgers.setdefault(state.lead_id, [])
        return self._ledgers.get(state.lead_id)

    def _facts_of(self, lead: bytes | None) -> Values:
        """Return a lead as conditions see it; the same lead gives the same object."""
        facts = self._facts.get(lead)
        if facts is None:
            facts = self._facts[lead] = facts_of(lead_pb2.Lead.FromString(lead or b""))
        return facts

    def _tell_faults(self) -> None:
        """Report the conditions that could not be judged: a human must mend the agreement."""
        for (name, cause), times in self._faults.items():
            metrics.FAULTS.labels(cause.name.lower()).inc(times)
            log.warning("condition.not_judged", condition=name, cause=cause.value, times=times)


async def open_batch(work: Work, lead_ids: Collection[str]) -> Batch:
    """Lock the leads that are named, or what they were merged into, and read them."""
    states = await store.lock_leads(work.connection, sorted(set(lead_ids)))
    while missing := {s.merged_into for s in states.values()} - states.keys() - {""}:
        survivors = await store.lock_leads(work.connection, sorted(missing))
        if not survivors:
            break
        states.update(survivors)
    # Read after the locks: whoever held them may have judged by a version signed meanwhile.
    body = await store.agreement_in_force(work.connection)
    return Batch(work, agreement_of(body) if body else None, states.values())
