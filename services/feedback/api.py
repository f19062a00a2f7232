"""The routes of outcomes, reports and timelines."""

from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import Depends, Path, Query, Request
from fastapi.responses import PlainTextResponse
from pydantic import BaseModel, Field

from leadloop.database import Work
from leadloop.errors import FieldError, NotFound, Rejected
from leadloop.events import decode, to_json
from leadloop.paging import (
    GREATEST_ID,
    Cursor,
    Limit,
    Page,
    as_id,
    encode_cursor,
    id_in,
    next_of,
    place_in,
)
from leadloop.web import Router, WorkDep, idempotent
from leadloop.zones import AskedZone, zone_of
from services.feedback import agreement_store, outcomes, render, reports, store, timeline
from services.feedback.bodies import AboutLead, DealIn, DealOut, WordsIn, deal_out, happened_at
from services.feedback.fields import Moment, Word, utc
from services.feedback.outcomes import Words
from services.feedback.plain_text import TEXT_TOO, wants_text
from services.feedback.reports import By, Grouping, Period, Touch
from services.feedback.rules import Told
from services.feedback.scene import Scene, scene_of
from services.feedback.store import BEGINNING, Entry, Spot, Wanted

router = Router(prefix="/v1")

_ONCE = [Depends(idempotent)]
PERIOD = timedelta(days=90)
ENTRIES_MAX = 1_000

OutcomeType = Literal["DealOpened", "DealWon", "DealLost", "LeadReturned", "FeedbackGiven"]


class Accepted(BaseModel):
    """The lead that it was taken for."""

    lead_id: str


class OutcomeOut(BaseModel):
    """One outcome, with its event as its endpoints get it."""

    id: str
    type: str
    lead_id: str
    at: datetime
    event: dict[str, Any]


class ToldOut(BaseModel):
    """One entry of a timeline."""

    id: str
    lead_id: str
    at: datetime
    service: str
    type: str
    sentence: str
    details: list[str]
    event: dict[str, Any]


class ReportOut(BaseModel):
    """A report over a period, as rows."""

    since: datetime
    until: datetime
    by: By | None = None
    touch: Touch | None = Field(None, description="Which touch's campaign, by campaign only.")
    rows: list[dict[str, Any]]


class LevelsOut(BaseModel):
    """What each side owed and gave in a period.

    Of marketing, `owed` is `owed_per_month` for `owed_days` of the month: those inside the
    period and after `agreed_at`, when the first agreement was signed.
    """

    since: datetime
    until: datetime
    agreed_at: datetime | None
    sales: list[dict[str, Any]]
    marketing: list[dict[str, Any]]


def _wanted(
    lead_id: UUID | None = None,
    type: OutcomeType | None = None,
    since: Annotated[Moment | None, Query(alias="from")] = None,
    until: Annotated[Moment | None, Query(alias="to", description="Excluded.")] = None,
) -> Wanted:
    """Return which outcomes are asked for."""
    return Wanted(str(lead_id) if lead_id else None, type, since, until)


WantedDep = Annotated[Wanted, Depends(_wanted)]


async def _period(
    work: WorkDep,
    since: Annotated[Moment | None, Query(alias="from", description="90 days ago.")] = None,
    until: Annotated[Moment | None, Query(alias="to", description="Now; excluded.")] = None,
) -> Period:
    """Return the period that is asked for, by default the last 90 days."""
    # Later than now by the smallest step, so that what happens at this moment is inside.
    end = until or work.now + timedelta(microseconds=1)
    try:
        start = since or end - PERIOD
    except OverflowError:
        start = end
    if start >= end:
        raise Rejected(
            "The period is empty.",
            FieldError("query from", "a moment before `to`", "a later one"),
        )
    return Period(start, end)


PeriodDep = Annotated[Period, Depends(_period)]


def _grouping(
    by: Annotated[
        By, Query(description="source: of the first capture; tier: that it qualified as.")
    ] = By.CAMPAIGN,
    touch: Annotated[
        Touch | None,
        Query(
            description="By campaign: that of the first touch, which brought the person here, "
            "or of the last one known now, as events such as LeadReturned carry it. First when "
            "missing."
        ),
    ] = None,
) -> Grouping:
    """Return what the rows of a report stand for."""
    if touch and by is not By.CAMPAIGN:
        error = FieldError("query touch", "no touch unless by=campaign", touch.value)
        raise Rejected("Only campaigns are told by touch.", error)
    return Grouping(by, touch or Touch.FIRST)


