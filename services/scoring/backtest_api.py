"""The routes of backtests: try an agreement on our own ledger, in the background."""

from datetime import datetime
from typing import Literal
from uuid import UUID

from fastapi import status
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import HTMLResponse

from leadloop.agreement.contract import to_contract
from leadloop.agreement.reader import read_agreement
from leadloop.errors import Conflict, NotFound
from leadloop.web import Router, WorkDep
from services.scoring import backtest_store as store
from services.scoring.backtest_loop import NAME
from services.scoring.backtest_store import Asked, Text
from services.scoring.store import agreement_in_force

# More than an agreement may have, so that the fault is told by the reader, with its limit.
_TEXT_LENGTH_MAX = 600_000
_PEOPLE_MAX = 10_000

router = Router(prefix="/v1/backtests", tags=["backtests"])


class BacktestIn(BaseModel):
    """What to try."""

    model_config = ConfigDict(extra="forbid")

    text: str = Field(max_length=_TEXT_LENGTH_MAX, description="The agreement, YAML.")
    people: int = Field(0, ge=0, le=_PEOPLE_MAX, description="In sales, for volume per person.")


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


class BacktestOut(BaseModel):
    """A backtest: how far it is, and what it found."""

    backtest_id: UUID
    state: Literal["waiting", "running", "done", "failed"]
    asked_at: datetime
    finished_at: datetime | None
    leads_done: int
    leads_total: int = Field(description="0 before it has begun.")
    found: FoundOut | None = Field(description="Once it is done.")


@router.post("", status_code=status.HTTP_202_ACCEPTED)
async def ask_for_backtest(said: BacktestIn, work: WorkDep) -> BacktestOut:
    """Try a text on our own ledger; one that is being tried already is not begun again."""
    agreement = read_agreement(said.text, work.now.date())
    against = await agreement_in_force(work.connection)
    body = to_contract(agreement, 1, ()).SerializeToString()
    tried = Text(agreement.text_sha256, body, against)
    backtest_id = await store.ask(
        work.connection, work.ids.new(work.now), tried, said.people, work.now
    )
    work.wakes.add(NAME)
    return _out(await _find(work, backtest_id))


@router.get("/{backtest_id}")
async def get_backtest(backtest_id: UUID, work: WorkDep) -> BacktestOut:
    """Tell how far a backtest is, and what it found."""
    return _out(await _find(work, str(backtest_id)))


@router.get("/{backtest_id}/page", response_class=HTMLResponse)
async def get_page(backtest_id: UUID, work: WorkDep) -> str:
    """Show what a backtest found as a page with charts."""
    asked = await _find(work, str(backtest_id))
    if asked.state != "done":
        raise Conflict(f"The backtest {backtest_id} is {asked.state}, so it has no page yet.")
    return await store.find_page(work.connection, str(backtest_id))


async def _find(work: WorkDep, backtest_id: str) -> Asked:
    asked = await store.find(work.connection, backtest_id)
    if asked is None:
        raise NotFound(f"There is no backtest {backtest_id}.")
    return asked


def _out(asked: Asked) -> BacktestOut:
    return BacktestOut.model_validate(
        {
            "backtest_id": asked.backtest_id,
            "state": asked.state,
            "asked_at": asked.asked_at,
            "finished_at": asked.finished_at,
            "leads_done": asked.leads_done,
            "leads_total": asked.leads_total,
            "found": FoundOut.model_validate_json(asked.found) if asked.found else None,
        }
    )
