"""A backtest on our own past, read from scoring's database in pages."""

import asyncio
from collections.abc import Iterator
from datetime import datetime
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final, NamedTuple

import asyncpg

from leadloop.clock import Clock, SystemClock
from leadloop.database import Database, is_unreachable
from leadloop.errors import Rejected
from leadloop.ids import Ids
from services.lab.backtest.changes_file import gather_in_turn, writing
from services.lab.backtest.model_remarks import NOT_KEPT, with_models
from services.lab.backtest.remarks import Deeds, remarks_on_ledger
from services.lab.backtest.run import (
    DEFAULTS,
    Backtest,
    Found,
    Options,
    Proposal,
    Step,
    Watch,
    begun,
    on_models,
    replayed,
)
from services.lab.backtest.workers import Workers
from services.lab.history import ledger
from services.lab.history.aside import SetAside
from services.lab.history.ledger import Kept, past_lead_of
from services.scoring.models.named import find_named, require_named
from services.scoring.store import agreement_in_force

PAGE_LEADS: Final = 500
# What a lead weighs, to tell whether other processes are worth starting.
LEAD_BYTES: Final = 1_000
SOURCE: Final = "our own ledger"


class PageTask(NamedTuple):
    """Some leads to replay.

    Attributes:
        until: When the past ends; None when that is not known.
        changes: Where to write all changes; None for nowhere.
    """

    leads: list[Kept]
    proposal: Proposal
    until: datetime | None = None
    changes: Path | None = None


def backtest_ledger(
    url: str,
    proposal: Proposal,
    options: Options = DEFAULTS,
    watch: Watch = lambda _: None,
    clock: Clock | None = None,
) -> Backtest:
    """Replay our own past.

    Args:
        url: Of scoring's database, as SQLAlchemy writes it.
        proposal: What to try; with the agreement in force, if it names no other, and with
            the models that scoring keeps.
        options: How to go about it.
        watch: Is told how far it has come.
        clock: Says when the past ends; None for the system's.

    Raises:
        Rejected: The database can't be reached, scoring has no tables there, or no agreement
            names a model.
    """
    with asyncio.Runner() as runner, TemporaryDirectory(prefix="leadloop-") as name:
        folder = Path(name) if options.changes else None
        database = Database(url, "scoring", clock=clock or SystemClock(), ids=Ids())
        try:
            total, proposal = runner.run(_begin(database, proposal))
            pages = _pages(runner, database, proposal, folder)
            found = _replay(pages, proposal, total, options.jobs, watch)
        except Exception as error:
            if is_unreachable(error) or isinstance(error, asyncpg.UndefinedTableError):
                raise Rejected(
                    "Scoring's database can't be read: expected one that `leadloop migrate` "
                    f"has set up, at the address of --database ({type(error).__name__})."
                ) from error
            raise
        finally:
            runner.run(database.close())
        if options.changes is not None:
            gather_in_turn(options.changes, sorted(Path(name).iterdir()))
    return done(proposal, found, options.people)


def _replay(
    pages: Iterator[PageTask], proposal: Proposal, total: int, jobs: int, watch: Watch
) -> Found:
    found = begun(proposal)
    with Workers(jobs, total * LEAD_BYTES) as workers:
        for one in workers.each(replay_page, pages):
            found.merge(one)
            watch(Step("leads", found.counts.leads.all, total))
    return found


def done(proposal: Proposal, found: Found, people: int) -> Backtest:
    """Return what was found, with what to know about it."""
    remarks = remarks_on_ledger(found.counts)
    remarks = with_models(remarks, on_models(proposal, found, NOT_KEPT))
    return Backtest(proposal, found, SOURCE, remarks, people)


def replay_page(task: PageTask) -> Found:
    """Replay some leads."""
    found = begun(task.proposal)
    leads = []
    for kept in task.leads:
        lead = past_lead_of(kept)
        if lead is None:
            why = f"nothing says since when the lead {kept.lead_id} is known"
            found.aside.add(SetAside("leads", 0, "no time", why))
        else:
            leads.append(lead)
    with writing(task.changes) as write:
        for change in replayed(iter(leads), task.proposal, found, task.until):
            write(change)
    found.deeds = Deeds(sum(len(lead.activities) for lead in leads))
    return found


def _pages(
    runner: asyncio.Runner, database: Database, proposal: Proposal, folder: Path | None
) -> Iterator[PageTask]:
    """Read page after page, each when a process is free for it."""
    after, until = ledger.FIRST, database.clock.now()
    for number in count():
        leads = runner.run(_page(database, after))
        if not leads:
            return
        after = leads[-1].lead_id
        part = folder / f"{number:09}" if folder else None
        yield PageTask(leads, proposal, until, part)


async def _begin(database: Database, proposal: Proposal) -> tuple[int, Proposal]:
    """Return how many leads there are, and the proposal with all that it is tried with."""
    async with database.transaction() as work:
        connection = work.connection
        current = proposal.current or await agreement_in_force(connection)
        whole = proposal._replace(current=current)
        require_named(whole.models, whole.agreements)
        models = await find_named(connection, whole.agreements, whole.models)
        return await ledger.count_leads(connection), whole._replace(models=models)


async def _page(database: Database, after: str) -> list[Kept]:
    async with database.transaction() as work:
        return await ledger.read_page(work.connection, after, PAGE_LEADS)