GroupingDep = Annotated[Grouping, Depends(_grouping)]


@router.post("/outcomes/deals", tags=["outcomes"], dependencies=_ONCE)
async def tell_deal(wanted: DealIn, work: WorkDep) -> DealOut:
    """Tell that a deal was opened, won or lost, or correct what was told of it.

    A new stage is published as DealOpened, DealWon or DealLost. Won is final; a lost deal opens
    again with `reopens`; what else contradicts the stage is a 409, an end before the opening
    is a 422.

    The same stage told again corrects the deal: the newest value, currency, reason, handoff and
    `occurred_at` count, here and in the reports; what is missing stays. Nothing is published
    again, as whoever listens would count a second deal: endpoints and the timeline keep what
    they were told first.

    Deals and handoffs do not change one another. A handoff's `convert` opens no deal: its
    `deal_id` only names it, and opened, won and lost must be told here. A deal may be told
    whatever became of its handoff, also after sales refused it.
    """
    told = Told(
        deal_id=wanted.deal_id,
        lead_id=await _lead_of(work, wanted),
        handoff_id=str(wanted.handoff_id) if wanted.handoff_id else None,
        stage=wanted.stage,
        value_cents=None if wanted.value is None else int(wanted.value * 100),
        currency=wanted.currency or "",
        reason=wanted.reason,
        occurred_at=happened_at(wanted, work.now),
        is_dated=wanted.occurred_at is not None,
        reopens=wanted.reopens,
    )
    return deal_out(await outcomes.tell_deal(work, told))


# A CRM's id may hold slashes.
@router.get("/outcomes/deals/{deal_id:path}", tags=["outcomes"])
async def show_deal(
    deal_id: Annotated[Word, Path(description="In the CRM.")], work: WorkDep
) -> DealOut:
    """Return a deal as it stands; `/v1/outcomes?type=DealOpened` lists what began."""
    deal = await store.find_deal(work.connection, deal_id)
    if deal is None:
        raise NotFound("No such deal was told here.")
    return deal_out(deal)


@router.post("/outcomes/feedback", tags=["outcomes"], dependencies=_ONCE)
async def tell_words(wanted: WordsIn, work: WorkDep) -> Accepted:
    """Tell the other side something about a lead."""
    lead_id = await _lead_of(work, wanted)
    words = Words(
        lead_id=lead_id,
        handoff_id=str(wanted.handoff_id or ""),
        side=wanted.side,
        author=wanted.author,
        subject=wanted.subject,
        text=wanted.text,
        occurred_at=happened_at(wanted, work.now),
    )
    await outcomes.pass_on(work, words)
    return Accepted(lead_id=lead_id)


@router.get("/outcomes", tags=["outcomes"])
async def list_outcomes(
    work: WorkDep, wanted: WantedDep, limit: Limit = 50, cursor: Cursor = None
) -> Page[OutcomeOut]:
    """List outcomes, the newest first."""
    before = id_in(cursor) or GREATEST_ID
    found = await store.outcomes(work.connection, wanted, before=before, limit=limit + 1)
    following = next_of(found, limit, lambda entry: encode_cursor(entry.event_id))
    return Page(items=[_outcome(entry) for entry in found[:limit]], next=following)


@router.get("/reports/funnel", tags=["reports"], response_model=ReportOut, responses=TEXT_TOO)
async def funnel(
    request: Request, work: WorkDep, period: PeriodDep, group: GroupingDep
) -> ReportOut | PlainTextResponse:
    """Return how far the people captured in a period came, losers included, by first touch.

    A person counts for the campaign of the first touch; with `touch=last` for that of the last.
    """
    rows = await reports.funnel(work.connection, period, group)
    if wants_text(request):
        return PlainTextResponse(render.funnel(rows, group))
    return _report(period, group, rows)


