"""Leads to learn from, out of CSV files, as they stood under an agreement."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final, NamedTuple

from leadloop.conditions import Values
from services.lab.backtest.counts import Counts, Group
from services.lab.backtest.reads import Asked, asked_by
from services.lab.backtest.remarks import Deeds, Remarks, remarks_on
from services.lab.backtest.run import Step
from services.lab.backtest.workers import Workers
from services.lab.history.aside import Aside
from services.lab.history.columns import Columns, alias_of
from services.lab.history.export import Export, Past, Progress, Told, Wanted
from services.lab.history.joined import Joined, Plan
from services.lab.learning.material import WATCHED, Material, Sample, judged_at
from services.lab.learning.usable import SetAside
from services.scoring.contract import agreement_of
from services.scoring.definition import Agreement

# Names that such columns go by, when none is told.
SOURCES: Final = ("source", "lead_source", "origin", "channel", "utm_source", "medium")
REASONS: Final = (
    *("reject_reason", "rejection_reason", "lost_reason", "loss_reason", "closed_lost_reason"),
    *("disqualification_reason", "return_reason", "reason"),
)
# Who somebody is must not give points; a name that many share would.
PERSONAL: Final = frozenset(
    (
        *("email", "e_mail", "mail", "email_address", "first_name", "firstname", "last_name"),
        *("lastname", "surname", "name", "full_name", "contact_name", "phone", "phone_number"),
        *("telephone", "mobile", "vorname", "nachname", "telefon", "gender", "sex", "age"),
        *("birthday", "birth_date", "date_of_birth", "salutation", "anrede", "geschlecht"),
    )
)

NO_REMARKS: Final = Remarks((), ())

Watch = Callable[[Step], None]


class Asking(NamedTuple):
    """What is learned, and from what of the files.

    Attributes:
        body: The agreement, as the contract serialises it.
        watched: How long after it came a lead is judged at the latest.
        source: The column with the source; empty: found by its name.
        reason: The column with the reason of refusals; likewise.
        jobs: Processes; 0 for as many as there are cores.
    """

    body: bytes
    watched: timedelta = WATCHED
    source: str = ""
    reason: str = ""
    jobs: int = 0


@dataclass
class Gathered:
    """Leads to learn from, and what could not be used.

    Attributes:
        columns: Columns that nothing is learned from, with the reason.
        days_to_win: Of leads whose outcome says when: days from coming to winning.
    """

    material: Material
    aside: Aside = field(default_factory=Aside)
    deeds: Deeds = field(default_factory=Deeds)
    columns: tuple[SetAside, ...] = ()
    remarks: Remarks = NO_REMARKS
    source: str = ""
    has_times: bool = True
    group: Group = field(default_factory=Group)
    days_to_win: list[int] = field(default_factory=list)

    def merge(self, other: "Gathered") -> None:
        """Add what another part of the files holds."""
        self.material.merge(other.material)
        self.aside.merge(other.aside)
        self.deeds = Deeds(*map(sum, zip(self.deeds, other.deeds, strict=True)))
        self.group.merge(other.group)
        self.days_to_win += other.days_to_win


class _Chosen(NamedTuple):
    """Which columns serve for what.

    Attributes:
        fields: Learned from.
        aside: Not learned from.
    """

    fields: tuple[str, ...]
    aside: tuple[SetAside, ...]
    source: str
    reason: str


class _Task(NamedTuple):
    """One shard to gather."""

    plan: Plan
    shard: int
    asking: Asking
    chosen: _Chosen


def gather(told: Told, asking: Asking, watch: Watch = lambda _: None) -> Gathered:
    """Read CSV files to learn from.

    Raises:
        Rejected: The files can't be read or understood.
    """
    agreement = agreement_of(asking.body)
    asked = asked_by([agreement])
    with TemporaryDirectory(prefix="leadloop-") as name:
        # Any column of a lead may teach something; of activities only what rules read.
        export = Export(told, Path(name), Wanted(None, asked.wanted.activity))
        with Workers(asking.jobs, export.size) as workers:
            past = export.sort(workers.each, lambda done: watch(_bytes(done)))
            chosen = _chosen(past, asking)
            found = Gathered(Material(agreement, chosen.fields))
            tasks = [_Task(past.plan, n, asking, chosen) for n in range(past.plan.shards)]
            for one in workers.each(gather_shard, tasks):
                found.merge(one)
                watch(Step("leads", found.group.all + found.aside.total, past.rows))
        found.aside.merge(past.aside)
    found.columns = chosen.aside
    found.remarks = _remarks(past, asked, agreement, found)
    found.source = told.leads.name
    found.has_times = past.plan.leads.form is not None
    return found


def gather_shard(task: _Task) -> Gathered:
    """Judge the leads of one shard."""
    agreement, asking, chosen = agreement_of(task.asking.body), task.asking, task.chosen
    shard = Joined(task.plan, task.shard)
    found = Gathered(Material(agreement, chosen.fields))
    for lead in shard.leads():
        found.group.add(lead.won)
        sample = Sample(
            lead,
            judged_at(lead, asking.watched),
            _text(lead.facts, chosen.source),
            _text(lead.facts, chosen.reason) or None,
        )
        found.material.add(sample, agreement)
        if lead.won and lead.decided_at is not None and lead.decided_at >= lead.at:
            found.days_to_win.append((lead.decided_at - lead.at).days)
    found.aside = shard.aside
    found.deeds = Deeds(shard.activities, shard.early, shard.late)
    return found


def _text(facts: Values, name: str) -> str:
    return str(facts.get(name, "")) if name else ""


def _chosen(past: Past, asking: Asking) -> _Chosen:
    """Tell columns to learn from apart from those that tell the outcome, or name a person."""
    table = past.export.leads
    columns = table.columns
    source = _column(columns, asking.source, "--source", SOURCES)
    reason = _column(columns, asking.reason, "--reason", REASONS)
    own = {place for place in (table.lead_id, table.time, table.value) if place is not None}
    leaks = {leak.column: leak.why for leak in past.leaks}
    fields: list[str] = []
    aside: list[SetAside] = []
    for place, name in enumerate(columns.names):
        if place in own:
            continue
        why = _why_not(name, reason, leaks)
        if why:
            aside.append(SetAside(name, why))
        else:
            fields.append(name)
    if "email" in columns.places and "email_domain" not in columns.places:
        fields.append("email_domain")
    return _Chosen(tuple(fields), tuple(aside), source, reason)


def _why_not(name: str, reason: str, leaks: dict[str, str]) -> str:
    """Return why a column must not be learned from, empty when it may."""
    if name == reason:
        return "says why a lead was refused, which is known afterwards"
    if name in leaks:
        return f"{leaks[name]}, so it was probably filled in when the outcome was known"
    if alias_of(name) in PERSONAL:
        return "says who somebody is, which must not give points"
    return ""


def _column(columns: Columns, told: str, option: str, usual: Sequence[str]) -> str:
    """Return the column that was told, or else one that goes by a usual name."""
    if told:
        return columns.names[columns.require(told, option)]
    place = next((columns.places[name] for name in usual if name in columns.places), None)
    return "" if place is None else columns.names[place]


def _remarks(past: Past, asked: Asked, agreement: Agreement, found: Gathered) -> Remarks:
    counts = Counts(leads=found.group)
    remarks = remarks_on(past, asked, [agreement], counts, found.deeds)
    drawn = found.material.drawn_of
    more = [f"Of the leads 1 in {drawn} was drawn, to bound memory."] if drawn > 1 else []
    warnings = (*remarks.warnings, *_on_time(past, found))
    return Remarks((*remarks.notes, *more), warnings)


def _on_time(past: Past, found: Gathered) -> Iterator[str]:
    """Tell what the file does not say about time."""
    if past.plan.leads.form is None:
        yield (
            "No --time was named, so nothing can be held back by time and nothing is measured: "
            "what is suggested here stands untried."
        )
    if past.plan.activities is not None and past.plan.decided is None:
        yield (
            "The file does not say when outcomes were known: of leads that were decided soon, "
            "some activities may be from after the outcome."
        )


def _bytes(done: Progress) -> Step:
    return Step("bytes", done.done, done.total)
