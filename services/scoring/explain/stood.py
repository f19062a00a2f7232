"""How a lead stands, or stood at any moment, and by which version of the agreement.

A score of the past takes what was known of the lead by then, what it had done by then (late
news of it included, what is in quarantine not), and the agreement that was in force then. So it
is what an unhurried observer would have said on that day; it changes when late news comes in.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

from leadloop.conditions import Values
from leadloop.connection import Connection
from leadloop.database import Work
from leadloop.errors import NotFound
from leadloop.v1 import lead_pb2
from services.scoring import rules, store, views
from services.scoring.contract import activity_of, facts_of
from services.scoring.cycles import Cycle, Stage
from services.scoring.definition import Activity, Agreement
from services.scoring.ledgers import Ledgers
from services.scoring.models.store import judge_of
from services.scoring.rules import Score, Sums
from services.scoring.standings import Standing
from services.scoring.tables import CycleRecord, LeadState, own_cycle
from services.scoring.tallies import day_of

NO_SCORE = Score(Sums(0, 0), (), (), "")


class Asked(NamedTuple):
    """Which score is asked for.

    Attributes:
        at: None for now; a time to come supposes that nothing more happens.
        version: Of the agreement; None for the one in force at that time.
    """

    at: datetime | None = None
    version: int | None = None


class Stood(NamedTuple):
    """A lead at a moment.

    Attributes:
        lead: What is known of it, None when nothing is.
        agreement: None before the first one was signed.
        evidence: The activities that parts name, by id.
        cycles: Those that had begun by then, the oldest first, as they were then.
    """

    lead_id: str
    at: datetime
    lead: lead_pb2.Lead | None
    facts: Values
    agreement: Agreement | None
    standing: Standing
    score: Score
    activity_count: int
    evidence: Mapping[str, Activity]
    cycle: Cycle
    cycles: Sequence[CycleRecord]


async def stood(work: Work, state: LeadState, asked: Asked) -> Stood:
    """Return how a lead stands, or stood when it is asked for.

    Raises:
        NotFound: There is no such version of the agreement.
    """
    if asked == Asked():
        return await _stands(work, state)
    return await _stood(work, state, asked.at or work.now, asked.version)


async def _stands(work: Work, state: LeadState) -> Stood:
    """Take the standing that is kept, under the version that it was judged by."""
    connection = work.connection
    body = await views.find_agreement(connection, state.scored_version)
    agreement = await judge_of(connection, body) if body else None
    lead = _lead(state.lead)
    facts = facts_of(lead or lead_pb2.Lead())
    score = _score(state.standing, facts, agreement, work.now)
    return Stood(
        state.lead_id,
        work.now,
        lead,
        facts,
        agreement,
        state.standing,
        score,
        state.activity_count,
        await _evidence(connection, state.lead_id, score),
        state.cycle,
        await store.list_cycles(connection, [state.lead_id]),
    )


async def _stood(work: Work, state: LeadState, at: datetime, version: int | None) -> Stood:
    """Judge from scratch what had happened by then."""
    connection = work.connection
    agreement = await _agreement(connection, at, version)
    lead = _lead(await views.known_at(connection, state, at))
    facts = facts_of(lead or lead_pb2.Lead())
    ledgers = Ledgers(connection)
    await ledgers.load([state.lead_id])
    known = {one.activity_id: one for one in ledgers.of(state) or ()}
    ledger = {key: one for key, one in known.items() if one.occurred_at <= at}
    standing = Standing()
    if agreement is not None:
        standing = rules.replay(facts, ledger.values(), agreement).standing
    records = await store.list_cycles(connection, [state.lead_id])
    cycles = [_as_it_was(record, at) for record in records if record.opened_at <= at]
    return Stood(
        state.lead_id,
        at,
        lead,
        facts,
        agreement,
        standing,
        _score(standing, facts, agreement, at),
        len(ledger),
        ledger,
        own_cycle(cycles) if cycles != records else state.cycle,
        cycles,
    )


async def _agreement(
    connection: Connection, at: datetime, version: int | None
) -> Agreement | None:
    if version is None:
        body = await views.agreement_at(connection, at)
        return await judge_of(connection, body) if body else None
    body = await views.find_agreement(connection, version)
    if body is None:
        raise NotFound(f"No version {version} of the agreement was ever signed.")
    return await judge_of(connection, body)


async def _evidence(connection: Connection, lead_id: str, score: Score) -> dict[str, Activity]:
    """Read the activities that the parts name."""
    wanted = {part.evidence.activity_id for part in score.parts if part.evidence}
    rows = await views.find_activities(connection, lead_id, sorted(wanted))
    return {
        row.activity_id: activity_of(lead_pb2.Activity.FromString(row.body)) for row in rows
    }


def _score(
    standing: Standing, facts: Values, agreement: Agreement | None, at: datetime
) -> Score:
    if agreement is None:
        return NO_SCORE
    return rules.score_on(standing, facts, agreement, day_of(at))


def _lead(body: bytes | None) -> lead_pb2.Lead | None:
    return None if body is None else lead_pb2.Lead.FromString(body)


def _as_it_was(record: CycleRecord, at: datetime) -> CycleRecord:
    """Return a cycle as it was then: open, when it ended only later."""
    if record.closed_at is None or record.closed_at <= at:
        return record
    return record._replace(stage=Stage.OPEN, closed_at=None, not_before=None, reason="")
