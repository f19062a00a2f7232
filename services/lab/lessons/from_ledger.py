"""Leads to learn from, out of our own ledger: each as it stood when it was handed to sales."""

import asyncio
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from typing import Final, NamedTuple

from sqlalchemy import text

from leadloop.connection import Connection
from leadloop.database import Database
from leadloop.v1 import lead_pb2
from services.lab.backtest.counts import Counts
from services.lab.backtest.remarks import Remarks, remarks_on_ledger
from services.lab.backtest.run import Step
from services.lab.history import ledger
from services.lab.history.aside import SetAside as RowAside
from services.lab.history.columns import UNKNOWN, alias_of
from services.lab.history.ledger import Kept, past_lead_of
from services.lab.history.own import PAGE_LEADS, opened
from services.lab.learning.material import Material, Sample
from services.lab.learning.usable import SetAside
from services.lab.lessons.gather import PERSONAL, Asking, Gathered
from services.scoring.contract import agreement_of
from services.scoring.cycles import Stage
from services.scoring.models.columns import COLUMNS_MAX

SOURCE: Final = "our own ledger"

_HANDED_OVER = text("""
SELECT CAST(leads.lead_id AS text), touch, cycles.stage, cycles.opened_at, cycles.reason
FROM leads JOIN cycles USING (lead_id)
WHERE leads.lead_id = ANY(CAST(:ids AS uuid[])) AND cycles.closed_at IS NOT NULL
ORDER BY leads.lead_id, cycles.opened_at
""")
_ATTRIBUTES = text("""
SELECT CAST(lead_id AS text), lead FROM leads
WHERE lead_id > CAST(:after AS uuid) AND merged_into IS NULL AND lead IS NOT NULL
ORDER BY lead_id LIMIT :limit
""")

_REFUSED = (Stage.RETURNED, Stage.DISQUALIFIED)
_DECIDED = (Stage.WON, Stage.LOST, *_REFUSED)


class Handed(NamedTuple):
    """The cycle that the outcome of a lead is that of.

    Attributes:
        source: Of the lead's newest touch.
        reason: Why sales refused it; None when they did not.
    """

    stage: str
    opened_at: datetime
    source: str
    reason: str | None


class _Page(NamedTuple):
    """Some leads, with the cycles of those that sales had."""

    leads: Sequence[Kept]
    handed: dict[str, Handed]


def gather_ledger(
    url: str, asking: Asking, watch: Callable[[Step], None] = lambda _: None
) -> Gathered:
    """Read our own past to learn from.

    Args:
        url: Of scoring's database, as SQLAlchemy writes it.
        asking: What is learned.
        watch: Is told how far it has come.

    Raises:
        Rejected: The database can't be reached, or scoring has no tables there.
    """
    agreement = agreement_of(asking.body)
    with opened(url) as (runner, database):
        total, fields, aside = runner.run(_begin(database))
        found = Gathered(Material(agreement, fields), columns=aside, source=SOURCE)
        for page in _pages(runner, database):
            for kept in page.leads:
                _add(found, kept, page.handed.get(kept.lead_id), asking)
            watch(Step("leads", found.group.all + found.aside.total, total))
    found.remarks = _remarks(found, asking)
    return found


def _add(found: Gathered, kept: Kept, handed: Handed | None, asking: Asking) -> None:
    """Add a lead as it stood when its cycle began."""
    lead = past_lead_of(kept)
    if lead is None:
        why = f"nothing says since when the lead {kept.lead_id} is known"
        found.aside.add(RowAside("leads", 0, "no time", why))
        return
    found.group.add(lead.won)
    if handed is None:
        found.material.undecided += lead.won is None
        return
    judged = lead._replace(at=handed.opened_at)
    sample = Sample(judged, handed.opened_at, handed.source, handed.reason)
    found.material.add(sample, agreement_of(asking.body))
    if lead.won and lead.decided_at is not None:
        found.days_to_win.append((lead.decided_at - handed.opened_at).days)


def _remarks(found: Gathered, asking: Asking) -> Remarks:
    remarks = remarks_on_ledger(Counts(leads=found.group))
    notes = (
        remarks.notes[0],
        "A lead is judged at the moment when it was handed to sales, by what was known then.",
    )
    bias = (
        "Only leads that an agreement qualified have an outcome. What it kept back is not "
        "seen, so a rule may matter more among all leads than it does here."
    )
    return Remarks(notes, (*remarks.warnings, bias))


async def _begin(database: Database) -> tuple[int, tuple[str, ...], tuple[SetAside, ...]]:
    """Return how many leads there are, the fields to learn from, and those set aside."""
    names: Counter[str] = Counter()
    async with database.transaction() as work:
        total = await ledger.count_leads(work.connection)
        after = ledger.FIRST
        while rows := await work.connection.execute(
            _ATTRIBUTES, {"after": after, "limit": PAGE_LEADS}
        ):
            after = rows[-1][0]
            for _, lead in rows:
                names.update(lead_pb2.Lead.FromString(lead).attributes.keys())
    ordered = sorted(names.items(), key=lambda item: (-item[1], item[0]))
    fields = [*UNKNOWN, *(name for name, _ in ordered[:COLUMNS_MAX])]
    personal = [name for name in fields if alias_of(name) in PERSONAL]
    why = "says who somebody is, which must not give points"
    usable = dict.fromkeys(name for name in fields if name not in personal)
    return total, tuple(usable), tuple(SetAside(name, why) for name in personal)


def _pages(runner: asyncio.Runner, database: Database) -> Iterator[_Page]:
    """Read page after page."""
    after = ledger.FIRST
    while (page := runner.run(_page(database, after))).leads:
        after = page.leads[-1].lead_id
        yield page


async def _page(database: Database, after: str) -> _Page:
    async with database.transaction() as work:
        leads = await ledger.read_page(work.connection, after, PAGE_LEADS)
        return _Page(leads, await _handed_over(work.connection, leads))


async def _handed_over(connection: Connection, leads: Sequence[Kept]) -> dict[str, Handed]:
    """Return the cycle that decided each lead: the won one, else the last one that ended."""
    found: dict[str, Handed] = {}
    rows = await connection.execute(_HANDED_OVER, {"ids": [kept.lead_id for kept in leads]})
    for lead_id, touch, stage, opened_at, reason in rows:
        known = found.get(lead_id)
        if stage in _DECIDED and not (known and known.stage == Stage.WON):
            source = lead_pb2.Touch.FromString(touch).source if touch else ""
            refused = reason or None if stage in _REFUSED else None
            found[lead_id] = Handed(stage, opened_at, source, refused)
    return found
