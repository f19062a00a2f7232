"""Shadows at work: leads that changed are judged once more under proposed agreements."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from sqlalchemy import text

from leadloop.conditions import Values
from leadloop.database import Database, Work
from leadloop.v1 import lead_pb2
from services.scoring import fading, metrics, rules, store, views
from services.scoring.batch import SHADOW
from services.scoring.contract import facts_of
from services.scoring.definition import Activity, Agreement
from services.scoring.ledgers import Ledgers
from services.scoring.models.store import judge_of
from services.scoring.rules import Score, Sums
from services.scoring.shadow import rules as shadow_rules
from services.scoring.shadow import store as shadow_store
from services.scoring.shadow.rules import Side
from services.scoring.shadow.store import Compared, Shadow
from services.scoring.standings import Standing
from services.scoring.tables import LeadState
from services.scoring.tallies import day_of

# Little at a time: what is live goes on in between.
LEADS_MAX = 100
ACTIVITIES_MAX = 2_000
# One look settles all that has been noted about a lead so far: a burst costs as much as one.
NOTES_MAX = 2_000
# However much waits, leads whose points have faded get their turn.
FADED_MIN = 10

NO_SCORE = Score(Sums(0, 0), (), (), "")

# A lead and its ledger must be of one moment, or the two agreements would not see the same. It
# takes no lock: a shadow makes nobody wait.
_AT_ONE_MOMENT = text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")


class Seen(NamedTuple):
    """What one pass looks at, all of one moment.

    Attributes:
        positions: The places in the queue that this settles.
        states: The leads that stand for themselves.
        merged: Ids of those that are part of another one by now.
        in_force: None before the first signed agreement.
        proposals: By the shadow's id.
    """

    now: datetime
    shadows: Sequence[Shadow]
    positions: Sequence[int]
    states: Sequence[LeadState] = ()
    merged: Sequence[str] = ()
    ledgers: Mapping[str, Sequence[Activity]] = {}
    in_force: Agreement | None = None
    proposals: Mapping[str, Agreement] = {}


class ShadowLoop:
    """Keeps, beside the verdict of every lead that changes, that of each proposed agreement.

    It reads without locks and writes what it found in a transaction of its own. A crash between
    the two costs nothing: the leads still wait.
    """

    name = SHADOW
    idle = timedelta(seconds=30)
    # What is live has the processor to itself for a while after each pass.
    gathers = 4

    def __init__(self, database: Database) -> None:
        """Work on `database`."""
        self._database = database

    async def run_once(self, now: datetime) -> int:
        """Judge some leads under all shadows that run; return how much there was to do."""
        async with self._database.transaction() as work:
            await shadow_store.end_due(work.connection, work.now)
            pruned = await shadow_store.prune(work.connection, work.now)
        async with self._database.transaction() as work:
            await work.connection.execute(_AT_ONE_MOMENT)
            seen = await _look(work)
        metrics.SHADOWS.set(len(seen.shadows))
        if not seen.positions and not seen.states and not seen.merged:
            return pruned
        found = [*compare(seen)]
        async with self._database.transaction() as work:
            await _keep(work, seen, found)
        for one in found:
            metrics.SHADOW_VERDICTS.labels(_outcome(one)).inc()
        return len(seen.positions) + len(seen.states) + pruned

    async def next_due(self, now: datetime) -> datetime | None:
        """Return when a shadow ends, or points fade under one; changes wake the loop."""
        async with self._database.single() as connection:
            shadows = await shadow_store.running(connection)
            ids = [shadow.shadow_id for shadow in shadows]
            day = await shadow_store.next_fading(connection, ids) if ids else None
        times = [shadow.ends_at for shadow in shadows]
        return min([*times, fading.midnight(day)] if day is not None else times, default=None)


def compare(seen: Seen) -> Iterator[Compared]:
    """Judge each lead under each shadow, beside the agreement in force."""
    for state in seen.states:
        facts = facts_of(lead_pb2.Lead.FromString(state.lead or b""))
        ledger = seen.ledgers[state.lead_id]
        live = _live(state, facts, ledger, seen)
        for shadow_id, proposal in seen.proposals.items():
            found = shadow_rules.judged(facts, ledger, state.cycle, proposal, seen.now)
            reasons = shadow_rules.differences(
                found.side.score, live.score, proposal, seen.in_force
            )
            kept = shadow_rules.encode_reasons(reasons)
            yield _compared(shadow_id, state, found, live, kept, seen)


def _compared(
    shadow_id: str,
    state: LeadState,
    found: shadow_rules.Judged,
    live: Side,
    reasons: bytes,
    seen: Seen,
) -> Compared:
    score, sums, live_sums = found.side.score, found.side.score.sums, live.score.sums
    return Compared(
        shadow_id=shadow_id,
        lead_id=state.lead_id,
        tier=score.tier,
        fit=sums.fit,
        engagement=sums.engagement,
        live_tier=live.score.tier,
        live_fit=live_sums.fit,
        live_engagement=live_sums.engagement,
        live_version=seen.in_force.version if seen.in_force else 0,
        reasons=reasons,
        judged_at=seen.now,
        fades_on=found.fades_on,
        first_differed_at=seen.now if score.tier != live.score.tier else None,
        first_qualified_at=seen.now if found.side.qualified else None,
        live_qualified_at=seen.now if live.qualified else None,
    )


def _live(state: LeadState, facts: Values, ledger: Sequence[Activity], seen: Seen) -> Side:
    """Return how a lead stands under the agreement in force, on the same day."""
    agreement = seen.in_force
    if agreement is None:
        return shadow_rules.Side(NO_SCORE, qualified=False)
    standing: Standing = state.standing
    if state.scored_version != agreement.version:
        standing = rules.replay(facts, ledger, agreement).standing
    score = rules.score_on(standing, facts, agreement, day_of(seen.now))
    return shadow_rules.side_of(score, standing, state.cycle, agreement, seen.now)


async def _look(work: Work) -> Seen:
    """Read what is next: leads that changed, and those whose points have faded."""
    connection = work.connection
    shadows = await shadow_store.running(connection)
    notes = await shadow_store.queued(connection, NOTES_MAX)
    if not shadows:
        return Seen(work.now, shadows, [one.position for one in notes])
    ids, day = [shadow.shadow_id for shadow in shadows], day_of(work.now)
    waiting = list(dict.fromkeys(one.lead_id for one in notes))[:LEADS_MAX]
    room = max(LEADS_MAX - len(waiting), FADED_MIN)
    faded = await shadow_store.fading(connection, ids, day, room)
    wanted = dict.fromkeys([*waiting, *faded])
    states = await _resolved(work, list(wanted))
    chosen, left = _parted(states.values(), len(shadows))
    ledgers = Ledgers(connection)
    await ledgers.load(state.lead_id for state in chosen)
    body = await store.agreement_in_force(connection)
    return Seen(
        work.now,
        shadows,
        [
            one.position
            for one in notes
            if one.lead_id in wanted and _id_of(one.lead_id, states) not in left
        ],
        chosen,
        [lead_id for lead_id, state in states.items() if state.lead_id != lead_id],
        {state.lead_id: ledgers.of(state) or [] for state in chosen},
        await judge_of(connection, body) if body else None,
        {shadow.shadow_id: await judge_of(connection, shadow.body) for shadow in shadows},
    )


async def _resolved(work: Work, lead_ids: Sequence[str]) -> dict[str, LeadState]:
    """Return the leads by the ids of their records; those that are not known are left out."""
    records = {one.lead_id: one for one in await views.find_leads(work.connection, lead_ids)}
    survivors = {one.merged_into for one in records.values()} - records.keys() - {""}
    if survivors:
        found = await views.find_leads(work.connection, sorted(survivors))
        records.update((one.lead_id, one) for one in found)
    return {
        lead_id: records.get(record.merged_into, record) for lead_id, record in records.items()
    }


def _parted(
    states: Iterable[LeadState], shadows: int
) -> tuple[Sequence[LeadState], frozenset[str]]:
    """Return the leads that this pass has room for, and the ids of those that it has not."""
    room = ACTIVITIES_MAX // shadows
    chosen: list[LeadState] = []
    left: set[str] = set()
    for state in {state.lead_id: state for state in states}.values():
        room -= state.activity_count
        if chosen and room < 0:
            left.add(state.lead_id)
        else:
            chosen.append(state)
    return chosen, frozenset(left)


def _id_of(record_id: str, states: Mapping[str, LeadState]) -> str:
    state = states.get(record_id)
    return state.lead_id if state else record_id


async def _keep(work: Work, seen: Seen, found: Sequence[Compared]) -> None:
    """Write what a pass found."""
    await shadow_store.lock(work.connection)
    if seen.merged:
        await shadow_store.forget(work.connection, seen.merged)
    if found:
        await shadow_store.keep(work.connection, found)
    if seen.positions:
        await shadow_store.done(work.connection, seen.positions)


def _outcome(one: Compared) -> str:
    if one.tier != one.live_tier:
        return "tier"
    same = (one.fit, one.engagement) == (one.live_fit, one.live_engagement)
    return "same" if same else "points"
