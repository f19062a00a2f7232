"""What the API of scores takes and answers, and how it is made from what scoring knows."""

from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from leadloop.errors import FieldError, Rejected
from leadloop.events import timestamp
from leadloop.v1 import lead_pb2
from services.scoring import fading
from services.scoring.content import STAGES, Asset
from services.scoring.contract import activity_of
from services.scoring.definition import Activity
from services.scoring.explain.page import Explanation
from services.scoring.explain.would_change import Fade, Kind
from services.scoring.models.model import whole
from services.scoring.rules import Part
from services.scoring.tables import LeadState

ACTIVITIES_MAX = 1_000
_ATTRIBUTES_MAX = 100
_EARLIEST = datetime(1970, 1, 1, tzinfo=UTC)
_LATEST = datetime(9999, 1, 1, tzinfo=UTC)

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


class StepOut(BaseModel):
    """One thing that would change the score."""

    model_config = ConfigDict(from_attributes=True)

    kind: Kind = Field(
        description="They do something; a fact turns out so; a penalty ends; a gate opens."
    )
    name: str = Field(description="Of the rule or gate, or of the tier that asks for it.")
    condition: str
    activity_kind: str = Field(description="Empty when it is no activity, or any.")
    points: int = Field(description="What the total would gain now, after caps.")
    tier: str = Field(description="That the lead would meet then; empty for none.")
    times: int = Field(
        description="How often it takes to reach a tier above; 0: it never does."
    )
    is_again: bool = Field(description="The rule has counted before.")
    unknown: list[str] = Field(description="Facts that the condition reads and nobody knows.")


class FadeOut(BaseModel):
    """When the tier changes by time alone, if nothing happens."""

    fades_on: date = Field(description="From its first moment on, UTC.")
    tier: str = Field(description="From then on; empty for none.")


class PredictedPartOut(BaseModel):
    """What one feature of the lead did for its chance."""

    model_config = ConfigDict(from_attributes=True)

    feature: str = Field(description="A field of the lead, or a rule by its strength.")
    value: str | int | float | None
    effect: float = Field(description="Log-odds.")


class PredictedOut(BaseModel):
    """What the predictive model says that the agreement names."""

    version: str = Field(description="The model's.")
    predicted: int = Field(description="Of a hundred such leads, so many are won.")
    base: float = Field(description="Log-odds of any lead; with the effects, they add up.")
    log_odds: float
    parts: list[PredictedPartOut] = Field(description="Those that did most come first.")


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
    would_change: list[StepOut] = Field(
        description="What can be done comes first, and of that what reaches a tier soonest."
    )
    fades: FadeOut | None = Field(description="Null when time alone changes no tier.")
    predicted: PredictedOut | None = Field(
        None, description="Null when the agreement names no model, or none that was added."
    )


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
    at: datetime = Field(description="The moment of this score.")
    activity_count: int
    stage: str = Field(description="Of the newest cycle: none, open, returned, ...")
    cools_down_until: datetime | None
    cycles: list[CycleOut]


class ScoreLine(Points):
    """Where a lead stands."""

    lead_id: UUID
    stage: str
    cycle_count: int


class AssetOut(BaseModel):
    """Something to read that suits the lead."""

    model_config = ConfigDict(from_attributes=True)

    name: str
    url: str
    condition: str = Field(description="Why: this holds.")


class ContentOut(BaseModel):
    """What suits a lead at its stage."""

    lead_id: UUID
    stage: str = Field(description="captured, qualified, returned, lost, won, disqualified.")
    question: str
    agreement_version: int = Field(description="0 before the first agreement.")
    assets: list[AssetOut]


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


def score_out(explained: Explanation) -> ScoreOut:
    """Show where a lead stands and why."""
    stood = explained.stood
    return ScoreOut(
        **scored(explained).model_dump(),
        lead_id=UUID(stood.lead_id),
        at=stood.at,
        activity_count=stood.activity_count,
        stage=stood.cycle.stage,
        cools_down_until=stood.cycle.not_before,
        cycles=[CycleOut.model_validate(record) for record in stood.cycles],
    )


def scored(explained: Explanation) -> Scored:
    """Show a score with its parts, and what would change it."""
    stood, missing = explained.stood, explained.missing
    score, agreement = stood.score, stood.agreement
    return Scored(
        tier=score.tier,
        total=score.sums.total,
        fit=score.sums.fit,
        engagement=score.sums.engagement,
        agreement_version=agreement.version if agreement else 0,
        parts=[_part(part, stood.evidence) for part in score.parts],
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
        would_change=[StepOut.model_validate(step) for step in explained.steps],
        fades=explained.fade and _fade(explained.fade),
        predicted=_predicted(explained),
    )


def content_out(
    state: LeadState, version: int, question: str, assets: Iterable[Asset]
) -> ContentOut:
    """Show what suits a lead."""
    return ContentOut(
        lead_id=UUID(state.lead_id),
        stage=STAGES[state.cycle.stage],
        question=question,
        agreement_version=version,
        assets=[AssetOut.model_validate(asset) for asset in assets],
    )


def _predicted(explained: Explanation) -> PredictedOut | None:
    agreement, prediction = explained.stood.agreement, explained.prediction
    if agreement is None or prediction is None:
        return None
    return PredictedOut(
        version=agreement.predictive_model,
        predicted=whole(prediction.score),
        base=prediction.base,
        log_odds=prediction.log_odds,
        parts=[PredictedPartOut.model_validate(part) for part in prediction.parts],
    )


def _fade(fade: Fade) -> FadeOut:
    return FadeOut(fades_on=fading.midnight(fade.day).date(), tier=fade.tier)


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


def line(state: LeadState) -> ScoreLine:
    """Show where a lead stands, without its parts."""
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


def lead_of(said: LeadIn) -> lead_pb2.Lead:
    """Return the lead of a trial."""
    given = said.model_dump(exclude={"email", "country", "consent"})
    return lead_pb2.Lead(
        **given,
        email=said.email.lower(),
        country=said.country.upper(),
        consent=lead_pb2.Consent.Value(f"CONSENT_{said.consent.upper()}"),
    )


def tried(number: int, said: ActivityIn, now: datetime) -> Activity:
    """Return an activity of a trial; its place in the list is its id.

    Raises:
        Rejected: It has not happened yet.
    """
    if said.occurred_at is not None and said.occurred_at > now:
        found = FieldError(
            f"/activities/{number}/occurred_at",
            f"a time up to now, {now.isoformat()}",
            said.occurred_at.isoformat(),
        )
        raise Rejected("What has not happened yet can't be scored.", found)
    return activity_of(
        lead_pb2.Activity(
            activity_id=f"activities/{number:04}",
            kind=said.kind,
            occurred_at=timestamp(said.occurred_at or now),
            attributes=said.attributes,
        )
    )
