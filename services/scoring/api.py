"""What people and programs ask of scoring: scores with their parts, and trying one out."""

from datetime import tzinfo
from typing import Annotated
from uuid import UUID

from fastapi import Depends, Query
from starlette.responses import PlainTextResponse

from leadloop.database import Work
from leadloop.errors import Conflict, NotFound
from leadloop.paging import LEAST_ID, Cursor, Limit, Page, encode_cursor, id_in, next_of
from leadloop.v1 import agreement_pb2, lead_pb2
from leadloop.web import Router, WorkDep
from leadloop.zones import UTC, AskedZone, zone_of
from services.scoring import content, rules, shown, store, views
from services.scoring.contract import facts_of
from services.scoring.cycles import Cycle
from services.scoring.explain import page as explain
from services.scoring.explain.page import Explanation
from services.scoring.explain.stood import Asked, Stood, stood
from services.scoring.models.store import judge_of
from services.scoring.shown import ContentOut, Moment, Scored, ScoreLine, ScoreOut, Text, Trial
from services.scoring.tables import LeadState
from services.scoring.tallies import day_of

_VERSION_MAX = 2**31 - 1


def _asked(
    at: Annotated[
        Moment | None,
        Query(
            description="The score of this moment: what was known and done by then, under the "
            "agreement in force then. Of a time to come: as if nothing more happened."
        ),
    ] = None,
    version: Annotated[
        int | None,
        Query(ge=1, le=_VERSION_MAX, description="Under this version of the agreement."),
    ] = None,
) -> Asked:
    """Read which score is asked for."""
    return Asked(at, version)


AskedDep = Annotated[Asked, Depends(_asked)]

router = Router(prefix="/v1/scores", tags=["scores"])


@router.get("")
async def list_scores(
    work: WorkDep,
    tier: Annotated[str | None, Query(description="Only this tier; empty: no tier.")] = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Page[ScoreLine]:
    """List where leads stand, the oldest lead first."""
    after = id_in(cursor) or LEAST_ID
    states = await views.list_leads(work.connection, tier=tier, after=after, limit=limit + 1)
    return Page(
        items=[shown.line(state) for state in states[:limit]],
        next=next_of(states, limit, lambda state: encode_cursor(state.lead_id)),
    )


@router.post("/try")
async def try_score(trial: Trial, work: WorkDep) -> Scored:
    """Score a made-up lead under the agreement in force; nothing is kept."""
    body = await store.agreement_in_force(work.connection)
    if body is None:
        raise Conflict("No agreement is signed yet, so there is nothing to score by.")
    agreement, lead = await judge_of(work.connection, body), shown.lead_of(trial.lead)
    facts = facts_of(lead)
    activities = [shown.tried(n, said, work.now) for n, said in enumerate(trial.activities)]
    standing = rules.replay(facts, activities, agreement).standing
    score = rules.score_on(standing, facts, agreement, day_of(work.now))
    evidence = {activity.activity_id: activity for activity in activities}
    tried = Stood(
        "",
        work.now,
        lead,
        facts,
        agreement,
        standing,
        score,
        len(activities),
        evidence,
        Cycle(),
        (),
    )
    return shown.scored(explain.explained(tried))


@router.get("/{lead_id}")
async def get_score(lead_id: UUID, work: WorkDep, asked: AskedDep) -> ScoreOut:
    """Show where a lead stands, or stood, with every part and its evidence."""
    return shown.score_out(await _explained(work, lead_id, asked))


@router.get("/{lead_id}/explanation", response_class=PlainTextResponse)
async def get_explanation(
    lead_id: UUID, work: WorkDep, asked: AskedDep, zone: AskedZone = None
) -> str:
    """Tell on one page why a lead has, or had, its score."""
    body = await store.agreement_in_force(work.connection)
    in_force = agreement_pb2.Agreement.FromString(body or b"")
    return explain.page(await _explained(work, lead_id, asked, zone_of(in_force, zone)))


@router.get("/{lead_id}/content")
async def list_content(
    lead_id: UUID,
    work: WorkDep,
    question: Annotated[Text, Query(description="What they asked, in their words.")] = "",
) -> ContentOut:
    """List what to give a lead to read: the agreement's assets that suit it, and why."""
    state = await _find(work, lead_id)
    body = await store.agreement_in_force(work.connection)
    signed = agreement_pb2.Agreement.FromString(body or b"")
    facts = facts_of(lead_pb2.Lead.FromString(state.lead or b""))
    assets = content.suiting(signed, facts, state.cycle.stage, question)
    return shown.content_out(state, signed.version, question, assets)


async def _find(work: Work, lead_id: UUID) -> LeadState:
    state = await views.find_lead(work.connection, str(lead_id))
    if state is None:
        raise NotFound(f"There is no lead {lead_id}.")
    return state


async def _explained(
    work: Work, lead_id: UUID, asked: Asked, zone: tzinfo = UTC
) -> Explanation:
    found = await stood(work, await _find(work, lead_id), asked)
    return explain.explained(found, is_asked=asked != Asked(), zone=zone)
