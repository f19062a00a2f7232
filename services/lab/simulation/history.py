"""A history as what comes: each lead with what became known of it, and when."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, time, timedelta
from itertools import chain

from leadloop.clock import SystemClock
from leadloop.database import Database
from leadloop.errors import Rejected
from services.lab.backtest.reads import asked_by
from services.lab.history.export import Told, Wanted, reading
from services.lab.history.ledger import past_lead_of
from services.lab.history.own import opened, pages
from services.lab.history.past import PastLead
from services.lab.simulation.arrivals import arrivals_of
from services.lab.simulation.leads import ByRules, Prospect, Seen
from services.lab.simulation.runs import Coming
from services.lab.simulation.trial import Trial
from services.scoring.definition import Agreement
from services.scoring.models.named import find_named

_TELL_EVERY = 1_000
_DAY = timedelta(days=1)

Tell = Callable[[str], None]


@dataclass
class _Gathered:
    """Leads that come to sales under one of the agreements; the others are only counted.

    Attributes:
        until: When the past ends; None when that is not known.
    """

    trials: Sequence[Trial]
    until: datetime | None = None
    prospects: list[Prospect] = field(default_factory=list)
    seen: int = 0
    midnights: int = 0
    first: datetime | None = None
    last: datetime | None = None

    def take(self, lead: PastLead) -> None:
        """Keep a lead if it matters to sales."""
        self.seen += 1
        self.midnights += lead.at.time() == time()
        prospect = prospect_of(lead)
        moments = [
            arrival.at
            for trial in self.trials
            for arrival in arrivals_of([prospect], ByRules(trial.definition), trial.definition)
            if self.until is None or arrival.at < self.until
        ]
        if moments:
            self.prospects.append(prospect)
            self.first = min(moments) if self.first is None else min(self.first, *moments)
            self.last = max(moments) if self.last is None else max(self.last, *moments)

    def coming(self) -> Coming:
        """Return what comes.

        Raises:
            Rejected: No lead qualifies.
        """
        if self.first is None or self.last is None:
            raise Rejected(
                f"None of the {self.seen:,} leads of the history would be qualified under this "
                "agreement, so there is nothing to simulate: `leadloop agreement backtest` "
                "tells why."
            )
        return Coming(self.first, self.last + _DAY, self.prospects, seen=self.seen)


def prospect_of(lead: PastLead) -> Prospect:
    """Return a lead of the past with what became known of it, in order of time."""
    seen = [Seen(lead.at, lead.facts)]
    seen += [Seen(one.at, one.facts) for one in lead.learned]
    # What it did before it was known counts from when it was.
    seen += [Seen(max(one.occurred_at, lead.at), None, one) for one in lead.activities]
    return Prospect(lead.lead_id, sorted(seen, key=lambda one: one.at))


def from_export(told: Told, trials: Sequence[Trial], tell: Tell) -> tuple[Coming, str]:
    """Read CSV files; return what comes, and what to know about it.

    Raises:
        Rejected: They can't be read or understood, or no lead would qualify.
    """
    gathered = _Gathered(trials)
    tell("reading the history")
    with reading(told, _wanted([trial.definition for trial in trials])) as past:
        aside = past.aside.counts.total()
        for shard in past.shards():
            _take_all(gathered, shard.leads(), tell)
            aside += shard.aside.counts.total()
    coming = gathered.coming()
    words = f"Leads: {gathered.seen:,} of {told.leads.name}"
    words += f", {aside:,} rows set aside." if aside else "."
    if gathered.midnights > gathered.seen / 2:
        words += " Their times name no hour, so the leads of a day all come at midnight."
    return coming, words


def from_ledger(url: str, trials: Sequence[Trial], tell: Tell) -> tuple[Coming, str]:
    """Read scoring's database; return what comes, and what to know about it.

    Raises:
        Rejected: The database can't be read, or no lead would qualify.
    """
    gathered = _Gathered(trials, SystemClock().now())
    tell("reading our own ledger")
    with opened(url) as (runner, database):
        kept = map(past_lead_of, chain.from_iterable(pages(runner, database)))
        _take_all(gathered, (one for one in kept if one is not None), tell)
    return gathered.coming(), f"Leads: {gathered.seen:,} of our own ledger."


def models_kept(url: str, trials: Sequence[Trial], models: Sequence[str]) -> tuple[str, ...]:
    """Return these models, and those that agreements name and scoring's database has.

    Raises:
        Rejected: The database can't be read.
    """
    with opened(url) as (runner, database):
        return runner.run(_models(database, trials, models))


async def _models(
    database: Database, trials: Sequence[Trial], models: Sequence[str]
) -> tuple[str, ...]:
    async with database.transaction() as work:
        definitions = [trial.definition for trial in trials]
        return await find_named(work.connection, definitions, models)


def _take_all(gathered: _Gathered, leads: Iterable[PastLead], tell: Tell) -> None:
    for lead in leads:
        gathered.take(lead)
        if gathered.seen % _TELL_EVERY == 0:
            tell(f"{gathered.seen:,} leads read, {len(gathered.prospects):,} of them qualify")


def _wanted(agreements: Sequence[Agreement]) -> Wanted:
    """Return the fields that judging needs, those of evidence for a return among them."""
    asked = asked_by(agreements).wanted
    lead, activity = asked.lead, asked.activity
    for reason in (reason for agreement in agreements for reason in agreement.reasons):
        if reason.reopened_by is None:
            continue
        reads = reason.reopened_by.reads
        lead = _joint(lead, reads.lead if reads else None)
        activity = _joint(activity, reads.activity if reads else None)
    return Wanted(lead, activity)


def _joint(one: frozenset[str] | None, other: Iterable[str] | None) -> frozenset[str] | None:
    return None if one is None or other is None else one | frozenset(other)
