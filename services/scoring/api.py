"""What people and programs ask of scoring: scores with their parts, and trying one out."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, Literal
from uuid import UUID

from fastapi import Query
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field
from starlette.responses import PlainTextResponse

from leadloop.database import Work
from leadloop.errors import Conflict, NotFound
from leadloop.events import timestamp
from leadloop.paging import Cursor, Limit, Page, decode_cursor, encode_cursor, not_a_cursor
from leadloop.v1 import lead_pb2
from leadloop.web import Router, WorkDep
from services.scoring import explain, rules, store, views
from services.scoring.contract import activity_of, agreement_of, facts_of
from services.scoring.definition import Activity, Agreement
from services.scoring.explain import Explanation
from services.scoring.next_tier import Missing, missing_to_next_tier
from services.scoring.rules import Part, Score, Sums
from services.scoring.tables import LeadState
from services.scoring.tallies import day_of

ACTIVITIES_MAX = 1_000
_ATTRIBUTES_MAX = 100
_EARLIEST = datetime(1970, 1, 1, tzinfo=UTC)
_LATEST = datetime(9999, 1, 1, tzinfo=UTC)
_BEFORE_ALL = str(UUID(int=0))

Text = Annotated[str, Field(max_length=1_000)]
Attributes = Annotated[dict[Text, Text], Field(max_length=_ATTRIBUTES_MAX)]
# Outside of these a time can leave the range of dates when it is brought to UTC.
Moment = Annotated[AwareDatetime, Field(ge=_EARLIEST, le=_LATEST)]
Side = Literal["fit", "engagement"]


class Evidence(BaseModel):
    """The newest activity that counted."""

    activity_id: str
    occurred_at: datetime
    kind: str = Field(description="Empty when the activity is not kept.")
    attributes: dict[str, str | int | float]


class PartOut(BaseModel):
    """One rule's share; all points add up to the total exactly."""

    rule: str
    axis: Side
    points: int
    capped: int = Field(description="Points that caps took away.")
    decayed: int = Field(description="Points that time took away.")
    count: int = Field(description="Activities that counted; 0 for a fit rule.")
    evidence: Evidence | None


class ClosedGateOut(BaseModel):
    """What keeps the lead back, whatever its points."""

    gate: str
    reason: str


class MissingOut(BaseModel):
    """What would reach the tier above; axis is null when points alone won't do."""

    tier: str
    condition: str
    axis: Side | None
    points: int


class Points(BaseModel):
    """A score under one version of the agreement."""

    tier: str = Field(description="Empty when the lead meets none.")
    total: int
    fit: int
    engagement: int
    agreement_version: int = Field(description="0 before the first agreement.")


class Scored(Points):
    """A score with its parts."""

    parts: list[PartOut]
    closed_gates: list[ClosedGateOut]
    missing_to_next_tier: MissingOut | None


class CycleOut(BaseModel):
    """One time that the lead was handed to sales."""

    model_config = ConfigDict(from_attributes=True)

    qualification_id: UUID
    cycle: int
    tier: str
    agreement_version: int
    trigger: str = Field(description="Kind of the activity that led to it; may be empty.")
    opened_at: datetime
    stage: str
    closed_at: datetime | None
    not_before: datetime | None
    reason: str


class ScoreOut(Scored):
    """Where a lead stands and why."""

    lead_id: UUID
    activity_count: int
    stage: str = Field(description="Of the newest cycle: none, open, returned, ...")
    cools_down_until: datetime | None
    cycles: list[CycleOut]


class ScoreLine(Points):
    """Where a lead stands."""

    lead_id: UUID
    stage: str
    cycle_count: int


class LeadIn(BaseModel):
    """A person to try; what is left out is not known."""

    model_config = ConfigDict(extra="forbid")

    email: Text = ""
    first_name: Text = ""
    last_name: Text = ""
    phone: Text = ""
    company: Text = ""
    job_title: Text = ""
    country: Text = Field("", description="ISO 3166-1 alpha-2.", examples=["DE"])
    consent: Literal["unspecified", "granted", "denied"] = "unspecified"
    attributes: Attributes = {}


class ActivityIn(BaseModel):
    """Something that the person did; without a time it was just now."""

    model_config = ConfigDict(extra="forbid")

    kind: Text = Field(examples=["page_view"])
    occurred_at: Moment | None = None
    attributes: Attributes = {}


class Trial(BaseModel):
    """A lead with its activities, to score without keeping it."""

    model_config = ConfigDict(extra="forbid")

    lead: LeadIn = LeadIn()
    activities: list[ActivityIn] = Field([], max_length=ACTIVITIES_MAX)


router = Router(prefix="/v1/scores", tags=["scores"])


