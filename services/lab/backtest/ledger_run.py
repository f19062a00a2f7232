"""A backtest on our own past, read from scoring's database in pages."""

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final, NamedTuple

from leadloop.clock import Clock
from leadloop.database import Database
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
from services.lab.history.own import opened, pages
from services.scoring.models.named import find_named, require_named
from services.scoring.store import agreement_in_force

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
    with TemporaryDirectory(prefix="leadloop-") as name:
        folder = Path(name) if options.changes else None
        with opened(url, clock) as (runner, database):
            total, proposal = runner.run(_begin(database, proposal))
            tasks = _tasks(pages(runner, database), database.clock.now(), proposal, folder)
            found = _replay(tasks, proposal, total, options.jobs, watch)
        if options.changes is not None:
            gather_in_turn(options.changes, sorted(Path(name).iterdir()))
    return done(proposal, found, options.people)


def _replay(
    tasks: Iterator[PageTask], proposal: Proposal, total: int, jobs: int, watch: Watch
) -> Found:
    found = begun(proposal)
    with Workers(jobs, total * LEAD_BYTES) as workers:
        for one in workers.each(replay_page, tasks):
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


def _tasks(
    pages_read: Iterator[list[Kept]], until: datetime, proposal: Proposal, folder: Path | None
) -> Iterator[PageTask]:
    """Return page after page, each read when a process is free for it."""
    for number, leads in enumerate(pages_read):
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