@router.get(
    "/reports/service-levels", tags=["reports"], response_model=LevelsOut, responses=TEXT_TOO
)
async def service_levels(
    request: Request, work: WorkDep, period: PeriodDep
) -> LevelsOut | PlainTextResponse:
    """Return what sales and marketing owed one another, and gave."""
    levels = await reports.service_levels(work.connection, period, work.now)
    if wants_text(request):
        return PlainTextResponse(render.service_levels(levels))
    return LevelsOut(
        since=period.since,
        until=period.until,
        agreed_at=levels.agreed_at,
        sales=[asdict(row) for row in levels.sales],
        marketing=[asdict(row) for row in levels.marketing],
    )


@router.get("/reports/reasons", tags=["reports"], response_model=ReportOut, responses=TEXT_TOO)
async def reasons(
    request: Request, work: WorkDep, period: PeriodDep, group: GroupingDep
) -> ReportOut | PlainTextResponse:
    """Return why leads came back in a period, by first touch.

    A lead counts for the campaign of its first touch; with `touch=last` for that of the last,
    as LeadReturned carries it.
    """
    rows = await reports.reasons(work.connection, period, group)
    if wants_text(request):
        return PlainTextResponse(render.reasons(rows, group))
    return _report(period, group, rows)


@router.get(
    "/timelines/{lead_id}",
    tags=["timelines"],
    response_model=Page[ToldOut],
    responses=TEXT_TOO,
)
async def show_timeline(
    request: Request,
    lead_id: UUID,
    work: WorkDep,
    limit: Limit = 200,
    cursor: Cursor = None,
    zone: AskedZone = None,
) -> Page[ToldOut] | PlainTextResponse:
    """Return all that happened with a person; as plain text, the story of it."""
    as_story = wants_text(request)
    most = ENTRIES_MAX if as_story else limit
    after = place_in(cursor, 3, _spot, BEGINNING)
    found = await store.timeline(work.connection, str(lead_id), after=after, limit=most + 1)
    if not found and cursor is None:
        raise NotFound("Nothing is known of this lead: it is not here yet, or was forgotten.")
    scene = await _scene(work, str(lead_id), zone)
    told = timeline.tell(found[:most], scene)
    if as_story:
        return PlainTextResponse(timeline.story(told, scene.zone))
    return Page(items=[_told_out(one) for one in told], next=next_of(found, limit, _cursor))


async def _scene(work: Work, lead_id: str, zone: str | None) -> Scene:
    """Return what all pages of a person's story share."""
    agreement = await agreement_store.newest_contract(work.connection)
    entries = await store.setting(work.connection, lead_id)
    return scene_of(entries, zone_of(agreement, zone))


async def _lead_of(work: Work, about: AboutLead) -> str:
    """Return the lead that a command is about."""
    lead_id = str(about.lead_id) if about.lead_id else None
    if about.handoff_id:
        found = await store.lead_of_handoff(work.connection, str(about.handoff_id))
        if found is None:
            raise NotFound("No such handoff is known here; it may not have arrived yet.")
        if lead_id and lead_id != found:
            error = FieldError("/lead_id", "the handoff's lead", "another lead")
            raise Rejected("The handoff belongs to another lead.", error)
        lead_id = found
    if lead_id is None or not await store.is_known(work.connection, lead_id):
        raise NotFound("No such lead is known here; it may not have arrived yet.")
    return lead_id


def _report(period: Period, group: Grouping, rows: list[Any]) -> ReportOut:
    return ReportOut(
        since=period.since,
        until=period.until,
        by=group.by,
        touch=group.touch if group.by is By.CAMPAIGN else None,
        rows=[asdict(row) for row in rows],
    )


def _outcome(entry: Entry) -> OutcomeOut:
    event = decode(f"leadloop.v1.{entry.type}", entry.value)
    return OutcomeOut(
        id=entry.event_id,
        type=entry.type,
        lead_id=entry.lead_id,
        at=entry.at,
        event=to_json(event),
    )


def _told_out(told: timeline.Told) -> ToldOut:
    entry = told.entry
    return ToldOut(
        id=entry.event_id,
        lead_id=entry.lead_id,
        at=entry.at,
        service=told.service,
        type=entry.type,
        sentence=told.sentence,
        details=list(told.details),
        event=to_json(told.event),
    )


def _cursor(entry: Entry) -> str:
    return encode_cursor(entry.at.isoformat(), str(entry.place), entry.event_id)


def _spot(at: str, place: str, event_id: str) -> Spot:
    return Spot(utc(datetime.fromisoformat(at)), int(place[:9]), as_id(event_id))
