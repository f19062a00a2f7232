"""Works through backtests on our own ledger, some leads a pass, beside scoring's real work."""

import asyncio
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta

import orjson
import structlog

from leadloop.database import Database, is_unreachable
from leadloop.errors import Retry
from services.scoring import backtest_store as store
from services.scoring.backtest.ledger_run import PageTask, done, replay_page
from services.scoring.backtest.page import page
from services.scoring.backtest.report import Report, report_of
from services.scoring.backtest.run import Found, Proposal, begun
from services.scoring.backtest_store import Asked, Standing
from services.scoring.history import ledger
from services.scoring.history.ledger import Kept

log = structlog.get_logger()

NAME = "backtests"
PAGE_LEADS = 100
# Of another process that has died; a pass takes far less.
UNSEEN_FOR = timedelta(minutes=2)


@dataclass
class _Begun:
    """What is counted so far, and the lead to go on after."""

    proposal: Proposal
    found: Found
    total: int
    after: str = ledger.FIRST


class BacktestLoop:
    """Replays the ledger for one backtest after another.

    What is counted so far is in memory: a backtest that another process began is begun anew.
    """

    name = NAME
    idle = timedelta(seconds=30)
    # Half of the time is for what scoring is there for.
    gathers = 1

    def __init__(self, database: Database) -> None:
        """Work on `database`."""
        self._database = database
        self._worker = database.ids.new(database.clock.now())
        self._begun: dict[str, _Begun] = {}

    async def run_once(self, now: datetime) -> int:
        """Replay the next leads; return how many, one when a backtest is finished."""
        async with self._database.transaction() as work:
            connection = work.connection
            asked = await store.claim(connection, self._worker, now, now - UNSEEN_FOR)
            if asked is None:
                self._begun.clear()
                return 0
            begun_here = self._begun.get(asked.backtest_id)
            if begun_here is None:
                total = await ledger.count_leads(connection)
                begun_here = self._begun[asked.backtest_id] = _begin(asked, total)
            leads = await ledger.read_page(connection, begun_here.after, PAGE_LEADS)
            await store.note(connection, self._standing(asked), now)
        try:
            if leads:
                await _replay(begun_here, leads)
            else:
                await self._finish(asked, now)
        except Exception as error:
            if isinstance(error, Retry) or is_unreachable(error):
                raise
            # A backtest that fails once fails each time: it must not stop the service.
            await self._fail(asked, now)
            log.exception("backtest.failed", backtest_id=asked.backtest_id)
        return len(leads) or 1

    async def next_due(self, now: datetime) -> datetime | None:
        """Return None: who asks for a backtest wakes the loop."""
        return None

    async def _finish(self, asked: Asked, now: datetime) -> None:
        """Keep the report."""
        standing, begun_here = self._standing(asked), self._begun[asked.backtest_id]
        report = report_of(done(begun_here.proposal, begun_here.found, asked.people))
        async with self._database.transaction() as work:
            told = (told_of(report), page(report))
            await store.finish(work.connection, standing, "done", told, now)
        del self._begun[asked.backtest_id]
        log.info("backtest.done", backtest_id=asked.backtest_id, leads=standing.done)

    async def _fail(self, asked: Asked, now: datetime) -> None:
        """Give a backtest up."""
        standing = self._standing(asked)
        del self._begun[asked.backtest_id]
        async with self._database.transaction() as work:
            await store.finish(work.connection, standing, "failed", ("", ""), now)

    def _standing(self, asked: Asked) -> Standing:
        begun_here = self._begun[asked.backtest_id]
        leads = begun_here.found.counts.leads.all
        return Standing(asked.backtest_id, self._worker, leads, begun_here.total)


async def _replay(begun_here: _Begun, leads: list[Kept]) -> None:
    """Replay some leads in a thread, so that the service goes on answering meanwhile."""
    task = PageTask(leads, begun_here.proposal)
    begun_here.found.merge(await asyncio.to_thread(replay_page, task))
    begun_here.after = leads[-1].lead_id


def _begin(asked: Asked, total: int) -> _Begun:
    proposal = Proposal(asked.body, asked.against)
    return _Begun(proposal, begun(proposal), total)


def told_of(report: Report) -> str:
    """Return a report as JSON, without its charts."""
    sections = [
        {
            "title": s.title,
            "text": list(s.text),
            "tables": [_table(asdict(t)) for t in s.tables],
        }
        for s in report.sections
    ]
    told = {
        "title": report.title,
        "summary": list(report.summary),
        "warnings": list(report.warnings),
        "sections": sections,
    }
    return orjson.dumps(told).decode()


def _table(table: dict[str, list[object]]) -> dict[str, list[object]]:
    return {"header": table["header"], "rows": table["rows"]}