@router.get("")
async def list_scores(
    work: WorkDep,
    tier: Annotated[str | None, Query(description="Only this tier; empty: no tier.")] = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Page[ScoreLine]:
    """List where leads stand, the oldest lead first."""
    after = _after(cursor)
    states = await views.list_leads(work.connection, tier=tier, after=after, limit=limit + 1)
    last = states[limit - 1].lead_id if len(states) > limit else None
    return Page(
        items=[_line(state) for state in states[:limit]],
        next=encode_cursor(last) if last else None,
    )


@router.post("/try")
async def try_score(trial: Trial, work: WorkDep) -> Scored:
    """Score a made-up lead under the agreement in force; nothing is kept."""
    body = await store.agreement_in_force(work.connection)
    if body is None:
        raise Conflict("No agreement is signed yet, so there is nothing to score by.")
    agreement = agreement_of(body)
    facts = facts_of(_lead(trial.lead))
    activities = [_activity(n, said, work.now) for n, said in enumerate(trial.activities)]
    standing = rules.replay(facts, activities, agreement).standing
    score = rules.score_on(standing, facts, agreement, day_of(work.now))
    missing = missing_to_next_tier(standing, score.sums, facts, agreement, score.tier)
    evidence = {activity.activity_id: activity for activity in activities}
    return _scored(score, agreement, evidence, missing)


@router.get("/{lead_id}")
async def get_score(lead_id: UUID, work: WorkDep) -> ScoreOut:
    """Show where a lead stands, with every part and its evidence."""
    state = await _find(work, lead_id)
    explained = await _explained(work, state)
    scored = _scored(
        explained.score, explained.agreement, explained.evidence, explained.missing
    )
    return ScoreOut(
        **scored.model_dump(),
        lead_id=UUID(state.lead_id),
        activity_count=state.activity_count,
        stage=state.cycle.stage,
        cools_down_until=state.cycle.not_before,
        cycles=[CycleOut.model_validate(record) for record in explained.cycles],
    )


@router.get("/{lead_id}/explanation", response_class=PlainTextResponse)
async def get_explanation(lead_id: UUID, work: WorkDep) -> str:
    """Tell on one page why a lead has its score."""
    explained = await _explained(work, await _find(work, lead_id))
    return explain.page(explained, work.now)


async def _find(work: Work, lead_id: UUID) -> LeadState:
    state = await views.find_lead(work.connection, str(lead_id))
    if state is None:
        raise NotFound(f"There is no lead {lead_id}.")
    return state


async def _explained(work: Work, state: LeadState) -> Explanation:
    """Read what stands behind a lead's score, under the version that it was scored by."""
    body = await views.find_agreement(work.connection, state.scored_version)
    cycles = await store.list_cycles(work.connection, [state.lead_id])
    if body is None:
        nothing = Score(Sums(0, 0), (), (), "")
        return Explanation(state.lead_id, nothing, None, state.cycle, cycles, {}, None)
    agreement = agreement_of(body)
    facts = facts_of(lead_pb2.Lead.FromString(state.lead or b""))
    score = rules.score_on(state.standing, facts, agreement, day_of(work.now))
    missing = missing_to_next_tier(state.standing, score.sums, facts, agreement, score.tier)
    evidence = await _evidence(work, state.lead_id, score)
    return Explanation(state.lead_id, score, agreement, state.cycle, cycles, evidence, missing)


async def _evidence(work: Work, lead_id: str, score: Score) -> dict[str, Activity]:
    """Read the activities that the parts name."""
    wanted = {part.evidence.activity_id for part in score.parts if part.evidence}
    rows = await views.find_activities(work.connection, lead_id, sorted(wanted))
    return {
        row.activity_id: activity_of(lead_pb2.Activity.FromString(row.body)) for row in rows
    }


def _scored(
    score: Score,
    agreement: Agreement | None,
    evidence: Mapping[str, Activity],
    missing: Missing | None,
) -> Scored:
    return Scored(
        tier=score.tier,
        total=score.sums.total,
        fit=score.sums.fit,
        engagement=score.sums.engagement,
        agreement_version=agreement.version if agreement else 0,
        parts=[_part(part, evidence) for part in score.parts],
        closed_gates=[
            ClosedGateOut(gate=gate.name, reason=gate.reason) for gate in score.closed_gates
        ],
        missing_to_next_tier=missing
        and MissingOut(
            tier=missing.tier,
            condition=missing.condition,
            axis=missing.axis and missing.axis.value,
            points=missing.points,
        ),
    )


def _part(part: Part, evidence: Mapping[str, Activity]) -> PartOut:
    shown = None
    if part.evidence is not None:
        activity = evidence.get(part.evidence.activity_id)
        shown = Evidence(
            activity_id=part.evidence.activity_id,
            occurred_at=part.evidence.occurred_at,
            kind=activity.kind if activity else "",
            attributes=dict(activity.values) if activity else {},
        )
    return PartOut(
        rule=part.rule,
        axis=part.axis.value,
        points=part.points,
        capped=part.capped,
        count=part.times,
        decayed=part.decayed,
        evidence=shown,
    )


def _line(state: LeadState) -> ScoreLine:
    return ScoreLine(
        lead_id=UUID(state.lead_id),
        tier=state.tier,
        total=state.fit + state.engagement,
        fit=state.fit,
        engagement=state.engagement,
        agreement_version=state.scored_version,
        stage=state.cycle.stage,
        cycle_count=state.cycle.so_far,
    )


def _lead(said: LeadIn) -> lead_pb2.Lead:
    given = said.model_dump(exclude={"email", "country", "consent"})
    return lead_pb2.Lead(
        **given,
        email=said.email.lower(),
        country=said.country.upper(),
        consent=lead_pb2.Consent.Value(f"CONSENT_{said.consent.upper()}"),
    )


def _activity(number: int, said: ActivityIn, now: datetime) -> Activity:
    """Return an activity of a trial; its place in the list is its id."""
    return activity_of(
        lead_pb2.Activity(
            activity_id=f"activities/{number:04}",
            kind=said.kind,
            occurred_at=timestamp(said.occurred_at or now),
            attributes=said.attributes,
        )
    )


def _after(cursor: str | None) -> str:
    """Return the lead's id in a cursor; the first page follows on no lead."""
    if cursor is None:
        return _BEFORE_ALL
    (found,) = decode_cursor(cursor, 1)
    try:
        return str(UUID(found))
    except ValueError as error:
        raise not_a_cursor() from error
