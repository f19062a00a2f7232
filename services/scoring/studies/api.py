"""The routes of studies: backtests, simulations, lessons, each worked out in the background."""

import hashlib
from datetime import datetime
from typing import Any, Final, Literal, TypeVar
from uuid import UUID

import orjson
from fastapi import status
from pydantic import BaseModel, Field, JsonValue
from starlette.responses import HTMLResponse

from leadloop.agreement.reader import read_draft
from leadloop.errors import Conflict, NotFound, Overloaded
from leadloop.web import Router, WorkDep
from services.scoring.store import agreement_in_force
from services.scoring.studies import store
from services.scoring.studies.checks import settled
from services.scoring.studies.loop import NAME
from services.scoring.studies.requests import (
    BACKTEST,
    LESSONS,
    SIMULATION,
    BacktestIn,
    LessonsIn,
    SimulationIn,
)
from services.scoring.studies.store import Asked, Question

WAITING_MAX: Final = 20
RETRY_AFTER_SECONDS: Final = 60

router = Router(prefix="/v1", tags=["studies"])


class TableOut(BaseModel):
    """Rows under a header."""

    header: list[str]
    rows: list[list[str]]


class SectionOut(BaseModel):
    """One question and its answer."""

    title: str
    text: list[str]
    tables: list[TableOut]


class FoundOut(BaseModel):
    """What was found."""

    title: str
    summary: list[str]
    warnings: list[str]
    sections: list[SectionOut]


class FaultOut(BaseModel):
    """What was wrong with one part of the request."""

    pointer: str = Field(description="A field, or a line of a text.")
    expected: str
    found: str


class ProblemOut(BaseModel):
    """Why nothing was found."""

    detail: str
    errors: list[FaultOut]


class StudyOut(BaseModel):
    """A study: how far it is, and what it found."""

    state: Literal["waiting", "running", "done", "refused", "failed"] = Field(
        description="Refused: the request can't be answered as it is. Failed: ask again, or "
        "look into the log."
    )
    asked_at: datetime
    finished_at: datetime | None
    found: FoundOut | None = Field(description="Once it is done.")
    problem: ProblemOut | None = Field(description="Once it is refused or failed.")


class ProgressOut(BaseModel):
    """How far a study is."""

    step: str = Field(description="What goes on; empty before it has begun.")
    done: int
    total: int = Field(description="0 while nobody knows.")


class BacktestOut(StudyOut):
    """A backtest: how far it is, and what it found."""

    backtest_id: UUID
    leads_done: int
    leads_total: int = Field(description="0 before it has begun.")


class SimulationOut(StudyOut):
    """A simulation: how far it is, and what it found."""

    simulation_id: UUID
    progress: ProgressOut
    figures: dict[str, JsonValue] | None = Field(
        description="What the report says as plain figures, once it is done."
    )


class LearnedModelOut(BaseModel):
    """A predictive model, as `POST /v1/models` takes it."""

    sha256: str
    model: str


class LessonsOut(StudyOut):
    """What outcomes teach: how far it is, and what it found."""

    lessons_id: UUID
    progress: ProgressOut
    suggested: str | None = Field(
        description="An agreement that people may propose and sign; null with nothing to "
        "suggest."
    )
    model: LearnedModelOut | None = Field(
        description="If asked for, and if there is enough to learn from."
    )


Said = BacktestIn | SimulationIn | LessonsIn


@router.post("/backtests", status_code=status.HTTP_202_ACCEPTED)
async def ask_for_backtest(said: BacktestIn, work: WorkDep) -> BacktestOut:
    """Try a text on our own ledger; one that is being tried already is not begun again."""
    read_draft(said.text)
    against = await agreement_in_force(work.connection)
    return _backtest(await _ask(work, BACKTEST, said, against))


@router.post("/simulations", status_code=status.HTTP_202_ACCEPTED)
async def ask_for_simulation(said: SimulationIn, work: WorkDep) -> SimulationOut:
    """Live through the loop under a text; the same that is at work is not begun again."""
    return _simulation(await _ask(work, SIMULATION, settled(said, work.now.date())))


@router.post("/lessons", status_code=status.HTTP_202_ACCEPTED)
async def ask_for_lessons(said: LessonsIn, work: WorkDep) -> LessonsOut:
    """Learn what our own outcomes teach about a text; the same is not begun twice at once."""
    read_draft(said.text)
    return _lessons(await _ask(work, LESSONS, said))


