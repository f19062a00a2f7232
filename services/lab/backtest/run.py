"""A backtest on CSV files, from the files to what was found, on all cores."""

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final, NamedTuple

from services.lab.backtest.changes import Change, Changes, change_of
from services.lab.backtest.changes_file import gather_by_line, writing
from services.lab.backtest.counts import Counts
from services.lab.backtest.course import course_of
from services.lab.backtest.model_remarks import (
    NOT_GIVEN,
    remarks_on_models,
    taught_of,
    with_models,
)
from services.lab.backtest.reads import asked_by
from services.lab.backtest.remarks import Deeds, Remarks, remarks_on
from services.lab.backtest.workers import Workers
from services.lab.history.aside import Aside
from services.lab.history.export import Export, Past, Progress, Told
from services.lab.history.joined import Joined, Plan
from services.lab.history.past import PastLead
from services.scoring.definition import Agreement
from services.scoring.models.named import judge_from, require_named


class Proposal(NamedTuple):
    """What is tried: agreements as the contract serialises them, so that all cores read them.

    Attributes:
        current: What it is compared with; None for nothing.
        models: Texts of models that they may name; one that is not there predicts nothing.
    """

    body: bytes
    current: bytes | None = None
    models: tuple[str, ...] = ()

    @property
    def agreements(self) -> tuple[Agreement, ...]:
        """Return the proposed agreement, then the current one, compiled."""
        bodies = [self.body] if self.current is None else [self.body, self.current]
        return tuple(judge_from(body, self.models) for body in bodies)


class Step(NamedTuple):
    """How far a backtest has come."""

    what: str
    done: int
    total: int


Watch = Callable[[Step], None]


@dataclass
class Found:
    """What leads would have become.

    Attributes:
        against: The same under the current agreement; None without one.
        taught: By version of a model: leads whose outcome it may have learned from.
    """

    counts: Counts = field(default_factory=Counts)
    against: Counts | None = None
    changes: Changes | None = None
    aside: Aside = field(default_factory=Aside)
    deeds: Deeds = field(default_factory=Deeds)
    taught: Counter[str] = field(default_factory=Counter)

    def merge(self, other: "Found") -> None:
        """Add what other leads would have become."""
        self.counts.merge(other.counts)
        if self.against is not None and other.against is not None:
            self.against.merge(other.against)
        if self.changes is not None and other.changes is not None:
            self.changes.merge(other.changes)
        self.aside.merge(other.aside)
        self.deeds = Deeds(*map(sum, zip(self.deeds, other.deeds, strict=True)))
        self.taught.update(other.taught)


@dataclass(frozen=True)
class Backtest:
    """A backtest that is done.

    Attributes:
        source: What the history is called.
        people: In sales; 0 when nobody asked for volume per person.
    """

    proposal: Proposal
    found: Found
    source: str
    remarks: Remarks
    people: int = 0


class Options(NamedTuple):
    """How to go about a backtest.

    Attributes:
        people: In sales; 0 when nobody asks for volume per person.
        jobs: Processes; 0 for as many as there are cores.
        changes: A CSV file to write all changes to.
        folder: Where there is room for a copy of the files; None for the system's own place.
    """

    people: int = 0
    jobs: int = 0
    changes: Path | None = None
    folder: Path | None = None


DEFAULTS: Final = Options()


class ShardTask(NamedTuple):
    """One shard of a history to replay.

    Attributes:
        changes: Where to write all changes; None for nowhere.
    """

    plan: Plan
    shard: int
    proposal: Proposal
    changes: Path | None


def backtest_export(
    told: Told,
    proposal: Proposal,
    options: Options = DEFAULTS,
    watch: Watch = lambda _: None,
) -> Backtest:
    """Replay CSV files.

    Args:
        told: The files.
        proposal: What to try.
        options: How to go about it.
        watch: Is told how far it has come.

    Raises:
        Rejected: The files can't be read or understood, or no agreement names a model.
    """
    require_named(proposal.models, proposal.agreements)
    asked = asked_by(proposal.agreements)
    with TemporaryDirectory(prefix="leadloop-", dir=options.folder) as name:
        export = Export(told, Path(name), asked.wanted)
        with Workers(options.jobs, export.size) as workers:
            past = export.sort(workers.each, _watching(watch))
            found = begun(proposal)
            tasks = _tasks(past, proposal, Path(name) if options.changes else None)
            for one in workers.each(replay_shard, tasks):
                found.merge(one)
                done = found.counts.leads.all + found.aside.total
                watch(Step("leads", min(done, past.rows), past.rows))
        found.aside.merge(past.aside)
        if options.changes is not None:
            parts = [task.changes for task in tasks if task.changes]
            gather_by_line(options.changes, parts)
    remarks = remarks_on(past, asked, proposal.agreements, found.counts, found.deeds)
    remarks = with_models(remarks, on_models(proposal, found, NOT_GIVEN))
    return Backtest(proposal, found, told.leads.name, remarks, options.people)


def on_models(proposal: Proposal, found: Found, missing: str) -> Remarks:
    """Return what to know about models; `missing`: what to do about one not at hand."""
    return remarks_on_models(proposal.agreements, found.taught, found.counts, missing)


def begun(proposal: Proposal) -> Found:
    """Return what is found before the first lead."""
    if proposal.current is None:
        return Found()
    return Found(against=Counts(), changes=Changes())


def replay_shard(task: ShardTask) -> Found:
    """Replay the leads of one shard."""
    shard = Joined(task.plan, task.shard)
    found = begun(task.proposal)
    with writing(task.changes) as write:
        for change in replayed(shard.leads(), task.proposal, found):
            write(change)
    found.aside, found.deeds = shard.aside, Deeds(shard.activities, shard.early, shard.late)
    return found


def replayed(
    leads: Iterator[PastLead],
    proposal: Proposal,
    found: Found,
    until: datetime | None = None,
) -> Iterator[Change]:
    """Replay leads, add them to what was found, and yield what changes for each.

    Args:
        leads: Of the past.
        proposal: What to try.
        found: What is added to.
        until: When the past ends; None when that is not known.
    """
    proposed, *others = proposal.agreements
    taught = taught_of(proposal.agreements)
    for lead in leads:
        course = course_of(lead, proposed, until)
        found.counts.add(lead, course)
        for one in taught:
            found.taught[one.version] += one.may_know(lead)
        if found.against is not None and found.changes is not None:
            current = others[0]
            before = course_of(lead, current, until)
            found.against.add(lead, before)
            change = change_of(lead, (current, before), (proposed, course))
            found.changes.add(change, lead)
            if change is not None:
                yield change


def _watching(watch: Watch) -> Callable[[Progress], None]:
    return lambda progress: watch(Step("bytes", progress.done, progress.total))


def _tasks(past: Past, proposal: Proposal, folder: Path | None) -> list[ShardTask]:
    return [
        ShardTask(past.plan, n, proposal, folder / f"changes-{n}" if folder else None)
        for n in range(past.plan.shards)
    ]
