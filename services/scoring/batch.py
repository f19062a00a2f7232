"""One batch of leads: locked and read at once, judged event by event, written at once."""

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime

import structlog
from google.protobuf.message import Message

from leadloop.database import Work
from leadloop.events import Envelope, encode
from leadloop.outbox import Promise, promise
from leadloop.timers import Timer, arm
from leadloop.v1 import lead_pb2
from services.scoring import fading, ledger_store, metrics, rules, store
from services.scoring.contract import newest_touch
from services.scoring.cycles import Cycle, Stage, joined
from services.scoring.definition import Activity, Agreement
from services.scoring.judging import Judge
from services.scoring.ledgers import Ledgers
from services.scoring.models.store import judge_of
from services.scoring.past import Past
from services.scoring.rules import Decision, Sums
from services.scoring.shadow import store as shadow_store
from services.scoring.standings import Standing
from services.scoring.tables import Closing, CycleRecord, Known, LeadState
from services.scoring.tallies import day_of
from services.scoring.told import Seen, Stands, Told
from services.scoring.verdicts import Verdict

log = structlog.get_logger()

COOL_DOWN = "cool_down"
FADES = "fades"
SHADOW = "shadow"
Cause = Envelope[Message] | None


class Batch:
    """The leads of some events, changed in memory between `open_batch` and `save`.

    A lead that was merged stands for its survivor: what names it reaches the survivor.
    """

    def __init__(
        self,
        work: Work,
        agreement: Agreement | None,
        states: Iterable[LeadState],
        *,
        is_shadowed: bool = False,
    ) -> None:
        """Take over locked states; `open_batch` reads them."""
        self.judge = Judge(agreement)
        self._is_shadowed = is_shadowed
        self._work = work
        self._states: dict[str, LeadState] = {}
        self._survivors: dict[str, str] = {}
        for state in states:
            if state.merged_into:
                self._survivors[state.lead_id] = state.merged_into
            else:
                self._states[state.lead_id] = state
        self._ledgers = Ledgers(work.connection)
        self._past = Past(work.connection)
        self._facts: list[Known] = []
        self._changed: dict[str, LeadState] = {}
        self._merged: set[str] = set()
        self._promises: list[Promise] = []
        self._opened: dict[str, CycleRecord] = {}
        self._closings: dict[str, Closing] = {}
        self._timers: list[Timer] = []

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
        return self.judge.must_replay(self.state(lead_id), lead)

    def is_behind(self, lead_id: str, activity: lead_pb2.Activity) -> bool:
        """Say whether an activity is so late that tallies have closed its day."""
        return self.judge.is_behind(self.state(lead_id), activity)

    async def load_ledgers(self, lead_ids: Iterable[str]) -> None:
        """Read all activities of these leads; do it before `record`."""
        await self._ledgers.load({self.resolve(lead_id) for lead_id in lead_ids})

    async def record(self, told: Sequence[Told]) -> None:
        """Add activities to their ledgers; `observe` counts those that are new."""
        await self._ledgers.record(told)

    async def remember(self, lead_ids: Iterable[str]) -> None:
        """Read how sales had these leads last, where they may come to sales again."""
        await self._past.load(
            state
            for state in map(self.state, lead_ids)
            if state.cycle.so_far and not state.cycle.is_open
        )

    def observe(self, lead_id: str, seen: Seen, cause: Cause) -> None:
        """Judge a lead with what an event told about it."""
        before = self.state(lead_id)
        activity = None
        if seen.activity is not None:
            activity = self._ledgers.take_new(Told(lead_id, seen.activity))
        lead, touch = seen.lead or before.lead, newest_touch(before.touch, seen.touch)
        if activity is None and (lead, touch) == (before.lead, before.touch):
            # Told before: it is not even the newest message about the lead.
            self._settle(before, before, None, cause)
            return
        known_at = before.known_at
        if lead is not None and lead != before.lead:
            known_at = self._known_since(before, seen.received_at or self._work.now)
        after = before._replace(
            lead=lead,
            known_at=known_at,
            touch=touch,
            received_at=seen.received_at or before.received_at,
            activity_count=self._ledgers.count(before, activity),
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
        after = before._replace(cycle=cycle)
        # What came between the return and its news is known already.
        after = after._replace(cycle=self.judge.reopened(after, self._ledgers.of(before) or ()))
        self._settle(before, after, None, cause)

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
        ledger = self._ledgers.join(survivor, merged)
        joint = survivor._replace(
            lead=lead,
            known_at=self._known_since(survivor, self._work.now),
            touch=newest_touch(survivor.touch, merged.touch),
            activity_count=len({activity.activity_id for activity in ledger}),
            received_at=max(
                filter(None, (survivor.received_at, merged.received_at)), default=None
            ),
            cycle=cycle,
            parts=survivor.parts + merged.parts + 1,
        )
        # No version: the joint ledger is judged from scratch.
        self._settle(survivor._replace(scored_version=0), joint, None, cause)
        self._point(merged, survivor.lead_id)

    def stand(self, stands: Stands, cause: Cause) -> None:
        """Let a lead stand as it does once records were parted, or activities quarantined."""
        before = self.state(stands.lead_id)
        ledger = self._ledgers.of(before) or []
        after = before._replace(
            lead=stands.lead or before.lead,
            cycle=stands.cycle or before.cycle,
            parts=stands.parts,
            activity_count=len({activity.activity_id for activity in ledger}),
        )
        if stands.lead is not None:
            after = after._replace(known_at=self._known_since(before, self._work.now))
        self._settle(before._replace(scored_version=0), after, None, cause)

    def _known_since(self, before: LeadState, known_at: datetime) -> datetime:
        """Keep what was known of a lead; return since when what is known now is.

        News that come late, or at the same moment, count from when the others were known.
        """
        if before.lead is None or before.known_at is None:
            return known_at
        if before.known_at < known_at:
            self._facts.append(Known(before.lead_id, before.known_at, before.lead))
        return max(before.known_at, known_at)

    async def save(self) -> None:
        """Write what changed, and promise what follows from it."""
        connection = self._work.connection
        if self._changed:
            await store.save_leads(connection, list(self._changed.values()))
        if self._facts:
            await ledger_store.add_facts(connection, self._facts)
        if self._closings:
            await store.close_cycles(connection, list(self._closings.values()))
        if self._merged:
            survivor_of = {merged: self.resolve(merged) for merged in sorted(self._merged)}
            await store.point_to_survivors(connection, survivor_of)
        if self._opened:
            await store.open_cycles(connection, list(self._opened.values()))
        if self._is_shadowed and self._changed:
            await shadow_store.note(connection, list(self._changed))
            self._work.wakes.add(SHADOW)
        await arm(self._work, self._timers)
        await promise(self._work, self._promises)
        self.judge.tell_faults(len(self._changed))

    def _settle(
        self, before: LeadState, after: LeadState, activity: Activity | None, cause: Cause
    ) -> None:
        """Take over the state `after`, judged by the agreement and with what that decides."""
        if activity is not None:
            self._ledgers.add(before, activity)
        if self.judge.agreement is not None:
            told = [activity] if activity is not None else ()
            after = after._replace(cycle=self.judge.reopened(after, told))
            ledger = self._ledgers.of(before)
            standing = self.judge.standing(before, after, activity, ledger)
            after = self._decided(before, after, standing, self.judge.agreement, cause)
        self._states[after.lead_id] = after
        if after != before:
            self._changed[after.lead_id] = after

    def _decided(
        self,
        before: LeadState,
        after: LeadState,
        standing: Standing,
        agreement: Agreement,
        cause: Cause,
    ) -> LeadState:
        """Decide on a standing; return the state with it, its points, tier and cycle."""
        now, cycle, facts = self._work.now, after.cycle, self.judge.facts_of(after.lead)
        points = rules.points_on(standing, agreement, day_of(now))
        predicted = rules.predicted_on(standing, facts, agreement, day_of(now))
        sums = rules.sums_of(points, agreement, predicted)
        tier, faults = rules.tier_of(standing, sums, facts, agreement)
        self.judge.note(faults)
        decision = rules.decide(before.tier, tier, standing, cycle, agreement, now)
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
            version = agreement.version
            changes = self._past.changes(after.lead_id, score, facts, version)
            verdict = Verdict(decision, before.tier, decided, score, version, now, changes)
            self._publish(verdict, cause)
        return self._with_fading(before, decided, sums, agreement)

    def _with_fading(
        self, before: LeadState, decided: LeadState, sums: Sums, agreement: Agreement
    ) -> LeadState:
        """Have a lead judged again when time alone may change its tier."""
        today = day_of(self._work.now)
        if not agreement.fades or not fading.must_look(before, decided, sums, agreement, today):
            return decided
        facts = self.judge.facts_of(decided.lead)
        day = fading.next_change(decided.standing, decided.tier, facts, agreement, today)
        if day is not None and day != before.fades_on:
            self._timers.append(Timer(decided.lead_id, FADES, fading.midnight(day)))
        return decided._replace(fades_on=day)

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

    def _point(self, merged: LeadState, survivor_id: str) -> None:
        """Have a merged lead stand under its survivor; what it was is kept for an undoing."""
        for lead_id, survivor in self._survivors.items():
            if survivor == merged.lead_id:
                self._survivors[lead_id] = survivor_id
        self._survivors[merged.lead_id] = survivor_id
        self._states.pop(merged.lead_id, None)
        self._merged.add(merged.lead_id)
        self._changed[merged.lead_id] = merged._replace(
            merged_into=survivor_id, part_of=survivor_id
        )


async def open_batch(work: Work, lead_ids: Collection[str]) -> Batch:
    """Lock the leads that are named, or what they were merged into, and read them."""
    states = await store.lock_leads(work.connection, sorted(set(lead_ids)))
    while missing := {s.merged_into for s in states.values()} - states.keys() - {""}:
        survivors = await store.lock_leads(work.connection, sorted(missing))
        if not survivors:
            break
        states.update(survivors)
    # Read after the locks: whoever held them may have judged by a version signed meanwhile.
    body, is_shadowed = await store.in_force(work.connection)
    agreement = await judge_of(work.connection, body) if body else None
    return Batch(work, agreement, states.values(), is_shadowed=is_shadowed)