@router.get("/backtests/{backtest_id}")
async def get_backtest(backtest_id: UUID, work: WorkDep) -> BacktestOut:
    """Tell how far a backtest is, and what it found."""
    return _backtest(await _find(work, BACKTEST, backtest_id))


@router.get("/simulations/{simulation_id}")
async def get_simulation(simulation_id: UUID, work: WorkDep) -> SimulationOut:
    """Tell how far a simulation is, and what it found."""
    return _simulation(await _find(work, SIMULATION, simulation_id))


@router.get("/lessons/{lessons_id}")
async def get_lessons(lessons_id: UUID, work: WorkDep) -> LessonsOut:
    """Tell how far learning is, and what it found."""
    return _lessons(await _find(work, LESSONS, lessons_id))


@router.get("/backtests/{backtest_id}/page", response_class=HTMLResponse)
async def get_backtest_page(backtest_id: UUID, work: WorkDep) -> str:
    """Show what a backtest found as a page with charts."""
    return await _page(work, BACKTEST, backtest_id)


@router.get("/simulations/{simulation_id}/page", response_class=HTMLResponse)
async def get_simulation_page(simulation_id: UUID, work: WorkDep) -> str:
    """Show what a simulation found as a page with charts."""
    return await _page(work, SIMULATION, simulation_id)


@router.get("/lessons/{lessons_id}/page", response_class=HTMLResponse)
async def get_lessons_page(lessons_id: UUID, work: WorkDep) -> str:
    """Show what outcomes teach as a page with charts."""
    return await _page(work, LESSONS, lessons_id)


async def _ask(work: WorkDep, kind: str, said: Said, against: bytes | None = None) -> Asked:
    """Put a study in line, or find the same one there."""
    question = _question(kind, said, against)
    study_id = work.ids.new(work.now)
    found, waiting = await store.ask(work.connection, study_id, question, work.now)
    if found == study_id and waiting > WAITING_MAX:
        raise Overloaded(
            f"{WAITING_MAX} studies wait already.", retry_after_seconds=RETRY_AFTER_SECONDS
        )
    work.wakes.add(NAME)
    return await _find(work, kind, UUID(found))


def _question(kind: str, said: Said, against: bytes | None) -> Question:
    """Return what is asked; the same question has the same hash, however it was written."""
    request = orjson.dumps(said.model_dump(mode="json"), option=orjson.OPT_SORT_KEYS)
    digest = hashlib.sha256(b"\0".join([kind.encode(), request, against or b""])).hexdigest()
    return Question(kind, request.decode(), against, digest)


async def _find(work: WorkDep, kind: str, study_id: UUID) -> Asked:
    asked = await store.find(work.connection, kind, str(study_id))
    if asked is None:
        raise NotFound(f"There is no study {study_id} of this kind.")
    return asked


async def _page(work: WorkDep, kind: str, study_id: UUID) -> str:
    asked = await _find(work, kind, study_id)
    if asked.state != "done":
        raise Conflict(f"The study {study_id} is {asked.state}, so it has no page.")
    return await store.find_page(work.connection, str(study_id))


def _backtest(asked: Asked) -> BacktestOut:
    own = {
        "backtest_id": asked.study_id,
        "leads_done": asked.done,
        "leads_total": asked.total,
    }
    return _out(BacktestOut, asked, own)


def _simulation(asked: Asked) -> SimulationOut:
    own = {"simulation_id": asked.study_id, "progress": _progress(asked), "figures": None}
    return _out(SimulationOut, asked, own)


def _lessons(asked: Asked) -> LessonsOut:
    own = {
        "lessons_id": asked.study_id,
        "progress": _progress(asked),
        "suggested": None,
        "model": None,
    }
    return _out(LessonsOut, asked, own)


Out = TypeVar("Out", bound=StudyOut)


# Any: values of JSON, which the model checks.
def _out(shape: type[Out], asked: Asked, own: dict[str, Any]) -> Out:
    """Return a study in the shape of its kind."""
    common = {
        "state": asked.state,
        "asked_at": asked.asked_at,
        "finished_at": asked.finished_at,
        "found": _read(asked.found),
        "problem": _read(asked.problem),
    }
    return shape.model_validate({**common, **own, **(_read(asked.more) or {})})


def _progress(asked: Asked) -> dict[str, object]:
    return {"step": asked.step, "done": asked.done, "total": asked.total}


def _read(kept: str) -> Any:  # noqa: ANN401 (JSON, which the models check)
    return orjson.loads(kept) if kept else None
